//! `doorward keys`: API keys.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde_json::json;

use crate::{
    admin::{
        api::{CreateKey, GetKey, ImportKeys, ListKeys, RevokeKey, RotateKey, UpdateKey},
        proto::{
            CreateKeyRequest, GetKeyRequest, ImportKeysRequest, Key, ListKeysRequest, RevokeKeyRequest,
            RotateKeyRequest, UpdateKeyRequest, import_keys_request::Format, key::Kind,
        },
    },
    config::declare_key,
    domain::{KeyId, KeyKind},
    store::KeyStore,
};

use super::{
    Exit, Failure, Output, mask,
    moments::span,
    office::{self, Office, tell_once},
    print, render, texts, unwritable,
};

use self::arguments::{Action, Create, Form, Import, List, Update};

pub(super) use arguments::KeysCommand;

/// Runs the command, and prints its answer.
///
/// # Errors
///
/// It could not be carried out, or nobody could be asked.
pub(super) fn run(command: KeysCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let KeysCommand { office, action } = command;
    if let Action::Create(arguments @ Create { declare: true, .. }) = action {
        let work = async |at: &Office| declare(arguments, office.output, at).await;
        return print(&office::work_in_memory(&office, env, work)?).map(|()| Exit::Success);
    }
    let work = async |at: &Office| execute(action, office.output, at).await;
    print(&office::work(&office, env, work)?).map(|()| Exit::Success)
}

/// Carries out a command, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, is refused, or nobody could be asked.
async fn execute(action: Action, output: Output, office: &Office) -> Result<String, Failure> {
    match action {
        Action::Create(arguments) => {
            let issued = office.ask::<CreateKey>(wanted(arguments, office)?).await?;
            render(output, &issued, || answer::issued(&issued))
        }
        Action::List(arguments) => {
            let keys = office.list::<ListKeys>(filter(arguments)?, usize::MAX).await?;
            render(output, &json!({ "keys": keys }), || answer::rows(&keys))
        }
        Action::Get { id } => {
            let key = office.ask::<GetKey>(GetKeyRequest { id: id.to_string() }).await?;
            render(output, &key, || answer::details(&key))
        }
        Action::Update(arguments) => {
            let key = office.ask::<UpdateKey>(update(arguments, office)?).await?;
            render(output, &key, || answer::details(&key))
        }
        Action::Rotate { id, overlap } => {
            let (id, overlap) = (id.to_string(), Some(span(overlap)?));
            let request = RotateKeyRequest { id: id.clone(), overlap, request_id: String::new() };
            let issued = office.ask::<RotateKey>(request).await?;
            // Whatever happens here must not lose the new key.
            let old = office.ask::<GetKey>(GetKeyRequest { id }).await.ok();
            render(output, &issued, || answer::rotated(&issued, old.as_ref()))
        }
        Action::Revoke { id } => {
            let key = office.ask::<RevokeKey>(RevokeKeyRequest { id: id.to_string() }).await?;
            render(output, &key, || answer::revoked(&key))
        }
        Action::Import(arguments) => import(arguments, output, office).await,
    }
}

/// Makes a key, and gives a document that declares it.
async fn declare(arguments: Create, output: Output, office: &Office) -> Result<String, Failure> {
    let issued = office.ask::<CreateKey>(wanted(arguments, office)?).await?;
    let id: KeyId = issued.id.parse().map_err(unwritable)?;
    let record = office.here("declares keys")?.store().get(&id).await?;
    let document = declare_key(&record).map_err(unwritable)?;
    if output == Output::Table {
        tell_once("key", &issued.key)?;
    }
    render(output, &json!({ "id": issued.id, "key": issued.key, "document": document }), || {
        vec![document.clone()]
    })
}

fn wanted(arguments: Create, office: &Office) -> Result<CreateKeyRequest, Failure> {
    let kind = match arguments.kind {
        KeyKind::ApiKey => Kind::ApiKey,
        KeyKind::ServiceKey => Kind::ServiceKey,
    };
    let expires = arguments.expires.map(|expiry| expiry.moment(office.now())).transpose()?;
    let key = Key {
        name: arguments.name,
        kind: kind.into(),
        apis: texts(&arguments.apis),
        organization: arguments.organization.to_string(),
        project: arguments.project.map(|project| project.to_string()),
        environment: arguments.environment.map(|environment| environment.to_string()),
        scopes: texts(&arguments.scopes),
        plan: arguments.plan.map(|plan| plan.to_string()),
        sources: texts(&arguments.sources),
        expires,
        labels: arguments.labels.into_iter().collect(),
        ..Key::default()
    };
    Ok(CreateKeyRequest { key: Some(key), preset: arguments.preset, request_id: String::new() })
}

fn filter(arguments: List) -> Result<ListKeysRequest, Failure> {
    Ok(ListKeysRequest {
        api: arguments.api.map(|api| api.to_string()),
        organization: arguments.organization.map(|organization| organization.to_string()),
        project: arguments.project.map(|project| project.to_string()),
        status: arguments.status.unwrap_or_default().into(),
        label: arguments.label,
        older_than: arguments.older_than.map(span).transpose()?,
        expires_within: arguments.expires_within.map(span).transpose()?,
        unused_for: arguments.unused_for.map(span).transpose()?,
        ..ListKeysRequest::default()
    })
}

fn update(arguments: Update, office: &Office) -> Result<UpdateKeyRequest, Failure> {
    let changed = [
        ("name", arguments.name.is_some()),
        ("scopes", arguments.scopes.is_some() || arguments.no_scopes),
        ("plan", arguments.plan.is_some() || arguments.no_plan),
        ("expires", arguments.expires.is_some() || arguments.no_expiry),
        ("labels", arguments.labels.is_some() || arguments.no_labels),
    ];
    let key = Key {
        id: arguments.id.to_string(),
        name: arguments.name.unwrap_or_default(),
        scopes: texts(&arguments.scopes.unwrap_or_default()),
        plan: arguments.plan.map(|plan| plan.to_string()),
        expires: arguments.expires.map(|expiry| expiry.moment(office.now())).transpose()?,
        labels: arguments.labels.into_iter().flatten().collect(),
        ..Key::default()
    };
    Ok(UpdateKeyRequest { key: Some(key), update_mask: Some(mask(&changed)) })
}

async fn import(arguments: Import, output: Output, office: &Office) -> Result<String, Failure> {
    let Import { file, format, dry_run } = arguments;
    let is_csv = file.extension().is_some_and(|extension| extension == "csv");
    let format = match format {
        Some(Form::Csv) => Format::Csv,
        None if is_csv => Format::Csv,
        Some(Form::JsonLines) | None => Format::JsonLines,
    };
    let request =
        ImportKeysRequest { content: content(&file)?, format: format.into(), validate_only: dry_run };
    let imported = office.ask::<ImportKeys>(request).await?;
    let text = render(output, &imported, || answer::imported(&imported, dry_run))?;
    if imported.refused.is_empty() { Ok(text) } else { Err(Failure::new(Exit::Failure, text)) }
}

fn content(file: &Path) -> Result<String, Failure> {
    let mut content = String::new();
    let read = if file == Path::new("-") {
        io::stdin().read_to_string(&mut content).map(|_| content)
    } else {
        fs::read_to_string(file)
    };
    read.map_err(|error| Failure::new(Exit::Usage, format!("{} cannot be read: {error}", file.display())))
}
