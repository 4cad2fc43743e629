//! Lists as a whole, page by page.

use std::io::{self, IsTerminal, Write};

use crate::{
    admin::{
        api::{
            Answers, ListAuditRecords, ListKeys, ListMembers, ListOrganizations, ListProjects, ListSecrets,
            ListSessions, Method,
        },
        proto::{AuditRecord, Key, Member, Organization, Project, Secret, Session},
    },
    cli::Failure,
};

use super::{Here, Office};

/// How many are asked for at once: the most that there are.
const PAGE_SIZE: i32 = 1000;
/// After how many a person is told how far it has come.
const PROGRESS_STEP: usize = 10_000;

/// A method that tells of records, page by page.
pub(in crate::cli) trait Lists: Method<Request: Clone> {
    /// A record.
    type Record;

    /// Asks for a page: the first, or that of the token.
    fn turn(request: &mut Self::Request, token: String);

    /// The records of a page, and the token of the next.
    fn page(answer: Self::Answer) -> (Vec<Self::Record>, String);
}

macro_rules! lists {
    ($($method:ident: $records:ident of $record:ident;)+) => {$(
        impl Lists for $method {
            type Record = $record;

            fn turn(request: &mut Self::Request, token: String) {
                request.page_size = PAGE_SIZE;
                request.page_token = token;
            }

            fn page(answer: Self::Answer) -> (Vec<Self::Record>, String) {
                (answer.$records, answer.next_page_token)
            }
        }
    )+};
}

lists! {
    ListKeys: keys of Key;
    ListSecrets: secrets of Secret;
    ListSessions: sessions of Session;
    ListOrganizations: organizations of Organization;
    ListProjects: projects of Project;
    ListMembers: members of Member;
    ListAuditRecords: records of AuditRecord;
}

impl Office {
    /// All that there is, or the first `most`.
    ///
    /// # Errors
    ///
    /// Those of [`Office::ask`].
    pub(in crate::cli) async fn list<M: Lists>(
        &self,
        mut request: M::Request,
        most: usize,
    ) -> Result<Vec<M::Record>, Failure>
    where
        Here: Answers<M>,
    {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            M::turn(&mut request, token);
            let (records, next) = M::page(self.ask::<M>(request.clone()).await?);
            let before = all.len() / PROGRESS_STEP;
            all.extend(records);
            if next.is_empty() || all.len() >= most {
                all.truncate(most);
                return Ok(all);
            }
            if all.len() / PROGRESS_STEP > before && io::stderr().is_terminal() {
                // Whoever cannot see it misses nothing that the answer does not say.
                let _ = writeln!(io::stderr(), "{} so far", all.len());
            }
            token = next;
        }
    }
}
