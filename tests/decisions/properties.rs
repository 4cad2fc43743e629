//! What holds for every request whatsoever.

use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::door::{Call, Door, reason};

/// Pieces from which a request near the interesting ones is put together.
fn calls() -> impl Strategy<Value = Call> {
    let method = prop_oneof!["GET|POST|HEAD|OPTIONS|CONNECT", "[ -~]{0,8}"];
    let host = prop_oneof!["notes\\.example", "NOTES\\.example:80", "other\\.example", "[ -~]{0,12}"];
    let path = prop_oneof![
        "/(notes|status|hello|services)?(/[a-z0-9.%;]{0,4}){0,3}(\\?(api_key|api%5Fkey|a)=[a-z_0-9&=]{0,20})?",
        "\\PC{0,20}",
    ];
    let name = "authorization|Authorization|x-api-key|x-other-key|x[-_.!]principal[-_.~]id|x-forwarded-for|[a-z-]{1,9}";
    let value = prop_oneof![
        "(Bearer|bearer|ApiKey|Basic)?,? {0,2}(nt_live_|nt_test_|ot_)?[ -~]{0,44}",
        "\\PC{0,20}",
    ];
    let headers = proptest::collection::vec((name, value, any::<bool>()), 0..5);
    (method, host, path, headers).prop_map(|(method, host, path, headers)| {
        headers.into_iter().fold(Call::new(&method, &host, &path), |call, (name, value, raw)| {
            if raw { call.header(&name, value) } else { call.joined(&name, &value) }
        })
    })
}

#[test]
fn without_a_key_nothing_but_a_public_or_optional_route_is_allowed_and_nothing_is_an_outage() {
    let runtime = Runtime::new().expect("a runtime");
    let door = runtime.block_on(Door::new());
    proptest!(ProptestConfig::with_cases(4_000), |(call in calls())| {
        let response = runtime.block_on(door.knock(call.clone()));
        match reason(&response) {
            Some("unavailable") => prop_assert!(false, "an outage: {:?}", call.0),
            Some(_) => {}
            None => {
                let http = call.0.attributes.expect("attributes").request.expect("a request").http.expect("HTTP");
                let path = http.path.split('?').next().unwrap_or_default().to_owned();
                let free = ["/status", "/hello"].contains(&path.as_str());
                prop_assert!(free, "{} is allowed without a key", http.path);
            }
        }
    });
}
