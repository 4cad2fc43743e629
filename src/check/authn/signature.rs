//! Verification of signatures: HMAC-SHA256 (RFC 2104) over what the configuration says is signed, with the secret of
//! the project that the request names.
//!
//! The order matters. What is cheap and gives nothing away comes first: form and time of signing, and whether the
//! body is there. Whether the project exists shows in nothing, not even in the time that the answer takes. Once-only
//! comes last: only a right signature is remembered, so nobody can fill the memory or use up another's signature; and what a
//! later stage refuses is forgotten again, so that it can be sent once more when its quota has room.

use std::borrow::Cow;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    hmac,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretSlice};

use crate::{
    check::{
        refusal::Refusal,
        request::{Body, InboundRequest},
    },
    config::{Encoding, SignatureCredential, SignedHole, SignedPart},
    domain::{
        ApiName, CredentialStatus, DenialReason, OpenError, ProjectId, ProjectSecrets, SealingKeys,
        SecretRecord, Timestamp,
    },
    store::Lookups,
};

use super::{
    Noted, PresentedSignature, Principal, ProjectSubject, Witnesses, credential::malformed, invalid,
    replay::Use,
};

/// The length of a MAC, in bytes. Shortened ones are refused.
const MAC_BYTES: usize = 32;
/// The most digits of a time of signing: more than any calendar needs.
const TIMESTAMP_DIGITS_MAX: usize = 12;
/// What stands in for a secret where there is none.
const NO_SECRET: [u8; 43] = [0; 43];

/// Proves a signature. An unknown project, one without an active secret and a wrong signature cost the same and look
/// alike outside.
pub(super) async fn verify<S: Lookups>(
    presented: &PresentedSignature<'_>,
    request: &InboundRequest<'_>,
    api: &ApiName,
    Witnesses { store, sealing, replays, now, .. }: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    let rule = presented.rule;
    let mac = read_mac(presented.signature, rule)?;
    let signing = read_time(presented.timestamp)?;
    let project: ProjectId =
        presented.project.parse().map_err(|_| malformed("the signature's project is no id"))?;
    let until = last_moment(signing, rule, now)?;
    let signed = Signed::gather(presented, request)?;

    let keys = sealing.ok_or_else(|| Refusal::unavailable("no sealing key is configured"))?;
    let found = store.find::<ProjectSecrets>(&(api.clone(), project)).await;
    let found = found.map_err(|error| Refusal::unavailable(error.to_string()))?;
    let secrets = found.as_ref().map_or(&[][..], |found| &found.secrets);
    let active = secrets.iter().filter(|secret| secret.status(now) == CredentialStatus::Active);
    let secret = signed.find_signer(active, keys, &mac)?;

    let told = |cause: &str| format!("project {}: secret {}: {cause}", secret.project, secret.id);
    let used = Use::of(api, &secret.project, &mac);
    match replays.note(used, until, now, rule.once, store.deadline()).await {
        Ok(true) => {}
        Ok(false) => return Err(invalid(told("the signature was used before"))),
        Err(cause) => return Err(Refusal::unavailable(told(&cause))),
    }
    Ok(Principal::of_project(ProjectSubject {
        project: secret.project.clone(),
        organization: secret.organization.clone(),
        secret: secret.id.clone(),
        scopes: rule.scopes.clone(),
        noted: Noted { used, once: rule.once },
    }))
}

/// The MAC's bytes.
fn read_mac(text: &str, rule: &SignatureCredential) -> Result<[u8; MAC_BYTES], Refusal> {
    let text = text
        .strip_prefix(rule.prefix.as_str())
        .ok_or_else(|| malformed("the signature does not begin with its prefix"))?;
    let bytes = match rule.encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => STANDARD.decode(text).ok(),
    };
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| malformed("the signature is not 32 bytes in its encoding"))
}

/// The time of signing: Unix seconds, in decimal digits without anything else.
fn read_time(text: &str) -> Result<Timestamp, Refusal> {
    let is_number = (1..=TIMESTAMP_DIGITS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0');
    let seconds = if is_number { text.parse().ok() } else { None };
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| malformed("the time of signing is no number of Unix seconds"))
}

/// The last moment at which the signature is good; that and the first lie as far from the time of signing as the rule
/// tolerates.
fn last_moment(signing: Timestamp, rule: &SignatureCredential, now: Timestamp) -> Result<Timestamp, Refusal> {
    let skew = now.duration_since(signing);
    if skew.unsigned_abs() > rule.tolerance {
        let side = if skew.is_negative() { "after" } else { "before" };
        let (skew, tolerance) = (skew.unsigned_abs().as_secs(), rule.tolerance.as_secs());
        return Err(invalid(format!(
            "it was signed {skew} s {side} our time, expected {tolerance} s at most"
        )));
    }
    signing.checked_add(rule.tolerance).map_err(|_| invalid("the time of signing is out of reach"))
}

/// What is signed, piece by piece. The body is not copied.
struct Signed<'r>(Vec<Cow<'r, [u8]>>);

impl<'r> Signed<'r> {
    fn gather(presented: &PresentedSignature<'r>, request: &InboundRequest<'r>) -> Result<Self, Refusal> {
        let piece = |part: &'r SignedPart| {
            Ok(Cow::Borrowed(match part {
                SignedPart::Literal(text) => text.as_bytes(),
                SignedPart::Hole(hole) => match hole {
                    SignedHole::Timestamp => presented.timestamp.as_bytes(),
                    SignedHole::Project => presented.project.as_bytes(),
                    SignedHole::Method => request.method.as_bytes(),
                    SignedHole::Path => request.target.as_bytes(),
                    SignedHole::Host => request.host.as_bytes(),
                    SignedHole::Header(name) => {
                        let mut values = request.headers.values(name.as_str());
                        match (values.next(), values.next()) {
                            (Some(value), None) => value,
                            _ => return Err(malformed("a header that is signed was not sent once")),
                        }
                    }
                    SignedHole::Body => whole(request.body)?,
                    SignedHole::BodySha256 => {
                        let hash = digest(&SHA256, whole(request.body)?);
                        return Ok(Cow::Owned(hex::encode(hash).into_bytes()));
                    }
                },
            }))
        };
        presented.rule.signed.parts.iter().map(piece).collect::<Result<_, _>>().map(Self)
    }

    /// The secret that made this MAC. Whether there is any, and which it is, makes no difference in time.
    fn find_signer<'s>(
        &self,
        secrets: impl Iterator<Item = &'s SecretRecord>,
        keys: &SealingKeys,
        mac: &[u8],
    ) -> Result<&'s SecretRecord, Refusal> {
        let mut signer = None;
        let mut fault: Option<(&SecretRecord, OpenError)> = None;
        let mut named = None;
        for record in secrets {
            match keys.open(&record.sealed, record.owner()) {
                Ok(secret) if self.is_signed_with(&secret, mac) => signer = Some(record),
                Ok(_) => {}
                Err(error) => fault = Some((record, error)),
            }
            named = Some(&record.project);
        }
        if named.is_none() {
            keys.open_nothing();
            self.is_signed_with(&NO_SECRET.to_vec().into(), mac);
        }
        match (signer, fault, named) {
            (Some(signer), _, _) => Ok(signer),
            (None, Some((record, error)), _) => Err(Refusal::unavailable(format!(
                "project {}: secret {}: {error}",
                record.project, record.id
            ))),
            (None, None, Some(project)) => {
                Err(invalid(format!("project {project}: none of its active secrets made the signature")))
            }
            (None, None, None) => Err(invalid("the project has no active secret for this API")),
        }
    }

    /// Whether this is the MAC of what is signed, in a time that does not depend on how much of it is right.
    fn is_signed_with(&self, secret: &SecretSlice<u8>, mac: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
        let mut context = hmac::Context::with_key(&key);
        for piece in &self.0 {
            context.update(piece);
        }
        verify_slices_are_equal(context.sign().as_ref(), mac).is_ok()
    }
}

/// The body, if all of it is there.
fn whole(body: Body<'_>) -> Result<&[u8], Refusal> {
    let incomplete = |cause| Refusal::denied(DenialReason::BodyIncomplete, cause);
    match body {
        Body::Whole(bytes) => Ok(bytes),
        Body::CutOff => Err(incomplete(
            "the body is longer than Envoy sends: raise `max_request_bytes` in its `with_request_body`",
        )),
        Body::Withheld => Err(incomplete(
            "Envoy sent nothing of the body: set `with_request_body` on its filter, and do not switch it off for this route; a client that sends no body has to say `content-length: 0`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        check::refusal::RefusalKind,
        config::{Once, SignedText},
        domain::ScopeSet,
    };

    fn rule(prefix: &str, encoding: Encoding) -> SignatureCredential {
        let [project, timestamp, signature] = ["x-p", "x-t", "x-s"].map(|name| name.parse().expect("a name"));
        let signed = SignedText { parts: vec![SignedPart::Hole(SignedHole::Body)] };
        let tolerance = Duration::from_mins(5);
        let (prefix, scopes) = (prefix.to_owned(), ScopeSet::default());
        SignatureCredential {
            project,
            timestamp,
            tolerance,
            signature,
            prefix,
            encoding,
            signed,
            once: Once::default(),
            scopes,
        }
    }

    /// The cause of a refusal with this reason.
    fn cause<T>(result: Result<T, Refusal>, reason: DenialReason) -> Option<String> {
        let refusal = result.err()?;
        assert_eq!(refusal.kind, RefusalKind::Denied(reason), "{}", refusal.cause);
        Some(refusal.cause.into_owned())
    }

    #[test]
    fn a_mac_is_32_bytes_after_its_prefix() {
        let (hex, base64) = ("aB".repeat(32), "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=".to_owned());
        let shape = Some("the signature is not 32 bytes in its encoding".to_owned());
        let prefix = Some("the signature does not begin with its prefix".to_owned());
        let cases = [
            (Encoding::Hex, format!("v1={hex}"), None),
            (Encoding::Hex, format!("v1={}", hex.to_uppercase()), None),
            (Encoding::Hex, hex.clone(), prefix.clone()),
            (Encoding::Hex, format!("V1={hex}"), prefix.clone()),
            (Encoding::Hex, format!(" v1={hex}"), prefix.clone()),
            (Encoding::Hex, format!("v1= {hex}"), shape.clone()),
            (Encoding::Hex, format!("v1={hex} "), shape.clone()),
            (Encoding::Hex, format!("v1={hex}00"), shape.clone()),
            (Encoding::Hex, format!("v1={}", &hex[..32]), shape.clone()),
            (Encoding::Hex, format!("v1={}", &hex[..63]), shape.clone()),
            (Encoding::Hex, format!("v1=0x{}", &hex[..62]), shape.clone()),
            (Encoding::Hex, "v1=".to_owned(), shape.clone()),
            (Encoding::Hex, format!("v1={hex},v1={hex}"), shape.clone()),
            (Encoding::Hex, format!("v1={base64}"), shape.clone()),
            (Encoding::Base64, format!("v1={base64}"), None),
            (Encoding::Base64, format!("v1={hex}"), shape.clone()),
            (Encoding::Base64, format!("v1={}", base64.trim_end_matches('=')), shape.clone()),
            // The last digit holds bits that are no part of the bytes.
            (Encoding::Base64, format!("v1={}", base64.replace("s=", "t=")), shape.clone()),
            (Encoding::Base64, format!("v1={}", base64.replace('q', "-")), shape),
        ];
        for (encoding, text, expected) in cases {
            let read = read_mac(&text, &rule("v1=", encoding));
            assert!(expected.is_some() || read == Ok([0xab; 32]), "{text}");
            assert_eq!(cause(read, DenialReason::CredentialMalformed), expected, "{text}");
        }
        assert_eq!(read_mac(&hex, &rule("", Encoding::Hex)), Ok([0xab; 32]));
    }

    #[test]
    fn a_time_of_signing_is_digits_alone() {
        for good in ["1", "1705312200", "253402207200"] {
            assert_eq!(read_time(good).map(|time| time.as_second().to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "0",
            "-1",
            "+1705312200",
            " 1705312200",
            "1705312200 ",
            "01705312200",
            "1705312200.0",
            "1705312200.5",
            "1.7e9",
            "0x65a4fac8",
            "1_705_312_200",
            "1705312200,1705312200",
            "１７０５３１２２００",
            "1705312200000",
            "999999999999",
            "2024-01-15T09:50:00Z",
        ] {
            let read = cause(read_time(bad), DenialReason::CredentialMalformed);
            assert_eq!(read.as_deref(), Some("the time of signing is no number of Unix seconds"), "{bad}");
        }
    }

    #[test]
    fn a_time_of_signing_lies_within_the_tolerance_to_the_nanosecond() {
        let rule = rule("", Encoding::Hex);
        let moment = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let signing = moment("2026-01-02T03:04:05Z");
        for (now, expected) in [
            ("2026-01-02T03:04:05Z", None),
            ("2026-01-02T03:09:05Z", None),
            ("2026-01-02T02:59:05Z", None),
            (
                "2026-01-02T03:09:05.000000001Z",
                Some("it was signed 300 s before our time, expected 300 s at most"),
            ),
            (
                "2026-01-02T02:59:04.999999999Z",
                Some("it was signed 300 s after our time, expected 300 s at most"),
            ),
            ("2026-01-02T04:04:05Z", Some("it was signed 3600 s before our time, expected 300 s at most")),
        ] {
            let until = last_moment(signing, &rule, moment(now));
            assert!(expected.is_some() || until == Ok(moment("2026-01-02T03:09:05Z")), "{now}");
            assert_eq!(cause(until, DenialReason::CredentialInvalid).as_deref(), expected, "{now}");
        }
    }

    /// RFC 4231, sections 4.2 to 4.8, but for the shortened MAC of 4.6.
    #[test]
    fn the_mac_is_the_published_one() {
        let long = "Test Using Larger Than Block-Size Key - Hash Key First";
        let longer = "This is a test using a larger than block-size key and a larger than block-size data. \
                      The key needs to be hashed before being used by the HMAC algorithm.";
        let counted: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                &[0xaa; 131],
                long.as_bytes(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                longer.as_bytes(),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, mac) in cases {
            let mac = hex::decode(mac).expect("hex");
            let secret = key.to_vec().into();
            // However it is divided, the pieces are one text.
            for at in [0, 1, data.len() / 2, data.len()] {
                let (start, end) = data.split_at(at);
                let signed = Signed(vec![Cow::Borrowed(start), Cow::Owned(end.to_vec())]);
                assert!(signed.is_signed_with(&secret, &mac));
                assert!(!signed.is_signed_with(&secret, &mac[..16]));
            }
        }
    }
}
