//! `shutdown`: how a process ends without dropping a Check.

use std::time::Duration;

/// The two waits of an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// How long it goes on serving after health says no: at least two probe intervals of Envoy.
    pub drain: Duration,
    /// How long running Checks may take after GOAWAY before they are cut off.
    pub deadline: Duration,
}
