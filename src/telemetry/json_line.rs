//! How a line of the log is written: one JSON object (RFC 8259).
//!
//! Every refusal has a line, so this is on the path of those who knock in vain. The library's own way makes a text of each
//! value before it is written; here values are escaped on their way into the line.

use std::{
    cell::Cell,
    error::Error,
    fmt::{self, Debug, Write},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::domain::{Clock, SystemClock, Timestamp};

/// What a thread keeps for its next line, in bytes: most lines of refusals are shorter.
const KEPT_BYTES_MAX: usize = 4096;

thread_local! {
    /// The memory of this thread's last line, for its next.
    static LINE: Cell<Line> = Cell::default();
}

/// The form of the log: an event becomes an object of its time, its level, its fields in their order, and where it comes
/// from. Each goes whole, and with the end of its line, to what is given.
#[derive(Debug)]
pub struct JsonLines<P>(P);

impl<P: Fn(&str)> JsonLines<P> {
    /// Lines that are put somewhere.
    pub fn put_by(put: P) -> Self {
        Self(put)
    }
}

impl<S: Subscriber, P: Fn(&str) + 'static> Layer<S> for JsonLines<P> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Whoever logs while a line is put together, or while its thread ends, has a line of its own.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.text.push_str("{\"timestamp\":\"");
        line.time(SystemClock.now());
        line.text.push_str("\",\"level\":\"");
        line.text.push_str(event.metadata().level().as_str());
        line.text.push('"');
        event.record(&mut line);
        line.name("target");
        line.string(event.metadata().target());
        line.text.push_str("}\n");
        (self.0)(&line.text);
        line.text.clear();
        line.text.shrink_to(KEPT_BYTES_MAX);
        let _ = LINE.try_with(|kept| kept.set(line));
    }
}

/// An object that is begun already: each field is added as a member.
#[derive(Default)]
struct Line {
    text: String,
    /// The second of the last line, and how it is written without its end.
    second: Option<i64>,
    written_second: String,
}

impl Line {
    /// The time to the microsecond (RFC 3339). Lines of one second share what is costly of it.
    fn time(&mut self, now: Timestamp) {
        let second = now.as_second();
        if self.second != Some(second) {
            self.second = Some(second);
            self.written_second = format!("{now:.0}");
            self.written_second.truncate(self.written_second.trim_end_matches('Z').len());
        }
        self.text.push_str(&self.written_second);
        self.text.push('.');
        let microseconds = now.subsec_microsecond().unsigned_abs();
        for place in [100_000, 10_000, 1_000, 100, 10, 1] {
            self.text.push(char::from_digit(microseconds / place % 10, 10).unwrap_or('0'));
        }
        self.text.push('Z');
    }

    /// The name of a member. It stands in the source of a program, where nobody names anything that has to be escaped.
    fn name(&mut self, name: &str) {
        self.text.push_str(",\"");
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        if is_plain(text) {
            self.text.push_str(text);
        } else {
            self.escaped(text);
        }
        self.text.push('"');
    }

    /// A text that cannot stand in a string as it is.
    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some((plain, special, after)) = split_at_special(rest) {
            self.text.push_str(plain);
            match special {
                b'"' => self.text.push_str("\\\""),
                b'\\' => self.text.push_str("\\\\"),
                b'\n' => self.text.push_str("\\n"),
                other => self.unquoted(format_args!("\\u{other:04x}")),
            }
            rest = after;
        }
        self.text.push_str(rest);
    }

    /// A string that shows a value. Mostly it can stand as it is; only otherwise is it written a second time.
    fn quoted(&mut self, value: fmt::Arguments<'_>) {
        self.text.push('"');
        let begin = self.text.len();
        self.unquoted(value);
        if !self.text.get(begin..).is_some_and(is_plain) {
            let shown = self.text.split_off(begin);
            self.escaped(&shown);
        }
        self.text.push('"');
    }

    fn unquoted(&mut self, value: fmt::Arguments<'_>) {
        // Memory takes whatever comes; what cannot show itself is shown as far as it goes.
        let _ = self.text.write_fmt(value);
    }
}

/// Whether all of a text can stand in a string as it is; mostly it can. Sixteen bytes are looked at in one go, of a shorter text
/// eight or four; the last of them with some of what was looked at already.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    if let (chunks, Some(last)) = (bytes.as_chunks::<16>().0, bytes.last_chunk::<16>()) {
        chunks.iter().fold(are_plain(last), |plain, chunk| plain & are_plain(chunk))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        are_plain(first) & are_plain(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        are_plain(first) & are_plain(last)
    } else {
        bytes.iter().all(|byte| !is_special(*byte))
    }
}

/// Without a branch, so that the compiler compares all of them at once.
fn are_plain<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes.iter().fold(0, |found, byte| found | u8::from(is_special(*byte))) == 0
}

/// Whether a byte cannot stand in a string as it is. Told by comparing, not by matching, for what [`are_plain`] needs.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// What stands before the first byte that cannot stand in a string, that byte, and what comes after it.
fn split_at_special(text: &str) -> Option<(&str, u8, &str)> {
    let (plain, from) = text.split_at_checked(text.bytes().position(is_special)?)?;
    Some((plain, from.bytes().next()?, from.get(1..)?))
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field.name());
        self.string(value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field.name());
        self.text.push_str(if value { "true" } else { "false" });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.name(field.name());
        self.unquoted(format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field.name());
        self.unquoted(format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field.name());
        // JSON has no infinity, and nothing that is no number.
        if value.is_finite() { self.unquoted(format_args!("{value}")) } else { self.text.push_str("null") }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.name(field.name());
        self.quoted(format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.name(field.name());
        self.quoted(format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::written::Written;

    #[test]
    fn a_line_is_an_object_whatever_stands_in_it() {
        let written = Written::default();
        let writer = written.clone();
        let put = move |line: &str| writer.clone().write_all(line.as_bytes()).expect("it takes all");
        let subscriber = tracing_subscriber::registry().with(JsonLines::put_by(put));
        let every_char: String = ('\0'..='\u{ff}').chain(['\u{2028}', '😀']).collect();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(
                target: "a::b",
                text = &*every_char,
                shown = tracing::field::display(&every_char),
                error = &io::Error::other("a \"bad\" day") as &(dyn Error + 'static),
                number = -7_i64,
                large = u64::MAX,
                half = 0.5,
                none = f64::NAN,
                yes = true,
                absent = Option::<&str>::None,
                "it \\ happened"
            );
        });
        let line = String::from_utf8(written.bytes()).expect("a text");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let mut told: Value = serde_json::from_str(&line).expect("an object");
        let time = told["timestamp"].take();
        assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        let expected = json!({
            "timestamp": null, "level": "INFO", "message": "it \\ happened", "text": every_char,
            "shown": every_char, "error": "a \"bad\" day", "number": -7, "large": u64::MAX, "half": 0.5,
            "none": null, "yes": true, "target": "a::b",
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn a_time_is_told_to_the_microsecond() {
        let mut line = Line::default();
        for moment in [
            "2026-01-02T03:04:05.000006Z",
            "2026-01-02T03:04:05.999999Z",
            "2026-01-02T03:04:06.100000Z",
            "1970-01-01T00:00:00.000000Z",
            "2026-01-02T03:04:05.123456Z",
        ] {
            line.time(moment.parse().expect("a moment"));
            assert_eq!(line.text, moment);
            line.text.clear();
        }
    }

    proptest! {
        #[test]
        fn a_text_is_plain_if_none_of_its_bytes_is_special(text in "[a\"\\\\\0-\u{100}]{0,40}") {
            prop_assert_eq!(is_plain(&text), !text.bytes().any(is_special));
            for at in 0..40 {
                let text = "x".repeat(at) + &text;
                prop_assert_eq!(is_plain(&text), !text.bytes().any(is_special));
            }
        }
    }
}
