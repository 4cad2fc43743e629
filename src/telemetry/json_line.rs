//! How a line of the log is written: one JSON object (RFC 8259).
//!
//! Every refusal has a line, so this is on the path of those who knock in vain. The library's own way makes a text of each
//! value before it is written; here values are escaped on their way into the line.

use std::{
    error::Error,
    fmt::{self, Debug, Write},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::domain::{Clock, SystemClock};

/// The form of the log: an event becomes an object of its time, its level, its fields in their order, and where it comes
/// from.
#[derive(Debug)]
pub struct JsonLine;

/// What a line has room for before its memory grows, in bytes: most lines of refusals are shorter.
const LINE_BYTES: usize = 512;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Put together here, since each call of `writer` goes by a table: a line has a hundred pieces.
        let mut line = Line(String::with_capacity(LINE_BYTES));
        line.0.push_str("{\"timestamp\":\"");
        let now = SystemClock.now();
        line.unquoted(format_args!("{now:.6}"));
        line.0.push_str("\",\"level\":\"");
        line.0.push_str(event.metadata().level().as_str());
        line.0.push('"');
        event.record(&mut line);
        line.name("target");
        line.string(event.metadata().target());
        line.0.push_str("}\n");
        writer.write_str(&line.0)
    }
}

/// An object that is begun already: each field is added as a member.
struct Line(String);

impl Line {
    fn name(&mut self, name: &str) {
        self.0.push(',');
        self.string(name);
        self.0.push(':');
    }

    fn string(&mut self, text: &str) {
        self.0.push('"');
        self.escaped(text);
        self.0.push('"');
    }

    /// A text as it stands in a string.
    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        // Without a way out before the end, many bytes are looked at in one go; and mostly none is special.
        if text.bytes().fold(false, |found, byte| found | is_special(byte)) {
            while let Some((plain, special, after)) = split_at_special(rest) {
                self.0.push_str(plain);
                match special {
                    b'"' => self.0.push_str("\\\""),
                    b'\\' => self.0.push_str("\\\\"),
                    b'\n' => self.0.push_str("\\n"),
                    other => self.unquoted(format_args!("\\u{other:04x}")),
                }
                rest = after;
            }
        }
        self.0.push_str(rest);
    }

    fn quoted(&mut self, value: fmt::Arguments<'_>) {
        self.0.push('"');
        // Memory takes whatever comes; what cannot show itself is shown as far as it goes.
        let _ = Escaped(self).write_fmt(value);
        self.0.push('"');
    }

    fn unquoted(&mut self, value: fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(value);
    }
}

/// Whether a byte cannot stand in a string as it is.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1f)
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
        self.0.push_str(if value { "true" } else { "false" });
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
        if value.is_finite() { self.unquoted(format_args!("{value}")) } else { self.0.push_str("null") }
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

/// Writes text into a string of the line.
struct Escaped<'a>(&'a mut Line);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.escaped(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry::written::Written;

    #[test]
    fn a_line_is_an_object_whatever_stands_in_it() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber =
            tracing_subscriber::fmt().event_format(JsonLine).with_writer(move || writer.clone()).finish();
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
}
