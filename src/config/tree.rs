//! The configuration as written: a tree in which each node knows where it comes from.

use serde_json::Value;

use super::{place::Place, problem::Origin};

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) content: Content,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// No key stands twice.
    Mapping(Vec<Member>),
}

/// A member of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) key: String,
    /// Where the key was written.
    pub(super) origin: Origin,
    pub(super) node: Node,
}

impl Node {
    /// The member of a mapping under `key`.
    pub(super) fn member(&self, key: &str) -> Option<&Self> {
        match &self.content {
            Content::Mapping(members) => members.iter().find(|member| member.key == key),
            _ => None,
        }
        .map(|member| &member.node)
    }

    /// The entry of a list.
    pub(super) fn item(&self, index: usize) -> Option<&Self> {
        match &self.content {
            Content::List(items) => items.get(index),
            _ => None,
        }
    }

    /// The node at `place`; as error the last one on the way there, where nothing was written at `place`.
    pub(super) fn locate(&self, place: &Place<'_>) -> Result<&Self, &Self> {
        match place {
            Place::Root => Ok(self),
            Place::Field(parent, name) => {
                let node = self.locate(parent)?;
                node.member(name).ok_or(node)
            }
            Place::Item(parent, index) => {
                let node = self.locate(parent)?;
                node.item(*index).ok_or(node)
            }
        }
    }

    /// The same as JSON, without origins; what JSON has no number for becomes null.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Boolean(value) => Value::from(*value),
            Content::Integer(value) => Value::from(*value),
            Content::Float(value) => Value::from(*value),
            Content::Text(text) => Value::from(text.as_str()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Mapping(members) => {
                members.iter().map(|member| (member.key.clone(), member.node.to_json())).collect()
            }
        }
    }
}
