//! The pattern of a route: `[METHOD[,METHOD…]] PATH`.
//!
//! In the path, `{name}` stands for one segment that is not empty and a final `/**` for any number of
//! segments, none included. A trailing slash makes another path. Without methods the pattern is for all of them.

use std::{fmt, str::FromStr};

/// The longest pattern, in segments; a request's path is bounded by [`PATH_BYTES_MAX`] instead.
const SEGMENTS_MAX: usize = 64;
/// The longest path of a pattern or a request, in bytes.
pub const PATH_BYTES_MAX: usize = 8 * 1024;

/// A method of HTTP as the pattern names it: a token in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Method(Box<str>);

impl Method {
    /// The method as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The methods that a pattern is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MethodSet {
    /// All of them.
    Any,
    /// These, and HEAD where GET is among them.
    These(Vec<Method>),
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, after percent-decoding. Only the last can be empty: the trailing slash.
    Literal(Box<str>),
    /// Any text but the empty one, under this name.
    Capture(Box<str>),
}

impl Segment {
    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Capture(_) => None,
        }
    }
}

/// Methods and path of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    /// The methods.
    pub methods: MethodSet,
    /// The segments of the path, without the final `/**`.
    pub segments: Vec<Segment>,
    /// Whether the pattern ends in `/**`.
    pub open_ended: bool,
    /// Its written form.
    text: Box<str>,
}

/// Why a text is no pattern. Each reads on from "found `…`, ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The part before the path is no list of methods.
    #[error(
        "expected methods in upper case, with commas and no space between, before the path: `GET,POST /path`"
    )]
    Methods,
    /// The path does not begin with a slash.
    #[error("expected a path that begins with `/`: `GET /v1/scans/**`")]
    NoPath,
    /// A segment stands empty within the path.
    #[error("expected no empty segment (`//`) within the path")]
    EmptySegment,
    /// `**` stands elsewhere than at the end.
    #[error("expected `**` only as the last segment, and `*` nowhere else")]
    Star,
    /// A brace that is not around a whole segment.
    #[error("expected `{{name}}` as a whole segment, the name of letters, digits and `_`")]
    Capture,
    /// The same name twice.
    #[error("expected each `{{name}}` once")]
    CaptureTwice,
    /// A character that a literal segment cannot have.
    #[error("expected segments in clear, without `%`, `;`, `\\`, `?`, `#`, spaces, `.` or `..` alone")]
    Literal,
    /// Longer than a path can be.
    #[error("expected at most {SEGMENTS_MAX} segments and {PATH_BYTES_MAX} bytes")]
    TooLong,
}

impl FromStr for RoutePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (methods, path) = match text.split_once(' ') {
            Some((methods, path)) => (parse_methods(methods)?, path),
            None => (MethodSet::Any, text),
        };
        let path = path.strip_prefix('/').ok_or(PatternError::NoPath)?;
        let mut texts: Vec<&str> = path.split('/').collect();
        if texts.len() > SEGMENTS_MAX || path.len() >= PATH_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        let open_ended = texts.pop_if(|last| *last == "**").is_some();
        let last = texts.len().saturating_sub(1);
        let mut segments = Vec::with_capacity(texts.len());
        for (index, text) in texts.into_iter().enumerate() {
            if text.is_empty() && (index != last || open_ended) {
                return Err(PatternError::EmptySegment);
            }
            let segment = parse_segment(text)?;
            if matches!(segment, Segment::Capture(_)) && segments.contains(&segment) {
                return Err(PatternError::CaptureTwice);
            }
            segments.push(segment);
        }
        let text = match &methods {
            MethodSet::Any => format!("/{path}"),
            MethodSet::These(methods) => {
                let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
                format!("{} /{path}", names.join(","))
            }
        };
        Ok(Self { methods, segments, open_ended, text: text.into() })
    }
}

fn parse_methods(text: &str) -> Result<MethodSet, PatternError> {
    let mut methods = Vec::new();
    for name in text.split(',') {
        let legal = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(legal) {
            return Err(PatternError::Methods);
        }
        methods.push(Method(name.into()));
    }
    methods.sort_unstable();
    methods.dedup();
    Ok(MethodSet::These(methods))
}

fn parse_segment(text: &str) -> Result<Segment, PatternError> {
    if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(PatternError::Capture);
        }
        return Ok(Segment::Capture(name.into()));
    }
    if text.contains(['{', '}']) {
        return Err(PatternError::Capture);
    }
    if text.contains('*') {
        return Err(PatternError::Star);
    }
    let illegal = |c: char| c.is_control() || c.is_whitespace() || "%;\\?#".contains(c);
    if text.contains(illegal) || text == "." || text == ".." {
        return Err(PatternError::Literal);
    }
    Ok(Segment::Literal(text.into()))
}

/// What a pattern has in common with those of equal specificity: the literals of the path (`None` is a capture,
/// by whatever name), its end, and the method (`None` is every method).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape<'p> {
    path: Vec<Option<&'p str>>,
    open_ended: bool,
    method: Option<&'p Method>,
}

impl RoutePattern {
    /// The pattern in its written form: the methods in the order of the alphabet, each once.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The place of the segment with this name, counted from 0.
    #[must_use]
    pub fn capture(&self, name: &str) -> Option<usize> {
        self.segments.iter().position(|segment| matches!(segment, Segment::Capture(own) if **own == *name))
    }

    /// The shapes of the pattern, one for each method. Two patterns match the same request with equal
    /// specificity if they share a shape, and only then: one for a method is more specific than one for all
    /// methods, and one for HEAD more than one for GET that covers HEAD.
    pub fn shapes(&self) -> impl Iterator<Item = Shape<'_>> {
        let methods: Vec<Option<&Method>> = match &self.methods {
            MethodSet::Any => vec![None],
            MethodSet::These(methods) => methods.iter().map(Some).collect(),
        };
        methods.into_iter().map(move |method| Shape {
            path: self.segments.iter().map(Segment::literal).collect(),
            open_ended: self.open_ended,
            method,
        })
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_survives_its_text() {
        for text in
            ["/", "/**", "GET /v1/scans/**", "GET,POST /a/{b}/c/", "/v1/{x}", "PROPFIND /dav/**", "/é"]
        {
            let pattern: RoutePattern = text.parse().expect(text);
            assert_eq!(pattern.to_string(), text);
        }
        let pattern: RoutePattern = "POST,GET,POST /a".parse().expect("a pattern");
        assert_eq!(pattern.as_str(), "GET,POST /a");
    }

    #[test]
    fn what_is_no_pattern_is_told_why() {
        let cases = [
            ("get /a", PatternError::Methods),
            ("GET, POST /a", PatternError::Methods),
            ("", PatternError::NoPath),
            ("v1/scans", PatternError::NoPath),
            ("GET", PatternError::NoPath),
            ("/a//b", PatternError::EmptySegment),
            ("/a//**", PatternError::EmptySegment),
            ("/**/a", PatternError::Star),
            ("/a*", PatternError::Star),
            ("/{a}b", PatternError::Capture),
            ("/{}", PatternError::Capture),
            ("/{a}/{a}", PatternError::CaptureTwice),
            ("/a%2fb", PatternError::Literal),
            ("/a;b", PatternError::Literal),
            ("/../a", PatternError::Literal),
            ("/a?b", PatternError::Literal),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<RoutePattern>(), Err(error), "{text}");
        }
    }
}
