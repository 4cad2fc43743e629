//! `doorward audit`: what administrators changed.

mod arguments;
#[cfg(test)]
mod tests;

use serde_json::json;

use crate::admin::{
    api::ListAuditRecords,
    json::wire,
    proto::{AuditRecord, ListAuditRecordsRequest},
};

use super::{
    Exit, Failure, Output,
    office::{self, Office},
    print, render,
    table::{self, list, optional, plain, time},
};

use self::arguments::List;

pub(super) use arguments::AuditCommand;

const COLUMNS: [&str; 9] = ["NUMBER", "AT", "ACTION", "ID", "ACTOR", "ROLE", "FROM", "ORGANIZATION", "APIS"];

/// Runs the command, and prints its answer.
///
/// # Errors
///
/// It could not be carried out, or nobody could be asked.
pub(super) fn run(command: AuditCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let AuditCommand::List(command) = command;
    let work = async |at: &Office| execute(&command, command.office.output, at).await;
    print(&office::work(&command.office, env, work)?).map(|()| Exit::Success)
}

/// Carries out the command, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, is refused, or nobody could be asked.
async fn execute(command: &List, output: Output, office: &Office) -> Result<String, Failure> {
    let request = ListAuditRecordsRequest {
        actor: command.actor.clone(),
        kind: command.kind.clone(),
        id: command.id.clone(),
        organization: command.organization.as_ref().map(ToString::to_string),
        since: command.since.map(wire),
        ..ListAuditRecordsRequest::default()
    };
    let records = office.list::<ListAuditRecords>(request, command.limit).await?;
    render(output, &json!({ "records": records }), || table::rows(COLUMNS, records.iter().map(row)))
}

fn row(record: &AuditRecord) -> [String; 9] {
    [
        record.number.to_string(),
        time(record.at),
        plain(&record.action),
        plain(&record.id),
        plain(&record.actor),
        plain(&record.role),
        plain(&record.from),
        optional(record.organization.as_deref()),
        list(&record.apis),
    ]
}
