//! What a signature stands over: a text with holes that each request fills.

use crate::{
    config::{
        template::{Piece, pieces},
        text::Format,
        wording::{did_you_mean, nearest},
    },
    domain::HeaderName,
};

/// What a signature stands over: its parts, one after the other. It has one hole at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedText {
    /// The parts.
    pub parts: Vec<SignedPart>,
}

/// A part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    /// Text as it stands.
    Literal(String),
    /// What the request has here.
    Hole(SignedHole),
}

/// What fills a hole: in each case the bytes as they came. In the configuration it is written as `{name}`; `{{` and
/// `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedHole {
    /// `{timestamp}`: the header with the time of signing.
    Timestamp,
    /// `{body}`: the whole body.
    Body,
    /// `{body_sha256}`: the SHA-256 of the whole body, in lower-case hexadecimal digits.
    BodySha256,
    /// `{method}`: the method.
    Method,
    /// `{path}`: the path with its query, if there is one.
    Path,
    /// `{host}`: the host, with its port if the client named it.
    Host,
    /// `{project}`: the header that names the project.
    Project,
    /// `{header:NAME}`: the header with this name, which must have been sent once.
    Header(HeaderName),
}

impl Format for SignedText {
    const NAME: &'static str = "signed-text";
    const WHAT: &'static str = "what is signed, such as `{timestamp}.{body}`";

    fn read(text: &str) -> Result<Self, String> {
        let pieces =
            pieces(text).ok_or_else(|| expected("holes such as `{body}`, and other braces twice"))?;
        let parts = pieces.into_iter().map(|piece| match piece {
            Piece::Literal(text) => Ok(SignedPart::Literal(text)),
            Piece::Hole(name) => SignedHole::named(name).map(SignedPart::Hole),
        });
        let signed = Self { parts: parts.collect::<Result<_, _>>()? };
        if signed.holes().next().is_none() {
            return Err(expected(
                "one hole at least, such as `{body}`: every request would have one signature",
            ));
        }
        Ok(signed)
    }
}

fn expected(what: &str) -> String {
    format!("expected {what}")
}

impl SignedHole {
    /// The holes without an argument, by their names.
    const PLAIN: [(&'static str, Self); 7] = [
        ("timestamp", Self::Timestamp),
        ("body", Self::Body),
        ("body_sha256", Self::BodySha256),
        ("method", Self::Method),
        ("path", Self::Path),
        ("host", Self::Host),
        ("project", Self::Project),
    ];

    fn named(name: &str) -> Result<Self, String> {
        if let Some(header) = name.strip_prefix("header:") {
            let wrong = |error| format!("{error} after `{{header:`");
            return header.parse().map(Self::Header).map_err(wrong);
        }
        let found = Self::PLAIN.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, hole)| hole).ok_or_else(|| {
            let names = Self::PLAIN.map(|(name, _)| name);
            let list = names.map(|name| format!("`{{{name}}}`")).join(", ");
            let meant = nearest(name, &names).map(|meant| format!("{{{meant}}}"));
            expected(&format!("holes among {list} and `{{header:NAME}}`{}", did_you_mean(meant.as_deref())))
        })
    }

    /// The hole as it is written.
    fn as_written(&self) -> String {
        let plain = Self::PLAIN.into_iter().find(|(_, hole)| hole == self);
        match self {
            Self::Header(name) => format!("{{header:{name}}}"),
            _ => format!("{{{}}}", plain.map_or("", |(name, _)| name)),
        }
    }

    /// Whether what fills it always has the same length under one secret. A time of signing has: it lies near our
    /// own, and seconds have ten digits until the year 2286. A project has: each has secrets of its own.
    fn has_one_length(&self) -> bool {
        matches!(self, Self::Timestamp | Self::BodySha256 | Self::Project)
    }

    /// Whether a character can stand in what fills it.
    fn may_hold(&self, character: char) -> bool {
        match self {
            Self::Timestamp => character.is_ascii_digit(),
            Self::BodySha256 => character.is_ascii_hexdigit(),
            Self::Method => character.is_ascii_uppercase() || character == '-',
            Self::Path => !character.is_ascii_control() && character != ' ',
            Self::Host => !character.is_ascii_control() && !" /".contains(character),
            Self::Header(_) => !character.is_ascii_control() || character == '\t',
            Self::Project | Self::Body => true,
        }
    }
}

impl SignedText {
    /// The holes, in their order.
    pub fn holes(&self) -> impl Iterator<Item = &SignedHole> {
        self.parts.iter().filter_map(SignedPart::hole)
    }

    /// The same, where `{header:NAME}` of one of these headers is the hole beside it.
    pub(super) fn with_headers(mut self, known: &[(&HeaderName, SignedHole)]) -> Self {
        for part in &mut self.parts {
            if let SignedPart::Hole(SignedHole::Header(name)) = part
                && let Some((_, hole)) = known.iter().find(|(known, _)| *known == name)
            {
                *part = SignedPart::Hole(hole.clone());
            }
        }
        self
    }

    /// Whether the signature says which body it is for.
    #[must_use]
    pub fn binds_body(&self) -> bool {
        self.holes().any(|hole| matches!(hole, SignedHole::Body | SignedHole::BodySha256))
    }

    /// Two holes, as they are written, whose values the signed text does not tell apart: what ends the one and
    /// what begins the other can be divided differently. `None` if every signed text has one reading only.
    ///
    /// Read from the left, each hole ends where its length or the text that follows says so, and likewise from the
    /// right; where both readings stop at the same hole, it is what remains.
    pub(super) fn ambiguous_holes(&self) -> Option<(String, String)> {
        let beside = |at: Option<usize>| at.and_then(|at| self.parts.get(at));
        let mut parts = self.parts.iter().enumerate();
        let (left, one) = parts.clone().find_map(|(at, part)| {
            let after = beside(at.checked_add(1)).and_then(first);
            part.unbounded(after).map(|hole| (at, hole))
        })?;
        let right = parts.clone().rev().find_map(|(at, part)| {
            let before = beside(at.checked_sub(1)).and_then(last);
            part.unbounded(before).map(|_| at)
        })?;
        if left >= right {
            return None;
        }
        let two = parts.find_map(|(at, part)| part.hole().filter(|_| at > left))?;
        Some((one.as_written(), two.as_written()))
    }
}

impl SignedPart {
    /// The hole, if it is one.
    fn hole(&self) -> Option<&SignedHole> {
        match self {
            Self::Hole(hole) => Some(hole),
            Self::Literal(_) => None,
        }
    }

    /// The hole, if neither its length nor the character that is always beside it says where it ends.
    fn unbounded(&self, beside: Option<char>) -> Option<&SignedHole> {
        let is_bounded = |hole: &&SignedHole| {
            hole.has_one_length() || beside.is_some_and(|character| !hole.may_hold(character))
        };
        self.hole().filter(|hole| !is_bounded(hole))
    }
}

/// The character that a part always begins with.
fn first(part: &SignedPart) -> Option<char> {
    match part {
        SignedPart::Literal(text) => text.chars().next(),
        SignedPart::Hole(SignedHole::Path) => Some('/'),
        SignedPart::Hole(_) => None,
    }
}

/// The character that a part always ends with.
fn last(part: &SignedPart) -> Option<char> {
    match part {
        SignedPart::Literal(text) => text.chars().next_back(),
        SignedPart::Hole(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> SignedText {
        SignedText::read(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn a_template_is_text_and_holes() {
        let hole = SignedPart::Hole;
        let literal = |text: &str| SignedPart::Literal(text.to_owned());
        let header = |name: &str| SignedPart::Hole(SignedHole::Header(name.parse().expect("a name")));
        for (text, parts) in [
            ("{timestamp}.{body}", vec![hole(SignedHole::Timestamp), literal("."), hole(SignedHole::Body)]),
            ("v0:{body_sha256}", vec![literal("v0:"), hole(SignedHole::BodySha256)]),
            ("{header:X-Id}\n{header:x|y}", vec![header("x-id"), literal("\n"), header("x|y")]),
            ("{{{method}}}", vec![literal("{"), hole(SignedHole::Method), literal("}")]),
            (
                "{path}{host} {project}",
                vec![hole(SignedHole::Path), hole(SignedHole::Host), literal(" "), hole(SignedHole::Project)],
            ),
        ] {
            assert_eq!(read(text), SignedText { parts }, "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_told_why() {
        for (text, fault) in [
            (
                "{timestmp}.{body}",
                "expected holes among `{timestamp}`, `{body}`, `{body_sha256}`, `{method}`, `{path}`, `{host}`, `{project}` and `{header:NAME}`; did you mean `{timestamp}`?",
            ),
            ("{Body}", "expected holes among"),
            ("{ body }", "expected holes among"),
            ("{header}", "expected holes among"),
            ("{header:}", "expected 1 to 64 letters"),
            ("{header:a b}", "expected 1 to 64 letters, digits and `!#$%&'*+-.^_`|~` after `{header:`"),
            ("{header::path}", "expected 1 to 64 letters"),
            ("{body", "expected holes such as `{body}`, and other braces twice"),
            ("body}", "expected holes such as"),
            ("{}", "expected holes such as"),
            ("{a{body}", "expected holes such as"),
            ("", "expected one hole at least"),
            ("{{body}}", "expected one hole at least"),
        ] {
            let found = SignedText::read(text).expect_err(text);
            assert!(found.starts_with(fault), "{text}: {found}");
        }
    }

    #[test]
    fn a_template_that_can_be_read_in_two_ways_is_told() {
        let pair = |one: &str, two: &str| Some((one.to_owned(), two.to_owned()));
        for (text, expected) in [
            ("{body}", None),
            ("{timestamp}.{body}", None),
            ("{body}.{timestamp}", None),
            ("{timestamp}{body}", None),
            ("{method}{path}", None),
            ("{method}\n{path}\n{host}\n{timestamp}\n{body}", None),
            ("{project}:{timestamp}:{body_sha256}", None),
            ("{method} {header:a}", None),
            ("{host}{path}", None),
            ("{path}{body}", pair("{path}", "{body}")),
            ("{timestamp}{method}{path}{body}", pair("{path}", "{body}")),
            ("{path}?{body}", pair("{path}", "{body}")),
            ("{header:a}.{header:b}", pair("{header:a}", "{header:b}")),
            ("{project}.{timestamp}.{body}", None),
            ("{body}\n{path}", None),
            ("{body}{path}", pair("{body}", "{path}")),
            ("{method}-{host}", pair("{method}", "{host}")),
        ] {
            assert_eq!(read(text).ambiguous_holes(), expected, "{text}");
        }
    }

    /// Values of each kind, with as many of the characters in them that templates separate by as they can hold.
    fn values(hole: &SignedHole) -> BoxedStrategy<String> {
        match hole {
            SignedHole::Timestamp => "[0-9]{10}".boxed(),
            SignedHole::BodySha256 => "[0-9a-f]{64}".boxed(),
            SignedHole::Method => "[A-C-]{1,3}".boxed(),
            SignedHole::Path => "/[A.:/?]{0,3}".boxed(),
            SignedHole::Host => "[A.:]{1,3}".boxed(),
            SignedHole::Project => Just("A.1".to_owned()).boxed(),
            SignedHole::Header(_) => "[A./: 1]{0,3}".boxed(),
            SignedHole::Body => "[A./: 1\n-]{0,3}".boxed(),
        }
    }

    fn templates() -> impl Strategy<Value = SignedText> {
        let hole = prop::sample::select(vec![
            "{timestamp}",
            "{body}",
            "{body_sha256}",
            "{method}",
            "{path}",
            "{host}",
            "{project}",
            "{header:a}",
        ]);
        let separator = prop::sample::select(vec!["", "", ".", ":", "\n", " ", "/", "A", "1", "-"]);
        prop::collection::vec((hole, separator), 1..4)
            .prop_map(|parts| parts.into_iter().flat_map(|(hole, after)| [hole, after]).collect::<String>())
            .prop_map(|text| read(&text))
    }

    fn filled(signed: &SignedText, values: &[String]) -> String {
        let mut values = values.iter();
        let part = |part: &SignedPart| match part {
            SignedPart::Literal(text) => text.clone(),
            SignedPart::Hole(_) => values.next().cloned().unwrap_or_default(),
        };
        signed.parts.iter().map(part).collect()
    }

    fn fillings(signed: &SignedText) -> impl Strategy<Value = Vec<String>> + use<> {
        signed.holes().map(values).collect::<Vec<_>>()
    }

    proptest! {
        #[test]
        fn no_two_requests_share_what_is_signed_by_an_unambiguous_template(
            (signed, one, two) in templates().prop_flat_map(|signed| {
                let (one, two) = (fillings(&signed), fillings(&signed));
                (Just(signed), one, two)
            })
        ) {
            prop_assume!(signed.ambiguous_holes().is_none() && one != two);
            prop_assert_ne!(filled(&signed, &one), filled(&signed, &two));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[{}:a-z]{0,12}") {
            let _ = SignedText::read(&text);
        }
    }
}
