//! Which paths are let near a route at all: those that every parser reads alike.
//!
//! Between the client and the application a path is parsed several times, and a rule is worth nothing if the
//! last parser reads another path than ours. So whatever is known to be read in two ways is refused.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::config::Ambiguity;

/// What is wrong with a path, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathProblem {
    /// It does not begin with a slash.
    NotAbsolute,
    /// A byte that a path cannot hold in clear, at this place.
    IllegalByte(usize),
    /// A `%` that two hexadecimal digits do not follow, at this place.
    BadEscape(usize),
    /// An encoded control character, at this place.
    EncodedControl(usize),
    /// A segment that holds an escape once decoded: whoever decodes twice reads another path.
    DoubleEscape,
    /// A segment that is not UTF-8 once decoded.
    NotUtf8,
    /// `.` or `..`, in clear or encoded.
    DotSegment,
    /// An ambiguity that the API could allow.
    Ambiguous(Ambiguity),
}

impl fmt::Display for PathProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("the path does not begin with `/`"),
            Self::IllegalByte(at) => write!(f, "the path has an illegal character at byte {at}"),
            Self::BadEscape(at) => write!(f, "the path has a broken percent-escape at byte {at}"),
            Self::EncodedControl(at) => write!(f, "the path has an encoded control character at byte {at}"),
            Self::DoubleEscape => f.write_str("the path has an escape within an escape"),
            Self::NotUtf8 => f.write_str("the path is not UTF-8 once decoded"),
            Self::DotSegment => f.write_str("the path has a `.` or `..` segment"),
            Self::Ambiguous(Ambiguity::EncodedSeparator) => f.write_str(
                "the path has an encoded separator (allow encoded_separator if the upstream keeps it)",
            ),
            Self::Ambiguous(Ambiguity::EmptySegment) => {
                f.write_str("the path has an empty segment (allow empty_segment if the upstream keeps it)")
            }
            Self::Ambiguous(Ambiguity::EncodedDelimiter) => f.write_str(
                "the path has an encoded `?` or `#` (allow encoded_delimiter if the upstream keeps it)",
            ),
            Self::Ambiguous(Ambiguity::PathParameter) => {
                f.write_str("the path has a `;` (allow path_parameter if the upstream keeps it)")
            }
            Self::Ambiguous(Ambiguity::LetterCase) => f.write_str(
                "the path is another route's but for the case of letters (allow letter_case if the upstream heeds it)",
            ),
            Self::Ambiguous(Ambiguity::TrailingSlash) => f.write_str(
                "the path is another route's but for a trailing slash (allow trailing_slash if the upstream heeds it)",
            ),
        }
    }
}

/// Whether every parser reads `path` alike, but for the ambiguities allowed.
pub(super) fn examine(path: &str, allowed: &[Ambiguity]) -> Result<(), PathProblem> {
    let absolute = path.strip_prefix('/').ok_or(PathProblem::NotAbsolute)?;
    let refuse = |ambiguity: Ambiguity| {
        if allowed.contains(&ambiguity) { Ok(()) } else { Err(PathProblem::Ambiguous(ambiguity)) }
    };
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'%' => match escaped(path, at + 1).ok_or(PathProblem::BadEscape(at))? {
                b'/' | b'\\' => refuse(Ambiguity::EncodedSeparator)?,
                b';' => refuse(Ambiguity::PathParameter)?,
                b'?' | b'#' => refuse(Ambiguity::EncodedDelimiter)?,
                0..=0x1f | 0x7f => return Err(PathProblem::EncodedControl(at)),
                _ => {}
            },
            b'\\' => refuse(Ambiguity::EncodedSeparator)?,
            b';' => refuse(Ambiguity::PathParameter)?,
            b'#' | b'?' => return Err(PathProblem::IllegalByte(at)),
            b'!'..=b'~' => {}
            _ => return Err(PathProblem::IllegalByte(at)),
        }
    }
    let mut segments = absolute.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            refuse(Ambiguity::EmptySegment)?;
        }
        examine_segment(segment)?;
    }
    Ok(())
}

fn examine_segment(segment: &str) -> Result<(), PathProblem> {
    // Without any of these there is nothing to decode and no dot segment.
    if !segment.starts_with('.') && !segment.contains(['%', '\\']) {
        return Ok(());
    }
    let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| PathProblem::NotUtf8)?;
    if decoded.char_indices().any(|(at, c)| c == '%' && escaped(&decoded, at + 1).is_some()) {
        return Err(PathProblem::DoubleEscape);
    }
    // An allowed separator or parameter may not smuggle in a dot segment either, nor may a trailing space, which
    // some file systems drop.
    let dotted = |part: &str| matches!(part.split(';').next().map(str::trim_end), Some("." | ".."));
    if decoded.split(['/', '\\']).any(dotted) { Err(PathProblem::DotSegment) } else { Ok(()) }
}

/// The byte that the escape stands for whose `%` is just before `digits_at`.
fn escaped(path: &str, digits_at: usize) -> Option<u8> {
    let digits = path.as_bytes().get(digits_at..digits_at + 2)?;
    let mut byte = [0];
    hex::decode_to_slice(digits, &mut byte).ok()?;
    Some(byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ambiguity::{EmptySegment, EncodedDelimiter, EncodedSeparator, PathParameter};
    use PathProblem as Problem;

    #[test]
    fn a_path_that_every_parser_reads_alike_passes() {
        for path in [
            "/",
            "/v1/scans",
            "/v1/scans/",
            "/v1/a%20b",
            "/v1/100%25",
            "/v1/%C3%A9",
            "/v1/...",
            "/v1/.well-known",
            "/v1/a.b",
            "/v1/a:b@c,d=e&f",
            "/v1/a!$'()*+~_-",
            "/v1/50%25zz",
        ] {
            assert_eq!(examine(path, &[]), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_path_that_two_parsers_could_read_differently_is_refused() {
        let cases = [
            ("", Problem::NotAbsolute),
            ("v1", Problem::NotAbsolute),
            ("*", Problem::NotAbsolute),
            ("/v1%2fscans", Problem::Ambiguous(EncodedSeparator)),
            ("/v1%2Fscans", Problem::Ambiguous(EncodedSeparator)),
            ("/v1%5cscans", Problem::Ambiguous(EncodedSeparator)),
            ("/v1\\scans", Problem::Ambiguous(EncodedSeparator)),
            ("/v1//scans", Problem::Ambiguous(EmptySegment)),
            ("//v1", Problem::Ambiguous(EmptySegment)),
            ("/v1;a=b/scans", Problem::Ambiguous(PathParameter)),
            ("/v1%3ba", Problem::Ambiguous(PathParameter)),
            ("/v1/users%3fx", Problem::Ambiguous(EncodedDelimiter)),
            ("/v1/users%23x", Problem::Ambiguous(EncodedDelimiter)),
            ("/v1/..;/admin", Problem::Ambiguous(PathParameter)),
            ("/v1/../admin", Problem::DotSegment),
            ("/v1/./admin", Problem::DotSegment),
            ("/v1/..", Problem::DotSegment),
            ("/v1/%2e%2e/admin", Problem::DotSegment),
            ("/v1/.%2E/admin", Problem::DotSegment),
            ("/v1/%252e%252e/admin", Problem::DoubleEscape),
            ("/v1/a%252fb", Problem::DoubleEscape),
            ("/v1/a%25252fb", Problem::DoubleEscape),
            ("/v1/%25%32%66b", Problem::DoubleEscape),
            ("/v1/a%252%66b", Problem::DoubleEscape),
            ("/v1/%2575sers", Problem::DoubleEscape),
            ("/v1/..%20/admin", Problem::DotSegment),
            ("/v1/%c0%ae", Problem::NotUtf8),
            ("/v1/%ff", Problem::NotUtf8),
            ("/v1/%00", Problem::EncodedControl(4)),
            ("/v1/%0d%0a", Problem::EncodedControl(4)),
            ("/v1/%", Problem::BadEscape(4)),
            ("/v1/%4", Problem::BadEscape(4)),
            ("/v1/%zz", Problem::BadEscape(4)),
            ("/v1/%+f", Problem::BadEscape(4)),
            ("/v1/a b", Problem::IllegalByte(5)),
            ("/v1/a#b", Problem::IllegalByte(5)),
            ("/v1/é", Problem::IllegalByte(4)),
            ("/v1/\u{0}", Problem::IllegalByte(4)),
        ];
        for (path, problem) in cases {
            assert_eq!(examine(path, &[]), Err(problem), "{path:?}");
        }
    }

    #[test]
    fn what_the_api_allows_passes_and_smuggles_no_dot_segment() {
        assert_eq!(examine("/v1/group%2fproject", &[EncodedSeparator]), Ok(()));
        assert_eq!(examine("/v1//scans", &[EmptySegment]), Ok(()));
        assert_eq!(examine("/v1/a;b=c", &[PathParameter]), Ok(()));
        assert_eq!(examine("/v1/a%2f..%2fb", &[EncodedSeparator]), Err(Problem::DotSegment));
        assert_eq!(examine("/v1/..;a/b", &[PathParameter]), Err(Problem::DotSegment));
        assert_eq!(examine("/v1/..\\b", &[EncodedSeparator]), Err(Problem::DotSegment));
        assert_eq!(examine("/v1/a\\..\\b", &[EncodedSeparator]), Err(Problem::DotSegment));
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics_and_none_that_passes_decodes_to_a_dot_segment(path in "[/.%;\\\\2e5cfa-d ]{0,24}") {
            if examine(&path, &[]).is_ok() {
                let decoded = percent_decode_str(&path).decode_utf8().expect("it passed");
                proptest::prop_assert!(decoded.split('/').all(|part| part != "." && part != ".."), "{}", path);
                proptest::prop_assert!(!decoded.contains("//") && !decoded.contains(['\\', ';', '\0']));
            }
        }
    }
}
