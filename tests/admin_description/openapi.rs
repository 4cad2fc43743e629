//! The admin API for programs, as `OpenAPI` 3.1.

use std::collections::BTreeSet;

use doorward::admin::api::{About, Body, METHODS, Verb};
use prost_types::field_descriptor_proto::{Label, Type};
use serde_json::{Map, Value, json};

use super::definitions::{Definitions, Field, Message};

const TIMESTAMP: &str = ".google.protobuf.Timestamp";
const DURATION: &str = ".google.protobuf.Duration";
const MASK: &str = ".google.protobuf.FieldMask";
const EMPTY: &str = ".google.protobuf.Empty";

/// The description of all.
pub(crate) fn of(definitions: &Definitions) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut inputs = BTreeSet::new();
    for about in METHODS {
        let path = paths.entry(public_path(about.path)).or_insert_with(|| json!({}));
        let operations = path.as_object_mut().expect("an object");
        operations.insert(verb(about.verb).to_owned(), operation(definitions, about, &mut inputs));
    }
    let answers = definitions
        .messages
        .values()
        .filter(|message| !message.is_entry && !message.name.ends_with("Request"));
    let mut schemas: Map<String, Value> =
        answers.map(|message| (component(&message.name), schema(definitions, message, false))).collect();
    for message in definitions.messages.values().filter(|message| inputs.contains(&message.name)) {
        schemas.insert(component(&message.name) + "Input", schema(definitions, message, true));
    }
    schemas.insert("Error".to_owned(), error());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Doorward admin API",
            "version": "v1",
            "description": "Keys, secrets, sessions and organizations, managed over HTTP. The same methods are there over gRPC.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
    })
}

/// A path with short names for its fields: `{key.id}` is `{id}`.
pub(crate) fn public_path(path: &str) -> String {
    let mut public = String::new();
    for (at, piece) in path.split('{').enumerate() {
        match piece.split_once('}') {
            Some((field, rest)) if at > 0 => public.extend(["{", short(field), "}", rest]),
            _ => public.push_str(piece),
        }
    }
    public
}

/// The fields that stand in a path.
pub(crate) fn path_fields(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|piece| Some(piece.split_once('}')?.0)).collect()
}

fn short(field: &str) -> &str {
    field.rsplit('.').next().unwrap_or(field)
}

fn component(name: &str) -> String {
    name.replace('.', "")
}

fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Patch => "patch",
        Verb::Put => "put",
        Verb::Delete => "delete",
    }
}

fn operation(definitions: &Definitions, about: &About, inputs: &mut BTreeSet<String>) -> Value {
    let method = definitions.method(&about.grpc_path());
    let request = definitions.messages.get(&method.request).expect("a request");
    let in_path = path_fields(about.path);
    let path_parameter = |field: &&str| json!({ "name": short(field), "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } });
    let mut parameters: Vec<Value> = in_path.iter().map(path_parameter).collect();
    let others = request.fields.iter().filter(|field| !in_path.contains(&field.of.name()));
    let (in_body, beside): (Vec<&Field>, Vec<&Field>) = others.partition(|field| match about.body {
        Body::None => false,
        Body::All => true,
        Body::Field(own) => field.of.name() == own,
    });
    parameters.extend(beside.iter().map(|field| in_query(definitions, field)));
    if request.fields.iter().any(|field| field.of.name() == "request_id") {
        let about = "The same as `request_id`.";
        let schema = json!({ "type": "string", "pattern": "^[!-~]{1,128}$" });
        parameters.push(
            json!({ "name": "Idempotency-Key", "in": "header", "description": about, "schema": schema }),
        );
    }
    let mut operation = json!({
        "operationId": about.name,
        "summary": method.comment,
        "tags": [about.service.trim_end_matches("Service")],
        "x-doorward-role": about.role.code(),
        "parameters": parameters,
        "responses": responses(definitions, about, &method.answer),
    });
    if !in_body.is_empty() {
        for field in &in_body {
            take_input(definitions, field.of.type_name(), inputs);
        }
        let fields = operation.as_object_mut().expect("an object");
        fields.insert("requestBody".to_owned(), request_body(definitions, about.body, &in_body));
    }
    operation
}

fn request_body(definitions: &Definitions, body: Body, fields: &[&Field]) -> Value {
    let own = |field: &Field| field.of.type_name().to_owned();
    if let (Body::Field(_), [field]) = (body, fields) {
        let (schema, example) = (input(definitions, &own(field)), whole_example(definitions, &own(field)));
        return json!({
            "required": true,
            "content": { "application/json": { "schema": schema, "example": example } },
        });
    }
    let is_message = |field: &&&Field| definitions.messages.contains_key(field.of.type_name());
    let needed: Vec<&str> = fields.iter().filter(is_message).map(|field| field.of.name()).collect();
    let mut schema = object(definitions, fields, true);
    if !needed.is_empty() {
        schema.as_object_mut().expect("an object").insert("required".to_owned(), json!(needed));
    }
    let known = fields.iter().filter_map(|field| {
        let value = if is_message(&field) {
            Some(whole_example(definitions, &own(field)))
        } else {
            example(field.of.name())
        };
        Some((field.of.name().to_owned(), value?))
    });
    let known: Map<String, Value> = known.collect();
    let mut content = json!({ "schema": schema });
    if !known.is_empty() {
        content.as_object_mut().expect("an object").insert("example".to_owned(), known.into());
    }
    json!({ "required": !needed.is_empty(), "content": { "application/json": content } })
}

fn responses(definitions: &Definitions, about: &About, answer: &str) -> Value {
    let described = |what: &str, schema: Value| json!({ "description": what, "content": { "application/json": { "schema": schema } } });
    let schema = if answer == EMPTY {
        json!({ "type": "object", "additionalProperties": false })
    } else {
        let answer = definitions.messages.get(answer).expect("an answer");
        json!({ "$ref": format!("#/components/schemas/{}", component(&answer.name)) })
    };
    let mut done = described("Done.", schema);
    if about.name.starts_with("Create") {
        done.as_object_mut().expect("an object").insert("links".to_owned(), links(about));
    }
    let error = json!({ "$ref": "#/components/schemas/Error" });
    json!({ "200": done, "default": described("Not done.", error) })
}

/// What can be done about what was made.
fn links(about: &About) -> Value {
    let about_one = |other: &&About| {
        other
            .path
            .strip_prefix(about.path)
            .is_some_and(|rest| rest.starts_with("/{") && !rest[1..].contains('/'))
    };
    let link = |other: &About| {
        let field = path_fields(other.path).first().map_or("id", |field| short(field));
        let link = json!({ "operationId": other.name, "parameters": { field: "$response.body#/id" } });
        (other.name.to_owned(), link)
    };
    METHODS.iter().filter(about_one).map(link).collect::<Map<_, _>>().into()
}

/// Notes that a message, and what it holds, stands in requests.
fn take_input(definitions: &Definitions, name: &str, inputs: &mut BTreeSet<String>) {
    let Some(message) = definitions.messages.get(name) else { return };
    if inputs.insert(message.name.clone()) {
        for field in message.fields.iter().filter(|field| !field.is_output_only()) {
            take_input(definitions, field.of.type_name(), inputs);
        }
    }
}

fn in_query(definitions: &Definitions, field: &Field) -> Value {
    let mut parameter = json!({
        "name": field.of.name(),
        "in": "query",
        "description": field.comment,
        "schema": type_of(definitions, field, true),
    });
    if field.of.name() == "lifetime" {
        let members = parameter.as_object_mut().expect("an object");
        members.insert("example".to_owned(), example("lifetime").into());
    }
    parameter
}

fn schema(definitions: &Definitions, message: &Message, is_input: bool) -> Value {
    let fields: Vec<&Field> =
        message.fields.iter().filter(|field| !(is_input && field.is_output_only())).collect();
    let mut schema = object(definitions, &fields, is_input);
    schema
        .as_object_mut()
        .expect("an object")
        .insert("description".to_owned(), message.comment.clone().into());
    schema
}

fn object(definitions: &Definitions, fields: &[&Field], is_input: bool) -> Value {
    let property = |field: &&Field| {
        let mut schema = type_of(definitions, field, is_input);
        let members = schema.as_object_mut().expect("an object");
        members.insert("description".to_owned(), field.comment.clone().into());
        (field.of.name().to_owned(), schema)
    };
    let properties: Map<String, Value> = fields.iter().map(property).collect();
    let is_always_there = |field: &&&Field| {
        let of = &field.of;
        of.label() == Label::Repeated || !(of.proto3_optional() || of.r#type() == Type::Message)
    };
    let required: Vec<&str> = fields.iter().filter(is_always_there).map(|field| field.of.name()).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !is_input {
        schema.as_object_mut().expect("an object").insert("required".to_owned(), required.into());
    }
    schema
}

/// What may stand for a message.
fn whole_example(definitions: &Definitions, name: &str) -> Value {
    let message = definitions.messages.get(name).expect("a message");
    let own = message.fields.iter().filter(|field| !field.is_output_only());
    own.filter_map(|field| Some((field.of.name().to_owned(), example(field.of.name())?)))
        .collect::<Map<_, _>>()
        .into()
}

/// What may stand in a field.
fn example(field: &str) -> Option<Value> {
    Some(match field {
        "id" => json!("globex"),
        "lifetime" => json!("3600s"),
        "api" => json!("payments"),
        "apis" => json!(["payments"]),
        "organization" => json!("acme"),
        "project" => json!("apollo"),
        "user" => json!("ada"),
        "environment" => json!("live"),
        "scopes" => json!(["read"]),
        "name" => json!("CI of the shop"),
        _ => return None,
    })
}

fn type_of(definitions: &Definitions, field: &Field, is_input: bool) -> Value {
    let single = match (field.of.r#type(), field.of.type_name()) {
        (Type::Bool, _) => json!({ "type": "boolean" }),
        (Type::Int32, _) => {
            json!({ "type": "integer", "format": "int32", "minimum": 0, "maximum": i32::MAX })
        }
        (Type::Uint64, _) => json!({ "type": "integer", "minimum": 0 }),
        (Type::Enum, name) => json!({ "type": "string", "enum": definitions.codes(name) }),
        (Type::Message, TIMESTAMP) => json!({ "type": "string", "format": "date-time" }),
        (Type::Message, DURATION) => json!({ "type": "string", "pattern": "^[0-9]{1,9}(\\.[0-9]{1,9})?s$" }),
        (Type::Message, MASK) => json!({ "type": "string", "pattern": "^[a-z_]+(,[a-z_]+)*$" }),
        (Type::Message, name) if is_input => input(definitions, name),
        (Type::Message, name) => {
            let message = definitions.messages.get(name).expect("a message");
            if message.is_entry {
                return json!({ "type": "object", "additionalProperties": { "type": "string" } });
            }
            json!({ "$ref": format!("#/components/schemas/{}", component(&message.name)) })
        }
        _ => json!({ "type": "string" }),
    };
    if field.of.label() == Label::Repeated && !is_map(definitions, field) {
        return json!({ "type": "array", "items": single });
    }
    single
}

fn is_map(definitions: &Definitions, field: &Field) -> bool {
    definitions.messages.get(field.of.type_name()).is_some_and(|message| message.is_entry)
}

fn input(definitions: &Definitions, name: &str) -> Value {
    let message = definitions.messages.get(name).expect("a message");
    if message.is_entry {
        return json!({ "type": "object", "additionalProperties": { "type": "string" } });
    }
    json!({ "$ref": format!("#/components/schemas/{}Input", component(&message.name)) })
}

/// The standard model of errors (AIP-193).
fn error() -> Value {
    json!({
        "type": "object",
        "description": "Why something is not done.",
        "required": ["error"],
        "additionalProperties": false,
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "status", "message", "details"],
                "additionalProperties": false,
                "properties": {
                    "code": { "type": "integer", "description": "The HTTP status." },
                    "status": { "type": "string", "description": "The code of gRPC." },
                    "message": { "type": "string", "description": "What happened, and what to do." },
                    "details": {
                        "type": "array",
                        "description": "The stable reason, and the fields that are not as they should be.",
                        "items": { "type": "object", "required": ["@type"], "properties": { "@type": { "type": "string" } } },
                    },
                },
            },
        },
    })
}
