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
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// The form of the log: an event becomes an object of its time, its level, its fields in their order, and where it comes
/// from.
#[derive(Debug)]
pub struct JsonLine;

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
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", event.metadata().level())?;
        let mut members = Members { out: &mut writer, outcome: Ok(()) };
        event.record(&mut members);
        members.add("target", |out| string(out, event.metadata().target()));
        members.outcome?;
        writer.write_str("}\n")
    }
}

/// The members of an object that is begun already, one for each field.
struct Members<'a> {
    out: &'a mut dyn Write,
    outcome: fmt::Result,
}

impl Members<'_> {
    fn add(&mut self, name: &str, value: impl FnOnce(&mut dyn Write) -> fmt::Result) {
        let write = |out: &mut dyn Write| {
            out.write_char(',')?;
            string(out, name)?;
            out.write_char(':')?;
            value(out)
        };
        if self.outcome.is_ok() {
            self.outcome = write(self.out);
        }
    }
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), |out| string(out, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), |out| write!(out, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), |out| write!(out, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity, and nothing that is no number.
        self.add(field.name(), |out| {
            if value.is_finite() { write!(out, "{value}") } else { out.write_str("null") }
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field.name(), |out| quoted(out, format_args!("{value}")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field.name(), |out| quoted(out, format_args!("{value:?}")));
    }
}

fn string(out: &mut dyn Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    Escaped(out).write_str(text)?;
    out.write_char('"')
}

fn quoted(out: &mut dyn Write, value: fmt::Arguments<'_>) -> fmt::Result {
    out.write_char('"')?;
    Escaped(out).write_fmt(value)?;
    out.write_char('"')
}

/// Writes text as it stands in a string.
struct Escaped<'a>(&'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        let needs_escape = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        while let Some((plain, special, after)) = rest.bytes().position(needs_escape).and_then(|at| {
            let (plain, from) = rest.split_at_checked(at)?;
            Some((plain, from.bytes().next()?, from.get(1..)?))
        }) {
            self.0.write_str(plain)?;
            match special {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                b'\n' => self.0.write_str("\\n")?,
                other => write!(self.0, "\\u{other:04x}")?,
            }
            rest = after;
        }
        self.0.write_str(rest)
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
