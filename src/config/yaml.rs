//! YAML text → the tree of nodes.
//!
//! The tree is built from the parser's events, not by a recursive loader, so that its depth and the growth
//! by aliases are bounded before they cost anything.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
};

use saphyr::{Scalar, ScalarStyle, Tag};
use saphyr_parser::{Event, Marker, Parser, ScanError, Span};

use super::{
    place::Place,
    problem::{Origin, Problem, note},
    tree::{Content, Member, Node},
};

/// The deepest nesting of lists and mappings.
const DEPTH_MAX: usize = 32;
/// The most nodes that anchors and aliases may add: each anchor keeps a copy of what stands there.
const COPIED_NODES_MAX: usize = 50_000;

/// Reads the one document that `text` holds, null where it holds none; `None` if it cannot be read, which
/// is noted in `problems`. All nodes come from `variable` if there is one, and from their lines otherwise.
pub(super) fn read(text: &str, variable: Option<&str>, problems: &mut Vec<Problem>) -> Option<Node> {
    let builder = Builder {
        variable,
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        copied_nodes: 0,
        root: None,
    };
    builder.run(text)
}

/// A list or mapping that is not closed yet.
struct Open {
    origin: Origin,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Mapping {
        members: Vec<Member>,
        /// Where the keys were written.
        seen: HashMap<String, Origin>,
        next: Next,
    },
}

/// What a mapping waits for.
enum Next {
    Key,
    Value {
        key: String,
        origin: Origin,
    },
    /// A value whose key is wrong already.
    Nothing,
}

struct Builder<'a> {
    variable: Option<&'a str>,
    problems: &'a mut Vec<Problem>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    copied_nodes: usize,
    root: Option<Node>,
}

/// The text cannot be read any further; the problem is noted.
struct Unreadable;

impl Builder<'_> {
    fn run(mut self, text: &str) -> Option<Node> {
        for event in Parser::new_from_str(text) {
            let done = match event {
                Ok((event, span)) => self.take(event, span),
                Err(error) => self.unparsable(&error),
            };
            if done.is_err() {
                return None;
            }
        }
        if self.root.is_none() {
            let origin = self.origin(Marker::new(0, 1, 0));
            self.root = Some(Node { origin, content: Content::Null });
        }
        self.root
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Unreadable> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                self.fail(span.start, "found a second document, expected only one")
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::SequenceStart(anchor, tag) => {
                self.collection(span.start, anchor, tag.as_deref(), Items::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let items = Items::Mapping { members: Vec::new(), seen: HashMap::new(), next: Next::Key };
                self.collection(span.start, anchor, tag.as_deref(), items)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let content = match open.items {
                        Items::List(items) => Content::List(items),
                        Items::Mapping { members, .. } => Content::Mapping(members),
                    };
                    let origin = open.origin;
                    self.place(Node { origin, content }, open.anchor, span.start)?;
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let content = self.scalar(&text, style, tag.as_deref(), span.start)?;
                let origin = self.origin(span.start);
                self.place(Node { origin, content }, anchor, span.start)
            }
            Event::Alias(anchor) => self.alias(anchor, span.start),
        }
    }

    fn collection(
        &mut self,
        mark: Marker,
        anchor: usize,
        tag: Option<&Tag>,
        items: Items,
    ) -> Result<(), Unreadable> {
        self.check_tag(tag, mark)?;
        self.check_depth(1, mark)?;
        let origin = self.origin(mark);
        self.open.push(Open { origin, anchor, items });
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        mark: Marker,
    ) -> Result<Content, Unreadable> {
        self.check_tag(tag, mark)?;
        let tag = tag.cloned().map(std::borrow::Cow::Owned);
        match Scalar::parse_from_cow_and_metadata(text.into(), style, tag.as_ref()) {
            Some(Scalar::Null) => Ok(Content::Null),
            Some(Scalar::Boolean(value)) => Ok(Content::Boolean(value)),
            Some(Scalar::Integer(value)) => Ok(Content::Integer(value)),
            Some(Scalar::FloatingPoint(value)) if value.is_finite() => Ok(Content::Float(*value)),
            Some(Scalar::String(text)) => Ok(Content::Text(text.into_owned())),
            Some(Scalar::FloatingPoint(_)) | None => self
                .fail(
                    mark,
                    "found a value that is not of its kind, expected a finite number, or quotes around it",
                )
                .map(|()| Content::Null),
        }
    }

    fn alias(&mut self, anchor: usize, mark: Marker) -> Result<(), Unreadable> {
        let Some(node) = self.anchors.get(&anchor) else {
            return self
                .fail(mark, "found an alias (`*…`) within its own anchor, expected one of something before");
        };
        let (nodes, levels) = (count(node), depth(node));
        self.check_copy(nodes, mark)?;
        self.check_depth(levels, mark)?;
        let origin = self.origin(mark);
        if let Some(node) = self.anchors.get(&anchor) {
            let content = node.content.clone();
            self.place(Node { origin, content }, 0, mark)?;
        }
        Ok(())
    }

    /// Whether so many nodes may be copied.
    fn check_copy(&mut self, nodes: usize, mark: Marker) -> Result<(), Unreadable> {
        self.copied_nodes = self.copied_nodes.saturating_add(nodes);
        if self.copied_nodes <= COPIED_NODES_MAX {
            return Ok(());
        }
        let message = format!(
            "found anchors and aliases that add more than {COPIED_NODES_MAX} values, expected that many at most"
        );
        self.fail(mark, &message)
    }

    fn check_tag(&mut self, tag: Option<&Tag>, mark: Marker) -> Result<(), Unreadable> {
        if tag.is_none_or(Tag::is_yaml_core_schema) {
            return Ok(());
        }
        self.fail(mark, "found a tag (`!…`), expected none: tags mean nothing here")
    }

    /// Whether `more` lists and mappings may stand within one another here.
    fn check_depth(&mut self, more: usize, mark: Marker) -> Result<(), Unreadable> {
        if self.open.len() + more <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!(
            "found more than {DEPTH_MAX} lists and mappings within one another, expected that many at most"
        );
        self.fail(mark, &message)
    }

    /// Puts a complete node where it belongs.
    fn place(&mut self, node: Node, anchor: usize, mark: Marker) -> Result<(), Unreadable> {
        if anchor > 0 {
            self.check_copy(count(&node), mark)?;
            self.anchors.insert(anchor, node.clone());
        }
        let origin = node.origin.clone();
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Mapping { members, seen, next }) => match mem::replace(next, Next::Key) {
                Next::Value { key, origin } => members.push(Member { key, origin, node }),
                Next::Nothing => {}
                Next::Key => {
                    *next = match key(node, seen) {
                        Ok(key) => Next::Value { key, origin },
                        Err(message) => {
                            note(self.problems, || Problem::new(&origin, &Place::Root, message));
                            Next::Nothing
                        }
                    };
                }
            },
        }
        Ok(())
    }

    fn origin(&self, mark: Marker) -> Origin {
        match self.variable {
            Some(name) => Origin::Variable { variable: name.to_owned() },
            None => Origin::Line { line: mark.line(), column: mark.col() + 1 },
        }
    }

    fn fail(&mut self, mark: Marker, message: &str) -> Result<(), Unreadable> {
        let origin = self.origin(mark);
        self.problems.push(Problem::new(&origin, &Place::Root, message));
        Err(Unreadable)
    }

    fn unparsable(&mut self, error: &ScanError) -> Result<(), Unreadable> {
        let hint = if error.info().contains("flow") {
            "; a text with a brace, a bracket or a comma needs quotes here"
        } else {
            ""
        };
        let message = format!("this is not YAML: {}{hint}", error.info());
        self.fail(*error.marker(), &message)
    }
}

/// The key that `node` is, or why it is none.
fn key(node: Node, seen: &mut HashMap<String, Origin>) -> Result<String, String> {
    match node.content {
        Content::Text(key) => match seen.insert(key.clone(), node.origin) {
            None => Ok(key),
            Some(first) => {
                Err(format!("found the key {key:?} again, expected it once: it stands in {first} already"))
            }
        },
        Content::List(_) | Content::Mapping(_) => {
            Err("found a list or a mapping as key, expected a string".to_owned())
        }
        Content::Null | Content::Boolean(_) | Content::Integer(_) | Content::Float(_) => {
            Err("found a key that is no string, expected quotes around it".to_owned())
        }
    }
}

fn children(node: &Node) -> Box<dyn Iterator<Item = &Node> + '_> {
    match &node.content {
        Content::List(items) => Box::new(items.iter()),
        Content::Mapping(members) => Box::new(members.iter().map(|member| &member.node)),
        _ => Box::new(std::iter::empty()),
    }
}

fn count(node: &Node) -> usize {
    1 + children(node).map(count).sum::<usize>()
}

/// How many lists and mappings stand within one another; `0` for a scalar.
fn depth(node: &Node) -> usize {
    match node.content {
        Content::List(_) | Content::Mapping(_) => 1 + children(node).map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{
        Config,
        tests::{api, check},
    };

    #[test]
    fn what_is_no_single_mapping_in_yaml_is_refused_with_its_line() {
        let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
        let cases = [
            ("", "1:1 : found nothing, expected a mapping"),
            ("# nothing", "1:1 : found nothing, expected a mapping"),
            ("[]", "1:1 : found a list, expected a mapping"),
            ("apis", "1:1 : found \"apis\", expected a mapping"),
            ("a: [", "2:1 : this is not YAML"),
            ("a: b: c", "1:5 : this is not YAML"),
            ("a: 1\n---\nb: 1", "2:1 : found a second document, expected only one"),
            ("a: !secret b", "1:4 : found a tag (`!…`), expected none"),
            ("a: !list [b]", "1:4 : found a tag (`!…`), expected none"),
            ("a: &a [*a]", "1:8 : found an alias (`*…`) within its own anchor"),
            ("a: .inf", "1:4 : found a value that is not of its kind"),
            ("a: !!int b", "1:4 : found a value that is not of its kind"),
            (&deep, "1:35 : found more than 32 lists and mappings within one another"),
        ];
        for (text, expected) in cases {
            check(text, &[expected]);
        }
    }

    #[test]
    fn a_key_stands_once_and_is_a_string() {
        let text = api(&["name: one", "unscoped_keys: all", "unscoped_keys: none", "404: x", "[a]: x"]);
        check(
            &text,
            &[
                "7:5 : found the key \"unscoped_keys\" again, expected it once: it stands in line 6 already",
                "8:5 : found a key that is no string, expected quotes around it",
                "9:5 : found a list or a mapping as key",
            ],
        );
    }

    #[test]
    fn an_alias_repeats_its_anchor_and_has_a_line_of_its_own() {
        check(&api(&["hosts: [&host a.test, *host]"]), &["3:27 apis[0].hosts[1]: found `a.test` again"]);
    }

    #[test]
    fn aliases_cannot_grow_beyond_bounds() {
        let level = |level: usize| {
            let entry = level.checked_sub(1).map_or("x".to_owned(), |below| format!("*a{below}"));
            format!("a{level}: &a{level} [{}]\n", [entry.as_str(); 10].join(", "))
        };
        let text: String = (0..10).map(level).collect();
        check(&text, &["5:20 : found anchors and aliases that add more than 50000 values"]);
        // Anchors within anchors, each of which holds a long list.
        let text = format!("a: {}{}{}", "&a [".repeat(20), "1, ".repeat(3_000), "]".repeat(20));
        check(&text, &["1:9100 : found anchors and aliases that add more than 50000 values"]);
    }

    #[test]
    fn of_very_many_mistakes_only_some_are_told() {
        let text = format!("apis: [{}]", "1, ".repeat(100_000));
        let errors = Config::parse(&text, Path::new("doorward.yaml"), &[]).expect_err("it is wrong");
        let text = errors.to_string();
        assert_eq!(text.lines().count(), 102, "{text}");
        assert!(text.contains("doorward.yaml: found so much that only 100 of it is told"), "{text}");
    }
}
