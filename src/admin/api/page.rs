//! Lists in pages (AIP-158).

use crate::store::{Page, PageRequest};

use super::Fault;

/// How many are told at once, unless more or fewer are wanted.
const SIZE: usize = 100;
/// The most that are told at once.
const SIZE_MAX: usize = 1000;

/// The page that is asked for.
///
/// # Errors
///
/// The size is negative, or the token none of ours.
pub(super) fn page(size: i32, token: &str) -> Result<PageRequest, Fault> {
    let size = match usize::try_from(size) {
        Ok(0) => SIZE,
        Ok(size) => size.min(SIZE_MAX),
        Err(_) => {
            return Err(Fault::field(
                "page_size",
                format!("found {size}, expected 1 to {SIZE_MAX}, or 0 for {SIZE}"),
            ));
        }
    };
    let after = match token {
        "" => None,
        token => Some(token.parse().map_err(|_| {
            Fault::field("page_token", "expected the `next_page_token` of an answer, as it stood there")
        })?),
    };
    Ok(PageRequest { size, after })
}

/// The token of the next page.
pub(super) fn next<R>(page: &Page<R>) -> String {
    page.next.as_ref().map(ToString::to_string).unwrap_or_default()
}
