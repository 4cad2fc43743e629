//! Routes that no request reaches, since others always win. The table of routes itself is asked.
//!
//! A route is asked for by requests that are as unlike the other routes as they can be: a segment that any text fits
//! has a text that stands in no pattern, and a route for all methods has a method that no route names. If another
//! route wins there, it wins wherever it is as specific. What follows `/**` is tried in every length that makes a
//! difference, with and without a trailing slash.

use crate::{
    check::route::RouteTable,
    cli::doctor::finding::{Finding, Level},
    config::{Ambiguity, Api},
    domain::{Method, MethodSet, RoutePattern, Segment},
};

use super::route_of;

/// The most routes that a line lists.
const WINNERS_MAX: usize = 3;

pub(super) fn examine(api: &Api) -> Vec<Finding> {
    let patterns: Vec<&RoutePattern> = api.routes.iter().map(|route| &route.pattern).collect();
    let mut findings = Vec::new();
    for (route, winners) in api.routes.iter().zip(winners(&patterns, &api.ambiguous_paths)) {
        let Some(winners) = winners else { continue };
        let mut names: Vec<String> = winners
            .iter()
            .filter_map(|winner| api.routes.get(*winner))
            .map(|winner| winner.pattern.to_string())
            .collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(WINNERS_MAX);
        let found =
            format!("no request reaches it: more specific routes always win, such as {}", names.join(", "));
        findings.push(
            Finding::new(Level::Warning, "route_unreachable", route_of(api, route), found)
                .advise("Take it away, or what wins."),
        );
    }
    findings
}

/// For each pattern that no request reaches those that win over it, or for whose a request would be taken.
fn winners(patterns: &[&RoutePattern], ambiguous: &[Ambiguity]) -> Vec<Option<Vec<usize>>> {
    let table = RouteTable::new(patterns.iter().copied());
    let stranger = Stranger::to(patterns, ambiguous.contains(&Ambiguity::EmptySegment));
    let of_pattern = |(index, pattern): (usize, &&RoutePattern)| {
        let mut winners = Vec::new();
        for (method, path) in stranger.requests(pattern) {
            match table.settle(&method, &path, ambiguous) {
                Ok(Some(found)) if found == index => return None,
                Ok(found) => winners.extend(found),
                Err(_) => {
                    winners.extend(table.find_alike(&method, &path, ambiguous).map(|alike| alike.index));
                }
            }
        }
        Some(winners)
    };
    patterns.iter().enumerate().map(of_pattern).collect()
}

/// What stands in no pattern.
struct Stranger {
    segment: String,
    method: String,
    /// More segments than any pattern has.
    depth: usize,
    /// Whether paths may have empty segments.
    may_be_empty: bool,
}

impl Stranger {
    fn to(patterns: &[&RoutePattern], may_be_empty: bool) -> Self {
        let literals = patterns.iter().flat_map(|pattern| &pattern.segments).map(|segment| match segment {
            Segment::Literal(text) => text.len(),
            Segment::Capture(_) => 0,
        });
        let methods = patterns.iter().flat_map(|pattern| methods(&pattern.methods)).map(str::len);
        // Longer than any of them, so none of them.
        Self {
            segment: "x".repeat(literals.max().unwrap_or_default() + 1),
            method: "X".repeat(methods.max().unwrap_or_default() + 1),
            depth: patterns.iter().map(|pattern| pattern.segments.len()).max().unwrap_or_default() + 1,
            may_be_empty,
        }
    }

    /// Methods and paths that the pattern matches.
    fn requests(&self, pattern: &RoutePattern) -> Vec<(String, String)> {
        let segments = pattern.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => &**text,
            Segment::Capture(_) => &self.segment,
        });
        let start: Vec<&str> = segments.collect();
        let tails = if pattern.open_ended { self.tails() } else { vec![Vec::new()] };
        let methods = match &pattern.methods {
            MethodSet::Any => vec![self.method.as_str()],
            named @ MethodSet::These(_) => methods(named).collect(),
        };
        let paths = tails.iter().map(|tail| format!("/{}", [start.as_slice(), tail].concat().join("/")));
        paths
            .flat_map(|path| methods.iter().map(move |method| ((*method).to_owned(), path.clone())))
            .collect()
    }

    /// What can follow where a pattern ends in `/**`.
    fn tails(&self) -> Vec<Vec<&str>> {
        let strange = |length| vec![self.segment.as_str(); length];
        let mut tails: Vec<Vec<&str>> = (0..=self.depth).map(strange).collect();
        let with_slash: Vec<_> = tails.iter().map(|tail| [tail.as_slice(), &[""]].concat()).collect();
        tails.extend(with_slash);
        if self.may_be_empty {
            tails.push([&[""], strange(self.depth).as_slice()].concat());
        }
        tails
    }
}

fn methods(set: &MethodSet) -> impl Iterator<Item = &str> {
    let named = match set {
        MethodSet::Any => &[],
        MethodSet::These(named) => named.as_slice(),
    };
    named.iter().map(Method::as_str)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every path of at most four segments, with and without a trailing slash.
    fn paths() -> Vec<String> {
        let mut paths = vec![String::new()];
        let mut last = paths.clone();
        for _ in 0..4 {
            last = last
                .iter()
                .flat_map(|path| ["a", "b", "c"].map(|segment| format!("{path}/{segment}")))
                .collect();
            paths.extend(last.iter().cloned());
        }
        let with_slash: Vec<String> = paths.iter().map(|path| format!("{path}/")).collect();
        paths.into_iter().skip(1).chain(with_slash).collect()
    }

    proptest! {
        #[test]
        fn a_route_is_said_to_be_unreachable_where_no_request_reaches_it(
            texts in proptest::collection::vec("((GET|POST|HEAD|GET,POST) )?(/([ab]|\\{x\\}|\\{y\\})){0,2}(/|/[ab]|/\\*\\*)", 1..24),
            heeds_slash: bool,
        ) {
            let mut patterns: Vec<RoutePattern> = Vec::new();
            for pattern in texts.iter().filter_map(|text| text.parse::<RoutePattern>().ok()) {
                let taken: Vec<_> = patterns.iter().flat_map(RoutePattern::shapes).collect();
                if !pattern.shapes().any(|shape| taken.contains(&shape)) {
                    patterns.push(pattern);
                }
            }
            let patterns: Vec<&RoutePattern> = patterns.iter().collect();
            let table = RouteTable::new(patterns.iter().copied());
            let told_apart = if heeds_slash { &[Ambiguity::TrailingSlash][..] } else { &[] };
            let mut is_reached = vec![false; patterns.len()];
            for path in paths() {
                for method in ["GET", "POST", "HEAD", "PUT"] {
                    if let Ok(Some(index)) = table.settle(method, &path, told_apart) {
                        is_reached[index] = true;
                    }
                }
            }
            let expected: Vec<bool> = winners(&patterns, told_apart).iter().map(Option::is_none).collect();
            prop_assert_eq!(is_reached, expected);
        }
    }
}
