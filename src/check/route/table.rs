//! The table of routes: a tree of segments, so that finding a route costs what the path is long, however many
//! routes there are.
//!
//! Only routes for the request's method compete, and the path decides before the method: from left to right a
//! literal beats `{name}`, which beats `/**`; of two routes with the same path the one that names the method
//! wins. The tree is searched in just this order, and a branch that ends nowhere is left for the next best.
//!
//! Many applications take no notice of the case of letters or of a trailing slash. To them a path can be another route's
//! than it is here, so the table tells that route, too.

use std::{borrow::Cow, collections::HashMap};

use percent_encoding::percent_decode_str;

use crate::{
    config::Ambiguity,
    domain::{MethodSet, RoutePattern, Segment},
};

/// Finds the route of a request. It knows routes by their place in the list that it was made from.
#[derive(Debug, Default)]
pub struct RouteTable {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node>,
    /// The literals that are alike but for case, by what they are in lower case.
    spellings: HashMap<String, Vec<Box<str>>>,
    capture: Option<Box<Node>>,
    /// The routes whose path ends here.
    exact: Methods,
    /// The routes whose path goes on from here by `/**`.
    open_ended: Methods,
}

/// The routes of one path, by method.
#[derive(Debug, Default)]
struct Methods {
    named: Vec<(Box<str>, usize)>,
    any: Option<usize>,
}

impl Methods {
    fn add(&mut self, methods: &MethodSet, index: usize) {
        match methods {
            MethodSet::Any => self.any = Some(index),
            MethodSet::These(names) => {
                self.named.extend(names.iter().map(|name| (name.as_str().into(), index)));
            }
        }
    }

    fn find(&self, method: &str) -> Option<usize> {
        let named =
            |wanted: &str| self.named.iter().find(|(name, _)| **name == *wanted).map(|(_, index)| *index);
        named(method).or_else(|| if method == "HEAD" { named("GET") } else { None }).or(self.any)
    }
}

/// A route that an application could take a path for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike {
    /// Its place.
    pub index: usize,
    /// What has to be overlooked for that; `None` if nothing, so that it is the best route for the path.
    pub overlooked: Option<Ambiguity>,
}

impl Alike {
    fn exactly(index: usize) -> Self {
        Self { index, overlooked: None }
    }

    fn but_for(self, ambiguity: Ambiguity) -> Self {
        Self { overlooked: Some(ambiguity), ..self }
    }
}

impl RouteTable {
    /// Builds the table. The patterns are those of a checked configuration: no two of them match the same
    /// request with equal specificity.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a RoutePattern>) -> Self {
        let mut root = Node::default();
        for (index, pattern) in patterns.into_iter().enumerate() {
            let mut node = &mut root;
            for segment in &pattern.segments {
                node = match segment {
                    Segment::Literal(text) => node.literal_or_default(text),
                    Segment::Capture(_) => node.capture.get_or_insert_default(),
                };
            }
            let methods = if pattern.open_ended { &mut node.open_ended } else { &mut node.exact };
            methods.add(&pattern.methods, index);
        }
        Self { root }
    }

    /// The place of the best route for this method and path. The path must have passed the examination: it
    /// begins with a slash and decodes to UTF-8.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<usize> {
        let told_apart = [Ambiguity::LetterCase, Ambiguity::TrailingSlash];
        self.find_alike(method, path, &told_apart).map(|found| found.index)
    }

    /// The same for an application that tells apart what is listed, and of the case of letters and a trailing slash
    /// nothing else. If nothing had to be overlooked for it, it is the best route.
    #[must_use]
    pub fn find_alike(&self, method: &str, path: &str, told_apart: &[Ambiguity]) -> Option<Alike> {
        Search { method, told_apart }.below(&self.root, Some(path.strip_prefix('/')?))
    }

    /// The place of the route that the path takes, unless an application could take it for another route's: one that
    /// tells apart what is listed, and of the case of letters and a trailing slash nothing else.
    ///
    /// # Errors
    ///
    /// What would have to be overlooked for that, if it is more than what is listed.
    pub fn settle(
        &self,
        method: &str,
        path: &str,
        told_apart: &[Ambiguity],
    ) -> Result<Option<usize>, Ambiguity> {
        match self.find_alike(method, path, told_apart) {
            Some(Alike { index, overlooked: Some(ambiguity) }) => match self.find(method, path) {
                Some(found) if found != index => Err(ambiguity),
                found => Ok(found),
            },
            exactly => Ok(exactly.map(|found| found.index)),
        }
    }
}

impl Node {
    fn literal_or_default(&mut self, text: &str) -> &mut Self {
        if !self.literals.contains_key(text) {
            self.spellings.entry(text.to_lowercase()).or_default().push(text.into());
        }
        self.literals.entry(text.into()).or_default()
    }
}

struct Search<'s> {
    method: &'s str,
    told_apart: &'s [Ambiguity],
}

impl Search<'_> {
    /// Searches below a node; `rest` is what of the path is left, `None` after its last segment. What takes
    /// overlooking comes right after what it would take for it.
    fn below(&self, node: &Node, rest: Option<&str>) -> Option<Alike> {
        let open_ended = || node.open_ended.find(self.method).map(Alike::exactly);
        let Some(rest) = rest else {
            let with_slash = || self.but_for_slash(node.literals.get("")?);
            return self.exact(node).or_else(with_slash).or_else(open_ended);
        };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        let capture = || self.below(node.capture.as_ref().filter(|_| !segment.is_empty())?, rest);
        let is_slash = segment.is_empty() && rest.is_none();
        let without_slash = || self.but_for_slash(Some(node).filter(|_| is_slash)?);
        self.literal(node, segment, rest).or_else(capture).or_else(without_slash).or_else(open_ended)
    }

    fn exact(&self, node: &Node) -> Option<Alike> {
        node.exact.find(self.method).map(Alike::exactly)
    }

    fn but_for_slash(&self, node: &Node) -> Option<Alike> {
        let is_overlooked = !self.told_apart.contains(&Ambiguity::TrailingSlash);
        let found = is_overlooked.then(|| self.exact(node))?;
        found.map(|found| found.but_for(Ambiguity::TrailingSlash))
    }

    fn literal(&self, node: &Node, segment: &str, rest: Option<&str>) -> Option<Alike> {
        let text: Cow<'_, str> = if segment.contains('%') {
            percent_decode_str(segment).decode_utf8().ok()?
        } else {
            segment.into()
        };
        let exactly = node.literals.get(text.as_ref()).and_then(|node| self.below(node, rest));
        if exactly.is_some() || self.told_apart.contains(&Ambiguity::LetterCase) {
            return exactly;
        }
        let spellings = node.spellings.get(&text.to_lowercase())?.iter().filter(|other| ***other != *text);
        let mut nodes = spellings.filter_map(|other| node.literals.get(other));
        let found = nodes.find_map(|node| self.below(node, rest))?;
        Some(found.but_for(Ambiguity::LetterCase))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patterns(texts: &[&str]) -> Vec<RoutePattern> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    /// What the table finds, as the text of the pattern.
    fn found<'a>(texts: &[&'a str], method: &str, path: &str) -> Option<&'a str> {
        RouteTable::new(&patterns(texts)).find(method, path).map(|index| texts[index])
    }

    #[test]
    fn the_most_specific_path_wins_from_left_to_right() {
        let routes = ["/**", "/a/**", "/a/{x}", "/a/b", "/a/{x}/c", "/a/b/{y}", "/{x}/b"];
        for (path, expected) in [
            ("/", "/**"),
            ("/z/z/z", "/**"),
            ("/a", "/a/**"),
            ("/a/", "/a/**"),
            ("/a/b", "/a/b"),
            ("/a/z", "/a/{x}"),
            ("/a/z/c", "/a/{x}/c"),
            ("/a/b/c", "/a/b/{y}"),
            ("/a/z/d", "/a/**"),
            ("/z/b", "/{x}/b"),
            ("/a/%62", "/a/b"),
        ] {
            assert_eq!(found(&routes, "GET", path), Some(expected), "{path}");
        }
    }

    #[test]
    fn only_routes_for_the_method_compete() {
        let routes = ["GET /a/b", "/a/{x}", "POST /a/**"];
        assert_eq!(found(&routes, "GET", "/a/b"), Some("GET /a/b"));
        assert_eq!(found(&routes, "POST", "/a/b"), Some("/a/{x}"));
        assert_eq!(found(&routes, "POST", "/a/b/c"), Some("POST /a/**"));
        assert_eq!(found(&routes, "GET", "/a/b/c"), None);
    }

    #[test]
    fn get_covers_head_unless_head_is_named() {
        assert_eq!(found(&["GET /a", "/a"], "HEAD", "/a"), Some("GET /a"));
        assert_eq!(found(&["GET /a", "HEAD /a"], "HEAD", "/a"), Some("HEAD /a"));
        assert_eq!(found(&["POST /a"], "HEAD", "/a"), None);
    }

    #[test]
    fn a_trailing_slash_makes_another_path_and_a_capture_is_never_empty() {
        assert_eq!(found(&["/a"], "GET", "/a/"), None);
        assert_eq!(found(&["/a/"], "GET", "/a"), None);
        assert_eq!(found(&["/a/{x}"], "GET", "/a/"), None);
        assert_eq!(found(&["/a/{x}/"], "GET", "/a/b/"), Some("/a/{x}/"));
        assert_eq!(found(&["/"], "GET", "/"), Some("/"));
    }

    #[test]
    fn what_an_application_could_overlook_leads_to_the_route_that_it_would_take() {
        use Ambiguity::{LetterCase, TrailingSlash};
        let routes = ["/**", "/a", "/B/{x}/", "/c/**", "/c", "/D", "/d", "GET /e", "/f/{x}/g"];
        let table = RouteTable::new(&patterns(&routes));
        for (path, expected) in [
            ("/a", ("/a", None)),
            ("/a/", ("/a", Some(TrailingSlash))),
            ("/A", ("/a", Some(LetterCase))),
            ("/A/", ("/a", Some(LetterCase))),
            ("/%41", ("/a", Some(LetterCase))),
            ("/a/x", ("/**", None)),
            ("/B/1/", ("/B/{x}/", None)),
            ("/B/1", ("/B/{x}/", Some(TrailingSlash))),
            ("/b/1/", ("/B/{x}/", Some(LetterCase))),
            ("/c/", ("/c", Some(TrailingSlash))),
            ("/c/x/", ("/c/**", None)),
            ("/d", ("/d", None)),
            ("/D", ("/D", None)),
            ("/E", ("/**", None)),
            ("/F/x/G", ("/f/{x}/g", Some(LetterCase))),
            ("/", ("/**", None)),
        ] {
            let found = |told_apart| table.find_alike("POST", path, told_apart);
            let told = found(&[]).map(|found| (routes[found.index], found.overlooked));
            assert_eq!(told, Some(expected), "{path}");
            let both = [LetterCase, TrailingSlash];
            assert_eq!(found(&both).map(|found| found.overlooked), Some(None), "{path}");
        }
    }

    /// The rule of precedence said in another way: of all patterns that match, the greatest by this key.
    fn naive(patterns: &[RoutePattern], method: &str, path: &str) -> Option<usize> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let rank = |pattern: &RoutePattern| -> Option<(Vec<u8>, u8)> {
            let fits = pattern.segments.len() <= parts.len()
                && (pattern.open_ended || pattern.segments.len() == parts.len());
            let mut key = Vec::new();
            for (segment, part) in pattern.segments.iter().zip(&parts) {
                key.push(match segment {
                    Segment::Literal(text) if **text == **part => 3,
                    Segment::Capture(_) if !part.is_empty() => 2,
                    _ => return None,
                });
            }
            key.push(if pattern.open_ended { 1 } else { 4 });
            let names = |wanted: &str| match &pattern.methods {
                MethodSet::Any => false,
                MethodSet::These(methods) => methods.iter().any(|name| name.as_str() == wanted),
            };
            let by_method = match () {
                () if names(method) => 3,
                () if method == "HEAD" && names("GET") => 2,
                () if pattern.methods == MethodSet::Any => 1,
                () => return None,
            };
            fits.then_some((key, by_method))
        };
        let ranked = patterns.iter().enumerate().filter_map(|(index, pattern)| Some((rank(pattern)?, index)));
        ranked.max().map(|(_, index)| index)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_table_agrees_with_the_naive_rule_in_any_order(
            texts in proptest::collection::vec("((GET|POST|HEAD|GET,POST) )?(/([ab]|\\{x\\})){0,3}(/|/[ab]|/\\*\\*)", 1..12),
            method in "GET|POST|HEAD|PUT",
            path in "(/[abc]){0,4}/?",
        ) {
            let mut patterns: Vec<RoutePattern> = Vec::new();
            for pattern in texts.iter().filter_map(|text| text.parse::<RoutePattern>().ok()) {
                let taken: Vec<_> = patterns.iter().flat_map(RoutePattern::shapes).collect();
                if !pattern.shapes().any(|shape| taken.contains(&shape)) {
                    patterns.push(pattern);
                }
            }
            let expected = naive(&patterns, &method, &path);
            let table = RouteTable::new(&patterns);
            prop_assert_eq!(table.find(&method, &path), expected);
            if let Some(alike) = table.find_alike(&method, &path, &[]) {
                prop_assert!(alike.overlooked.is_some() || Some(alike.index) == expected);
            }
            patterns.reverse();
            let reversed = RouteTable::new(&patterns).find(&method, &path);
            prop_assert_eq!(reversed.map(|index| patterns.len() - 1 - index), expected);
        }
    }
}
