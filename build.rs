//! Compiles the admin API's messages, without a `protoc` on the machine.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    // `sqlx::migrate!` sees a changed migration, but not a new one.
    println!("cargo:rerun-if-changed=src/store/migrations");

    let mut builder = tonic_prost_build::configure().build_client(false).build_server(false);
    for message in ["Key", "Organization", "Project", "Member", "Secret", "Session", "Session.Membership"] {
        builder = builder.message_attribute(message, "#[derive(serde::Serialize)]");
    }
    for (field, function) in [
        ("Key.kind", "keys::message::kind"),
        ("Key.status", "keys::message::status"),
        ("Key.created", "message::time"),
        ("Key.expires", "message::time"),
        ("Key.revoked", "message::time"),
        ("Organization.status", "organizations::message::status"),
        ("Organization.suspended", "message::time"),
        ("Organization.created", "message::time"),
        ("Project.created", "message::time"),
        ("Secret.status", "secrets::message::status"),
        ("Secret.created", "message::time"),
        ("Secret.expires", "message::time"),
        ("Secret.revoked", "message::time"),
        ("Session.status", "sessions::message::status"),
        ("Session.created", "message::time"),
        ("Session.expires", "message::time"),
        ("Session.idle", "sessions::message::span"),
        ("Session.used", "message::time"),
        ("Session.ended", "message::time"),
    ] {
        let attribute = format!("#[serde(serialize_with = \"crate::admin::{function}\")]");
        builder = builder.field_attribute(field, attribute);
    }
    for field in [
        "Key.project",
        "Key.environment",
        "Key.plan",
        "Key.expires",
        "Key.revoked",
        "Key.rotated_from",
        "Organization.plan",
        "Organization.suspended",
        "Secret.expires",
        "Secret.revoked",
        "Secret.rotated_from",
        "Session.idle",
        "Session.used",
        "Session.ended",
    ] {
        builder = builder.field_attribute(field, "#[serde(skip_serializing_if = \"Option::is_none\")]");
    }
    builder.compile_fds(protox::compile(["proto/doorward/admin/v1/admin.proto"], ["proto"])?)?;
    Ok(())
}
