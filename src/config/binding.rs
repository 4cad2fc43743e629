//! `organization` and `project`: where a request names what the principal has to belong to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{HeaderName, RoutePattern};

use super::{
    credential_place::QueryName,
    place::Place,
    problem::Report,
    text::{Format, Text},
};

/// Where a request names an organization or a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binding {
    /// The places. Those that are filled must agree. Without any, the principal acts for its own.
    pub from: Vec<NamePlace>,
    /// Whether a request is refused that names none, or, where it cannot name any, whose principal has none.
    pub required: bool,
}

/// A place in the request that can name an organization or a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePlace {
    /// This segment of the path, counted from 0.
    Segment(usize),
    /// A query parameter.
    Query(String),
    /// A header.
    Header(HeaderName),
    /// A member of the body, which is a JSON object.
    Json(String),
}

/// Where a request names an organization or a project: `path` for the route's segment of that name, `own` where the
/// principal has to act for one that the request does not name, `none` where a route is free of what its API asks
/// for, or a list of places.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Binding")]
pub(super) enum RawBinding {
    /// `path`, `own` or `none`.
    Short(RawShort),
    /// A list of places.
    Long(RawLong),
}

/// A binding in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ShortBinding")]
pub(super) enum RawShort {
    /// The segment of the route's path that is called `{organization}` or `{project}`.
    Path,
    /// Nowhere, but the principal has to act for one all the same: its only one, or the owner of the project that
    /// the request names. For organizations only.
    Own,
    /// Nowhere: what the API says does not hold for this route.
    None,
}

/// A list of places.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LongBinding")]
pub(super) struct RawLong {
    /// The places. Where several are filled, they must agree.
    #[schemars(length(min = 1, max = 16))]
    from: Vec<RawNamePlace>,
    /// Whether a request that names none is refused.
    #[serde(default = "yes")]
    required: bool,
}

fn yes() -> bool {
    true
}

/// A place in the request that can name an organization or a project.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NamePlace")]
enum RawNamePlace {
    /// The segment of the path that has this name in the route's pattern. Routes without it are free of it.
    Path(Text<SegmentName>),
    /// A query parameter.
    Query(Text<QueryName>),
    /// A header.
    Header(Text<HeaderName>),
    /// A member of the body, which has to be one whole JSON object.
    Json(String),
}

/// The word for one of the two.
pub(super) const ORGANIZATION: &str = "organization";
/// The word for the other.
pub(super) const PROJECT: &str = "project";

/// What an API says of one of the two, and the word for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ApiBinding<'a> {
    /// `organization` or `project`: the name of the field, and of the segment that `path` means.
    pub(super) word: &'static str,
    /// What the API says.
    pub(super) of_api: Option<&'a RawBinding>,
}

impl ApiBinding<'_> {
    /// What holds for a route: its own word, or else the API's as far as it fits the route's path.
    pub(super) fn of_route(
        &self,
        own: Option<&RawBinding>,
        pattern: &RoutePattern,
        at: &Place<'_>,
        report: &mut Report<'_>,
    ) -> Option<Binding> {
        let (raw, is_own) = match own {
            Some(own) => (own, true),
            None => (self.of_api?, false),
        };
        let segment = |name: &str, at: &Place<'_>, report: &mut Report<'_>| {
            let found = pattern.capture(name);
            if found.is_none() && is_own {
                let message = format!("found `{name}`, expected a segment `{{{name}}}` in the route's path");
                report.add(at, message);
            }
            found.map(NamePlace::Segment)
        };
        let at = at.field(self.word);
        let (from, required): (Vec<NamePlace>, bool) = match raw {
            RawBinding::Short(RawShort::None) => return None,
            RawBinding::Short(RawShort::Own) if self.word == PROJECT => {
                report.add(&at, "found `own`, expected `path`, `none` or a list of places");
                return None;
            }
            RawBinding::Short(RawShort::Own) => return Some(Binding { from: Vec::new(), required: true }),
            RawBinding::Short(RawShort::Path) => {
                (segment(self.word, &at, report).into_iter().collect(), true)
            }
            RawBinding::Long(long) => {
                let from_at = at.field("from");
                let places = long.from.iter().enumerate().filter_map(|(index, place)| match place {
                    RawNamePlace::Path(name) => segment(&name.value.0, &from_at.item(index), report),
                    RawNamePlace::Query(name) => Some(NamePlace::Query(name.value.as_str().to_owned())),
                    RawNamePlace::Header(name) => Some(NamePlace::Header(name.value.clone())),
                    RawNamePlace::Json(name) => Some(NamePlace::Json(name.clone())),
                });
                (places.collect(), long.required)
            }
        };
        // What only other routes' paths can name is not asked for here.
        (!from.is_empty()).then_some(Binding { from, required })
    }
}

/// The name of a segment in a route's pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentName(String);

impl Format for SegmentName {
    const NAME: &'static str = "segment-name";
    const WHAT: &'static str = "the name of a segment";

    fn read(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !text.is_empty() && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected the name of a segment, of letters, digits and `_`, without braces".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check, config};

    use super::*;

    const BOUND: &str = "organization: { from: [{ path: org }, { query: organizationId }], required: false }";

    #[test]
    fn a_route_has_the_word_of_its_api_as_far_as_it_fits_its_path() {
        let config = config(&api(&[
            BOUND,
            "routes: [{ match: '/{org}' }, { match: /b }, { match: /c, organization: none }, { match: '/d/{organization}', organization: path }]",
        ]));
        let query = NamePlace::Query("organizationId".to_owned());
        let found: Vec<Option<&Binding>> =
            config.apis[0].routes.iter().map(|route| route.organization.as_ref()).collect();
        assert_eq!(
            found,
            [
                Some(&Binding { from: vec![NamePlace::Segment(0), query.clone()], required: false }),
                Some(&Binding { from: vec![query], required: false }),
                None,
                Some(&Binding { from: vec![NamePlace::Segment(1)], required: true }),
            ]
        );
    }

    #[test]
    fn a_route_names_segments_that_it_has() {
        check(
            &api(&["routes: [{ match: '/{org}', project: path }]"]),
            &["5:42 apis[0].routes[0].project: found `project`, expected a segment `{project}`"],
        );
    }
}
