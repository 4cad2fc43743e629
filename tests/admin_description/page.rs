//! The admin API for people.

use std::fmt::Write;

use doorward::admin::api::METHODS;
use prost_types::field_descriptor_proto::{Label, Type};

use super::{
    definitions::{Definitions, Field},
    openapi::public_path,
};

const HEAD: &str = "# The admin API

Made from `proto/doorward/admin/v1`. Each method is there over gRPC and as REST on `listen.admin`; programs read the same in
`/v1/openapi.json`. Who may ask, and how, stands in [administrators.md](administrators.md).

- **JSON**: fields have the names below, enumerations their codes (`api_key`), times are RFC 3339, spans are seconds (`3600s`).
- **Paths and query**: fields in braces stand in the path; what is not in the path or the body stands in the query.
- **Errors** have the standard model of AIP-193: `error.status` is the code of gRPC, `error.details` has the stable `reason` and
  each field with what is wrong with it.
- **Lists** come in pages (AIP-158): ask again with `page_token` until `next_page_token` is empty.
- **Asking again**: with `request_id`, or the header `Idempotency-Key`, creating and rotating keys and secrets, and creating sessions,
  can be asked for again after a broken connection. The second answer has `repeated` and no secret. Other methods that take a body
  refuse the header: 400, `field_invalid`.

";

/// The page.
pub(crate) fn of(definitions: &Definitions) -> String {
    let mut page = HEAD.to_owned();
    for service in &definitions.services {
        let _ = writeln!(
            page,
            "## {}\n\n{}\n\n| method | REST | role | what |\n|---|---|---|---|",
            service.name, service.comment
        );
        for method in &service.methods {
            let about =
                METHODS.iter().find(|about| about.grpc_path() == method.path).expect("it is answered");
            let verb = format!("{:?}", about.verb).to_uppercase();
            let (name, path, role) = (about.name, public_path(about.path), about.role);
            let _ = writeln!(page, "| `{name}` | `{verb} {path}` | {role} | {} |", method.comment);
        }
        page.push('\n');
    }
    page.push_str("## Messages\n\n");
    for message in definitions.messages.values().filter(|message| !message.is_entry) {
        let _ = writeln!(
            page,
            "### {}\n\n{}\n\n| field | type | what |\n|---|---|---|",
            message.name, message.comment
        );
        for field in &message.fields {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} |",
                field.of.name(),
                type_of(definitions, field),
                field.comment
            );
        }
        page.push('\n');
    }
    page.trim_end().to_owned() + "\n"
}

fn type_of(definitions: &Definitions, field: &Field) -> String {
    let own = field.of.type_name();
    let single = match field.of.r#type() {
        Type::Bool => "true or false".to_owned(),
        Type::Int32 | Type::Uint64 => "number".to_owned(),
        Type::Enum => {
            definitions.codes(own).iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
        }
        Type::Message => match own.rsplit('.').next().unwrap_or_default() {
            "Timestamp" => "time".to_owned(),
            "Duration" => "span".to_owned(),
            "FieldMask" => "names of fields".to_owned(),
            _ => match definitions.messages.get(own) {
                Some(message) if message.is_entry => return "names and values".to_owned(),
                Some(message) => message.name.clone(),
                None => own.to_owned(),
            },
        },
        _ => "text".to_owned(),
    };
    if field.of.label() == Label::Repeated { format!("list of {single}") } else { single }
}
