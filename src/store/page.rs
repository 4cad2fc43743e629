//! Lists, a page at a time.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The most records of a page where nothing else is said.
const PAGE_RECORDS: usize = 1000;
/// What the bytes of a place among rows begin with.
const ROW: u8 = b'r';
/// What the bytes of a place among names begin with.
const NAMES: u8 = b'n';

/// Some of the records of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R> {
    /// The records, in the order of the list.
    pub records: Vec<R>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<Cursor>,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The most records that the page may have; at least one comes, if there is one.
    pub size: usize,
    /// Where it begins: the `next` of the page before, asked for with the same filter; `None` at the beginning.
    pub after: Option<Cursor>,
}

/// The first thousand.
impl Default for PageRequest {
    fn default() -> Self {
        Self { size: PAGE_RECORDS, after: None }
    }
}

/// A place in a list. As text it is base64url, and says nothing to anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// In a list by time.
    Row {
        /// When the last record before it was created, in milliseconds since 1970-01-01T00:00:00Z.
        created: i64,
        /// The number of its row.
        number: i64,
    },
    /// In a list by names: those of the last record before it.
    Names([String; 2]),
}

/// The text is no place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the token that came with the page before")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        match self {
            Self::Row { created, number } => {
                bytes.push(ROW);
                bytes.extend(created.to_be_bytes());
                bytes.extend(number.to_be_bytes());
            }
            // No name holds a zero byte.
            Self::Names([first, second]) => {
                bytes.push(NAMES);
                bytes.extend(first.bytes());
                bytes.push(0);
                bytes.extend(second.bytes());
            }
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let (kind, rest) = bytes.split_first().ok_or(CursorError)?;
        match *kind {
            ROW => {
                let (created, number) = rest.split_first_chunk().ok_or(CursorError)?;
                let number = number.try_into().map_err(|_| CursorError)?;
                Ok(Self::Row { created: i64::from_be_bytes(*created), number: i64::from_be_bytes(number) })
            }
            NAMES => {
                let names = std::str::from_utf8(rest).map_err(|_| CursorError)?;
                let (first, second) = names.split_once('\0').ok_or(CursorError)?;
                if second.contains('\0') {
                    return Err(CursorError);
                }
                Ok(Self::Names([first.to_owned(), second.to_owned()]))
            }
            _ => Err(CursorError),
        }
    }
}

/// All records of a list, page by page.
///
/// # Errors
///
/// A page could not be had.
pub async fn every_page<R, E>(list: impl AsyncFn(&PageRequest) -> Result<Page<R>, E>) -> Result<Vec<R>, E> {
    let mut request = PageRequest::default();
    let mut records = Vec::new();
    loop {
        let page = list(&request).await?;
        records.extend(page.records);
        request.after = page.next;
        if request.after.is_none() {
            return Ok(records);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_text() {
        for place in [
            Cursor::Row { created: i64::MIN, number: i64::MAX },
            Cursor::Names(["ada".to_owned(), "Ünïcode ?&".to_owned()]),
            Cursor::Names([String::new(), String::new()]),
        ] {
            let text = place.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(text.parse(), Ok(place));
        }
        for text in ["", "cg", "bg", "eA", "cgAAAAAAAAAAAAAAAAAAAAAA", "ä", "r=", "bv8A", "bmEAYgBj"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
