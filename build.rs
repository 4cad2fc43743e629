//! Compiles the admin API's messages, without a `protoc` on the machine.

use std::error::Error;

const JSON: &str = "crate::admin::keys::message";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    // `sqlx::migrate!` sees a changed migration, but not a new one.
    println!("cargo:rerun-if-changed=src/store/migrations");

    let mut builder = tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .message_attribute("Key", "#[derive(serde::Serialize)]");
    for (field, function) in [
        ("kind", "kind"),
        ("status", "status"),
        ("created", "time"),
        ("expires", "time"),
        ("revoked", "time"),
    ] {
        let attribute = format!("#[serde(serialize_with = \"{JSON}::{function}\")]");
        builder = builder.field_attribute(format!("Key.{field}"), attribute);
    }
    for field in ["project", "environment", "plan", "expires", "revoked", "rotated_from"] {
        builder = builder
            .field_attribute(format!("Key.{field}"), "#[serde(skip_serializing_if = \"Option::is_none\")]");
    }
    builder.compile_fds(protox::compile(["proto/doorward/admin/v1/admin.proto"], ["proto"])?)?;
    Ok(())
}
