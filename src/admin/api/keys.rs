//! Methods about keys.

use std::{
    collections::{BTreeMap, HashMap},
    slice,
    time::Duration,
};

use prost_types::FieldMask;

use crate::{
    admin::{
        Import, ImportFormat, Issued, KeyError, LineProblems, NewKey, Problem,
        json::Coded,
        proto::{
            CreateKeyRequest, GetKeyRequest, ImportKeysRequest, ImportKeysResponse, IssuedKey, Key,
            ListKeysRequest, ListKeysResponse, RevokeKeyRequest, RotateKeyRequest, UpdateKeyRequest,
            import_keys_request::Format,
            import_keys_response::Refusal,
            key::{Kind, Status},
        },
    },
    domain::{
        Administrator, CredentialStatus, KeyId, KeyKind, KeyRecord, KeyUsage, Timestamp, parse_network,
    },
    store::{KeyEdit, KeyFilter},
};

use super::{
    Answers, CreateKey, Desk, Fault, GetKey, ImportKeys, Inspects, ListKeys, RevokeKey, RotateKey, Stores,
    UpdateKey,
    desk::{author, author_of},
    mask::Masked,
    page::{next, page},
    reach::{self, Grantee, Rights},
    reading::{Reading, one, present},
};

impl<S: Stores, I: Inspects> Answers<CreateKey> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: CreateKeyRequest) -> Result<IssuedKey, Fault> {
        let author = author_of::<CreateKey>(by, &request.request_id, &request)?;
        let wanted = wanted(present("key", request.key)?, request.preset)?;
        let config = self.config();
        let keys = self.keys(&config);
        reach::change(by, &wanted.apis, Some(&wanted.organization))?;
        let scopes = wanted.scope_set(&config.apis).map_err(|problem| Fault::problems("key", &[problem]))?;
        let (apis, scopes, plan) = (&wanted.apis, scopes.iter().collect(), wanted.plan.as_ref());
        reach::grant(by, &config.apis, &Rights { to: Grantee::Key, apis, scopes, plan })?;
        let issued = keys.create(wanted, &mut self.random(), &author).await;
        Ok(self.issued_key(issued.map_err(|error| Fault::of_key("key", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<GetKey> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: GetKeyRequest) -> Result<Key, Fault> {
        let record = self.key(by, &request.id).await?;
        let usage = self.usage(slice::from_ref(&record)).await?;
        Ok(Key::of(&record, self.now()).with_usage(usage.get(&record.id)))
    }
}

impl<S: Stores, I: Inspects> Answers<ListKeys> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: ListKeysRequest) -> Result<ListKeysResponse, Fault> {
        let (config, now) = (self.config(), self.now());
        let mut reading = Reading::of("");
        let api = reading.optional("api", request.api.as_deref());
        let organization = reading.optional("organization", request.organization.as_deref());
        let project = reading.optional("project", request.project.as_deref());
        let older_than = reading.span("older_than", request.older_than);
        let expires_within = reading.span("expires_within", request.expires_within);
        let unused_for = reading.span("unused_for", request.unused_for);
        let mut status = status(&mut reading, request.status);
        if older_than.or(expires_within).or(unused_for).is_some() {
            if status.is_some_and(|asked| asked != CredentialStatus::Active) {
                let what = "found it beside `older_than`, `expires_within` or `unused_for`, which tell of \
                            active keys alone";
                reading.problem("status", what);
            }
            status = Some(CredentialStatus::Active);
        }
        let label = reading.text("label", request.label);
        reading.end(Some(()))?;
        let ago = |span| now.checked_sub::<Duration>(span).unwrap_or(Timestamp::MIN);
        let filter = KeyFilter {
            apis: reach::apis(by, &config.apis, api)?,
            organization: reach::organization(by, organization)?,
            project,
            status: status.map(|status| (status, now)),
            label: label.map(|label| match label.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (label, None),
            }),
            made_before: older_than.map(ago),
            expires_before: expires_within.map(|span| now.checked_add(span).unwrap_or(Timestamp::MAX)),
            unused_since: unused_for.map(ago),
        };
        let page = self.keys(&config).list(&filter, &page(request.page_size, &request.page_token)?).await;
        let page = page.map_err(|error| Fault::of_key("", error))?;
        let usage = self.usage(&page.records).await?;
        let told = |record: &KeyRecord| Key::of(record, now).with_usage(usage.get(&record.id));
        Ok(ListKeysResponse { next_page_token: next(&page), keys: page.records.iter().map(told).collect() })
    }
}

impl<S: Stores, I: Inspects> Answers<UpdateKey> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: UpdateKeyRequest) -> Result<Key, Fault> {
        let key = present("key", request.key)?;
        let record = self.key(by, &key.id).await?;
        let edits = edits(&key, request.update_mask)?;
        let config = self.config();
        hold(by, &config, &record)?;
        let (mut scopes, mut plan) = (record.scopes.clone(), record.plan.clone());
        for edit in &edits {
            match edit {
                KeyEdit::Scopes(new) => scopes.clone_from(new),
                KeyEdit::Plan(new) => plan.clone_from(new),
                _ => {}
            }
        }
        if plan != record.plan {
            reach::stand_above(by, "change the plan of a key")?;
        }
        let (apis, scopes) = (&record.apis, scopes.iter().collect());
        reach::grant(by, &config.apis, &Rights { to: Grantee::Key, apis, scopes, plan: None })?;
        let updated = self.keys(&config).update(&record.id, edits, &author(by)).await;
        Ok(Key::of(&updated.map_err(|error| Fault::of_key("key", error))?, self.now()))
    }
}

impl<S: Stores, I: Inspects> Answers<RotateKey> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: RotateKeyRequest) -> Result<IssuedKey, Fault> {
        let author = author_of::<RotateKey>(by, &request.request_id, &request)?;
        let record = self.key(by, &request.id).await?;
        let mut reading = Reading::of("");
        let overlap = reading.span("overlap", request.overlap).unwrap_or_default();
        reading.end(Some(()))?;
        let config = self.config();
        // Whoever gets the new key holds all that the old one may do.
        hold(by, &config, &record)?;
        let issued = self.keys(&config).rotate(&record, overlap, &mut self.random(), &author).await;
        Ok(self.issued_key(issued.map_err(|error| Fault::of_key("", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<RevokeKey> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: RevokeKeyRequest) -> Result<Key, Fault> {
        let record = self.key(by, &request.id).await?;
        reach::change(by, &record.apis, Some(&record.organization))?;
        let config = self.config();
        let revoked = self.keys(&config).revoke(&record.id, &author(by)).await;
        Ok(Key::of(&revoked.map_err(|error| Fault::of_key("", error))?, self.now()))
    }
}

impl<S: Stores, I: Inspects> Answers<ImportKeys> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ImportKeysRequest,
    ) -> Result<ImportKeysResponse, Fault> {
        let format = match Format::try_from(request.format) {
            Ok(Format::Csv) => ImportFormat::Csv,
            Ok(Format::JsonLines | Format::Unspecified) => ImportFormat::JsonLines,
            Err(_) => return Err(Fault::field("format", "expected a format that this version knows")),
        };
        let config = self.config();
        let permit = |record: &KeyRecord| {
            let (apis, scopes, plan) = (&record.apis, record.scopes.iter().collect(), record.plan.as_ref());
            let rights = Rights { to: Grantee::Key, apis, scopes, plan };
            let may = reach::change(by, apis, Some(&record.organization))
                .and_then(|()| reach::grant(by, &config.apis, &rights));
            may.map_err(|fault| Problem::new("line", "a key that you may not make", fault.message))
        };
        let import = Import {
            reader: request.content.as_bytes(),
            format,
            validate_only: request.validate_only,
            permit: &permit,
        };
        match self.keys(&config).import(import, &mut self.random(), &author(by)).await {
            Ok(_) if request.validate_only => Ok(ImportKeysResponse::default()),
            Ok(imported) => {
                Ok(ImportKeysResponse { imported: imported as u64, ..ImportKeysResponse::default() })
            }
            Err(KeyError::Import(problems)) => Ok(refused(&problems)),
            Err(error) => Err(Fault::of_key("", error)),
        }
    }
}

impl<S: Stores, I> Desk<S, I> {
    /// A key that the administrator may see.
    async fn key(&self, by: &Administrator, id: &str) -> Result<KeyRecord, Fault> {
        // What is no id is the id of nothing.
        let id: KeyId = one("id", id)?;
        let config = self.config();
        let record = self.keys(&config).get(&id).await.map_err(|error| Fault::of_key("", error))?;
        reach::see(by, "key", &record.apis, Some(&record.organization))?;
        Ok(record)
    }

    /// How these keys were used.
    async fn usage(&self, records: &[KeyRecord]) -> Result<HashMap<KeyId, KeyUsage>, Fault> {
        let ids: Vec<KeyId> = records.iter().map(|record| record.id.clone()).collect();
        let usage = self.keys(&self.config()).usage(&ids).await;
        usage.map_err(|error| Fault::of_key("", error))
    }

    fn issued_key(&self, issued: Issued) -> IssuedKey {
        IssuedKey {
            id: issued.record.id.to_string(),
            repeated: issued.key.is_none(),
            key: issued.key.map(|key| key.expose().to_owned()).unwrap_or_default(),
            record: Some(Key::of(&issued.record, self.now())),
        }
    }
}

/// Whether the administrator may change a key and holds what it may do.
fn hold(by: &Administrator, config: &crate::config::Config, record: &KeyRecord) -> Result<(), Fault> {
    reach::change(by, &record.apis, Some(&record.organization))?;
    let (apis, scopes) = (&record.apis, record.scopes.iter().collect());
    reach::grant(by, &config.apis, &Rights { to: Grantee::Key, apis, scopes, plan: None })
}

/// What of an import is refused: so nothing of it is there.
fn refused(problems: &LineProblems) -> ImportKeysResponse {
    let refusal =
        |(line, problem): &(usize, Problem)| Refusal { line: *line as u64, reason: problem.to_string() };
    ImportKeysResponse {
        imported: 0,
        refused: problems.first.iter().map(refusal).collect(),
        more_refused: problems.more as u64,
    }
}

fn wanted(key: Key, preset: Option<String>) -> Result<NewKey, Fault> {
    let mut reading = Reading::of("key");
    reading.output_only(&[
        ("id", !key.id.is_empty()),
        ("hint", !key.hint.is_empty()),
        ("status", key.status != 0),
        ("created", key.created.is_some()),
        ("revoked", key.revoked.is_some()),
        ("rotated_from", key.rotated_from.is_some()),
        ("used", key.used.is_some()),
        ("uses", key.uses.is_some()),
    ]);
    let kind = match Kind::try_from(key.kind) {
        Ok(Kind::ApiKey | Kind::Unspecified) => Some(KeyKind::ApiKey),
        Ok(Kind::ServiceKey) => Some(KeyKind::ServiceKey),
        Err(_) => {
            reading.problem("kind", "expected a kind that this version knows");
            None
        }
    };
    let organization = reading.one("organization", &key.organization);
    let sources = key.sources.iter().enumerate().filter_map(|(at, text)| {
        parse_network(text).map_err(|what| reading.problem(&format!("sources[{at}]"), what)).ok()
    });
    let sources = sources.collect();
    let wanted = (|| {
        Some(NewKey {
            apis: reading.list("apis", &key.apis),
            name: key.name,
            kind: kind?,
            organization: organization?,
            project: reading.optional("project", key.project.as_deref()),
            environment: reading.optional("environment", key.environment.as_deref()),
            scopes: reading.list("scopes", &key.scopes),
            preset,
            plan: reading.optional("plan", key.plan.as_deref()),
            expires: reading.moment("expires", key.expires),
            sources,
            labels: key.labels,
        })
    })();
    reading.end(wanted)
}

/// The changes that are asked for.
fn edits(key: &Key, mask: Option<FieldMask>) -> Result<Vec<KeyEdit>, Fault> {
    let fields = [
        ("name", !key.name.is_empty()),
        ("scopes", !key.scopes.is_empty()),
        ("plan", key.plan.is_some()),
        ("expires", key.expires.is_some()),
        ("labels", !key.labels.is_empty()),
    ];
    let rest = Key {
        id: String::new(),
        name: String::new(),
        scopes: Vec::new(),
        plan: None,
        expires: None,
        labels: BTreeMap::new(),
        ..key.clone()
    };
    let masked = Masked::of(mask, "key", &fields, rest != Key::default())?;
    let mut reading = Reading::of("key");
    let edits = [
        masked.has("name").then(|| KeyEdit::Name(key.name.clone())),
        masked.has("scopes").then(|| KeyEdit::Scopes(reading.scopes("scopes", &key.scopes))),
        masked.has("plan").then(|| KeyEdit::Plan(reading.optional("plan", key.plan.as_deref()))),
        masked.has("expires").then(|| KeyEdit::Expires(reading.moment("expires", key.expires))),
        masked.has("labels").then(|| KeyEdit::Labels(key.labels.clone())),
    ];
    reading.end(Some(edits.into_iter().flatten().collect()))
}

fn status(reading: &mut Reading, number: i32) -> Option<CredentialStatus> {
    match Status::try_from(number) {
        Ok(Status::Unspecified) => None,
        Ok(Status::Active) => Some(CredentialStatus::Active),
        Ok(Status::Expired) => Some(CredentialStatus::Expired),
        Ok(Status::Revoked) => Some(CredentialStatus::Revoked),
        Err(_) => {
            let codes: Vec<String> = Status::NAMES.iter().map(|status| status.code()).collect();
            reading.problem("status", format!("expected one of {}", codes.join(", ")));
            None
        }
    }
}
