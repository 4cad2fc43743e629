//! Which fields an update changes (AIP-134): those that its mask names, or without one those that are filled.

use prost_types::FieldMask;

use super::Fault;

/// A field that can be changed, and whether the request fills it.
pub(super) type Field = (&'static str, bool);

/// The fields that an update changes.
pub(super) struct Masked(Vec<&'static str>);

impl Masked {
    /// Those of `fields` that the mask names; without one, those that are filled. `fills_more` tells whether anything else
    /// is filled, beside the id.
    ///
    /// # Errors
    ///
    /// It names something else; or there is none, and something is filled that cannot be changed.
    pub(super) fn of(
        mask: Option<FieldMask>,
        within: &str,
        fields: &[Field],
        fills_more: bool,
    ) -> Result<Self, Fault> {
        let names: Vec<String> = fields.iter().map(|(name, _)| format!("`{name}`")).collect();
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            if fills_more {
                let what = format!("found a field that is not changed, expected {}", names.join(", "));
                return Err(Fault::field(within, what));
            }
            let filled = fields.iter().filter(|(_, is_filled)| *is_filled);
            return Ok(Self(filled.map(|(name, _)| *name).collect()));
        };
        let known = |path: &String| fields.iter().map(|(name, _)| *name).find(|name| name == path);
        let chosen: Option<Vec<&'static str>> = mask.paths.iter().map(known).collect();
        chosen
            .map(Self)
            .ok_or_else(|| Fault::field("update_mask", format!("expected names of {}", names.join(", "))))
    }

    /// Whether a field is changed.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.contains(&field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 3] = [("name", true), ("plan", false), ("scopes", true)];

    fn masked(paths: Option<&[&str]>, fills_more: bool) -> Result<Vec<&'static str>, String> {
        let paths = paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        let masked = Masked::of(paths.map(|paths| FieldMask { paths }), "key", &FIELDS, fills_more);
        masked.map(|Masked(names)| names).map_err(|fault| fault.message)
    }

    #[test]
    fn a_mask_says_what_is_changed_and_without_one_what_is_filled_does() {
        assert_eq!(masked(Some(&["plan", "name"]), true), Ok(vec!["plan", "name"]));
        for none in [None, Some(&[][..])] {
            assert_eq!(masked(none, false), Ok(vec!["name", "scopes"]));
        }
    }

    #[test]
    fn what_cannot_be_changed_is_refused() {
        let unknown = "update_mask: expected names of `name`, `plan`, `scopes`";
        assert_eq!(masked(Some(&["name", "id"]), false), Err(unknown.to_owned()));
        let filled = "key: found a field that is not changed, expected `name`, `plan`, `scopes`";
        assert_eq!(masked(None, true), Err(filled.to_owned()));
    }
}
