//! What people call things, and find them by.

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// The most labels of one key.
pub const LABELS_MAX: usize = 32;
/// The longest name of a label, in bytes.
pub const LABEL_NAME_BYTES_MAX: usize = 63;
/// The longest value of a label, in bytes.
pub const LABEL_VALUE_BYTES_MAX: usize = 256;

/// Whether something can be called so: 1 to [`NAME_BYTES_MAX`] bytes without control characters.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether a label can have this name: 1 to [`LABEL_NAME_BYTES_MAX`] characters `a-z0-9._/-`.
#[must_use]
pub fn is_label_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._/-".contains(&byte);
    (1..=LABEL_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(legal)
}

/// Whether a label can have this value: at most [`LABEL_VALUE_BYTES_MAX`] bytes without control characters.
#[must_use]
pub fn is_label_value(text: &str) -> bool {
    text.len() <= LABEL_VALUE_BYTES_MAX && !text.chars().any(char::is_control)
}
