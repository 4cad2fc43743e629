//! `doorward keys`: the keys in the store of the configuration.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use rand::CryptoRng;

use crate::{
    admin::{Import, ImportFormat, Issued, KeyError, Keys, NewKey},
    config::Config,
    domain::{Clock, CredentialStatus, SystemClock, Timestamp},
    store::{KeyFilter, KeyStore, every_page},
};

use super::{
    Exit, Failure, block_on, print, randomness,
    store::{author, with_store},
};

use self::{
    answer::Answer,
    arguments::{Action, Create, Form},
};

pub(super) use arguments::KeysCommand;

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Invalid(_) => Self::new(Exit::Usage, error),
            other => Self::new(Exit::Failure, other),
        }
    }
}

/// Runs the command on the machine's clock and randomness, and prints its answer.
///
/// # Errors
///
/// There is no configuration or it is wrong, or the command could not be carried out.
pub(super) fn run(command: KeysCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let config = command.store.config.load(env)?.config;
    let answer = block_on(execute(command, &config, &SystemClock, &mut randomness()?))?;
    print(&answer).map(|()| Exit::Success)
}

/// Carries out a command on the store of the configuration, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, could not be done, or the store cannot be reached.
async fn execute(
    command: KeysCommand,
    config: &Config,
    clock: &dyn Clock,
    rng: &mut impl CryptoRng,
) -> Result<String, Failure> {
    let answer = with_store(config, async |store| {
        let keys = Keys::new(store, &config.apis, &config.plans, clock);
        carry_out(command.action, &keys, clock.now(), rng).await
    });
    answer.await?.render(command.store.output, clock.now())
}

async fn carry_out<S: KeyStore>(
    action: Action,
    keys: &Keys<'_, S>,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Failure> {
    Ok(match action {
        Action::Create(arguments) => {
            let Issued { key, record } = keys.create(wanted(arguments, now)?, rng, &author()).await?;
            Answer::Issued { key, record, old_ends: None }
        }
        Action::List { api, older_than } => {
            let filter = KeyFilter {
                apis: api.map(|api| vec![api]),
                status: older_than.map(|_| (CredentialStatus::Active, now)),
                made_before: older_than.map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN)),
                ..KeyFilter::default()
            };
            Answer::List(every_page(async |page| keys.list(&filter, page).await).await?)
        }
        Action::Get { id } => Answer::Key(keys.get(&id).await?),
        Action::Rotate { id, overlap } => {
            let old = keys.get(&id).await?;
            let Issued { key, record } = keys.rotate(&old, overlap, rng, &author()).await?;
            Answer::Issued {
                key,
                record,
                // Whatever happens here must not lose the new key.
                old_ends: keys.get(&id).await.ok().and_then(|old| old.expires),
            }
        }
        Action::Revoke { id } => Answer::Revoked(keys.revoke(&id, &author()).await?),
        Action::Import { file, format, dry_run } => {
            let count = import(&file, format, dry_run, keys, rng).await?;
            if dry_run { Answer::Importable(count) } else { Answer::Imported(count) }
        }
    })
}

fn wanted(arguments: Create, now: Timestamp) -> Result<NewKey, KeyError> {
    let expires = arguments.expires.map(|expiry| expiry.moment(now)).transpose()?;
    Ok(NewKey {
        apis: arguments.apis,
        name: arguments.name,
        kind: arguments.kind,
        organization: arguments.organization,
        project: arguments.project,
        environment: arguments.environment,
        scopes: arguments.scopes,
        preset: arguments.preset,
        plan: arguments.plan,
        expires,
        sources: arguments.sources,
        labels: BTreeMap::new(),
    })
}

async fn import<S: KeyStore>(
    file: &Path,
    form: Option<Form>,
    validate_only: bool,
    keys: &Keys<'_, S>,
    rng: &mut impl CryptoRng,
) -> Result<usize, Failure> {
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let opened = File::open(file).map_err(|error| {
            Failure::new(Exit::Usage, format!("{} cannot be opened: {error}", file.display()))
        })?;
        Box::new(BufReader::new(opened))
    };
    let is_csv = file.extension().is_some_and(|extension| extension == "csv");
    let format = match form {
        Some(Form::Csv) => ImportFormat::Csv,
        None if is_csv => ImportFormat::Csv,
        Some(Form::JsonLines) | None => ImportFormat::JsonLines,
    };
    let import = Import { reader, format, validate_only, permit: &|_| Ok(()) };
    Ok(keys.import(import, rng, &author()).await?)
}
