//! Every byte in every place where a credential can stand: no byte turns what is no key into one, brings an
//! error of ours about, or reaches the upstream.

use std::sync::Arc;

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use tonic::transport::Channel;

use crate::harness::{
    Shared,
    client::Request,
    envoy::{NEWEST, OLDEST},
    grpc::{self, Form},
    run,
    site::Site,
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `authorization: ApiKey <key>`
    Scheme,
    /// `x-api-key: <key>`
    Header,
    /// `?key=<key>`
    Query,
}

impl Place {
    const ALL: [Self; 3] = [Self::Scheme, Self::Header, Self::Query];

    fn header(self) -> (&'static str, &'static [u8]) {
        match self {
            Self::Scheme => ("authorization", b"ApiKey "),
            Self::Header => ("x-api-key", b""),
            Self::Query => unreachable!("a query is no header"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Begin,
    Middle,
    End,
}

impl Position {
    const ALL: [Self; 3] = [Self::Begin, Self::Middle, Self::End];

    fn insert(self, key: &str, byte: u8) -> Vec<u8> {
        let at = match self {
            Self::Begin => 0,
            Self::Middle => key.len() / 2,
            Self::End => key.len(),
        };
        let mut bytes = key.as_bytes().to_vec();
        bytes.insert(at, byte);
        bytes
    }
}

/// Whether this byte is not part of the key by HTTP's own rules, so that the key is still the right one.
fn is_outside_the_key(place: Place, position: Position, byte: u8) -> bool {
    match (place, position) {
        // Envoy drops a carriage return that ends no line (RFC 9112, section 2.2, lets it replace or refuse it).
        (Place::Scheme | Place::Header, _) if byte == b'\r' => true,
        // Spaces after the scheme (RFC 9110, section 11.4).
        (Place::Scheme, Position::Begin) => byte == b' ',
        // White space around a header's value (RFC 9110, section 5.5).
        (Place::Header, Position::Begin) => b" \t".contains(&byte),
        // The same, and the end of a line as a lenient parser takes it (RFC 9112, section 2.2).
        (Place::Scheme | Place::Header, Position::End) => b" \t\n".contains(&byte),
        // What separates parameters, what ends the query, and what a lenient parser takes for the space after it
        // (RFC 9112, section 3).
        (Place::Query, Position::End) => b"&# \t\x0b\x0c\r".contains(&byte),
        _ => false,
    }
}

struct Bench {
    world: World,
    key: String,
}

impl Bench {
    async fn new(version: &str) -> Self {
        let site = Site::new(CONFIGURATION);
        let key = site.create(&["--api", "plain", "--scope", "read"]).key;
        let world = World::start(version, site, |recipe| recipe).await;
        Self { world, key }
    }

    async fn newest() -> Arc<Self> {
        static SHARED: Shared<Bench> = Shared::new();
        SHARED.get(async || Self::new(NEWEST).await).await
    }
}

fn request(place: Place, key: &[u8]) -> Request {
    if place == Place::Query {
        let target = [b"/read?key=", key].concat();
        return Request::get("plain.test", target);
    }
    let (name, before) = place.header();
    Request::get("plain.test", "/read").with(name, [before, key].concat())
}

async fn try_every_byte_through_envoy(bench: &Bench, place: Place) {
    let mut client = bench.world.envoy.client();
    let accepted = client.send(&request(place, bench.key.as_bytes())).await;
    assert_eq!(accepted.status, 200, "the key itself works");
    for position in Position::ALL {
        for byte in 0..=u8::MAX {
            if is_outside_the_key(place, position, byte) {
                continue;
            }
            let response = client.send(&request(place, &position.insert(&bench.key, byte))).await;
            // Some of it is refused by Envoy already.
            assert!(
                (400..500).contains(&response.status),
                "byte {byte:#04x} at the {position:?} of the {place:?} is answered {response:?}"
            );
        }
    }
    bench.world.doorward.process.assert_alive();
    bench.world.assert_no_secret().await;
}

#[test]
fn no_byte_in_a_header_with_a_scheme_gets_past_envoy_and_doorward() {
    run(async { try_every_byte_through_envoy(&*Bench::newest().await, Place::Scheme).await });
}

#[test]
fn no_byte_in_a_header_without_a_scheme_gets_past_envoy_and_doorward() {
    run(async { try_every_byte_through_envoy(&*Bench::newest().await, Place::Header).await });
}

#[test]
fn no_byte_in_a_query_gets_past_envoy_and_doorward() {
    run(async { try_every_byte_through_envoy(&*Bench::newest().await, Place::Query).await });
}

#[test]
fn no_byte_in_any_place_gets_past_the_oldest_envoy_and_doorward() {
    run(async {
        let bench = Bench::new(OLDEST).await;
        for place in Place::ALL {
            try_every_byte_through_envoy(&bench, place).await;
        }
    });
}

/// Asks directly: between Envoy and Doorward no parser repairs anything, so nothing but spaces after the scheme
/// and the separator of parameters lies outside the key.
async fn ask(
    client: &mut AuthorizationClient<Channel>,
    form: Form,
    place: Place,
    position: Position,
    key: &str,
    byte: u8,
) {
    let changed = position.insert(key, byte);
    let call = if place == Place::Query {
        let changed: String = changed.iter().copied().map(char::from).collect();
        grpc::check(form, "GET", "plain.test", &format!("/read?key={changed}"), &[])
    } else {
        let (name, before) = place.header();
        let value = [before, &changed].concat();
        grpc::check(form, "GET", "plain.test", "/read", &[(name, &value)])
    };
    let is_outside = match (place, position) {
        (Place::Scheme, Position::Begin) => byte == b' ',
        (Place::Query, Position::End) => byte == b'&',
        _ => false,
    };
    let answer = client.check(call).await;
    if is_outside {
        assert!(grpc::is_allowed(&answer), "{byte:#04x} at the {position:?} of the {place:?}: {answer:?}");
    } else {
        let (status, denied) = grpc::denial(answer.expect("an answer").into_inner());
        assert_eq!(status, 401, "{byte:#04x} at the {position:?} of the {place:?}: {}", denied.body);
    }
}

async fn try_every_byte_directly(form: Form) {
    let bench = Bench::newest().await;
    let mut client = grpc::client(&bench.world.doorward.socket).await;
    for place in Place::ALL {
        for position in Position::ALL {
            for byte in 0..=u8::MAX {
                ask(&mut client, form, place, position, &bench.key, byte).await;
            }
        }
    }
    bench.world.doorward.process.assert_alive();
}

#[test]
fn no_byte_gets_past_doorward_in_joined_headers() {
    run(try_every_byte_directly(Form::Joined));
}

#[test]
fn no_byte_gets_past_doorward_in_raw_headers() {
    run(try_every_byte_directly(Form::Raw));
}
