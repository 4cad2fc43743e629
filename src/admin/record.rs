//! A line in the log for each record that was changed or told, after it is in the audit log of the store.

use crate::{
    domain::{ApiName, Author, OrganizationId},
    store::Audited,
};

/// Writes the line of a change: `verb` says what was done, such as `rotate`. What the record was and what it became
/// stands in the audit log of the store alone.
pub(super) fn changed<R: Audited>(verb: &str, record: &R, by: &Author) {
    let apis: Vec<&str> = record.apis().iter().map(ApiName::as_str).collect();
    tracing::info!(
        target: "doorward::audit",
        action = format!("{}.{verb}", R::KIND),
        actor = by.name,
        role = by.role.code(),
        from = by.from,
        id = record.id(),
        organization = record.organization().map(OrganizationId::as_str),
        apis = apis.join(" "),
        "administered"
    );
}
