//! The structure of the tree, checked against the JSON Schema that `doorward config schema` prints.
//!
//! Serde stops at the first error; this walk finds them all, with their lines.

use serde_json::Value;

use super::{
    place::Place,
    problem::{Problem, is_full, note},
    schema::{admits, allowed_values, properties, required, rule_of},
    tree::{Content, Member, Node},
    wording::{any_of, did_you_mean, found, nearest, unknown_field, written, wrong_type},
};

/// Everything in the tree that does not fit `schema`.
pub(super) fn check(root: &Node, schema: &Value) -> Vec<Problem> {
    let mut walk = Walk { schema, problems: Vec::new() };
    walk.node(root, schema, &Place::Root);
    walk.problems
}

struct Walk<'a> {
    schema: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &Node, schema: &'a Value, at: &Place<'_>) {
        if is_full(&self.problems) {
            return;
        }
        let mut shapes = Vec::new();
        self.alternatives(schema, &mut shapes);
        let fitting: Vec<&Value> = shapes.iter().copied().filter(|shape| admits(shape, node)).collect();
        let values: Vec<&Value> = fitting.iter().flat_map(|shape| allowed_values(shape)).collect();
        match fitting.as_slice() {
            [] => self.add(node, at, wrong_type(node, &shapes)),
            _ if !values.is_empty() => self.one_of(node, &values, at),
            [shape] => self.inside(node, shape, at),
            tagged => self.tagged(node, tagged, at),
        }
    }

    /// The shapes that a schema leaves to choose from; only one if it leaves no choice.
    fn alternatives(&self, schema: &'a Value, shapes: &mut Vec<&'a Value>) {
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(target) =
            reference.and_then(|reference| self.schema.pointer(reference.trim_start_matches('#')))
        {
            return self.alternatives(target, shapes);
        }
        match schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array) {
            Some(choices) => choices.iter().for_each(|choice| self.alternatives(choice, shapes)),
            None => shapes.push(schema),
        }
    }

    fn inside(&mut self, node: &Node, shape: &'a Value, at: &Place<'_>) {
        match &node.content {
            Content::Mapping(members) => {
                self.at_most(node, members.len(), shape.get("maxProperties"), at);
                self.members(node, members, shape, at);
            }
            Content::List(items) => {
                self.at_most(node, items.len(), shape.get("maxItems"), at);
                if items.is_empty() && shape.get("minItems").is_some() {
                    self.add(node, at, "found an empty list, expected at least one entry".to_owned());
                }
                if let Some(schema) = shape.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.node(item, schema, &at.item(index));
                    }
                }
            }
            Content::Text(text) => self.text(node, text, shape, at),
            Content::Integer(value) => self.range(node, *value, shape, at),
            Content::Null | Content::Boolean(_) | Content::Float(_) => {}
        }
    }

    fn at_most(&mut self, node: &Node, count: usize, most: Option<&Value>, at: &Place<'_>) {
        if let Some(most) = most.and_then(Value::as_u64).filter(|most| count as u64 > *most) {
            self.add(node, at, format!("found {count} entries, expected {most} at most"));
        }
    }

    fn members(&mut self, node: &Node, members: &[Member], shape: &'a Value, at: &Place<'_>) {
        let mut missing = required(shape);
        missing.retain(|name| node.member(name).is_none());
        for member in members {
            let at = at.field(&member.key);
            if let Some(schema) = shape.get("properties").and_then(|known| known.get(&member.key)) {
                self.node(&member.node, schema, &at);
                continue;
            }
            match shape.get("additionalProperties") {
                None | Some(Value::Bool(true)) => {}
                Some(Value::Bool(false)) => {
                    let known = properties(shape);
                    let meant = nearest(&member.key, &known);
                    // A needed field that is misspelt is one mistake, not two.
                    missing.retain(|name| meant != Some(*name));
                    let message = unknown_field(&known, meant);
                    note(&mut self.problems, || Problem::new(&member.origin, &at, message));
                }
                Some(schema) => {
                    let fault =
                        rule_of(shape.get("propertyNames")).and_then(|rule| (rule.fault)(&member.key));
                    if let Some(fault) = fault {
                        let message = format!("found the name {:?}, {fault}", member.key);
                        note(&mut self.problems, || Problem::new(&member.origin, &at, message));
                    }
                    self.node(&member.node, schema, &at);
                }
            }
        }
        for name in missing {
            self.add(node, at, format!("found no field `{name}`, which is needed"));
        }
    }

    fn text(&mut self, node: &Node, text: &str, shape: &Value, at: &Place<'_>) {
        let Some(rule) = rule_of(Some(shape)) else { return };
        if let Some(fault) = (rule.fault)(text) {
            self.add(node, at, format!("found {}, {fault}", found(node, rule.is_secret)));
        }
    }

    fn range(&mut self, node: &Node, value: i64, shape: &Value, at: &Place<'_>) {
        let bound = |name| shape.get(name).and_then(Value::as_i64);
        if let Some(least) = bound("minimum").filter(|least| value < *least) {
            self.add(node, at, format!("found {value}, expected {least} at least"));
        }
        if let Some(most) = bound("maximum").filter(|most| value > *most) {
            self.add(node, at, format!("found {value}, expected {most} at most"));
        }
    }

    fn one_of(&mut self, node: &Node, values: &[&Value], at: &Place<'_>) {
        let json = node.to_json();
        if values.contains(&&json) {
            return;
        }
        let listed: Vec<String> = values.iter().map(|value| written(value)).collect();
        let known: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
        let meant = json.as_str().and_then(|text| nearest(text, &known));
        let message =
            format!("found {}, expected {}{}", found(node, false), any_of(&listed), did_you_mean(meant));
        self.add(node, at, message);
    }

    /// A mapping whose one key says which of `shapes` it has.
    fn tagged(&mut self, node: &Node, shapes: &[&'a Value], at: &Place<'_>) {
        let tags: Vec<&str> = shapes.iter().flat_map(|shape| required(shape)).collect();
        let Content::Mapping(members) = &node.content else {
            return;
        };
        let mut named =
            shapes.iter().filter(|shape| required(shape).iter().any(|tag| node.member(tag).is_some()));
        match (named.next(), named.next(), members.first()) {
            (Some(shape), None, _) => self.members(node, members, shape, at),
            (None, _, Some(member)) => {
                let message = unknown_field(&tags, nearest(&member.key, &tags));
                let at = at.field(&member.key);
                note(&mut self.problems, || Problem::new(&member.origin, &at, message));
            }
            (found, ..) => {
                let found = if found.is_some() { "several" } else { "none" };
                let tags: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
                let message = format!("found {found} of {}, expected exactly one", tags.join(", "));
                self.add(node, at, message);
            }
        }
    }

    fn add(&mut self, node: &Node, at: &Place<'_>, message: String) {
        note(&mut self.problems, || Problem::new(&node.origin, at, message));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{api, check};

    #[test]
    fn an_unknown_field_is_told_with_those_that_are_known() {
        check(
            &api(&["routes: [{ match: /, scope: [read] }]"]),
            &[
                "5:26 apis[0].routes[0].scope: found a field that is not known here, expected one of `match`, `public`, \
               `optional`, `principals`, `environments`, `scopes`, `entitlements`, `organization`, `project`, `shadow`, `cost`, `limits`; did you mean `scopes`?",
            ],
        );
        check(
            "apes: []",
            &["1:1 apes: found a field that is not known here, expected one of `listen`, `store`, `cache`, \
               `sealing`, `outage`, `budget`, `shutdown`, `counters`, `plans`, `administrators`, `sign_in`, `include`, `grants`, `apis`; did you mean `apis`?"],
        );
    }

    #[test]
    fn a_needed_field_that_is_missing_is_told() {
        check("{}", &["1:1 apis: found no API, expected one at least"]);
        check(
            "apis: [{ name: one }]",
            &["1:8 apis[0]: found no field `hosts`", "1:8 apis[0]: found no field `routes`"],
        );
    }

    #[test]
    fn an_empty_list_is_refused_where_one_entry_is_needed() {
        check(
            "apis: []",
            &["1:7 apis: found no API, expected one at least, here or in files that `include` names"],
        );
        check(&api(&["routes: []"]), &["5:13 apis[0].routes: found an empty list"]);
        check(&(api(&[]) + "listen: { check: [] }"), &["6:18 listen.check: found an empty list"]);
    }

    #[test]
    fn a_list_or_mapping_that_every_check_goes_through_is_short() {
        let listed = |count: usize, entry: &dyn Fn(usize) -> String| {
            (0..count).map(entry).collect::<Vec<_>>().join(", ")
        };
        let key = |fields: &str| format!("credentials: [{{ api_key: {{ {fields} }} }}]");
        let places = |count| listed(count, &|number| format!("{{ cookie: c{number} }}"));
        let prefixes = |count| listed(count, &|number| format!("e{number}: k{number}_"));
        let keys = |count| {
            listed(count, &|number| {
                format!("{{ api_key: {{ prefix: k{number}_, from: [{{ cookie: c }}] }} }}")
            })
        };
        let at = "apis[0].credentials";
        let cases = [
            (key(&format!("prefix: k, from: [{}]", places(16))), None),
            (
                key(&format!("prefix: k, from: [{}]", places(17))),
                Some(format!("4:49 {at}[0].api_key.from: found 17 entries, expected 16 at most")),
            ),
            (key(&format!("prefixes: {{ {} }}, from: [{{ cookie: c }}]", prefixes(64))), None),
            (
                key(&format!("prefixes: {{ {} }}, from: [{{ cookie: c }}]", prefixes(65))),
                Some(format!("4:42 {at}[0].api_key.prefixes: found 65 entries, expected 64 at most")),
            ),
            (format!("credentials: [{}]", keys(32)), None),
            (
                format!("credentials: [{}]", keys(33)),
                Some(format!("4:18 {at}: found 33 entries, expected 32 at most")),
            ),
        ];
        for (field, expected) in cases {
            check(&api(&[&field]), expected.as_deref().as_slice());
        }
    }

    #[test]
    fn a_scalar_of_another_type_is_told_what_to_do() {
        let cases = [
            (
                "name: 5",
                "2:11 apis[0].name: found the number 5, expected a name such as `orders`: put it in quotes",
            ),
            (
                "name: true",
                "2:11 apis[0].name: found `true`, expected a name such as `orders`: put it in quotes",
            ),
            ("name: 1.5", "2:11 apis[0].name: found the number 1.5, expected a name such as `orders`"),
            ("name:", "2:9 apis[0].name: found nothing, expected a name such as `orders`"),
            ("name: {}", "2:11 apis[0].name: found a mapping, expected a name such as `orders`"),
            ("hosts: a.test", "3:12 apis[0].hosts: found \"a.test\", expected a list"),
            (
                "routes: [{ match: /, public: yes }]",
                "5:34 apis[0].routes[0].public: found \"yes\", expected `true` or `false`",
            ),
            (
                "unscoped_keys: al",
                "6:20 apis[0].unscoped_keys: found \"al\", expected `none` or `all`; did you mean `all`?",
            ),
            ("unscoped_keys: 1", "6:20 apis[0].unscoped_keys: found the number 1, expected `none` or `all`"),
            ("client_address: pear", "6:21 apis[0].client_address: found \"pear\", expected `peer`"),
            (
                "client_address: 1",
                "6:21 apis[0].client_address: found the number 1, expected `peer` or a mapping with `hops`",
            ),
            ("client_address: { hops: 0 }", "6:29 apis[0].client_address.hops: found 0, expected 1 at least"),
            (
                "client_address: { hops: 999 }",
                "6:29 apis[0].client_address.hops: found 999, expected 255 at most",
            ),
            (
                "client_address: { hops: 1.0 }",
                "6:29 apis[0].client_address.hops: found the number 1.0, expected a whole number",
            ),
            (
                "denials: { route_unknown: 405 }",
                "6:31 apis[0].denials.route_unknown: found the number 405, expected 404 or 403",
            ),
        ];
        for (field, expected) in cases {
            check(&api(&[field]), &[expected]);
        }
    }

    #[test]
    fn a_mapping_that_is_one_of_several_is_chosen_by_its_key() {
        let place =
            |place: &str| api(&[&format!("credentials: [{{ api_key: {{ prefix: k, from: [{place}] }} }}]")]);
        let at = "apis[0].credentials[0].api_key.from[0]";
        let cases = [
            (
                "{ headr: {} }",
                format!(
                    "4:52 {at}.headr: found a field that is not known here, expected one of `header`, `query`, `cookie`; did you mean `header`?"
                ),
            ),
            (
                "{ header: {}, query: {} }",
                format!("4:50 {at}: found several of `header`, `query`, `cookie`, expected exactly one"),
            ),
            ("{}", format!("4:50 {at}: found none of `header`, `query`, `cookie`, expected exactly one")),
            (
                "header",
                format!(
                    "4:50 {at}: found \"header\", expected a mapping with `header`, a mapping with `query` or a mapping with `cookie`"
                ),
            ),
            ("{ header: { nam: x } }", format!("4:62 {at}.header.nam: found a field that is not known here")),
        ];
        for (written, expected) in cases {
            check(&place(written), &[&expected]);
        }
    }
}
