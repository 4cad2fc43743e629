//! Reading: a message falls into its fields.

/// The bytes are no message: a field is cut off, or has no form that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no Protocol Buffers message")]
pub struct Broken;

/// What a field holds. Numbers of fixed width are walked past, as no field that is read has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'b> {
    /// A number of variable width.
    Number(u64),
    /// A text, bytes or a message.
    Bytes(&'b [u8]),
}

impl<'b> Value<'b> {
    /// The bytes of the text or the message.
    ///
    /// # Errors
    ///
    /// It is a number.
    pub fn bytes(self) -> Result<&'b [u8], Broken> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(Broken),
        }
    }
}

/// The fields of a message, number and value, in the order in which they stand.
#[derive(Debug, Clone)]
pub struct Fields<'b> {
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    /// The fields of the message that has these bytes.
    #[must_use]
    pub fn of(message: &'b [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field, or `None` at the end.
    ///
    /// # Errors
    ///
    /// What stands there is no field.
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'b>)>, Broken> {
        while !self.rest.is_empty() {
            let tag = self.varint()?;
            let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0).ok_or(Broken)?;
            match tag & 7 {
                0 => return Ok(Some((number, Value::Number(self.varint()?)))),
                2 => {
                    let length = usize::try_from(self.varint()?).map_err(|_| Broken)?;
                    return Ok(Some((number, Value::Bytes(self.take(length)?))));
                }
                1 => self.take(8).map(drop)?,
                5 => self.take(4).map(drop)?,
                // Groups: proto3 has none.
                _ => return Err(Broken),
            }
        }
        Ok(None)
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number in the form in which short ones are short: seven bits a byte, the lowest first, and the eighth bit says
    /// that there is more.
    fn varint(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Broken)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Broken> {
        let mut fields = Fields::of(message);
        let mut found = Vec::new();
        while let Some(field) = fields.next_field()? {
            found.push(field);
        }
        Ok(found)
    }

    #[test]
    fn numbers_and_bytes_are_read_and_fixed_ones_walked_past() {
        let message = [
            &[0x08, 0x96, 0x01][..],
            &[0x11, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x12, 2, b'h', b'i'],
            &[0x1d, 1, 2, 3, 4],
            &[0x22, 0],
        ];
        let expected = [(1, Value::Number(150)), (2, Value::Bytes(b"hi")), (4, Value::Bytes(b""))];
        assert_eq!(read(&message.concat()).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn what_is_cut_off_or_has_no_form_is_broken() {
        for message in [
            &[0x08][..],
            &[0x08, 0x80],
            &[0x12, 3, b'h', b'i'],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x11, 1, 2],
            &[0x00, 0],
            &[0x0b, 0x0c],
            &[0x0e, 0],
            &[0x80; 11],
        ] {
            assert_eq!(read(message), Err(Broken), "{message:?}");
        }
    }
}
