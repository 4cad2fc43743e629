//! `doorward credentials`: what a credential would be to an API.

mod arguments;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::admin::{
    api::VerifyCredential,
    proto::{VerifiedCredential, VerifyCredentialRequest},
};

use super::{
    Exit, Failure, Output, hidden,
    office::{self, Office},
    print, render,
    table::{self, list, optional},
};

use self::arguments::Verify;

pub(super) use arguments::CredentialsCommand;

/// The longest credential that is read, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 16 * 1024;

/// Runs the command on a credential from standard input, and prints its answer. It is a failure if the credential proves
/// nobody.
///
/// # Errors
///
/// It could not be carried out, or nobody could be asked.
pub(super) fn run(command: CredentialsCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let CredentialsCommand::Verify(command) = command;
    let credential = hidden::read(Path::new("-"), CREDENTIAL_BYTES_MAX)?;
    let work = async |at: &Office| execute(&command, &credential, command.office.output, at).await;
    let (exit, answer) = office::work(&command.office, env, work)?;
    print(&answer).map(|()| exit)
}

/// Carries out the command, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, is refused, or nobody could be asked.
async fn execute(
    command: &Verify,
    credential: &str,
    output: Output,
    office: &Office,
) -> Result<(Exit, String), Failure> {
    if credential.is_empty() {
        let message = format!(
            "found nothing on standard input, or more than {CREDENTIAL_BYTES_MAX} bytes, or no text: expected a credential"
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let request = VerifyCredentialRequest { api: command.api.to_string(), credential: credential.to_owned() };
    let verified = office.ask::<VerifyCredential>(request).await?;
    let exit = if verified.valid { Exit::Success } else { Exit::Failure };
    Ok((exit, render(output, &verified, || lines(&verified))?))
}

fn lines(verified: &VerifiedCredential) -> Vec<String> {
    let valid = if verified.valid { "yes" } else { "no" };
    let proven = [
        ("VALID", valid.to_owned()),
        ("REASON", optional(verified.reason.as_deref())),
        ("CAUSE", optional(verified.cause.as_deref())),
        ("PRINCIPAL", optional(verified.principal.as_deref())),
        ("KIND", optional(verified.kind.as_deref())),
        ("ORGANIZATION", optional(verified.organization.as_deref())),
        ("SCOPES", list(&verified.scopes)),
        ("CREDENTIAL ID", optional(verified.credential_id.as_deref())),
    ];
    table::details(proven)
}
