//! What an answer says, read no further than needed, and by code of its own: a mistake in how the product writes its messages
//! would not be seen by how the product reads them.

use std::fmt;

use super::{
    frames::Statuses,
    requests::{Answer, Protocol},
};

/// The bytes before a message of gRPC.
const PREFIX: usize = 5;

/// The fields of a `CheckResponse`.
mod field {
    pub(super) const STATUS: u64 = 1;
    pub(super) const DENIED: u64 = 2;
    pub(super) const OK: u64 = 3;
}

/// What has come of an answer so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    statuses: Statuses,
    /// What the message says; `None` while it has not come whole, or makes no sense.
    message: Option<Answer>,
    /// The beginning of a message that comes in pieces.
    pieces: Vec<u8>,
}

impl Reading {
    /// Takes what a header block tells.
    pub(crate) fn statuses(&mut self, told: Statuses) {
        self.statuses.http = told.http.or(self.statuses.http);
        self.statuses.grpc = told.grpc.or(self.statuses.grpc);
    }

    /// Takes a piece of the body.
    pub(crate) fn data(&mut self, piece: &[u8]) {
        if self.message.is_some() {
            return;
        }
        if self.pieces.is_empty() {
            self.message = message(piece);
            if self.message.is_some() {
                return;
            }
        }
        self.pieces.extend_from_slice(piece);
        self.message = message(&self.pieces);
    }

    /// What the answer is, once it is whole.
    pub(crate) fn judge(&self, protocol: Protocol) -> Answer {
        match (protocol, self.statuses.http, self.statuses.grpc) {
            (Protocol::Grpc, Some(200), Some(0)) => self.message.unwrap_or(Answer::Failed),
            (Protocol::Http, Some(200..300), _) => Answer::Allowed,
            (Protocol::Http, Some(401 | 403 | 404 | 429), _) => Answer::Refused,
            _ => Answer::Failed,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Statuses { http, grpc } = self.statuses;
        let message = self.message;
        write!(f, "an answer with HTTP status {http:?}, gRPC status {grpc:?} and message {message:?}")
    }
}

/// What a message in gRPC's frame says: `None` if it is not there whole.
fn message(framed: &[u8]) -> Option<Answer> {
    let (prefix, message) = framed.split_at_checked(PREFIX)?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    let message = message.get(..length)?;
    // An empty status is code 0.
    let (mut code, mut is_ok, mut is_denied) = (0, false, false);
    for field in Fields(message) {
        match field {
            (field::STATUS, Value::Bytes(status)) => {
                let first = Fields(status).find(|(number, _)| *number == 1);
                code = if let Some((_, Value::Number(code))) = first { code } else { 0 };
            }
            (field::DENIED, _) => is_denied = true,
            (field::OK, _) => is_ok = true,
            _ => {}
        }
    }
    Some(match (code, is_ok, is_denied) {
        (0, true, false) => Answer::Allowed,
        (1.., false, true) => Answer::Refused,
        _ => Answer::Failed,
    })
}

enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message of Protocol Buffers, up to one that makes no sense.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = (u64, Value<'b>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}
