//! Places in the configuration, such as `apis[0].routes[2].match`.

use std::fmt;

/// A place, as a chain from the inside out: it costs nothing until it is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// The whole configuration.
    Root,
    /// A field of a mapping.
    Field(&'a Place<'a>, &'a str),
    /// An entry of a list.
    Item(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    /// The field `name` of what stands here.
    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    /// The entry `index` of what stands here.
    pub(super) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(&name.escape_debug().to_string()),
            Self::Field(parent, name) => write!(f, "{parent}.{}", name.escape_debug()),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
