//! Strings that break things elsewhere, wherever a client or an operator can put one: never a 5xx, never a pass,
//! and names survive the way into the store and out again.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde_json::Value;

use crate::harness::{client::Request, envoy::NEWEST, run, site::Site, world::World};

const CONFIGURATION: &str = r#"
store: sqlite:doorward.db
sealing: { current: one, keys: { one: { env: SEALING_KEY } } }
apis:
  - name: shop
    hosts: [shop.test]
    credentials:
      - api_key:
          prefix: sk_
          from:
            - header: { name: authorization, scheme: Bearer }
            - header: { name: x-api-key }
            - query: { name: api_key }
      - jwt:
          issuer: https://login.test
          audience: shop
          keys: { secret: { env: JWT_SECRET } }
          from: [{ header: { name: authorization, scheme: Bearer } }, { cookie: token }]
      - session: { cookie: sid }
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature, prefix: "sha256=" }
          signed: "{timestamp}.{body}"
    organization: { from: [{ query: org }, { header: x-org }, { json: org }], required: false }
    routes:
      - { match: /a }
"#;

/// Strings from experience: quoting, templates, control and invisible characters, encodings, numbers.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\t",
    "null",
    "undefined",
    "true",
    "0",
    "-1",
    "NaN",
    "1e309",
    "0x7f",
    "[]",
    "{}",
    "\"",
    "'",
    "`",
    "\\",
    "' OR 1=1 --",
    "\"; DROP TABLE keys; --",
    "%",
    "%00",
    "%0d%0a",
    "%u0000",
    "%c0%ae",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "$(id)",
    "`id`",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "&lt;",
    "]]>",
    "*",
    "?",
    "%s%n",
    "{0}",
    "a,b",
    "a;b",
    "a=b",
    "a b",
    "Bearer",
    "Bearer x",
    "sk_",
    "sk_live_",
    "sk_\u{0}",
    "sk_é",
    "ſk_1",
    "ＳＫ_1",
    "a.b.c",
    "..",
    ".",
    "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJub25lIn0.e30.AA",
    "eyJhbGciOiJIUzI1NiJ9.e30.AA",
    "eyJ9.eyJ9.eyJ9",
    "\u{202e}gnirts",
    "\u{feff}bom",
    "\u{200b}zero",
    "\u{2028}line",
    "e\u{301}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "ÅΩ≈ç√",
    "田中さん",
    "اختبار",
    "𝕊𝕂",
    "İI ıi",
    "ß",
    "\u{fffd}",
    "\u{10ffff}",
];

/// The strings, bytes that are no text, and lengths.
fn naughty() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend([vec![0x80], vec![0xff, 0xfe], vec![0xc0, 0xaf], vec![0xed, 0xa0, 0x80]]);
    all.extend(["a".repeat(255), "a".repeat(257), "ü".repeat(300), "A".repeat(9000)].map(String::into_bytes));
    all
}

/// Whether HTTP/1 can carry the value: what it cannot, Envoy refuses before anybody is asked.
fn fits_a_header(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == b'\t' || *byte >= 0x20 && *byte != 0x7f)
}

fn escaped(value: &[u8]) -> String {
    percent_encode(value, NON_ALPHANUMERIC).to_string()
}

fn site() -> Site {
    let secrets = [
        ("SEALING_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        ("JWT_SECRET", "a secret of more than thirty-two bytes"),
        ("DOORWARD_BUDGET", "5s"),
    ];
    Site::with_environment(CONFIGURATION, &secrets)
}

/// The value in every place where a stranger can put one.
fn as_credential(value: &[u8]) -> Vec<(&'static str, Request)> {
    let ask = || Request::get("shop.test", "/a");
    let mut requests = vec![("query", Request::get("shop.test", format!("/a?api_key={}", escaped(value))))];
    if fits_a_header(value) {
        let after = |start: &str| [start.as_bytes(), value].concat();
        let signed = |name: &str| {
            let headers = [
                ("x-project", b"p".to_vec()),
                ("x-timestamp", b"1".to_vec()),
                ("x-signature", b"sha256=00".to_vec()),
            ];
            headers.into_iter().fold(ask(), |request, (known, usual)| {
                request.with(known, if known == name { value.to_vec() } else { usual })
            })
        };
        requests.extend([
            ("key", ask().with("x-api-key", value)),
            ("bearer", ask().with("authorization", after("Bearer "))),
            ("token", ask().with("authorization", [b"Bearer a.".as_slice(), value, b".c"].concat())),
            ("session", ask().with("cookie", after("sid="))),
            ("token cookie", ask().with("cookie", after("token="))),
            ("project", signed("x-project")),
            ("timestamp", signed("x-timestamp")),
            ("signature", signed("x-signature")),
        ]);
    }
    requests
}

#[test]
fn no_naughty_credential_passes_or_breaks_anything() {
    run(async {
        let world = World::start(NEWEST, site(), |recipe| recipe).await;
        for value in naughty() {
            for (place, request) in as_credential(&value) {
                let status = world.envoy.client().send(&request).await.status;
                let shown = String::from_utf8_lossy(&value);
                assert!((400..500).contains(&status), "{shown:.40?} as {place} is answered {status}");
            }
        }
        assert_eq!(world.upstream.received(), 0, "something passed");
        let log = world.doorward.process.log();
        assert!(!log.contains("panicked"), "{log}");
    });
}

#[test]
fn no_naughty_organization_passes_or_breaks_anything() {
    run(async {
        let world = World::start(NEWEST, site(), |recipe| recipe).await;
        let key = world.site.json(&[
            "keys",
            "create",
            "--api",
            "shop",
            "--organization",
            "acme",
            "--name",
            "a test's",
        ]);
        let key = key["key"].as_str().expect("a key");
        let mut sent = 0;
        for value in naughty() {
            let mut requests = vec![Request::get("shop.test", format!("/a?org={}", escaped(&value)))];
            if fits_a_header(&value) && !value.trim_ascii().is_empty() {
                requests.push(Request::get("shop.test", "/a").with("x-org", value.as_slice()));
            }
            if let Ok(text) = std::str::from_utf8(&value) {
                let body = serde_json::json!({ "org": text });
                requests.push(Request::new("POST", "shop.test", "/a").json(&body));
            }
            for request in requests {
                sent += 1;
                let status = world.envoy.client().send(&request.bearer(key)).await.status;
                let shown = String::from_utf8_lossy(&value);
                assert!((400..500).contains(&status), "{shown:.40?} is answered {status}");
            }
        }
        assert!(sent > 100 && world.upstream.received() == 0, "something passed");
    });
}

#[test]
fn a_naughty_name_is_refused_or_survives_into_the_header_and_back() {
    run(async {
        let world = World::start(NEWEST, site(), |recipe| recipe).await;
        let mut survived = 0;
        for value in naughty() {
            // No argument of a command can hold these.
            let Some(text) = std::str::from_utf8(&value).ok().filter(|text| !text.contains('\0')) else {
                continue;
            };
            let organization = format!("--organization={text}");
            let name = format!("--name=n{text}");
            let words = ["keys", "create", "--api", "shop", &organization, &name, "--output", "json"];
            let output = world.site.run(&words);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!told.contains("panicked"), "{text:.40?}: {told}");
            if output.status.code() == Some(64) {
                continue;
            }
            let issued: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let key = issued["key"].as_str().expect("a key");
            world.site.note_secret(key);
            assert_eq!(issued["record"]["organization"], *text);
            let id = issued["id"].as_str().expect("an id");
            assert_eq!(world.site.json(&["keys", "get", id])["name"], format!("n{text}"));
            let echo = world.envoy.client().send(&Request::get("shop.test", "/a").bearer(key)).await.echo();
            let header = echo.values("x-principal-organization")[0].to_owned();
            let decoded = percent_decode_str(&header).decode_utf8().expect("UTF-8");
            assert_eq!(decoded, text, "the application reads {header}");
            survived += 1;
        }
        assert!(survived > 30, "only {survived} names were taken");
    });
}
