//! Writing: fields are appended to a buffer.

/// A message that grows at the end of a buffer.
#[derive(Debug)]
pub struct Message<'b> {
    buffer: &'b mut Vec<u8>,
}

impl<'b> Message<'b> {
    /// A message that begins where the buffer ends.
    pub fn new(buffer: &'b mut Vec<u8>) -> Self {
        Self { buffer }
    }

    /// Appends a number.
    pub fn number(&mut self, field: u32, number: u64) {
        self.varint(u64::from(field) << 3);
        self.varint(number);
    }

    /// Appends a text.
    pub fn text(&mut self, field: u32, text: &str) {
        self.begin(field);
        self.varint(text.len() as u64);
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Appends a text in several pieces.
    pub fn pieces<'t>(&mut self, field: u32, pieces: impl IntoIterator<Item = &'t str>) {
        self.message(field, |inner| {
            for piece in pieces {
                inner.buffer.extend_from_slice(piece.as_bytes());
            }
        });
    }

    /// Appends fields that are encoded already.
    pub fn fields(&mut self, encoded: &[u8]) {
        self.buffer.extend_from_slice(encoded);
    }

    /// Appends a message. Its length stands before it and is known after it: one byte is left for that, and a message
    /// of more than 127 bytes moves on by what is missing. That is cheaper than computing each length first.
    pub fn message(&mut self, field: u32, write: impl FnOnce(&mut Message<'_>)) {
        self.begin(field);
        let place = self.buffer.len();
        self.buffer.push(0);
        write(&mut Message::new(self.buffer));
        let length = self.buffer.len() - place - 1;
        match (u8::try_from(length), self.buffer.get_mut(place)) {
            (Ok(short @ ..=0x7f), Some(byte)) => *byte = short,
            _ => self.insert_length(place, length),
        }
    }

    /// Moves a message on, so that its length has room from `place` on, where one byte is left.
    fn insert_length(&mut self, place: usize, length: usize) {
        let (begin, varint) = (place + 1, Varint::of(length as u64));
        let digits = varint.bytes();
        self.buffer.extend_from_slice(digits.get(1..).unwrap_or_default());
        self.buffer.copy_within(begin..begin + length, place + digits.len());
        if let Some(room) = self.buffer.get_mut(place..place + digits.len()) {
            room.copy_from_slice(digits);
        }
    }

    fn begin(&mut self, field: u32) {
        self.varint(u64::from(field) << 3 | BYTES);
    }

    /// Nearly all numbers are short: an answer has some hundred of them.
    fn varint(&mut self, number: u64) {
        match u8::try_from(number) {
            Ok(short @ ..=0x7f) => self.buffer.push(short),
            _ => self.buffer.extend_from_slice(Varint::of(number).bytes()),
        }
    }
}

/// The wire type of texts and messages.
const BYTES: u64 = 2;

/// A number in the form in which short ones are short.
struct Varint {
    digits: [u8; 10],
    count: usize,
}

impl Varint {
    fn of(mut number: u64) -> Self {
        let mut varint = Self { digits: [0; 10], count: 0 };
        for digit in &mut varint.digits {
            varint.count += 1;
            *digit = (number & 0x7f) as u8;
            number >>= 7;
            if number == 0 {
                break;
            }
            *digit |= 0x80;
        }
        varint
    }

    fn bytes(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::check::wire::{Fields, Value};

    use super::*;

    #[test]
    fn a_message_of_any_length_is_read_as_it_was_written() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 70_000] {
            let text = "x".repeat(length);
            let mut buffer = b"before".to_vec();
            Message::new(&mut buffer).message(3, |inner| {
                inner.number(1, u64::MAX);
                inner.pieces(2, [text.as_str(), "y"]);
                inner.text(16, "last");
            });
            let mut outer = Fields::of(buffer.strip_prefix(b"before").expect("what stood there stays"));
            let Ok(Some((3, Value::Bytes(message)))) = outer.next_field() else { panic!("no message") };
            assert_eq!(outer.next_field(), Ok(None));
            let mut fields = Fields::of(message);
            assert_eq!(fields.next_field(), Ok(Some((1, Value::Number(u64::MAX)))));
            assert_eq!(fields.next_field(), Ok(Some((2, Value::Bytes((text + "y").as_bytes())))));
            assert_eq!(fields.next_field(), Ok(Some((16, Value::Bytes(b"last")))));
            assert_eq!(fields.next_field(), Ok(None));
        }
    }
}
