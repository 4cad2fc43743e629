//! `credentials[].signature`: requests signed with the secret of a project.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        duration::Span,
        place::Place,
        problem::Report,
        text::{Format, Text},
    },
    domain::{HeaderName, Scope, ScopeSet},
};

use super::{
    check_scopes,
    once::{Once, RawOnce},
    signed_text::{SignedHole, SignedText},
};

/// The longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 64;

/// Requests signed with the secret of a project.
#[derive(Debug, Clone)]
pub struct SignatureCredential {
    /// The header that names the project.
    pub project: HeaderName,
    /// The header with the time of signing, in Unix seconds.
    pub timestamp: HeaderName,
    /// How far that time may lie from ours, either way.
    pub tolerance: Duration,
    /// The header with the signature.
    pub signature: HeaderName,
    /// What stands before the signature.
    pub prefix: String,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// What is signed.
    pub signed: SignedText,
    /// Whether a signature proves only one request.
    pub once: Once,
    /// What the project that signs may do.
    pub scopes: ScopeSet,
}

impl SignatureCredential {
    /// Its headers, each with the field that names it.
    pub(super) fn named_headers(&self) -> [(&'static str, &HeaderName); 3] {
        [("project", &self.project), ("timestamp", &self.timestamp), ("signature", &self.signature)]
    }

    /// Its headers.
    pub(super) fn headers(&self) -> [&HeaderName; 3] {
        self.named_headers().map(|(_, name)| name)
    }
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits, in lower or upper case.
    #[default]
    Hex,
    /// Base64 with padding (RFC 4648, section 4).
    Base64,
}

/// Requests signed with the secret of a project: HMAC-SHA256 (RFC 2104).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Signature")]
pub(in crate::config) struct RawSignature {
    /// Where the request names the project.
    project: RawProject,
    /// Where it names the time of signing, in Unix seconds.
    timestamp: RawTimestamp,
    /// Where the signature stands. The header is taken out before the request goes on.
    signature: RawMac,
    /// What is signed: text with the holes `{timestamp}`, `{body}`, `{body_sha256}` (lower-case hexadecimal digits),
    /// `{method}`, `{path}` (with its query), `{host}`, `{project}` and `{header:NAME}`; `{{` and `}}` are braces.
    /// Whatever it leaves out can be changed under a captured signature.
    signed: Text<SignedText>,
    /// Whether a signature proves only one request. Two requests that are alike to the second have one signature.
    #[serde(default)]
    once: RawOnce,
    /// What the project that signs may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Text<Scope>>,
}

/// Where the request names the project.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignatureProject")]
struct RawProject {
    /// The header.
    header: Text<HeaderName>,
}

/// Where the request names the time of signing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignatureTimestamp")]
struct RawTimestamp {
    /// The header.
    header: Text<HeaderName>,
    /// How far it may lie from our time, either way. At most 1 hour.
    #[serde(default = "default_tolerance")]
    tolerance: Text<Span>,
}

fn default_tolerance() -> Text<Span> {
    Text::of_ms(300_000)
}

/// Where the signature stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignatureMac")]
struct RawMac {
    /// The header.
    header: Text<HeaderName>,
    /// What stands before it, such as `sha256=`.
    #[serde(default)]
    prefix: Text<MacPrefix>,
    /// How it is written.
    #[serde(default)]
    encoding: Encoding,
}

/// What stands before a signature in its header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::config) struct MacPrefix(String);

impl fmt::Display for MacPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Text<MacPrefix> {
    fn default() -> Self {
        MacPrefix::default().into()
    }
}

impl Format for MacPrefix {
    const NAME: &'static str = "signature-prefix";
    const WHAT: &'static str = "what stands before a signature, such as `sha256=`";

    fn read(text: &str) -> Result<Self, String> {
        // A value is trimmed (RFC 9110, section 5.5), so no space can stand first.
        let legal = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if text.len() <= PREFIX_BYTES_MAX && text.bytes().all(legal) && !text.starts_with(' ') {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "expected at most {PREFIX_BYTES_MAX} visible ASCII characters, with spaces after the first"
            ))
        }
    }
}

impl RawSignature {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> SignatureCredential {
        let timestamp_at = at.field("timestamp");
        let rule = SignatureCredential {
            project: self.project.header.value.clone(),
            timestamp: self.timestamp.header.value.clone(),
            tolerance: self.timestamp.tolerance.within(
                1_000..=3_600_000,
                &timestamp_at.field("tolerance"),
                report,
            ),
            signature: self.signature.header.value.clone(),
            prefix: self.signature.prefix.value.0.clone(),
            encoding: self.signature.encoding,
            signed: self.signed.value.clone().with_headers(&[
                (&self.timestamp.header.value, SignedHole::Timestamp),
                (&self.project.header.value, SignedHole::Project),
            ]),
            once: self.once.check(),
            scopes: check_scopes(&self.scopes, &at.field("scopes"), report),
        };
        rule.check_headers(at, report);
        rule.warn_of_risks(&at.field("signed"), report);
        rule
    }
}

impl SignatureCredential {
    fn check_headers(&self, at: &Place<'_>, report: &mut Report<'_>) {
        let named = self.named_headers();
        for (index, (field, name)) in named.into_iter().enumerate() {
            if named.into_iter().take(index).any(|(_, other)| other == name) {
                let message = format!("found `{name}` again, expected a header for each");
                report.add(&at.field(field).field("header"), message);
            }
        }
        if self.signed.holes().any(|hole| *hole == SignedHole::Header(self.signature.clone())) {
            let message =
                format!("found `{{header:{}}}`, expected no hole for the signature itself", self.signature);
            report.add(&at.field("signed"), message);
        }
    }

    /// Warns of what can be done with a captured signature.
    fn warn_of_risks(&self, at: &Place<'_>, report: &mut Report<'_>) {
        if !self.signed.binds_body() {
            report.warn(
                at,
                "found no `{body}` and no `{body_sha256}`: a captured signature can be sent with another body",
            );
        }
        if !self.signed.holes().any(|hole| *hole == SignedHole::Timestamp) {
            let risk = match self.once {
                Once::No => "can be sent again for ever",
                Once::Everywhere | Once::Memory => "can be sent again when the tolerance has passed",
            };
            report.warn(
                at,
                format!("found no `{{timestamp}}`: a captured signature {risk}, under another time"),
            );
        }
        if let Some((one, two)) = self.signed.ambiguous_holes() {
            let message = format!(
                "found nothing between `{one}` and `{two}` that tells where the first ends: under a captured signature, text can be moved from one to the other",
            );
            report.warn(at, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        CredentialRule,
        tests::{api, check, config, warnings},
    };

    const PARTS: [(&str, &str); 4] = [
        ("project", "{ header: X-Project }"),
        ("timestamp", "{ header: X-Timestamp }"),
        ("signature", "{ header: X-Signature }"),
        ("signed", "\"{timestamp}.{body}\""),
    ];

    /// A configuration with a signature of these parts, each in a line of its own from line 6 on.
    fn with(parts: &[(&str, &str)]) -> String {
        let value = |name: &str, usual: &'static str| {
            parts
                .iter()
                .find(|(given, _)| *given == name)
                .map_or(usual.to_owned(), |(_, value)| (*value).to_owned())
        };
        let usual = PARTS.map(|(name, usual)| format!("          {name}: {}", value(name, usual)));
        let further = parts.iter().filter(|(name, _)| PARTS.iter().all(|(usual, _)| usual != name));
        let further = further.map(|(name, value)| format!("          {name}: {value}"));
        let lines: Vec<String> = usual.into_iter().chain(further).collect();
        let credentials = format!("credentials:\n      - signature:\n{}", lines.join("\n"));
        api(&[&credentials]) + "sealing: { current: k1, keys: { k1: { env: KEY } } }\n"
    }

    fn rule(parts: &[(&str, &str)]) -> SignatureCredential {
        match config(&with(parts)).apis.remove(0).credentials.remove(0) {
            CredentialRule::Signature(rule) => rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let rule = rule(&[]);
        assert_eq!(
            rule.named_headers().map(|(_, name)| name.as_str()),
            ["x-project", "x-timestamp", "x-signature"]
        );
        assert_eq!(
            (rule.tolerance, rule.encoding, rule.once),
            (Duration::from_mins(5), Encoding::Hex, Once::Everywhere)
        );
        assert!(rule.prefix.is_empty() && rule.scopes.iter().next().is_none());
    }

    #[test]
    fn a_signature_is_good_once_everywhere_once_at_each_replica_or_any_number_of_times() {
        for (text, expected) in [
            ("true", Once::Everywhere),
            ("false", Once::No),
            ("memory", Once::Memory),
            ("\"memory\"", Once::Memory),
        ] {
            assert_eq!(rule(&[("once", text)]).once, expected, "{text}");
        }
    }

    #[test]
    fn each_part_that_makes_no_sense_is_told() {
        let at =
            |place: &str, message: &str| format!("apis[0].credentials[0].signature.{place}: found {message}");
        for (part, value, line, expected) in [
            (
                "timestamp",
                "{ header: X-Timestamp, tolerance: 2h }",
                "7:56 ",
                at("timestamp.tolerance", "2h, expected from 1s to 1h"),
            ),
            (
                "signature",
                "{ header: X-Signature, prefix: \" a\" }",
                "8:53 ",
                at("signature.prefix", "\" a\", expected at most 64 visible"),
            ),
            (
                "signature",
                "{ header: X-Signature, prefix: ä }",
                "8:53 ",
                at("signature.prefix", "\"ä\", expected at most 64 visible"),
            ),
            (
                "signature",
                "{ header: X-Signature, encoding: HEX }",
                "8:55 ",
                at("signature.encoding", "\"HEX\", expected"),
            ),
            (
                "signature",
                "{ header: X-Timestamp }",
                "8:32 ",
                at("signature.header", "`x-timestamp` again, expected a header for each"),
            ),
            (
                "signed",
                "\"{timestamp}.{boby}\"",
                "9:19 ",
                at("signed", "\"{timestamp}.{boby}\", expected holes among"),
            ),
            (
                "signed",
                "\"{timestamp}.{body}.{header:X-Signature}\"",
                "9:19 ",
                at("signed", "`{header:x-signature}`, expected no hole for the signature itself"),
            ),
            ("once", "redis", "10:17 ", at("once", "\"redis\", expected `memory`")),
            ("once", "1", "10:17 ", at("once", "the number 1, expected `true` or `false` or `memory`")),
            ("scopes", "[a b]", "10:20 ", at("scopes[0]", "\"a b\", expected")),
        ] {
            check(&with(&[(part, value)]), &[&(line.to_owned() + &expected)]);
        }
    }

    #[test]
    fn a_signature_needs_a_sealing_key() {
        let text = with(&[]);
        let without = text.rsplit_once("sealing:").map_or("", |(before, _)| before);
        check(
            without,
            &[
                "6:11 apis[0].credentials[0].signature: found a signature, expected `sealing` to be configured",
            ],
        );
    }

    #[test]
    fn what_can_be_done_with_a_captured_signature_is_warned_of() {
        let path = "apis[0].credentials[0].signature.signed: ";
        let body = "9:19 found no `{body}` and no `{body_sha256}`: a captured signature can be sent with another body";
        let later = "9:19 found no `{timestamp}`: a captured signature can be sent again when the tolerance has passed";
        let ever = "9:19 found no `{timestamp}`: a captured signature can be sent again for ever";
        let moved = "9:19 found nothing between `{path}` and `{body}` that tells where the first ends";
        let cases: [(&str, &str, &[&str]); 8] = [
            ("{timestamp}.{body}", "true", &[]),
            ("{timestamp}.{body}", "false", &[]),
            ("{timestamp}.{body_sha256}", "true", &[]),
            ("{header:X-Timestamp} {body}", "true", &[]),
            ("{timestamp} {path}", "true", &[body]),
            ("{body}", "true", &[later]),
            ("{path}", "false", &[body, ever]),
            ("{timestamp}{path}{body}", "true", &[moved]),
        ];
        for (signed, once, expected) in cases {
            let text = with(&[("signed", &format!("{signed:?}")), ("once", once)]);
            let found = warnings(&text);
            let expected: Vec<String> =
                expected.iter().map(|warning| warning.replacen(' ', &format!(" {path}"), 1)).collect();
            let agree = found.len() == expected.len()
                && found.iter().zip(&expected).all(|(found, expected)| found.starts_with(expected.as_str()));
            assert!(agree, "{signed}\nfound {found:#?}\nexpected {expected:#?}");
        }
    }
}
