//! The parts of a tree whose shape is right, so that what is wrong in one part hides nothing in another.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    RawConfig,
    api::RawApi,
    place::Place,
    problem::{Problem, note},
    tree::{Content, Member, Node},
};

/// Reads those parts of one file about which nothing was found. What the schema allows and the structs refuse is a
/// mistake of ours, reported like any other.
pub(super) struct Sound<'a> {
    root: &'a Node,
    problems: &'a mut Vec<Problem>,
    unsound: HashSet<String>,
}

impl<'a> Sound<'a> {
    /// The parts of `root`, whose shape has these `problems`.
    pub(super) fn new(root: &'a Node, problems: &'a mut Vec<Problem>) -> Self {
        let unsound = problems.iter().map(|problem| problem.part().to_owned()).collect();
        Self { root, problems, unsound }
    }

    /// The sections but for `apis`: one that is not sound stands at its default.
    pub(super) fn sections(&mut self) -> Option<RawConfig> {
        let Content::Mapping(members) = &self.root.content else {
            return None;
        };
        let place = |member: &Member| Place::Root.field(&member.key).to_string();
        // What is wrong with an entry of a list is wrong with the list.
        let section = |part: &String| part.split('[').next().unwrap_or_default().to_owned();
        let unsound: HashSet<String> = self.unsound.iter().map(section).collect();
        let is_sound = |member: &&Member| member.key != "apis" && !unsound.contains(&place(member));
        let sections = members.iter().filter(is_sound);
        let sections: Map<_, _> =
            sections.map(|member| (member.key.clone(), member.node.to_json())).collect();
        self.read(Value::Object(sections), self.root, &Place::Root)
    }

    /// The APIs, each with its place in the list: one that is not sound is left out.
    pub(super) fn apis(&mut self) -> Vec<(usize, RawApi)> {
        let at = Place::Root.field("apis");
        let Some(Content::List(items)) = self.root.member("apis").map(|node| &node.content) else {
            return Vec::new();
        };
        let mut apis = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = at.item(index);
            if !self.unsound.contains(&at.to_string()) {
                apis.extend(self.read(item.to_json(), item, &at).map(|api| (index, api)));
            }
        }
        apis
    }

    fn read<T: DeserializeOwned>(&mut self, json: Value, node: &Node, at: &Place<'_>) -> Option<T> {
        let read = serde_json::from_value(json);
        let fault = |error: serde_json::Error| {
            Problem::new(&node.origin, at, format!("cannot be understood: {error}"))
        };
        read.map_err(|error| note(self.problems, || fault(error))).ok()
    }
}
