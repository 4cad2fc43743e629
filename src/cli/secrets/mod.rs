//! `doorward secrets`: the secrets with which projects sign.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    path::Path,
};

use serde_json::json;

use crate::{
    admin::{
        Problem, SecretError,
        api::{CreateSecret, GetSecret, ListSecrets, RevealSecret, RevokeSecret, RotateSecret},
        proto::{
            CreateSecretRequest, GetSecretRequest, ListSecretsRequest, RevealSecretRequest,
            RevokeSecretRequest, RotateSecretRequest, Secret,
        },
    },
    config::declare_secret,
    domain::{PlainSecret, SecretId},
    store::SecretStore,
};

use super::{
    Exit, Failure, Output, hidden,
    moments::span,
    office::{self, Office, author, tell_once},
    print, render, unwritable,
};

use self::arguments::{Action, Create};

pub(super) use arguments::SecretsCommand;

/// The longest file that is read for a secret, in bytes.
const FILE_BYTES_MAX: usize = 4096;
/// After how many secrets the progress of sealing them anew is told.
const PROGRESS_STEP: usize = 100;

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Store(error) => error.into(),
            SecretError::Invalid(_) => Self::new(Exit::Usage, error),
            other => Self::new(Exit::Failure, other),
        }
    }
}

/// Runs the command, and prints its answer.
///
/// # Errors
///
/// It could not be carried out, or nobody could be asked.
pub(super) fn run(command: SecretsCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let SecretsCommand { office, action } = command;
    if let Action::Create(arguments @ Create { declare: true, .. }) = action {
        let work = async |at: &Office| declare(arguments, office.output, at).await;
        return print(&office::work_in_memory(&office, env, work)?).map(|()| Exit::Success);
    }
    let work = async |at: &Office| execute(action, office.output, at).await;
    let (exit, answer) = office::work(&office, env, work)?;
    print(&answer).map(|()| exit)
}

/// Carries out a command, and gives the answer as it is printed. It is a failure if a secret could not be sealed anew.
///
/// # Errors
///
/// What was asked makes no sense, is refused, or nobody could be asked.
async fn execute(action: Action, output: Output, office: &Office) -> Result<(Exit, String), Failure> {
    let text = match action {
        Action::Create(arguments) => create(arguments, output, office).await?,
        Action::List { api, project } => {
            let request = ListSecretsRequest {
                api: api.map(|api| api.to_string()),
                project: project.map(|project| project.to_string()),
                ..ListSecretsRequest::default()
            };
            let secrets = office.list::<ListSecrets>(request, usize::MAX).await?;
            render(output, &json!({ "secrets": secrets }), || answer::rows(&secrets))?
        }
        Action::Get { id } => {
            let secret = office.ask::<GetSecret>(GetSecretRequest { id: id.to_string() }).await?;
            render(output, &secret, || answer::details(&secret))?
        }
        Action::Rotate { id, overlap } => {
            let (id, overlap) = (id.to_string(), Some(span(overlap)?));
            let request = RotateSecretRequest { id: id.clone(), overlap, request_id: String::new() };
            let issued = office.ask::<RotateSecret>(request).await?;
            // Whatever happens here must not lose the new secret.
            let old = office.ask::<GetSecret>(GetSecretRequest { id }).await.ok();
            render(output, &issued, || answer::rotated(&issued, old.as_ref()))?
        }
        Action::Revoke { id } => {
            let secret = office.ask::<RevokeSecret>(RevokeSecretRequest { id: id.to_string() }).await?;
            render(output, &secret, || answer::revoked(&secret))?
        }
        Action::Reveal { id } => {
            let revealed = office.ask::<RevealSecret>(RevealSecretRequest { id: id.to_string() }).await?;
            render(output, &revealed, || vec![revealed.secret.clone()])?
        }
        Action::Reseal => return reseal(output, office).await,
    };
    Ok((Exit::Success, text))
}

async fn create(arguments: Create, output: Output, office: &Office) -> Result<String, Failure> {
    let is_from_elsewhere = arguments.secret_file.is_some();
    let issued = office.ask::<CreateSecret>(wanted(arguments, office)?).await?;
    match &issued.record {
        Some(record) if is_from_elsewhere => render(output, record, || answer::taken_over(record)),
        _ => render(output, &issued, || answer::issued(&issued)),
    }
}

/// Makes a secret or takes one over, and gives a document that declares it.
async fn declare(arguments: Create, output: Output, office: &Office) -> Result<String, Failure> {
    let is_from_elsewhere = arguments.secret_file.is_some();
    let issued = office.ask::<CreateSecret>(wanted(arguments, office)?).await?;
    let id: SecretId = issued.id.parse().map_err(unwritable)?;
    let record = office.here("declares secrets")?.store().secret(&id).await?;
    let document = declare_secret(&record).map_err(unwritable)?;
    // Whoever brought it knows it.
    let secret = (!is_from_elsewhere).then_some(&issued.secret);
    if let (Output::Table, Some(secret)) = (output, secret) {
        tell_once("secret", secret)?;
    }
    let facts = json!({ "id": issued.id, "secret": secret, "document": document });
    render(output, &facts, || vec![document.clone()])
}

fn wanted(arguments: Create, office: &Office) -> Result<CreateSecretRequest, Failure> {
    let plain = arguments.secret_file.map(|file| from_elsewhere(&file)).transpose()?;
    let expires = arguments.expires.map(|expiry| expiry.moment(office.now())).transpose()?;
    let secret = Secret {
        api: arguments.api.to_string(),
        project: arguments.project.to_string(),
        organization: arguments.organization.to_string(),
        expires,
        ..Secret::default()
    };
    let plain = plain.map(|plain| plain.expose().to_owned());
    Ok(CreateSecretRequest { secret: Some(secret), plain, request_id: String::new() })
}

async fn reseal(output: Output, office: &Office) -> Result<(Exit, String), Failure> {
    let desk = office.here("seals secrets anew")?;
    let config = desk.config();
    let mut random = desk.random();
    let progress = |done, all| tell(done, all, output);
    let resealed = desk.secrets(&config).reseal(&mut random, progress, &author()).await?;
    let exit = if resealed.left.is_empty() { Exit::Success } else { Exit::Failure };
    let text = render(output, &answer::resealed_json(&resealed), || answer::resealed(&resealed))?;
    Ok((exit, text))
}

/// Tells people how far the sealing has come.
fn tell(done: usize, all: usize, output: Output) {
    if output == Output::Table && (done == all || done.is_multiple_of(PROGRESS_STEP)) {
        // Whoever cannot see it misses nothing that the answer does not say.
        let _ = writeln!(io::stderr(), "{done} of {all}");
    }
}

/// A secret made elsewhere.
fn from_elsewhere(file: &Path) -> Result<PlainSecret, Failure> {
    let text = hidden::read(file, FILE_BYTES_MAX)?;
    PlainSecret::from_elsewhere(text.as_str().into()).map_err(|error| {
        Failure::new(Exit::Usage, Problem::new("secret-file", "something else", error.to_string()))
    })
}
