//! The documents of a folder: which of them count, and what they come to together.
//!
//! What is declared belongs to the document that had it first. One that declares it, too, is refused, so that nobody can take
//! another's key into their own document, and no document can make another one bad.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    config::{ConfigErrors, Fingerprint, problem::Problem},
    domain::{
        ApiName, CredentialHash, KeyId, KeyRecord, Member, OrganizationId, OrganizationRecord, ProjectId,
        ProjectRecord, SecretId, SecretRecord, Timestamp, UserId,
    },
};

use super::{Document, Named, Reading, Revoked, claims::Claims};

/// The most documents of a folder.
const DOCUMENTS_MAX: usize = 1024;
/// The link that Kubernetes swaps when it brings a new state of a mounted volume.
const KUBERNETES_DATA: &str = "..data";
/// How often a folder is read anew that is swapped while it is read.
const ATTEMPTS: usize = 5;

/// All that good documents declare, by ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Keys. No two have a hash in common.
    pub keys: BTreeMap<KeyId, KeyRecord>,
    /// Secrets.
    pub secrets: BTreeMap<SecretId, SecretRecord>,
    /// Organizations.
    pub organizations: BTreeMap<OrganizationId, OrganizationRecord>,
    /// Projects, each of one of these organizations.
    pub projects: BTreeMap<ProjectId, ProjectRecord>,
    /// Members, each of one of these organizations.
    pub members: BTreeMap<(UserId, OrganizationId), Member>,
}

/// A document that is refused.
#[derive(Debug, Clone)]
pub struct RefusedDocument {
    /// Its file.
    pub file: PathBuf,
    /// Everything that is wrong with it.
    pub errors: ConfigErrors,
    /// Whether its last good version stays in force.
    pub is_kept: bool,
}

/// The documents of a folder, as they were when it was looked at last.
#[derive(Debug)]
pub struct Documents {
    folder: PathBuf,
    /// By the names of their files.
    held: BTreeMap<String, Held>,
}

/// What may be declared by documents that are refused and have no good version.
#[derive(Debug, Clone, Default)]
pub struct Unread(Vec<(PathBuf, Named)>);

impl Unread {
    /// The document that may declare the key with this hash.
    #[must_use]
    pub fn key(&self, hash: &CredentialHash) -> Option<&Path> {
        self.find(|named| matches!(named, Named::These { hashes, .. } if hashes.contains(hash)))
    }

    /// The document that may declare secrets of this project for this API.
    #[must_use]
    pub fn secrets(&self, owner: &(ApiName, ProjectId)) -> Option<&Path> {
        self.find(|named| matches!(named, Named::These { projects, .. } if projects.contains(owner)))
    }

    fn find(&self, names: impl Fn(&Named) -> bool) -> Option<&Path> {
        let found = self.0.iter().find(|(_, named)| *named == Named::Any || names(named));
        found.map(|(file, _)| file.as_path())
    }
}

/// One document.
#[derive(Debug, Clone)]
struct Held {
    file: PathBuf,
    /// The state of its file before it was read.
    seen: Fingerprint,
    reading: Reading,
    /// What it would be refused for beside its own mistakes.
    quarrels: Vec<Problem>,
    /// Its last good version, and what that took back.
    good: Option<(Document, Revoked)>,
}

impl Documents {
    /// The documents of this folder, which is not looked at yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), held: BTreeMap::new() }
    }

    /// Where they lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks whether anything has changed in the folder, and if so, judges all documents anew. Returns whether it has.
    ///
    /// # Errors
    ///
    /// The folder cannot be read: everything stays as it was.
    pub fn look(&mut self) -> Result<bool, io::Error> {
        for _ in 0..ATTEMPTS {
            let root = self.root();
            let files = files(&root)?;
            let read = self.read(files);
            // Kubernetes has put another state in its place meanwhile: this one may be half gone.
            if self.root() != root {
                continue;
            }
            let Some(mut next) = read else { return Ok(false) };
            judge(&mut next, &self.held);
            self.held = next;
            return Ok(true);
        }
        Err(io::Error::other("it is replaced faster than it can be read"))
    }

    /// What counts of them, together.
    #[must_use]
    pub fn declared(&self) -> Declared {
        let mut declared = Declared::default();
        let mut revoked = Revoked::default();
        for held in self.held.values() {
            revoked.extend(&held.reading.revoked);
            if let Some((document, of_good)) = &held.good {
                declared.add(document);
                revoked.extend(of_good);
            }
        }
        declared.take_back(&revoked);
        declared
    }

    /// Those that are refused.
    #[must_use]
    pub fn refused(&self) -> Vec<RefusedDocument> {
        let refused = self.held.values().filter_map(|held| {
            Some(RefusedDocument {
                file: held.file.clone(),
                errors: held.errors()?,
                is_kept: held.good.is_some(),
            })
        });
        refused.collect()
    }

    /// Everything that is wrong with those that are refused; `None` if none is.
    #[must_use]
    pub fn errors(&self) -> Option<ConfigErrors> {
        let mut errors = self.held.values().filter_map(Held::errors);
        errors.next().map(|first| first.and(errors))
    }

    /// How many there are, refused ones included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held.len()
    }

    /// What may be declared by those that are refused and have no good version.
    #[must_use]
    pub fn unread(&self) -> Unread {
        let unread = self.held.values().filter(|held| held.good.is_none());
        Unread(unread.map(|held| (held.file.clone(), held.reading.named.clone())).collect())
    }

    /// The folder in which the files lie: where Kubernetes has mounted a volume, its state of this moment.
    fn root(&self) -> PathBuf {
        self.folder.join(KUBERNETES_DATA).canonicalize().unwrap_or_else(|_| self.folder.clone())
    }

    /// The documents as their files are now, not judged yet; `None` if nothing has changed.
    fn read(&self, files: BTreeMap<String, PathBuf>) -> Option<BTreeMap<String, Held>> {
        let as_before = |name: &String, file: &Path| {
            self.held.get(name).filter(|before| before.seen == Fingerprint::of([file]))
        };
        let is_as_before = |(name, file): (&String, &PathBuf)| as_before(name, file).is_some();
        if files.len() == self.held.len() && files.iter().all(is_as_before) {
            return None;
        }
        let read = files.into_iter().map(|(name, file)| {
            if let Some(same) = as_before(&name, &file) {
                return (name, same.clone());
            }
            let seen = Fingerprint::of([file.as_path()]);
            let reading = Reading::of(&file, written(&file));
            let good = self.held.get(&name).and_then(|before| before.good.clone());
            (name, Held { file, seen, reading, quarrels: Vec::new(), good })
        });
        Some(read.collect())
    }
}

impl Held {
    /// Everything that it is refused for.
    fn errors(&self) -> Option<ConfigErrors> {
        match &self.reading.document {
            Err(errors) => Some(errors.clone()),
            Ok(_) if self.quarrels.is_empty() => None,
            Ok(_) => Some(ConfigErrors::new(&self.file, self.quarrels.clone())),
        }
    }
}

/// The files of documents in a folder, by their names.
fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, io::Error> {
    let mut files = BTreeMap::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let is_document = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_document && !name.starts_with('.') {
            files.insert(name, path);
        }
    }
    if files.len() > DOCUMENTS_MAX {
        let message = format!("found {} documents, expected {DOCUMENTS_MAX} at most", files.len());
        return Err(io::Error::other(message));
    }
    Ok(files)
}

/// When a file was written. It only tells since when something is taken back.
fn written(file: &Path) -> Timestamp {
    let modified = file.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Decides which documents count. Those that did before and have not changed come first, then all others by their names;
/// of what a refused one declared before, what is left over.
fn judge(documents: &mut BTreeMap<String, Held>, before: &BTreeMap<String, Held>) {
    let mut claims = Claims::default();
    let stays = |name: &String, held: &Held| {
        let before = before.get(name).filter(|before| before.errors().is_none());
        let good = before.and_then(|before| before.good.as_ref());
        good.is_some_and(|(good, _)| held.reading.document.as_ref().is_ok_and(|document| document == good))
    };
    let (first, later): (Vec<_>, Vec<_>) = documents.iter_mut().partition(|(name, held)| stays(name, held));
    let mut refused = Vec::new();
    for (name, held) in first.into_iter().chain(later) {
        held.quarrels.clear();
        if let Ok(document) = &held.reading.document {
            held.quarrels = claims.quarrels(document);
            if held.quarrels.is_empty() {
                claims.claim(document, name);
                held.good = Some((document.clone(), held.reading.revoked.clone()));
                continue;
            }
        }
        refused.push((name, held));
    }
    for (name, held) in refused {
        if let Some((document, _)) = &mut held.good {
            claims.narrow(document);
            claims.claim(document, name);
        }
    }
}

impl Declared {
    fn add(&mut self, document: &Document) {
        self.keys.extend(document.keys.iter().map(|key| (key.id.clone(), key.clone())));
        self.secrets.extend(document.secrets.iter().map(|secret| (secret.id.clone(), secret.clone())));
        self.organizations.extend(document.organizations.iter().map(|one| (one.id.clone(), one.clone())));
        self.projects.extend(document.projects.iter().map(|project| (project.id.clone(), project.clone())));
        let named = |member: &Member| (member.user.clone(), member.organization.clone());
        self.members.extend(document.members.iter().map(|member| (named(member), member.clone())));
    }

    fn take_back(&mut self, revoked: &Revoked) {
        for key in self.keys.values_mut() {
            key.revoked = revoked.keys.get(&key.id).or_else(|| revoked.hashes.get(&key.hash)).copied();
        }
        for secret in self.secrets.values_mut() {
            secret.revoked = revoked.secrets.get(&secret.id).copied();
        }
    }
}
