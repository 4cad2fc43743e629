use std::{fs, path::Path};

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    config::{Documents, declare_key, declare_secret},
    domain::{CredentialHash, KeyRecord, PlainKey, ScopeSet, SealedSecret, SecretRecord},
};

/// A folder of documents.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(documents: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (name, text) in documents {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a document as those do who never leave half of one there.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(".new"), text).expect("written");
        fs::rename(self.path().join(".new"), self.path().join(name)).expect("renamed");
    }
}

fn documents(folder: &Folder) -> Documents {
    let mut documents = Documents::new(folder.path());
    documents.look().expect("it can be read");
    documents
}

fn look(documents: &mut Documents) {
    assert!(documents.look().expect("it can be read"), "something has changed");
}

fn key(id: &str) -> String {
    format!(
        "{{ id: {id}, hash: {}, name: CI, apis: [shop], organization: acme, created: 2030-01-01 }}",
        hash(id)
    )
}

fn hash(id: &str) -> String {
    format!("sha256:{}", hex::encode(CredentialHash::of(id).as_bytes()))
}

fn keys(ids: &[&str]) -> String {
    let keys: Vec<String> = ids.iter().map(|id| key(id)).collect();
    format!("keys: [{}]", keys.join(", "))
}

fn declared(documents: &Documents) -> Vec<String> {
    documents.declared().keys.into_keys().map(|id| id.to_string()).collect()
}

fn revoked(documents: &Documents) -> Vec<String> {
    let keys = documents.declared().keys.into_values().filter(|key| key.revoked.is_some());
    keys.map(|key| key.id.to_string()).collect()
}

/// What is said of those that are refused, without the folder.
fn errors(folder: &Folder, documents: &Documents) -> String {
    let errors = documents.errors().map_or_else(String::new, |errors| errors.to_string());
    errors.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn what_was_made_is_declared_as_it_is() {
    let given = documents(&Folder::new(&[("a.yaml", &keys(&["key_7"]))]));
    let mut record: KeyRecord = given.declared().keys.into_values().next().expect("a key");
    record.scopes = ScopeSet::new(vec!["read".parse().expect("a scope")]).expect("few scopes");
    record.environment = Some("live".parse().expect("a name"));
    record.name = "it's: \"CI\" # 1\u{2028}".to_owned();
    record.sources = vec!["10.0.0.0/8".parse().expect("a network")];
    record.expires = Some("2031-01-01T00:00:00.5Z".parse().expect("a moment"));
    record.lineage = "key_1".parse().expect("an id");
    record.labels = [("team".to_owned(), "yes".to_owned()), ("n".to_owned(), "1".to_owned())].into();
    record.organization = "0x10".parse().expect("an id");
    let secret = SecretRecord {
        id: "secret_1".parse().expect("an id"),
        api: "ingest".parse().expect("a name"),
        organization: "acme".parse().expect("an id"),
        project: "null".parse().expect("an id"),
        sealed: SealedSecret { key: "k1".parse().expect("a name"), bytes: (0..60).collect() },
        created: record.created,
        expires: record.expires,
        revoked: None,
        rotated_from: None,
    };
    let folder = Folder::new(&[
        ("key.yaml", &declare_key(&record).expect("a document")),
        ("secret.yml", &declare_secret(&secret).expect("a document")),
        ("notes.txt", "no document"),
        (".hidden.yaml", "no document"),
    ]);
    let documents = documents(&folder);
    assert_eq!(errors(&folder, &documents), "");
    let declared = documents.declared();
    assert_eq!(declared.keys.into_values().collect::<Vec<_>>(), [record]);
    assert_eq!(declared.secrets.into_values().collect::<Vec<_>>(), [secret]);
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place_and_no_secret() {
    let text = "
keys:
  - id: key_1
    hash: sk_live_abcdefghijklmnopqrstuvwxyz
    name: ''
    apis: []
    organisation: acme
    created: yesterday
    labels: { Team: x }
secrets:
  - { id: s, api: ingest, organization: acme, project: apollo, sealing_key: k1, sealed: hunter2hunter2, created: 2030-01-01 }
organizations: [{ id: acme, name: Acme, apis: [shop], created: 2030-01-01, suspended: true }]
revoked: { keys: [sha256:00], sessions: [] }
";
    let folder = Folder::new(&[("bad.yaml", text)]);
    let found = errors(&folder, &documents(&folder));
    let expected = "\
bad.yaml:3:5: keys[0]: found no field `organization`, which is needed
bad.yaml:4:11: keys[0].hash: found a text of 34 characters, expected `sha256:` and 64 hexadecimal digits
";
    assert!(
        !found.contains("sk_live") && !found.contains("hunter2") && !found.contains("sha256:00"),
        "{found}"
    );
    let places = [
        "keys[0].hash",
        "keys[0].name",
        "keys[0].apis",
        "keys[0].organisation",
        "keys[0].created",
        "keys[0].labels.Team",
        "secrets[0].sealed",
        "organizations[0].suspended",
        "revoked.keys[0]",
        "revoked.sessions",
    ];
    for place in places {
        assert!(found.lines().any(|line| line.contains(&format!(": {place}: found"))), "{place}:\n{found}");
    }
    assert!(
        found.contains(expected.lines().nth(1).expect("a line").split(": found").next().expect("a place")),
        "{found}"
    );
    for (text, said) in [("keys: [", "not YAML"), ("", "expected a mapping"), ("[]", "expected a mapping")] {
        let folder = Folder::new(&[("bad.yaml", text)]);
        let found = errors(&folder, &documents(&folder));
        assert!(found.contains(said), "{text:?}: {found}");
    }
}

#[test]
fn a_bad_document_is_refused_alone_and_its_last_good_version_stays() {
    let folder = Folder::new(&[("a.yaml", &keys(&["a"])), ("b.yaml", &keys(&["b"]))]);
    let mut documents = documents(&folder);
    assert!(!documents.look().expect("it can be read"), "nothing has changed");
    folder.write("a.yaml", "keys: [{ id: a2 }]");
    folder.write("b.yaml", &keys(&["b", "b2"]));
    look(&mut documents);
    assert_eq!(declared(&documents), ["a", "b", "b2"]);
    let refused = documents.refused();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].is_kept && refused[0].file.ends_with("a.yaml"));
    folder.write("a.yaml", &keys(&["a3"]));
    look(&mut documents);
    assert_eq!(declared(&documents), ["a3", "b", "b2"]);
    fs::remove_file(folder.path().join("a.yaml")).expect("removed");
    look(&mut documents);
    assert_eq!(declared(&documents), ["b", "b2"]);
}

#[test]
fn what_is_taken_back_counts_wherever_it_stands_and_whatever_else_is_wrong() {
    let folder = Folder::new(&[("a.yaml", &keys(&["a", "b", "c", "d"]))]);
    let mut documents = documents(&folder);
    assert_eq!(revoked(&documents), [""; 0]);
    folder.write("revoked.yaml", &format!("revoked: {{ keys: [a, {}, nobody] }}", hash("b")));
    look(&mut documents);
    assert_eq!(revoked(&documents), ["a", "b"]);
    folder.write("revoked.yaml", "revoked: { keys: [c, 7, [], 'sha256:', a] }\nsomething: else");
    look(&mut documents);
    assert_eq!(documents.refused().len(), 1);
    assert_eq!(revoked(&documents), ["a", "b", "c"], "with what the last good version took back");
    folder.write("revoked.yaml", "revoked: {");
    look(&mut documents);
    assert_eq!(revoked(&documents), ["a", "b"], "with what the last good version took back");
    folder.write("a.yaml", &format!("{}\nrevoked: {{ keys: [d] }}\nkey: []", keys(&["a", "b", "c", "d"])));
    look(&mut documents);
    assert_eq!(revoked(&documents), ["a", "b", "d"]);
}

#[test]
fn what_is_declared_belongs_to_whoever_had_it_first() {
    let folder = Folder::new(&[("m.yaml", &keys(&["mine"])), ("n.yaml", &keys(&["mine", "n"]))]);
    let mut documents = documents(&folder);
    assert_eq!(declared(&documents), ["mine"], "at start the first by name");
    let found = errors(&folder, &documents);
    assert!(found.contains("n.yaml: keys[0].id: found what the document m.yaml declares already"), "{found}");
    folder.write("a.yaml", &keys(&["mine", "a"]));
    look(&mut documents);
    assert_eq!(declared(&documents), ["mine"], "nobody takes it by a name that comes before");
    folder.write("a.yaml", &keys(&["a"]).replace(&hash("a"), &hash("mine")));
    look(&mut documents);
    assert_eq!(declared(&documents), ["mine"], "nor by its hash");

    // Moved from one to the other, at once.
    folder.write("m.yaml", &keys(&["other"]));
    folder.write("a.yaml", &keys(&["a"]));
    look(&mut documents);
    assert_eq!(declared(&documents), ["a", "mine", "n", "other"]);
    assert_eq!(errors(&folder, &documents), "");
}

#[test]
fn nothing_is_declared_twice_by_one_document() {
    let twice = format!(
        "{}\nsecrets: [{}]\norganizations: [{}]",
        keys(&["a", "a"]),
        ["s1", "s2", "s3"]
            .map(|id| format!(
                "{{ id: {id}, api: ingest, organization: acme, project: apollo, sealing_key: k, sealed: {}, created: 2030-01-01 }}",
                "QUJD".repeat(15)
            ))
            .join(", "),
        "{ id: acme, name: Acme, apis: [shop], created: 2030-01-01, members: [{ user: ada }, { user: ada }], \
         projects: [{ id: p, name: P, created: 2030-01-01 }, { id: p, name: P, created: 2030-01-01 }] }"
    );
    let folder = Folder::new(&[("a.yaml", &twice)]);
    let found = errors(&folder, &documents(&folder));
    for place in [
        "keys[1].id",
        "keys[1].hash",
        "secrets[2].project",
        "organizations, project p",
        "organizations, member ada",
    ] {
        assert!(found.contains(&format!("a.yaml: {place}: found")), "{place}:\n{found}");
    }
}

#[test]
fn of_what_a_document_names_that_was_never_good_nothing_is_known() {
    let folder = Folder::new(&[("a.yaml", &format!("{}\nnonsense: 1", keys(&["a"])))]);
    let mut documents = documents(&folder);
    let unread = documents.unread();
    assert!(unread.key(&CredentialHash::of("a")).is_some_and(|file| file.ends_with("a.yaml")));
    assert_eq!(unread.key(&CredentialHash::of("b")), None);
    folder.write("b.yaml", "{");
    look(&mut documents);
    assert!(documents.unread().key(&CredentialHash::of("b")).is_some_and(|file| file.ends_with("b.yaml")));
    folder.write("a.yaml", &keys(&["a"]));
    folder.write("b.yaml", &keys(&["b"]));
    look(&mut documents);
    assert_eq!(documents.unread().key(&CredentialHash::of("c")), None);
    folder.write("b.yaml", "{");
    look(&mut documents);
    assert_eq!(documents.unread().key(&CredentialHash::of("c")), None, "its last good version is known");
}

#[test]
fn a_volume_of_kubernetes_is_read_in_the_state_that_it_links_to() {
    let folder = Folder::new(&[]);
    let state = |name: &str, documents: &[(&str, String)]| {
        let state = folder.path().join(name);
        fs::create_dir(&state).expect("a folder");
        for (file, text) in documents {
            fs::write(state.join(file), text).expect("written");
        }
        let link = folder.path().join("..tmp");
        std::os::unix::fs::symlink(name, &link).expect("a link");
        fs::rename(&link, folder.path().join("..data")).expect("swapped");
    };
    state("..1", &[("a.yaml", keys(&["a"])), ("b.yaml", keys(&["b"]))]);
    for name in ["a.yaml", "b.yaml"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), folder.path().join(name)).expect("a link");
    }
    let mut documents = documents(&folder);
    assert_eq!(declared(&documents), ["a", "b"]);
    state("..2", &[("a.yaml", keys(&["a", "b"])), ("b.yaml", keys(&["c"]))]);
    fs::remove_dir_all(folder.path().join("..1")).expect("removed");
    look(&mut documents);
    assert_eq!(declared(&documents), ["a", "b", "c"], "moved from one to the other");
    assert_eq!(errors(&folder, &documents), "");
}

#[test]
fn a_link_out_of_the_folder_is_no_document() {
    let outside = Folder::new(&[("secret.yaml", "password: hunter2")]);
    let folder = Folder::new(&[]);
    let link = folder.path().join("a.yaml");
    std::os::unix::fs::symlink(outside.path().join("secret.yaml"), link).expect("a link");
    let found = errors(&folder, &documents(&folder));
    assert!(found.contains("leads to") && !found.contains("hunter2"), "{found}");
}

#[test]
fn what_is_taken_back_counts_even_where_it_is_no_yaml() {
    for (text, expected) in [
        ("revoked: { keys: [a, b]", &["a", "b"][..]),
        ("revoked:\n  keys:\n  - a\n  - 'b'\n\tc\norganizations: [\n  d", &["a", "b", "c"]),
        ("\"revoked\": {\n  \"keys\": [\"c\",\n]\nkeys: [d", &["c"]),
        ("keys: [a\n# b\nrevoke: c", &[]),
    ] {
        // It is so from the start: there is no version before it.
        let folder = Folder::new(&[("a.yaml", &keys(&["a", "b", "c", "d"])), ("z.yaml", text)]);
        let documents = documents(&folder);
        assert!(errors(&folder, &documents).contains("not YAML"), "{text}");
        assert_eq!(revoked(&documents), expected, "{text}");
    }
}

#[test]
fn a_key_in_clear_is_refused_wherever_it_stands_and_not_repeated() {
    let key = PlainKey::generate(&"shop_live_".parse().expect("a prefix"), &mut StdRng::seed_from_u64(1));
    let clear = key.expose();
    for (text, place) in [
        (keys(&["a"]).replace("id: a", &format!("id: {clear}")), "keys[0].id"),
        (keys(&["a"]).replace("CI", clear), "keys[0].name"),
        (format!("{}\n{clear}: 1", keys(&["a"])), "found a key"),
        (format!("{clear}: 1\n{clear}: 2"), "found a key"),
        (format!("keys: [{{ plan: {clear}, hash: {clear} }}]"), "keys[0].plan"),
        (format!("revoked: {{ keys: [{clear}] }}"), "revoked.keys[0]"),
    ] {
        let folder = Folder::new(&[("a.yaml", &text)]);
        let documents = documents(&folder);
        let found = errors(&folder, &documents);
        assert!(found.contains(place) && found.contains("in clear") && !found.contains(clear), "{found}");
        assert_eq!(declared(&documents), [""; 0]);
    }
}
