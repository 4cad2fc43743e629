//! `doorward store`, on real stores.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::PathBuf,
};

use crate::{
    admin::{
        api::{CreateKey, ListKeys, RevokeKey},
        proto::{CreateKeyRequest, Key, ListKeysRequest, RevokeKeyRequest},
    },
    cli::office::fixture::Premises,
};

use super::*;

/// A store with so many keys, and its file.
async fn furnished(keys: usize) -> (Premises, PathBuf) {
    let mut here = Premises::new();
    for _ in 0..keys {
        add(&mut here).await;
    }
    let path = here.folder.path().join("doorward.db");
    (here, path)
}

async fn add(here: &mut Premises) -> String {
    let key = Key {
        name: "CI".to_owned(),
        apis: vec!["library".to_owned()],
        organization: "acme".to_owned(),
        ..Key::default()
    };
    let request = CreateKeyRequest { key: Some(key), ..CreateKeyRequest::default() };
    here.work(async |office| office.ask::<CreateKey>(request).await).await.expect("created").id
}

async fn keys(here: &mut Premises) -> Vec<Key> {
    let list = async |office: &crate::cli::office::Office| {
        office.list::<ListKeys>(ListKeysRequest::default(), usize::MAX).await
    };
    here.work(list).await.expect("a list")
}

async fn backup(here: &Premises, file: &Path) -> Result<String, Failure> {
    execute(&Action::Backup { file: file.to_owned() }, Output::Table, &here.config, &[]).await
}

async fn restore(here: &Premises, file: &Path) -> Result<String, Failure> {
    execute(&Action::Restore { file: file.to_owned() }, Output::Table, &here.config, &[]).await
}

#[tokio::test]
async fn a_backup_is_put_back_as_it_was() {
    let (mut here, path) = furnished(2).await;
    let file = here.folder.path().join("backup.db");
    let told = backup(&here, &file).await.expect("backed up");
    let holds = "holds 2 keys, and was changed by administrators last at 2030-01-01T00:00:00Z";
    assert_eq!(told, format!("{} {holds}.", file.display()));
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);

    let before = keys(&mut here).await;
    let id = before[0].id.clone();
    here.work(async |office| office.ask::<RevokeKey>(RevokeKeyRequest { id }).await).await.expect("revoked");
    add(&mut here).await;
    for is_lost in [false, true] {
        let mode = if is_lost { 0o600 } else { 0o640 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is there");
        if is_lost {
            fs::remove_file(&path).expect("it was there");
        }
        let told = restore(&here, &file).await.expect("restored");
        assert!(told.starts_with(&format!("The store {holds}, as {} does.\n", file.display())), "{told}");
        assert_eq!(keys(&mut here).await, before);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, mode);
        add(&mut here).await;
    }
    let left: Vec<_> = fs::read_dir(here.folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 2, "nothing is left behind: {left:?}");
}

#[tokio::test]
async fn a_backup_replaces_nothing() {
    let (here, path) = furnished(1).await;
    let file = here.folder.path().join("backup.db");
    fs::write(&file, "something").expect("a file");
    for there in [&file, &path] {
        let failure = backup(&here, there).await.expect_err("it is there");
        assert!(failure.exit == Exit::Failure && failure.message.contains("is there already"), "{failure}");
    }
    assert_eq!(fs::read_to_string(&file).expect("a file"), "something");
    let failure = backup(&here, Path::new("/none/backup.db")).await.expect_err("there is no folder");
    assert!(failure.message.starts_with("/none cannot be read or written"), "{failure}");
    let folder = here.folder.path().join(OsStr::from_bytes(b"no\xfftext"));
    fs::create_dir(&folder).expect("a folder");
    let failure = backup(&here, &folder.join("backup.db")).await.expect_err("SQLite takes no such name");
    assert!(failure.message.contains("is no text"), "{failure}");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
    assert_eq!(fs::read_dir(here.folder.path()).expect("a folder").count(), 3, "nothing is left elsewhere");
}

#[tokio::test]
async fn what_is_no_backup_is_not_put_in_the_place_of_the_store() {
    let (mut here, _) = furnished(1).await;
    let before = keys(&mut here).await;
    let at = |name: &str| here.folder.path().join(name);
    let (whole, torn, text, foreign, newer) =
        (at("whole.db"), at("torn.db"), at("text.db"), at("foreign.db"), at("newer.db"));
    backup(&here, &whole).await.expect("backed up");
    let bytes = fs::read(&whole).expect("a file");
    fs::write(&torn, &bytes[..bytes.len() / 2]).expect("a file");
    fs::write(&text, "no database".repeat(1000)).expect("a file");
    for (file, statements) in [
        (&foreign, "CREATE TABLE notes (text TEXT)"),
        (&newer, "UPDATE _sqlx_migrations SET version = 999999 WHERE version = 1"),
    ] {
        if file == &newer {
            fs::copy(&whole, file).expect("a copy");
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = sqlx::ConnectOptions::connect(&options).await.expect("a database");
        sqlx::raw_sql(statements).execute(&mut connection).await.expect("done");
        sqlx::Connection::close(connection).await.expect("closed");
    }
    let live = at("live.db");
    fs::copy(&whole, &live).expect("a copy");
    fs::write(at("live.db-wal"), "a log").expect("a file");
    for (file, why) in [
        (&torn, "damaged"),
        (&text, "not a"),
        (&foreign, "it is a database of something else"),
        (&newer, "a newer version of this program"),
        (&live, "live.db-wal belongs to it"),
        (&at("none.db"), "No such file"),
    ] {
        let failure = restore(&here, file).await.expect_err("it is none");
        assert!(
            failure.exit == Exit::Failure && failure.message.contains(why),
            "{}: {failure}",
            file.display()
        );
    }
    assert_eq!(keys(&mut here).await, before);
}

#[tokio::test]
async fn a_store_that_is_in_use_or_damaged_is_not_replaced() {
    let (mut here, path) = furnished(1).await;
    let file = here.folder.path().join("backup.db");
    backup(&here, &file).await.expect("backed up");
    let config = here.config.clone();
    let failure = here
        .work(async |_| execute(&Action::Restore { file: file.clone() }, Output::Table, &config, &[]).await)
        .await
        .expect_err("it is open");
    assert!(failure.exit == Exit::Failure && failure.message.contains("is in use"), "{failure}");
    fs::write(&path, "no database".repeat(1000)).expect("a file");
    let failure = restore(&here, &file).await.expect_err("it is damaged");
    assert!(failure.message.contains("move it away"), "{failure}");
    fs::remove_file(&path).expect("it was there");
    restore(&here, &file).await.expect("restored");
    assert_eq!(keys(&mut here).await.len(), 1);
}
