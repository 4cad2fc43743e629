//! `doorward organizations`: the organizations in the store of the configuration, with projects and members.

mod answer;
mod arguments;
#[cfg(test)]
mod tests;

use crate::{
    admin::{NewMember, NewOrganization, NewProject, OrganizationError, Organizations},
    config::Config,
    domain::{Clock, SystemClock},
    store::{
        MemberFilter, MemberStore, OrganizationEdit, OrganizationFilter, OrganizationStore, ProjectFilter,
        ProjectStore, every_page,
    },
};

use super::{
    Exit, Failure, block_on, print,
    store::{author, with_store},
};

use self::{
    answer::Answer,
    arguments::{Action, Create, MemberAction, ProjectAction, Update},
};

pub(super) use arguments::OrganizationsCommand;

impl From<OrganizationError> for Failure {
    fn from(error: OrganizationError) -> Self {
        match error {
            OrganizationError::Store(error) => error.into(),
            OrganizationError::Invalid(_) => Self::new(Exit::Usage, error),
        }
    }
}

/// Runs the command on the machine's clock, and prints its answer.
///
/// # Errors
///
/// There is no configuration or it is wrong, or the command could not be carried out.
pub(super) fn run(command: OrganizationsCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let config = command.store.config.load(env)?.config;
    let answer = block_on(execute(command, &config, &SystemClock))?;
    print(&answer).map(|()| Exit::Success)
}

/// Carries out a command on the store of the configuration, and gives the answer as it is printed.
///
/// # Errors
///
/// What was asked makes no sense, could not be done, or the store cannot be reached.
async fn execute(
    command: OrganizationsCommand,
    config: &Config,
    clock: &dyn Clock,
) -> Result<String, Failure> {
    let answer = with_store(config, async |store| {
        let organizations = Organizations::new(store, &config.apis, &config.plans, clock);
        Ok(carry_out(command.action, &organizations).await?)
    });
    answer.await?.render(command.store.output)
}

async fn carry_out<S: OrganizationStore + ProjectStore + MemberStore>(
    action: Action,
    organizations: &Organizations<'_, S>,
) -> Result<Answer, OrganizationError> {
    Ok(match action {
        Action::Create(Create { id, name, apis, plan, entitlements }) => {
            let wanted = NewOrganization { id, name, apis, plan, entitlements };
            Answer::Organization(organizations.create(wanted, &author()).await?)
        }
        Action::List { api } => {
            let filter = OrganizationFilter { apis: api.map(|api| vec![api]) };
            Answer::Organizations(every_page(async |page| organizations.list(&filter, page).await).await?)
        }
        Action::Get { id } => Answer::Organization(organizations.get(&id).await?),
        Action::Update(update) => {
            let id = update.id.clone();
            Answer::Organization(organizations.update(&id, edits(update), &author()).await?)
        }
        Action::Suspend { id } => Answer::Suspended(organizations.suspend(&id, &author()).await?),
        Action::Resume { id } => Answer::Resumed(organizations.resume(&id, &author()).await?),
        Action::Projects(action) => carry_out_on_projects(action, organizations).await?,
        Action::Members(action) => carry_out_on_members(action, organizations).await?,
    })
}

fn edits(update: Update) -> Vec<OrganizationEdit> {
    let no_plan = update.no_plan.then_some(OrganizationEdit::Plan(None));
    let no_entitlements = update.no_entitlements.then_some(OrganizationEdit::Entitlements(Vec::new()));
    let edits = [
        update.name.map(OrganizationEdit::Name),
        update.apis.map(OrganizationEdit::Apis),
        update.plan.map(|plan| OrganizationEdit::Plan(Some(plan))).or(no_plan),
        update.entitlements.map(OrganizationEdit::Entitlements).or(no_entitlements),
    ];
    edits.into_iter().flatten().collect()
}

async fn carry_out_on_projects<S: OrganizationStore + ProjectStore>(
    action: ProjectAction,
    organizations: &Organizations<'_, S>,
) -> Result<Answer, OrganizationError> {
    Ok(match action {
        ProjectAction::Create { id, organization, name, apis } => {
            let wanted = NewProject { id, name, apis, organization };
            Answer::Project(organizations.create_project(wanted, &author()).await?)
        }
        ProjectAction::List { organization } => {
            let filter = ProjectFilter { organization: Some(organization), apis: None };
            Answer::Projects(every_page(async |page| organizations.projects(&filter, page).await).await?)
        }
        ProjectAction::Remove { id } => {
            Answer::ProjectRemoved(organizations.remove_project(&id, &author()).await?)
        }
    })
}

async fn carry_out_on_members<S: OrganizationStore + MemberStore>(
    action: MemberAction,
    organizations: &Organizations<'_, S>,
) -> Result<Answer, OrganizationError> {
    Ok(match action {
        MemberAction::Put { user, organization, apis, scopes } => {
            let wanted = NewMember { user, organization, apis, scopes };
            Answer::Member(organizations.put_member(wanted, &author()).await?)
        }
        // One of the two is named.
        MemberAction::List { organization, user } => {
            let filter = MemberFilter { organization, user, apis: None };
            let members = every_page(async |page| organizations.members(&filter, page).await).await?;
            Answer::Members(members)
        }
        MemberAction::Remove { user, organization } => {
            Answer::MemberRemoved(organizations.remove_member(&user, &organization, &author()).await?)
        }
    })
}
