//! What is sent: one message, encoded once, in which a credential and the like are replaced for each request.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::frames::{self, flag, kind};

/// How many requests are signed beforehand for each millisecond of a run: more than any server answers.
const SIGNED_A_MILLISECOND: u128 = 150;

/// What an answer has to be to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An answer of Envoy's kind that lets the request pass; or a status of 200 to 299.
    Allowed,
    /// One that refuses it; or a status of 401, 403, 404 or 429.
    Refused,
    /// Anything else.
    Failed,
}

/// How a request is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A message of gRPC, in a frame of its own: a Check.
    Grpc,
    /// Headers alone.
    Http,
}

/// Values of one width that stand in the message in turn.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    width: usize,
    bytes: Vec<u8>,
}

impl Values {
    /// Takes over texts of one width.
    pub(crate) fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut values = Self { width: 0, bytes: Vec::new() };
        for text in texts {
            let text = text.as_ref();
            assert!(values.bytes.is_empty() || text.len() == values.width, "values of several widths");
            values.width = text.len();
            values.bytes.extend_from_slice(text.as_bytes());
        }
        values
    }

    pub(crate) fn count(&self) -> usize {
        self.bytes.len() / self.width.max(1)
    }

    /// The first so many of them.
    pub(crate) fn firsts(&self, count: usize) -> Self {
        Self { width: self.width, bytes: self.bytes[..count * self.width].to_vec() }
    }

    /// The one with this number, alone.
    pub(crate) fn only(&self, number: usize) -> Self {
        Self { width: self.width, bytes: self.get(number).to_vec() }
    }

    /// The value with this number, from 0 on; after the last comes the first again.
    pub(crate) fn get(&self, number: usize) -> &[u8] {
        let from = number % self.count() * self.width;
        &self.bytes[from..from + self.width]
    }

    /// The same as a text.
    pub(crate) fn text(&self, number: usize) -> &str {
        std::str::from_utf8(self.get(number)).expect("it was made of a text")
    }

    /// The first value: what stands in the message before any is replaced.
    pub(crate) fn first(&self) -> &str {
        self.text(0)
    }
}

/// In which order values are taken.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    InTurn,
    /// Each as likely as the others.
    Random(SmallRng),
}

impl Order {
    /// The same random order each time.
    pub(crate) fn random() -> Self {
        Self::Random(SmallRng::seed_from_u64(5))
    }
}

/// Signs each request anew, as no signature is accepted twice: over `{time}.{body}`, where the body ends in a number.
#[derive(Debug, Clone)]
pub(crate) struct Signing {
    pub(crate) key: hmac::Key,
    /// What stands in the message for the time in seconds, for the hexadecimal MAC and for the number.
    pub(crate) time: String,
    pub(crate) mac: String,
    pub(crate) number: String,
    /// What stands in the body before the number.
    pub(crate) body: String,
}

/// Where the parts of a signed request stand, and what was signed beforehand.
#[derive(Debug, Clone)]
struct Signed {
    signing: Signing,
    time: Vec<usize>,
    mac: Vec<usize>,
    number: Vec<usize>,
    next: u64,
    ready: VecDeque<Signature>,
}

/// What differs from one signed request to the next.
#[derive(Debug, Clone)]
struct Signature {
    time: String,
    mac: [u8; 64],
    number: String,
}

/// An endless row of requests.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    pub(crate) protocol: Protocol,
    /// Header blocks for the first request of a connection, and for the others.
    headers: [Vec<u8>; 2],
    message: Vec<u8>,
    values: Vec<(Values, Vec<usize>)>,
    signed: Option<Signed>,
    order: Order,
    next: usize,
}

impl Requests {
    /// Checks: `message` is encoded, and holds the first of each of `values` wherever they shall be replaced.
    pub(crate) fn checks(message: &[u8], values: Vec<Values>) -> Self {
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/envoy.service.auth.v3.Authorization/Check"),
            (":authority", "doorward"),
            ("te", "trailers"),
            // As Envoy has it, but longer, as the machine is busy: tonic obeys it, Doorward goes by its budget.
            ("grpc-timeout", "10000m"),
            ("content-type", "application/grpc"),
        ];
        let length = u32::try_from(message.len()).expect("a short message");
        let message = [&[0], length.to_be_bytes().as_slice(), message].concat();
        Self::new(Protocol::Grpc, &headers, message, values)
    }

    /// Requests without a body: those of `headers` that are the same in all, and those that hold the first of
    /// `values`.
    pub(crate) fn plain(headers: &[(&str, &str)], varied: &[(&str, &str)], values: Vec<Values>) -> Self {
        let mut block = Vec::new();
        for (name, value) in varied {
            frames::header(&mut block, name, value);
        }
        Self::new(Protocol::Http, headers, block, values)
    }

    fn new(protocol: Protocol, headers: &[(&str, &str)], message: Vec<u8>, values: Vec<Values>) -> Self {
        let values = values.into_iter().map(|values| {
            let places = places(&message, values.first());
            (values, places)
        });
        let values = values.collect();
        let headers = frames::remembered(headers);
        Self { protocol, headers, message, values, signed: None, order: Order::InTurn, next: 0 }
    }

    /// The same in another order.
    pub(crate) fn ordered(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// The same, each signed.
    pub(crate) fn signed(self, signing: Signing) -> Self {
        let [time, mac, number] =
            [&signing.time, &signing.mac, &signing.number].map(|text| places(&self.message, text));
        // No number comes twice, whatever was sent before this program began.
        let next = u64::try_from(unix_time().as_nanos()).unwrap_or_default();
        let ready = VecDeque::new();
        Self { signed: Some(Signed { signing, time, mac, number, next, ready }), ..self }
    }

    /// Signs what will be sent within such a time, so that signing keeps nobody busy meanwhile.
    pub(crate) fn sign_ahead(&mut self, time: Duration) {
        if let Some(signed) = &mut self.signed {
            // What is left over may be too old.
            signed.ready.clear();
            let count = time.as_millis() * SIGNED_A_MILLISECOND;
            signed.ready = (0..count).map(|_| signed.sign()).collect();
        }
    }

    /// How many different requests there are.
    pub(crate) fn count(&self) -> usize {
        self.values.iter().map(|(values, _)| values.count()).max().unwrap_or(1)
    }

    /// The length of the longest part of a request, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.message.len()
    }

    /// Writes the next request.
    pub(crate) fn write(&mut self, stream: u32, is_first: bool, out: &mut Vec<u8>) {
        let headers = &self.headers[usize::from(!is_first)];
        let number = match &mut self.order {
            Order::InTurn => self.next,
            Order::Random(random) => random.random_range(0..usize::MAX),
        };
        self.next += 1;
        let length = self.message.len();
        match self.protocol {
            Protocol::Grpc => {
                frames::head(out, headers.len(), kind::HEADERS, flag::END_HEADERS, stream);
                out.extend_from_slice(headers);
                frames::head(out, length, kind::DATA, flag::END_STREAM, stream);
            }
            Protocol::Http => {
                let flags = flag::END_HEADERS | flag::END_STREAM;
                frames::head(out, headers.len() + length, kind::HEADERS, flags, stream);
                out.extend_from_slice(headers);
            }
        }
        let from = out.len();
        out.extend_from_slice(&self.message);
        let message = &mut out[from..];
        for (values, places) in &self.values {
            put(message, places, values.get(number));
        }
        if let Some(signed) = &mut self.signed {
            signed.put_next(message);
        }
    }
}

impl Signed {
    fn sign(&mut self) -> Signature {
        let time = unix_time().as_secs().to_string();
        let number = format!("{:0>width$}", self.next, width = self.signing.number.len());
        self.next += 1;
        let mut context = hmac::Context::with_key(&self.signing.key);
        for piece in [&time, ".", &self.signing.body, &number] {
            context.update(piece.as_bytes());
        }
        let mut mac = [0; 64];
        hex::encode_to_slice(context.sign(), &mut mac).expect("64 digits");
        Signature { time, mac, number }
    }

    fn put_next(&mut self, message: &mut [u8]) {
        let signature = self.ready.pop_front().unwrap_or_else(|| self.sign());
        put(message, &self.time, signature.time.as_bytes());
        put(message, &self.mac, &signature.mac);
        put(message, &self.number, signature.number.as_bytes());
    }
}

fn put(message: &mut [u8], places: &[usize], value: &[u8]) {
    for place in places {
        message[*place..*place + value.len()].copy_from_slice(value);
    }
}

/// Where `text` stands in the message: somewhere at least.
fn places(message: &[u8], text: &str) -> Vec<usize> {
    let text = text.as_bytes();
    let places: Vec<usize> = (0..message.len()).filter(|from| message[*from..].starts_with(text)).collect();
    assert!(!places.is_empty(), "what shall be replaced is not there");
    places
}

/// The time since 1970.
pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970")
}
