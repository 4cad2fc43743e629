//! The command line.

#[cfg_attr(not(test), expect(dead_code, reason = "the root parser follows"))]
pub(crate) mod keys;
