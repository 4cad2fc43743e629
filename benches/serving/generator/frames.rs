//! HTTP/2 frames (RFC 9113) and header blocks (RFC 7541), as far as a client of one kind of request needs them.

use std::collections::VecDeque;

/// What a client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The window of a connection before anybody widens it, in bytes.
pub(crate) const WINDOW: u32 = 65_535;
/// The bytes before what a frame carries.
pub(crate) const HEAD: usize = 9;

/// The kinds of frames that matter here.
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RESET: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
}

/// Their flags.
pub(crate) mod flag {
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
    pub(crate) const PADDED: u8 = 8;
    pub(crate) const PRIORITY: u8 = 32;
}

/// The settings.
pub(crate) mod setting {
    pub(crate) const PUSH: u16 = 2;
    pub(crate) const STREAMS_MAX: u16 = 3;
    pub(crate) const STREAM_WINDOW: u16 = 4;
}

/// A frame that has come whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'b> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: &'b [u8],
}

impl<'b> Frame<'b> {
    /// The first frame of `bytes`, if it has come whole.
    pub(crate) fn first(bytes: &'b [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        Some(Self { kind: head[3], flags: head[4], stream, payload: rest.get(..length)? })
    }

    /// What it carries, without padding and priority.
    pub(crate) fn content(&self) -> Result<&'b [u8], &'static str> {
        let mut content = self.payload;
        if self.flags & flag::PADDED != 0 {
            let (padding, rest) = content.split_first().ok_or("a padded frame without padding")?;
            let length = rest.len().checked_sub(usize::from(*padding)).ok_or("more padding than frame")?;
            content = &rest[..length];
        }
        if self.kind == kind::HEADERS && self.flags & flag::PRIORITY != 0 {
            content = content.get(5..).ok_or("a priority that is cut off")?;
        }
        Ok(content)
    }

    /// The number that it carries first.
    pub(crate) fn number(&self) -> Result<u32, &'static str> {
        let bytes = self.payload.first_chunk().ok_or("a frame that is cut off")?;
        Ok(u32::from_be_bytes(*bytes))
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Writes the head of a frame.
#[expect(clippy::cast_possible_truncation, reason = "no frame of ours is longer than 16 KiB")]
pub(crate) fn head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    out.extend_from_slice(&(length as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// Widens the window of a connection, for what it may send to us.
pub(crate) fn widen(out: &mut Vec<u8>, bytes: u32) {
    head(out, 4, kind::WINDOW_UPDATE, 0, 0);
    out.extend_from_slice(&bytes.to_be_bytes());
}

/// Writes a number of a header block: `bits` of the first byte are for it, the others are `start`.
fn write_number(out: &mut Vec<u8>, start: u8, bits: u32, number: usize) {
    let most = (1_usize << bits) - 1;
    let low = |number: usize| u8::try_from(number & 0xff).unwrap_or_default();
    if number < most {
        out.push(start | low(number));
        return;
    }
    out.push(start | low(most));
    let mut rest = number - most;
    while rest >= 0x80 {
        out.push(low(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low(rest));
}

fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    write_number(out, 0, 7, text.len());
    out.extend_from_slice(text);
}

/// Writes a header that neither side shall remember.
pub(crate) fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0);
    write_text(out, name.as_bytes());
    write_text(out, value.as_bytes());
}

/// Header blocks with these headers: for the first request of a connection, and for the others, which refer to what
/// the first has told, as Envoy does.
pub(crate) fn remembered(headers: &[(&str, &str)]) -> [Vec<u8>; 2] {
    let [mut first, mut others] = [Vec::new(), Vec::new()];
    for (at, (name, value)) in headers.iter().enumerate() {
        first.push(0x40);
        write_text(&mut first, name.as_bytes());
        write_text(&mut first, value.as_bytes());
        // The last that was told is number 62.
        write_number(&mut others, 0x80, 7, STATIC_ENTRIES + headers.len() - at);
    }
    [first, others]
}

/// How many entries the static table has.
const STATIC_ENTRIES: usize = 61;
/// The statuses of its entries from number 8 on.
const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
/// An entry takes at least 32 bytes of a table of 4096.
const ENTRIES_MAX: usize = 128;
const GRPC_STATUS: &[u8] = b"grpc-status";
/// The same in Huffman's code.
const GRPC_STATUS_CODED: &[u8] = &[0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Status,
    GrpcStatus,
    Other,
}

/// The two statuses of an answer, as far as a header block tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Statuses {
    pub(crate) http: Option<u16>,
    pub(crate) grpc: Option<u16>,
}

/// Reads header blocks, of which it understands the statuses only.
#[derive(Debug, Default)]
pub(crate) struct HeaderReader {
    /// What the peer told us to remember, the newest first. More is kept than the peer may refer to.
    entries: VecDeque<(Name, Option<u16>)>,
}

impl HeaderReader {
    /// Reads a whole block.
    ///
    /// # Errors
    ///
    /// The block breaks the rules.
    pub(crate) fn read(&mut self, mut block: &[u8]) -> Result<Statuses, &'static str> {
        let mut statuses = Statuses::default();
        while let Some(first) = block.first().copied() {
            let (name, value) = match first {
                0x80.. => {
                    let number = number(&mut block, 7)?;
                    self.entry(number)?
                }
                // The table gets another size: we keep more anyway.
                0x20..0x40 => {
                    let _size = number(&mut block, 5)?;
                    continue;
                }
                _ => self.literal(&mut block, first & 0x40 != 0)?,
            };
            match name {
                Name::Status => statuses.http = value,
                Name::GrpcStatus => statuses.grpc = value,
                Name::Other => {}
            }
        }
        Ok(statuses)
    }

    fn literal(
        &mut self,
        block: &mut &[u8],
        is_remembered: bool,
    ) -> Result<(Name, Option<u16>), &'static str> {
        let name = match number(block, if is_remembered { 6 } else { 4 })? {
            0 => match text(block)? {
                (false, GRPC_STATUS) | (true, GRPC_STATUS_CODED) => Name::GrpcStatus,
                _ => Name::Other,
            },
            number => self.entry(number)?.0,
        };
        let (is_coded, value) = text(block)?;
        let value = match name {
            Name::Other => None,
            _ if is_coded => coded_digits(value),
            _ => std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()),
        };
        if is_remembered {
            self.entries.push_front((name, value));
            self.entries.truncate(ENTRIES_MAX);
        }
        Ok((name, value))
    }

    fn entry(&self, number: usize) -> Result<(Name, Option<u16>), &'static str> {
        match number {
            8..15 => Ok((Name::Status, Some(STATUSES[number - 8]))),
            0 => Err("a header of number 0"),
            1..=STATIC_ENTRIES => Ok((Name::Other, None)),
            _ => self.entries.get(number - STATIC_ENTRIES - 1).copied().ok_or("a header that was never told"),
        }
    }
}

/// Takes a number off the front, of whose first byte `bits` belong to it.
fn number(block: &mut &[u8], bits: u32) -> Result<usize, &'static str> {
    const CUT: &str = "a number that is cut off";
    let most = (1_u8 << bits) - 1;
    let (first, mut rest) = block.split_first().ok_or(CUT)?;
    let mut number = usize::from(first & most);
    if first & most == most {
        for shift in (0..).step_by(7).take(4) {
            let (byte, after) = rest.split_first().ok_or(CUT)?;
            rest = after;
            number += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *block = rest;
    Ok(number)
}

/// Takes a text off the front; tells whether it is in Huffman's code.
fn text<'b>(block: &mut &'b [u8]) -> Result<(bool, &'b [u8]), &'static str> {
    let is_coded = block.first().is_some_and(|first| first & 0x80 != 0);
    let length = number(block, 7)?;
    let (text, rest) = block.split_at_checked(length).ok_or("a text that is cut off")?;
    *block = rest;
    Ok((is_coded, text))
}

/// A number written in Huffman's code, where 0 to 2 have five bits and 3 to 9 have six.
fn coded_digits(coded: &[u8]) -> Option<u16> {
    let mut bits = coded.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1)));
    let mut number = None;
    loop {
        let mut code = 0;
        for _ in 0..5 {
            match bits.next() {
                Some(bit) => code = code << 1 | bit,
                // What is left are ones, to fill the last byte.
                None => return number,
            }
        }
        let digit = match code {
            0..3 => code,
            0b01100..=0b01111 => (code << 1 | bits.next()?).checked_sub(0b01_1001)? + 3,
            _ => return number,
        };
        number = Some(number.unwrap_or(0) * 10 + digit);
    }
}
