//! `doorward secrets`: the secrets in the store of the configuration.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use rand::CryptoRng;
use secrecy::zeroize::Zeroizing;

use crate::{
    admin::{NewSecret, Problem, SecretError, Secrets},
    config::Config,
    domain::{Clock, PlainSecret, SystemClock, Timestamp},
    store::{AuditStore, ProjectStore, SecretFilter, SecretStore, every_page},
};

use super::{
    Exit, Failure, Output, block_on, print, randomness,
    store::{author, with_store},
};

use self::{
    answer::Answer,
    arguments::{Action, Create},
};

pub(super) use arguments::SecretsCommand;

/// The longest file that is read for a secret, in bytes.
const FILE_BYTES_MAX: usize = 4096;
/// After how many secrets the progress of sealing them anew is told.
const PROGRESS_STEP: usize = 100;

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Store(error) => error.into(),
            SecretError::Invalid(_) | SecretError::NoSealing => Self::new(Exit::Usage, error),
            other => Self::new(Exit::Failure, other),
        }
    }
}

/// Runs the command on the machine's clock and randomness, and prints its answer.
///
/// # Errors
///
/// There is no configuration or it is wrong, or the command could not be carried out.
pub(super) fn run(command: SecretsCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let config = command.store.config.load(env)?.config;
    let (exit, answer) = block_on(execute(command, &config, &SystemClock, &mut randomness()?))?;
    print(&answer).map(|()| exit)
}

/// Carries out a command on the store of the configuration, and gives the answer as it is printed. It is a failure
/// if a secret could not be sealed anew.
///
/// # Errors
///
/// What was asked makes no sense, could not be done, or the store cannot be reached.
async fn execute(
    command: SecretsCommand,
    config: &Config,
    clock: &dyn Clock,
    rng: &mut impl CryptoRng,
) -> Result<(Exit, String), Failure> {
    let output = command.store.output;
    let answer = with_store(config, async |store| {
        let secrets = Secrets::new(store, &config.apis, config.sealing.as_ref(), clock);
        carry_out(command.action, &secrets, clock.now(), output, rng).await
    });
    let answer = answer.await?;
    let is_left = matches!(&answer, Answer::Resealed(resealed) if !resealed.left.is_empty());
    let exit = if is_left { Exit::Failure } else { Exit::Success };
    Ok((exit, answer.render(output, clock.now())?))
}

async fn carry_out<S: SecretStore + ProjectStore + AuditStore>(
    action: Action,
    secrets: &Secrets<'_, S>,
    now: Timestamp,
    output: Output,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Failure> {
    Ok(match action {
        Action::Create(arguments) => {
            let is_from_elsewhere = arguments.secret_file.is_some();
            let issued = secrets.create(wanted(arguments, now)?, rng, &author()).await?;
            if is_from_elsewhere {
                Answer::TakenOver(issued.record)
            } else {
                Answer::Issued { issued, old_ends: None }
            }
        }
        Action::List { api, project } => {
            let filter = SecretFilter { apis: api.map(|api| vec![api]), project, ..SecretFilter::default() };
            Answer::List(every_page(async |page| secrets.list(&filter, page).await).await?)
        }
        Action::Get { id } => Answer::Secret(secrets.get(&id).await?),
        Action::Rotate { id, overlap } => {
            let issued = secrets.rotate(&id, overlap, rng, &author()).await?;
            // Whatever happens here must not lose the new secret.
            let old_ends = secrets.get(&id).await.ok().and_then(|old| old.expires);
            Answer::Issued { issued, old_ends }
        }
        Action::Revoke { id } => Answer::Revoked(secrets.revoke(&id, &author()).await?),
        Action::Reveal { id } => Answer::Revealed(secrets.reveal(&id, &author()).await?),
        Action::Reseal => {
            Answer::Resealed(secrets.reseal(rng, |done, all| tell(done, all, output), &author()).await?)
        }
    })
}

/// Tells people how far the sealing has come.
fn tell(done: usize, all: usize, output: Output) {
    if output == Output::Table && (done == all || done.is_multiple_of(PROGRESS_STEP)) {
        // Whoever cannot see it misses nothing that the answer does not say.
        let _ = writeln!(io::stderr(), "{done} of {all}");
    }
}

fn wanted(arguments: Create, now: Timestamp) -> Result<NewSecret, Failure> {
    let expires = arguments.expires.map(|expiry| expiry.moment(now)).transpose();
    Ok(NewSecret {
        api: arguments.api,
        project: arguments.project,
        organization: arguments.organization,
        secret: arguments.secret_file.map(|file| read(&file)).transpose()?,
        expires: expires.map_err(SecretError::from)?,
    })
}

/// The secret in a file, without the line's end at its end.
fn read(file: &Path) -> Result<PlainSecret, Failure> {
    let failed =
        |error: io::Error| Failure::new(Exit::Usage, format!("{} cannot be read: {error}", file.display()));
    // Of this size from the start, so that no growing leaves a copy behind.
    let mut bytes = Zeroizing::new(vec![0; FILE_BYTES_MAX]);
    let mut source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(failed)?)
    };
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let text = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    let fault = |fault| Problem::new("secret-file", "something else", format!("{fault}"));
    Ok(PlainSecret::from_elsewhere(text.into()).map_err(|error| SecretError::from(fault(error)))?)
}
