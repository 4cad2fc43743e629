//! What a request names by itself: the organization or the project that it is about.

use std::{borrow::Cow, fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use serde::{
    Deserializer as _,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};

use crate::{
    check::{
        refusal::Refusal,
        request::{Body, InboundRequest, query_parameters},
    },
    config::{Binding, NamePlace},
    domain::{DenialReason, HeaderName, folds_to},
};

/// What the request names in the places of a binding; `None` if nothing.
///
/// # Errors
///
/// `request_malformed` if a place can be read in two ways, says something that cannot be an id, or if two places
/// say different things; `body_incomplete` if the body would have to be read and is not there.
pub(super) fn named<I: FromStr>(
    binding: &Binding,
    request: &InboundRequest<'_>,
) -> Result<Option<I>, Refusal> {
    let mut found: Option<Cow<'_, str>> = None;
    for place in &binding.from {
        let Some(name) = read(place, request)? else {
            continue;
        };
        if found.as_ref().is_some_and(|earlier| *earlier != name) {
            return Err(malformed("two places name different organizations or projects"));
        }
        found = Some(name);
    }
    let parse = |name: Cow<'_, str>| {
        name.parse().map_err(|_| malformed("what names the organization or project cannot be an id"))
    };
    found.map(parse).transpose()
}

fn read<'r>(place: &NamePlace, request: &InboundRequest<'r>) -> Result<Option<Cow<'r, str>>, Refusal> {
    match place {
        NamePlace::Segment(index) => {
            let segment = request.path.split('/').nth(index + 1);
            segment.map(|text| decoded(text, false)).transpose()
        }
        NamePlace::Query(name) => in_query(name, request.query),
        NamePlace::Header(name) => in_header(name, request),
        NamePlace::Json(name) => in_json(name, request),
    }
}

fn decoded(text: &str, plus_is_space: bool) -> Result<Cow<'_, str>, Refusal> {
    if plus_is_space && text.contains('+') {
        // Some read it as a space, some as itself.
        return Err(malformed("a `+` names the organization or project ambiguously"));
    }
    percent_decode_str(text).decode_utf8().map_err(|_| malformed("an escape is not UTF-8"))
}

/// Applications that know headers by their CGI names read `x_org` as `x-org`.
fn in_header<'r>(name: &HeaderName, request: &InboundRequest<'r>) -> Result<Option<Cow<'r, str>>, Refusal> {
    let mut alike = request.headers.iter().filter(|(spelled, _)| folds_to(spelled, name.as_str()));
    let Some((spelled, value)) = alike.next() else {
        return Ok(None);
    };
    let is_plain = spelled.eq_ignore_ascii_case(name.as_str()) && !value.contains(&b',');
    if !is_plain || alike.next().is_some() {
        return Err(malformed(
            "the header that names the organization or project is not there once and plain",
        ));
    }
    let text = std::str::from_utf8(value).map_err(|_| malformed("a header is not text"))?;
    Ok(Some(Cow::Borrowed(text)))
}

/// Parsers differ in which of two parameters counts, in whether names are decoded, and in whether `;` separates
/// parameters as `&` does.
fn in_query<'r>(name: &str, query: &'r str) -> Result<Option<Cow<'r, str>>, Refusal> {
    let mut found = None;
    for pair in query.split('&') {
        let mut is_named = false;
        for (spelled, _) in pair.split(';').flat_map(query_parameters) {
            is_named |= alike(&decoded(spelled, false)?, name);
        }
        if !is_named {
            continue;
        }
        let (spelled, value) = pair.split_once('=').unwrap_or((pair, ""));
        if spelled != name || value.contains(';') || found.is_some() {
            return Err(malformed(
                "the parameter that names the organization or project is not there once and plain",
            ));
        }
        found = Some(decoded(value, true)?);
    }
    Ok(found)
}

/// Whether an application might read one name as the other. Some disregard case; some turn what is no letter and no
/// digit into `_`, or drop it; to some `name[]`, `name[0]` and `[name]` are `name`; and to some a name ends at a zero
/// byte.
fn alike(spelled: &str, name: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> {
        let from_its_first_letter = text.trim_start_matches(|c: char| !c.is_alphanumeric());
        let own = from_its_first_letter.split(['[', '\0']).next().unwrap_or_default();
        let letters = own.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_uppercase).flat_map(char::to_lowercase)
    }
    spelled == name || (folded(name).next().is_some() && folded(spelled).eq(folded(name)))
}

/// The member of the body, which has to be one whole JSON object (RFC 8259) if there is a body at all.
fn in_json<'r>(name: &str, request: &InboundRequest<'r>) -> Result<Option<Cow<'r, str>>, Refusal> {
    let bytes = match request.body {
        Body::Whole([]) => return Ok(None),
        Body::Whole(bytes) => bytes,
        Body::CutOff => return Err(incomplete("Envoy cut the body off: raise max_request_bytes")),
        Body::Withheld => {
            return Err(incomplete("Envoy did not send the body: set with_request_body on the filter"));
        }
    };
    if !is_json(request) {
        return Err(malformed("the body is not plain application/json"));
    }
    // What is read past has to be UTF-8 as well: other parsers may find the end of a text elsewhere in it.
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("the body is not UTF-8"))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let member = deserializer.deserialize_map(Member(name));
    let member = member.and_then(|member| deserializer.end().map(|()| member));
    member.map(|text| text.map(Cow::Owned)).map_err(|_| {
        malformed("the body is no JSON object that names the organization or project once, as text")
    })
}

fn is_json(request: &InboundRequest<'_>) -> bool {
    let mut types = request.headers.values("content-type");
    let (first, second) = (types.next().unwrap_or_default(), types.next());
    let mut parts = first.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = |parameter: &[u8]| {
        !parameter.to_ascii_lowercase().starts_with(b"charset")
            || matches!(parameter.to_ascii_lowercase().as_slice(), b"charset=utf-8" | b"charset=\"utf-8\"")
    };
    second.is_none()
        && essence.eq_ignore_ascii_case(b"application/json")
        && parts.all(is_utf8)
        && request.headers.values("content-encoding").all(|coding| coding.eq_ignore_ascii_case(b"identity"))
}

/// Reads one member of an object as text, and everything else past it.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<String>, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            if !alike(&name, self.0) {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            if name != self.0 || found.is_some() {
                return Err(A::Error::custom("the member is not there once and plain"));
            }
            found = Some(members.next_value()?);
        }
        Ok(found)
    }
}

fn malformed(cause: &'static str) -> Refusal {
    Refusal::denied(DenialReason::RequestMalformed, cause)
}

fn incomplete(cause: &'static str) -> Refusal {
    Refusal::denied(DenialReason::BodyIncomplete, cause)
}
