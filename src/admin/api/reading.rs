//! Reading what a request asks for: texts become what they stand for, and all that is wrong is told at once.

use std::{fmt::Display, str::FromStr, time::Duration};

use crate::{
    admin::problem::quoted,
    domain::{ApiName, SCOPES_MAX, ScopeSet, Timestamp},
};

use super::fault::{Fault, path};

/// A field of the request whose own fields are read; without a name, the request itself.
pub(super) struct Reading {
    within: &'static str,
    problems: Vec<(String, String)>,
}

impl Reading {
    pub(super) fn of(within: &'static str) -> Self {
        Self { within, problems: Vec::new() }
    }

    /// Notes that something is wrong with a field.
    pub(super) fn problem(&mut self, field: &str, what: impl Into<String>) {
        self.problems.push((path(self.within, field), what.into()));
    }

    /// A field that has to be there.
    pub(super) fn one<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let found = if text.is_empty() { "nothing".to_owned() } else { quoted(text) };
                self.problem(field, format!("found {found}, {error}"));
                None
            }
        }
    }

    /// A field that may be absent.
    pub(super) fn optional<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        text: Option<&str>,
    ) -> Option<T> {
        text.and_then(|text| self.one(field, text))
    }

    /// A text that something is compared with. Nothing that is kept holds a control character, and not every store takes one.
    pub(super) fn text(&mut self, field: &str, text: Option<String>) -> Option<String> {
        if text.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
            self.problem(field, "expected no control character");
        }
        text
    }

    /// A list.
    pub(super) fn list<T: FromStr<Err: Display>>(&mut self, field: &str, texts: &[String]) -> Vec<T> {
        let each = texts.iter().enumerate();
        each.filter_map(|(at, text)| self.one(&format!("{field}[{at}]"), text)).collect()
    }

    /// Scopes, as a set.
    pub(super) fn scopes(&mut self, field: &str, texts: &[String]) -> ScopeSet {
        let scopes = self.list(field, texts);
        ScopeSet::new(scopes).unwrap_or_else(|error| {
            self.problem(field, format!("found {} scopes, expected at most {SCOPES_MAX}", error.found));
            ScopeSet::default()
        })
    }

    /// A moment that may be absent.
    pub(super) fn moment(
        &mut self,
        field: &str,
        moment: Option<prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let moment = moment?;
        let read = Timestamp::new(moment.seconds, moment.nanos).ok();
        if read.is_none() {
            self.problem(field, "expected a moment from the year -9999 to 9999");
        }
        read
    }

    /// A span of time that may be absent.
    pub(super) fn span(&mut self, field: &str, span: Option<prost_types::Duration>) -> Option<Duration> {
        let read = Duration::try_from(span?).ok();
        if read.is_none() {
            self.problem(field, "expected a span of time that is not negative");
        }
        read
    }

    /// Notes which fields are filled that nobody but the answer fills.
    pub(super) fn output_only(&mut self, fields: &[(&str, bool)]) {
        for (field, _) in fields.iter().filter(|(_, is_filled)| *is_filled) {
            self.problem(field, "found something, expected nothing: only answers fill it");
        }
    }

    /// What was read, unless something is wrong.
    pub(super) fn end<T>(self, value: Option<T>) -> Result<T, Fault> {
        if self.problems.is_empty() {
            // Whatever could not be read was noted.
            value.ok_or_else(|| Fault::internal("a field was not read, and not refused"))
        } else {
            Err(Fault::invalid(self.problems))
        }
    }
}

/// One field that has to be there.
pub(super) fn one<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Fault> {
    let mut reading = Reading::of("");
    let value = reading.one(field, text);
    reading.end(value)
}

/// The API of a filter.
pub(super) fn api_filter(name: Option<&str>) -> Result<Option<ApiName>, Fault> {
    name.map(|name| one("api", name)).transpose()
}

/// A message that has to be there.
pub(super) fn present<T>(field: &str, message: Option<T>) -> Result<T, Fault> {
    message.ok_or_else(|| Fault::field(field, "found nothing, expected an object"))
}
