//! Members of organizations: a row is one membership of one user.

use std::collections::BTreeSet;

use crate::{
    domain::{ApiName, Author, Member, MemberRecord, Membership, OrganizationId, Timestamp, UserId},
    store::{Finds, Found, MemberFilter, MemberStore, Page, PageRequest, RecordKind, StoreError},
};

use super::{
    Change, SqlStore, Statement,
    audit::Turn,
    columns::{Columns, Stored, spaced},
    selection::{Order, Selection},
    snapshot,
};

impl Stored for Member {
    const KIND: RecordKind = RecordKind::Member;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            user: columns.text("user_id")?,
            organization: columns.text("organization")?,
            apis: columns.apis()?,
            scopes: columns.scopes()?,
        })
    }
}

/// Puts a member into the place of the one there is, if there is one.
pub(super) fn replacement(member: &Member) -> Statement {
    Statement::new(
        "INSERT INTO members (user_id, organization, apis, scopes) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id, organization) DO UPDATE SET apis = excluded.apis, scopes = excluded.scopes",
    )
    .bind(member.user.as_str())
    .bind(member.organization.as_str())
    .bind(spaced(&member.apis))
    .bind(spaced(&member.scopes))
}

impl SqlStore {
    async fn member_within(
        &self,
        user: &UserId,
        organization: &OrganizationId,
        change: &mut Change,
    ) -> Result<Member, StoreError> {
        let statement = Statement::new("SELECT * FROM members WHERE user_id = $1 AND organization = $2");
        self.one(statement.bind(user.as_str()).bind(organization.as_str()), change).await
    }

    /// Writes down that these APIs see another member than before.
    async fn note_member(
        &self,
        user: &UserId,
        apis: impl IntoIterator<Item = ApiName>,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        for api in apis {
            self.note::<MemberRecord>(&(user.clone(), api), change).await?;
        }
        Ok(())
    }
}

impl Finds<MemberRecord> for SqlStore {
    async fn find(&self, (user, api): &(UserId, ApiName)) -> Result<Found<MemberRecord>, StoreError> {
        let snapshot = Statement::new(concat!(
            snapshot!("members", "members.user_id = $1"),
            " ORDER BY members.organization"
        ));
        let (mut members, version) = self.look_up::<Member>(snapshot.bind(user.as_str())).await?;
        members.retain(|member| member.apis.contains(api));
        let membership =
            |member: Member| Membership { organization: member.organization, scopes: member.scopes };
        let record = (!members.is_empty()).then(|| MemberRecord {
            user: user.clone(),
            memberships: members.into_iter().map(membership).collect(),
        });
        Ok(Found { record, version })
    }
}

impl MemberStore for SqlStore {
    async fn put_member(
        &self,
        member: &Member,
        at: Timestamp,
        by: &Author,
    ) -> Result<Option<Member>, StoreError> {
        let mut change = self.begin().await?;
        self.organization_within(&member.organization, &mut change).await?;
        let before = match self.member_within(&member.user, &member.organization, &mut change).await {
            Ok(before) => Some(before),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        if before.as_ref() == Some(member) {
            return Ok(before);
        }
        let apis: BTreeSet<ApiName> =
            before.iter().chain([member]).flat_map(|member| &member.apis).cloned().collect();
        self.run(replacement(member), &mut change).await?;
        let verb = if before.is_some() { "update" } else { "create" };
        let turn = Turn { verb, at, before: before.as_ref(), after: Some(member) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note_member(&member.user, apis, &mut change).await?;
        self.commit(change).await?;
        Ok(before)
    }

    async fn remove_member(
        &self,
        user: &UserId,
        organization: &OrganizationId,
        at: Timestamp,
        by: &Author,
    ) -> Result<Member, StoreError> {
        let mut change = self.begin().await?;
        let before = self.member_within(user, organization, &mut change).await?;
        let removal = Statement::new("DELETE FROM members WHERE user_id = $1 AND organization = $2")
            .bind(user.as_str())
            .bind(organization.as_str());
        self.run(removal, &mut change).await?;
        let turn = Turn { verb: "remove", at, before: Some(&before), after: None };
        self.audit_turn(turn, by, &mut change).await?;
        self.note_member(user, before.apis.iter().cloned(), &mut change).await?;
        self.commit(change).await?;
        Ok(before)
    }

    async fn members(&self, filter: &MemberFilter, page: &PageRequest) -> Result<Page<Member>, StoreError> {
        let selection = Selection::of("SELECT * FROM members")
            .only("organization =", filter.organization.as_ref().map(ToString::to_string))
            .only("user_id =", filter.user.as_ref().map(ToString::to_string))
            .serving(filter.apis.as_deref());
        self.page(selection, Order::Members, page).await
    }
}
