//! The vectors of Project Wycheproof for JWS, JWK and HMAC, read from the folder that `DOORWARD_VECTORS` names.
//!
//! The payloads of tokens are no claims, so each of them is refused in the end. What is asserted is why: a valid one fails at
//! its claims, an invalid one before. Then claims are signed with the same keys: they pass, and with the
//! edit that made the case invalid they do not.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what went wrong by ending"
)]

mod edits;
mod hmac;
mod signing;

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::{
    check::authn::{
        jwks::{KeySet, SetFault},
        jwt::{self, TokenFault},
    },
    config::{Config, CredentialRule, JwtCredential},
    domain::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    edits::{Parts, transplant},
    signing::PrivateKey,
};

const JWS: &str = "json_web_signature_test.json";
const JWK: &str = "json_web_key_test.json";
const NOW: &str = "2026-01-02T03:04:05Z";

/// The file of this name, or `None` where the vectors are not at hand.
fn vectors(name: &str) -> Option<Value> {
    let Some(folder) = env::var_os("DOORWARD_VECTORS") else {
        // Past the test harness, which would keep it for itself.
        let line = format!("NOT RUN: DOORWARD_VECTORS names no folder with {name}\n");
        io::stderr().write_all(line.as_bytes()).expect("standard error");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn rule() -> JwtCredential {
    let text = r"
apis:
  - name: one
    hosts: [one.test]
    credentials:
      - jwt:
          issuer: issuer
          audience: audience
          keys: { jwks: https://issuer.test/ }
          from: [{ header: { name: authorization, scheme: Bearer } }]
    routes: [{ match: / }]
";
    let loaded = Config::parse(text, "doorward.yaml".as_ref(), &[]);
    let mut config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
    match config.apis.remove(0).credentials.remove(0) {
        CredentialRule::Jwt(jwt) => *jwt,
        other => panic!("{other:?}"),
    }
}

/// One case.
struct Case {
    id: u64,
    is_valid: bool,
    comment: String,
    token: String,
    /// The keys to verify it with: a JWK set.
    keys: Value,
    /// The first of them with its private half.
    private: Value,
    /// A token of its group that is valid, with the same payload if there is one.
    valid: Option<String>,
}

impl Case {
    /// Whether it is called invalid but is, to the letter, one that is valid: 367 and 370 lost the padding that they are
    /// about on the way into the file.
    fn is_valid_after_all(&self) -> bool {
        self.valid.as_ref() == Some(&self.token)
    }
}

fn cases(file: &Value) -> Vec<Case> {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut cases = Vec::new();
    for group in list(&file["testGroups"]) {
        let as_set =
            |key: &Value| if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) };
        let keys = as_set(group.get("public").unwrap_or(&group["private"]));
        let private = as_set(&group["private"])["keys"][0].clone();
        let tests = list(&group["tests"]);
        let valid: Vec<String> =
            tests.iter().filter(|test| test["result"] == "valid").map(|test| text(&test["jws"])).collect();
        for test in tests {
            let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
            let own = signed(&text(&test["jws"]));
            let alike = valid.iter().find(|valid| signed(valid) == own).or(valid.first());
            cases.push(Case {
                id: test["tcId"].as_u64().expect("a number"),
                is_valid: test["result"] == "valid",
                comment: text(&test["comment"]),
                token: text(&test["jws"]),
                keys: keys.clone(),
                private: private.clone(),
                valid: alike.cloned(),
            });
        }
    }
    assert_eq!(Some(cases.len() as u64), file["numberOfTests"].as_u64());
    cases
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    Keys(SetFault),
    Token(TokenFault),
}

impl Cause {
    /// The step that refused it.
    fn step(&self) -> &'static str {
        match self {
            Self::Keys(_) => "keys",
            Self::Token(TokenFault::Form(_)) => "form",
            Self::Token(TokenFault::Issuer) => "issuer",
            Self::Token(TokenFault::Key(_)) => "key",
            Self::Token(TokenFault::Signature) => "signature",
            Self::Token(TokenFault::Claims(_)) => "claims",
        }
    }
}

fn verify(token: &str, keys: &Value) -> Result<String, Cause> {
    let set = KeySet::own(keys.to_string().as_bytes()).map_err(Cause::Keys)?;
    let now: Timestamp = NOW.parse().expect("a moment");
    let verified = jwt::verify(token, &set, &rule(), now).map_err(Cause::Token)?;
    Ok(verified.subject.user.to_string())
}

/// Why the case has to be refused, its payload being no set of claims.
fn expected(file: &str, case: &Case) -> &'static str {
    match (file, case.id) {
        // 346 and 350 are valid, but their key says another algorithm.
        (JWS, 340 | 346 | 350) => return "Token(Key(AlgorithmOfAnother(PS384)))",
        (JWS, 332) => return "Token(Key(AlgorithmOfAnother(RS256)))",
        (JWS, 334) => return "Token(Key(AlgorithmOfAnother(RS384)))",
        (JWS, 336) => return "Token(Key(AlgorithmOfAnother(RS512)))",
        (JWS, 338) => return "Token(Key(AlgorithmOfAnother(PS256)))",
        // Valid, but on a curve that is not offered.
        (JWS, 347 | 351) => return "Keys(Empty(Some(Type)))",
        // Valid to those who pass over characters that base64url does not have.
        (JWS, 372) => return "Token(Form(Encoding(Header)))",
        (JWS, 373) => return "Token(Form(Encoding(Payload)))",
        (JWK, 21) => return "Keys(Empty(Some(Purpose)))",
        (JWK, 10 | 22 | 23) => return "Keys(Empty(Some(Numbers)))",
        (JWK, 24) => return "Keys(Empty(Some(Form)))",
        _ if case.is_valid || case.is_valid_after_all() => return "Token(Claims(Object))",
        _ => {}
    }
    match case.comment.as_str() {
        "rejectsMissingHeader" | "rejectsMissingHeaderAndSignature" => "Token(Form(Header))",
        "rejectsModifiedHeader" => "Token(Key(Unknown))",
        "rejectsEmptyString"
        | "rejectsExtraEmptyComponent"
        | "rejectsExtraComponent"
        | "rejectsValidJsonSerialization" => "Token(Form(Parts))",
        "rejectsAttackerProvidedEmbeddedJwk" => "Token(Form(Member))",
        "rejectsSymmetryConfusionAttacks_aesKeyFromEcVerificationKeyBytes" => {
            "Token(Key(AlgorithmOfAnother(HS256)))"
        }
        "algIsNone" | "rejectsNoneAlgorithmAndMissingSignature" => "Token(Form(Algorithm))",
        "rejectsValid" => "Keys(Mixed)",
        "rejectsDuplicateKid" => "Keys(Ambiguous)",
        "rejectWrongUse" | "rejectWrongKeyOps" | "rejectsWrongUse" => "Keys(Empty(Some(Purpose)))",
        "rejectsKeyWithRocaVulnerability" => "Keys(Empty(Some(Marked)))",
        "rejects1024bitRsaKey" | "rejectsPublicExponent1" | "empty_key" => "Keys(Empty(Some(Numbers)))",
        "key_too_short" | "mismatchedAlgAndCurve" | "rejectsAesKey" => "Keys(Empty(Some(Algorithm)))",
        "spacesInHeader" | "invalidCharactersInHeader" => "Token(Form(Encoding(Header)))",
        "spacesInPayload"
        | "invalidCharactersInPayload"
        | "InvalidCharacterInPayload"
        | "ModifiedUnusedBitsInPayload"
        | "MacOfIncorrectlyEncodedMessage" => "Token(Form(Encoding(Payload)))",
        "rejectsSpacesInMac"
        | "rejectsInvalidCharacterInsertedInMac"
        | "rejects0ReplacedbyInvalidCharacter"
        | "rejectsInvalidCharacters" => "Token(Form(Encoding(Signature)))",
        comment if comment.contains("Separator") => "Token(Form(Parts))",
        _ => "Token(Signature)",
    }
}

#[test]
fn each_case_is_refused_for_its_own_reason() {
    for name in [JWS, JWK] {
        let Some(file) = vectors(name) else { return };
        let cases = cases(&file);
        let after_all = cases.iter().filter(|case| !case.is_valid && case.is_valid_after_all());
        let after_all: Vec<u64> = after_all.map(|case| case.id).collect();
        assert_eq!(after_all, if name == JWS { vec![367, 370] } else { Vec::new() });
        for case in &cases {
            let cause = verify(&case.token, &case.keys).expect_err("no payload is a set of claims");
            assert_eq!(format!("{cause:?}"), expected(name, case), "{name} {} {}", case.id, case.comment);
        }
    }
}

/// `{iss, aud, sub, exp}`, of a length whose encoding has bits left over.
fn claims() -> String {
    let claims = json!({ "iss": "issuer", "aud": "audience", "sub": "somebody", "exp": 2_000_000_000 });
    let mut text = claims.to_string();
    while text.len() % 3 != 1 {
        text.push(' ');
    }
    URL_SAFE_NO_PAD.encode(text)
}

/// The algorithm that a header names.
fn algorithm(header: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    header["alg"].as_str().expect("a text").to_owned()
}

#[test]
fn claims_signed_with_the_same_keys_pass_and_with_the_same_edits_do_not() {
    let Some(file) = vectors(JWS) else { return };
    let (mut passed, mut refused) = (0, 0);
    for case in cases(&file) {
        let (Some(valid), Some(key)) = (&case.valid, PrivateKey::of_jwk(&case.private)) else { continue };
        if verify(valid, &case.keys).expect_err("no claims").step() != "claims" {
            continue;
        }
        let valid = Parts::of(valid).expect("a token");
        let algorithm = algorithm(&valid.header);
        let ours = Parts::signed(&valid.header, &claims(), &key, &algorithm).expect("a signature");
        assert_eq!(verify(&ours.join(), &case.keys), Ok("somebody".to_owned()), "{}", case.id);
        passed += 1;
        if case.is_valid {
            continue;
        }
        let edited = match case.comment.as_str() {
            "invalidBase64Padding" => format!("{}=", ours.join()),
            "invalidBase64PaddingInPayload" => {
                let payload = format!("{}==", ours.payload);
                Parts::signed(&ours.header, &payload, &key, &algorithm).expect("a signature").join()
            }
            "ModifiedUnusedBitsInPayload" | "MacOfIncorrectlyEncodedMessage" => {
                // The last character of two ends in four bits that nobody reads.
                let payload = ours.payload.strip_suffix(['A', 'Q', 'g', 'w']).expect("bits left over");
                let payload = format!("{payload}B");
                Parts::signed(&ours.header, &payload, &key, &algorithm).expect("a signature").join()
            }
            comment => match comment.strip_prefix("Using") {
                Some(primitive) => {
                    let header = Parts::of(&case.token).expect("a token").header;
                    Parts::signed(&header, &ours.payload, &key, primitive).expect("a signature").join()
                }
                // No valid case of the group has its payload: header and signature are the edit.
                None if (324..=344).contains(&case.id) => {
                    let edited = Parts::of(&case.token).expect("a token");
                    Parts { payload: ours.payload.clone(), ..edited }.join()
                }
                None => transplant(&valid, &case.token, &ours, &key, &algorithm),
            },
        };
        assert_ne!(edited, ours.join(), "{} {}", case.id, case.comment);
        let cause = verify(&edited, &case.keys).expect_err(&case.comment);
        assert_ne!(cause.step(), "claims", "{} {}: {cause:?}", case.id, case.comment);
        refused += 1;
    }
    // All but the four whose key is the point, the four whose algorithm is not offered, and the two that are valid only
    // to those who read base64 laxly.
    assert_eq!((passed, refused), (391, 351));
}

/// The first key, without what says what it is for.
fn mended(keys: &Value) -> Value {
    let mut key = keys["keys"][0].clone();
    for member in ["use", "key_ops", "alg"] {
        key.as_object_mut().expect("an object").remove(member);
    }
    json!({ "keys": [key] })
}

#[test]
fn keys_that_are_not_for_signatures_or_not_to_be_told_apart_verify_nothing() {
    let (mut passed, mut as_mended) = (Vec::new(), Vec::new());
    for name in [JWS, JWK] {
        let Some(file) = vectors(name) else { return };
        for case in cases(&file) {
            // Of the signatures, only the cases that are about the key.
            let is_about_keys = name == JWK || (353..=356).contains(&case.id);
            let (true, Some(key)) = (is_about_keys, PrivateKey::of_jwk(&case.private)) else { continue };
            let header = case.token.split('.').next().expect("a header");
            let ours =
                Parts::signed(header, &claims(), &key, &algorithm(header)).expect("a signature").join();
            let Err(cause) = verify(&ours, &case.keys) else {
                passed.push(case.id);
                continue;
            };
            assert_eq!(cause.step(), "keys", "{} {}", case.id, case.comment);
            if verify(&ours, &mended(&case.keys)).is_ok() {
                as_mended.push(case.id);
            }
        }
    }
    assert_eq!(passed, [2, 3, 5, 13, 14, 15]);
    // What is left are keys that no word about them makes better: too short, too weak, or of another curve or type.
    assert_eq!(as_mended, [353, 354, 355, 356, 1, 4, 6, 19, 20, 21, 25, 26]);
}
