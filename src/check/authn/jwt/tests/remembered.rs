//! What is remembered of a token.

use std::{path::Path, sync::Arc};

use envoy_types::{
    ext_authz::v3::pb::CheckRequest,
    pb::envoy::service::auth::v3::{
        AttributeContext,
        attribute_context::{HttpRequest, Request},
    },
};
use prost::Message;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    check::{
        authn::{
            PresentedToken,
            jwks::{Issuers, Key, KeySet, fixture::Signer},
            jwt::{RuleId, Tokens, Verified, verify, verify_presented},
        },
        request::{self, Call},
        route::Doors,
    },
    config::{Algorithm, Config, CredentialRule},
    domain::CredentialHash,
};

use super::{NOW, at, set};

/// What is remembered is judged, but its text is not looked at again: here it is none of a token.
#[tokio::test]
async fn a_remembered_token_is_not_verified_again() {
    let text = "apis: [{ name: a, hosts: [a.test], routes: [{ match: / }], credentials: [{ jwt: { \
                issuer: joe, audience: api, keys: { secret: { env: SECRET } }, from: [{ header: { name: x } }] } }] }]";
    let secret = "a secret of more than thirty-two bytes";
    let env = [("SECRET".to_owned(), secret.to_owned())];
    let config = Config::parse(text, Path::new("doorward.yaml"), &env).expect("a configuration").config;
    let doors = Doors::new(&config);
    let http =
        HttpRequest { method: "GET".into(), host: "a.test".into(), path: "/".into(), ..Default::default() };
    let request = Request { http: Some(http), ..Default::default() };
    let attributes = AttributeContext { request: Some(request), ..Default::default() };
    let call = CheckRequest { attributes: Some(attributes) };
    let bytes = call.encode_to_vec();
    let call = Call::read(&bytes).expect("a Check");
    let request = request::parse(&call).expect("a request");
    let api = doors.api(&request).expect("an API");
    let place = api.config.credentials.first().and_then(|rule| rule.places().first()).expect("a place");
    let presented = PresentedToken { text: "x.y.z", place };

    let Some(CredentialRule::Jwt(rule)) = config.apis[0].credentials.first() else { panic!("no rule") };
    let signer = Signer::new();
    let claims = json!({ "iss": "joe", "aud": "api", "sub": "me", "exp": NOW + 60 });
    let verified =
        verify(&signer.token("k", &claims), &set(&json!([signer.jwk("k")])), rule, at(NOW)).expect("a token");
    let tokens = Tokens::new(&config.apis, &Issuers::default());
    let remember = |key: &Key| {
        let (subject, terms) = (Arc::clone(&verified.subject), verified.terms.clone());
        let algorithm = Algorithm::HS256;
        let token = Verified { subject, terms, algorithm, key_id: None, key: key.fingerprint() };
        let hash = CredentialHash::of(presented.text);
        tokens.memory.remember(RuleId { api: 0, rule: 0 }, hash, Arc::new(token));
    };
    let key_of = |secret| Arc::clone(KeySet::of_secret(secret).find(None, Algorithm::HS256).expect("a key"));
    // Verified by a key that is not in force, it is as good as forgotten.
    remember(&key_of("another secret of more than thirty-two bytes"));
    assert!(verify_presented(&presented, api, &tokens, at(NOW), Some(Instant::now())).await.is_err());
    remember(&key_of(secret));
    let principal =
        verify_presented(&presented, api, &tokens, at(NOW), Some(Instant::now())).await.expect("a principal");
    assert_eq!(principal.id(), Some("me"));
    let late = verify_presented(&presented, api, &tokens, at(NOW + 90), Some(Instant::now()))
        .await
        .expect_err("it is expired");
    assert!(late.cause.contains("it is expired"), "{}", late.cause);
    // Another configuration has another memory.
    let tokens = Tokens::new(&config.apis, &Issuers::default());
    assert!(verify_presented(&presented, api, &tokens, at(NOW), Some(Instant::now())).await.is_err());
}
