//! Compiles the admin API's messages, without a `protoc` on the machine, and says how each field is written as JSON.

use std::{env, error::Error, fs, path::Path};

use heck::ToSnakeCase;
use prost_types::{
    DescriptorProto, FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use tonic_prost_build::Builder;

const PACKAGE: &str = "doorward.admin.v1";
const FILES: [&str; 6] = ["audit", "credentials", "keys", "organizations", "secrets", "sessions"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    // `sqlx::migrate!` sees a changed migration, but not a new one.
    println!("cargo:rerun-if-changed=src/store/migrations");

    let files = FILES.map(|file| format!("proto/doorward/admin/v1/{file}.proto"));
    let mut definitions = protox::Compiler::new(["proto"])?;
    let compiled =
        definitions.include_source_info(true).include_imports(true).open_files(files)?.file_descriptor_set();
    // For reflection, and for those who describe the API.
    let descriptors = Path::new(&env::var("OUT_DIR")?).join("admin.binpb");
    fs::write(descriptors, prost::Message::encode_to_vec(&compiled))?;

    let mut builder = tonic_prost_build::configure().build_client(false).build_server(false).btree_map(".");
    for file in compiled.file.iter().filter(|file| file.package() == PACKAGE) {
        builder = in_json(builder, file);
    }
    builder.compile_fds(compiled)?;
    Ok(())
}

fn in_json(mut builder: Builder, file: &FileDescriptorProto) -> Builder {
    for message in &file.message_type {
        builder = message_in_json(builder, PACKAGE, message);
    }
    builder
}

fn message_in_json(mut builder: Builder, within: &str, message: &DescriptorProto) -> Builder {
    let path = format!("{within}.{}", message.name());
    builder = builder.message_attribute(
        &path,
        "#[derive(serde::Serialize, serde::Deserialize)] #[serde(default, deny_unknown_fields)]",
    );
    for field in &message.field {
        let with = match (field.r#type(), field.type_name()) {
            (Type::Message, ".google.protobuf.Timestamp") => Some("time".to_owned()),
            (Type::Message, ".google.protobuf.Duration") => Some("span".to_owned()),
            (Type::Message, ".google.protobuf.FieldMask") => Some("mask".to_owned()),
            (Type::Enum, name) => Some(format!("Code::<{}>", rust_path(name))),
            _ => None,
        };
        let path = format!("{path}.{}", field.name());
        if let Some(with) = with {
            builder =
                builder.field_attribute(&path, format!("#[serde(with = \"crate::admin::json::{with}\")]"));
        }
        let is_single = field.label() != Label::Repeated;
        if is_single && (field.proto3_optional() || field.r#type() == Type::Message) {
            builder = builder.field_attribute(&path, "#[serde(skip_serializing_if = \"Option::is_none\")]");
        }
    }
    for inner in &message.nested_type {
        builder = message_in_json(builder, &path, inner);
    }
    builder
}

/// Where an enumeration stands in Rust: `.doorward.admin.v1.Key.Kind` → `crate::admin::proto::key::Kind`.
fn rust_path(name: &str) -> String {
    let inner = name.trim_start_matches('.').trim_start_matches(PACKAGE).trim_start_matches('.');
    let (modules, own) = inner.rsplit_once('.').unwrap_or(("", inner));
    let modules =
        modules.split('.').filter(|module| !module.is_empty()).map(|module| module.to_snake_case() + "::");
    format!("crate::admin::proto::{}{own}", modules.collect::<String>())
}
