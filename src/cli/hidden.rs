//! Secrets that are read from files or from standard input, since every user of the machine can read arguments.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use secrecy::zeroize::Zeroizing;

use super::{Exit, Failure};

/// What stands in a file of at most `most` bytes, without the line's end at its end; `-` is standard input. What is
/// longer than that, or no text, is read as nothing.
///
/// # Errors
///
/// It cannot be read.
pub(super) fn read(file: &Path, most: usize) -> Result<Zeroizing<String>, Failure> {
    let failed =
        |error: io::Error| Failure::new(Exit::Usage, format!("{} cannot be read: {error}", file.display()));
    // Of this size from the start, so that no growing leaves a copy behind.
    let mut bytes = Zeroizing::new(vec![0; most + 1]);
    let mut source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(failed)?)
    };
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let text = bytes.get(..length).filter(|_| length <= most);
    let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Zeroizing::new(text.to_owned()))
}
