//! The gate: text → a token whose form leaves nothing to interpretation. It believes nothing that the token says.
//!
//! Of JWS (RFC 7515) only the compact serialization is understood, and of its header only `alg`, `kid` and `typ`:
//! whatever else stands there could change what the signature covers or which key it is checked with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{check::authn::strict_json, config::Algorithm};

use super::fault::{ClaimFault, FormFault, Part, TokenFault};

/// The longest token, in bytes.
pub(in crate::check::authn) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The types of tokens that give access (RFC 7519, section 5.1; RFC 9068, section 2.1), after `application/`.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// A token as it was read. Nothing of it is proven.
pub(super) struct Token<'t> {
    /// How it claims to be signed.
    pub(super) algorithm: Algorithm,
    /// The id of the key that it claims to be signed with.
    pub(super) key_id: Option<String>,
    /// What is signed: header and payload as they came.
    pub(super) signed: &'t [u8],
    /// The signature.
    pub(super) signature: Vec<u8>,
    claims: Option<Value>,
}

impl<'t> Token<'t> {
    /// Reads a token.
    ///
    /// # Errors
    ///
    /// [`TokenFault::Form`].
    pub(super) fn read(text: &'t str) -> Result<Self, TokenFault> {
        read(text).map_err(TokenFault::Form)
    }

    /// What it claims: an object. Nobody vouches for it until the signature is verified.
    ///
    /// # Errors
    ///
    /// [`ClaimFault::Object`] if it is no object, or one that has a member twice.
    pub(super) fn claims(&self) -> Result<&Value, ClaimFault> {
        self.claims.as_ref().ok_or(ClaimFault::Object)
    }
}

fn read(text: &str) -> Result<Token<'_>, FormFault> {
    if text.len() > TOKEN_BYTES_MAX {
        return Err(FormFault::Length);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(FormFault::Parts)?;
    let (header, payload) = signed.split_once('.').ok_or(FormFault::Parts)?;
    if payload.contains('.') {
        return Err(FormFault::Parts);
    }
    // Strict by default: no padding, no character of another alphabet, no bits that nobody reads.
    let decode = |text: &str, part| URL_SAFE_NO_PAD.decode(text).map_err(|_| FormFault::Encoding(part));
    let header = decode(header, Part::Header)?;
    let payload = decode(payload, Part::Payload)?;
    let signature = decode(signature, Part::Signature)?;
    let Some(Value::Object(header)) = strict_json::object(&header) else {
        return Err(FormFault::Header);
    };
    if header.keys().any(|name| !["alg", "kid", "typ"].contains(&name.as_str())) {
        return Err(FormFault::Member);
    }
    let member = |name: &'static str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(FormFault::Type(name)),
    };
    if let Some(typ) = member("typ")?
        && !is_access_token(typ)
    {
        return Err(FormFault::Typ);
    }
    let algorithm = Algorithm::named(member("alg")?.ok_or(FormFault::Type("alg"))?);
    Ok(Token {
        algorithm: algorithm.ok_or(FormFault::Algorithm)?,
        key_id: member("kid")?.map(str::to_owned),
        signed: signed.as_bytes(),
        signature,
        claims: strict_json::object(&payload),
    })
}

/// Media types have no case, and their `application/` may be left out (RFC 7515, section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    let prefix = "application/";
    let name = match typ.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => typ.get(prefix.len()..).unwrap_or_default(),
        _ => typ,
    };
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn with_header(header: &str) -> String {
        format!("{}.{}.c2ln", encode(header), encode("{}"))
    }

    fn fault(text: &str) -> Option<FormFault> {
        read(text).err()
    }

    #[test]
    fn a_token_is_read() {
        let text = with_header(r#"{ "alg": "RS256", "kid": "k", "typ": "JWT" }"#);
        let token = Token::read(&text).expect("a token");
        assert_eq!((token.algorithm, token.key_id.as_deref()), (Algorithm::RS256, Some("k")));
        assert_eq!(token.signature, b"sig");
        assert_eq!(token.signed, text.as_bytes().strip_suffix(b".c2ln").expect("a signature"));
        assert_eq!(token.claims(), Ok(&serde_json::json!({})));
    }

    #[test]
    fn three_parts_of_base64url_make_a_token() {
        let good = with_header(r#"{"alg":"RS256"}"#);
        let (header, rest) = good.split_once('.').expect("parts");
        assert_eq!(fault(&good), None);
        let cases = [
            (String::new(), FormFault::Parts),
            ("a.b".to_owned(), FormFault::Parts),
            (format!("{good}.c2ln"), FormFault::Parts),
            (format!("{good}."), FormFault::Parts),
            (format!("{good}="), FormFault::Encoding(Part::Signature)),
            (format!("{good} "), FormFault::Encoding(Part::Signature)),
            (format!("{header}=.{rest}"), FormFault::Encoding(Part::Header)),
            (format!("{header}.e30=.c2ln"), FormFault::Encoding(Part::Payload)),
            // The same bytes with a bit set that nobody reads.
            (format!("{header}.e31.c2ln"), FormFault::Encoding(Part::Payload)),
            (format!("{header}.e30.c2l+"), FormFault::Encoding(Part::Signature)),
            (format!("{header}.e30.c2l/"), FormFault::Encoding(Part::Signature)),
            (format!("{header}.e\n30.c2ln"), FormFault::Encoding(Part::Payload)),
            (format!("{header}.e30.c2lnä"), FormFault::Encoding(Part::Signature)),
            (format!("{header}.e30.a"), FormFault::Encoding(Part::Signature)),
            (format!("{header}.{}.c2ln", "A".repeat(TOKEN_BYTES_MAX)), FormFault::Length),
        ];
        for (text, expected) in cases {
            assert_eq!(fault(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_header_says_how_the_token_is_signed_and_nothing_else() {
        let cases = [
            ("", Some(FormFault::Header)),
            ("[]", Some(FormFault::Header)),
            (r#"{"alg":"RS256""#, Some(FormFault::Header)),
            (r#"{"alg":"RS256","alg":"RS256"}"#, Some(FormFault::Header)),
            (r#"{"alg":"RS256","kid":"a","kid":"b"}"#, Some(FormFault::Header)),
            ("{}", Some(FormFault::Type("alg"))),
            (r#"{"alg":1}"#, Some(FormFault::Type("alg"))),
            (r#"{"alg":["RS256"]}"#, Some(FormFault::Type("alg"))),
            (r#"{"alg":"none"}"#, Some(FormFault::Algorithm)),
            (r#"{"alg":"None"}"#, Some(FormFault::Algorithm)),
            (r#"{"alg":"rs256"}"#, Some(FormFault::Algorithm)),
            (r#"{"alg":""}"#, Some(FormFault::Algorithm)),
            (r#"{"alg":"ES512"}"#, Some(FormFault::Algorithm)),
            (r#"{"ALG":"RS256"}"#, Some(FormFault::Member)),
            (r#"{"alg":"RS256","kid":null}"#, Some(FormFault::Type("kid"))),
            (r#"{"alg":"RS256","kid":7}"#, Some(FormFault::Type("kid"))),
            (r#"{"alg":"RS256","typ":"JWT"}"#, None),
            (r#"{"alg":"RS256","typ":"jwt"}"#, None),
            (r#"{"alg":"RS256","typ":"at+JWT"}"#, None),
            (r#"{"alg":"RS256","typ":"Application/AT+jwt"}"#, None),
            (r#"{"alg":"RS256","typ":"JWS"}"#, Some(FormFault::Typ)),
            (r#"{"alg":"RS256","typ":"dpop+jwt"}"#, Some(FormFault::Typ)),
            (r#"{"alg":"RS256","typ":"logout+jwt"}"#, Some(FormFault::Typ)),
            (r#"{"alg":"RS256","typ":"text/JWT"}"#, Some(FormFault::Typ)),
            (r#"{"alg":"RS256","typ":""}"#, Some(FormFault::Typ)),
            (r#"{"alg":"RS256","typ":true}"#, Some(FormFault::Type("typ"))),
        ];
        for (header, expected) in cases {
            assert_eq!(fault(&with_header(header)), expected, "{header}");
        }
        let others =
            ["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty", "enc", "url"];
        for name in others {
            let header = format!(r#"{{"alg":"RS256","{name}":[]}}"#);
            assert_eq!(fault(&with_header(&header)), Some(FormFault::Member), "{name}");
        }
    }

    #[test]
    fn claims_are_one_object() {
        for bad in ["", "foo", "[]", r#"{"sub":"a","sub":"b"}"#, r#"{"o":{"a":1,"a":2}}"#] {
            let text = format!("{}.{}.c2ln", encode(r#"{"alg":"RS256"}"#), encode(bad));
            assert_eq!(Token::read(&text).expect("a token").claims(), Err(ClaimFault::Object), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,300}") {
            let _ = Token::read(&text);
        }

        #[test]
        fn no_bytes_in_its_parts_make_it_panic(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..5)) {
            let parts: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
            if let Ok(token) = Token::read(&parts.join(".")) {
                let _ = token.claims();
            }
        }

        #[test]
        fn one_text_alone_stands_for_a_token(at in 0_usize..200, byte in "[ -~]") {
            let text = with_header(r#"{"alg":"RS256","kid":"key"}"#);
            let at = at % text.len();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &byte);
            if changed != text && let Ok(token) = Token::read(&changed) {
                let original = Token::read(&text).expect("a token");
                // Another text is another token: what is signed differs, or the signature does.
                prop_assert!(token.signed != original.signed || token.signature != original.signature);
            }
        }
    }
}
