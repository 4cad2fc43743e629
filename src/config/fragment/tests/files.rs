//! Which files are fragments.

use std::{
    fs::{remove_file, rename},
    os::unix::{fs::symlink, net::UnixListener},
};

use crate::config::{Config, Fragments};

use super::{MAIN, Team, fragment, in_force};

#[test]
fn a_pattern_matches_files_once_and_nothing_that_begins_with_a_dot() {
    let main = MAIN.replace("apis.d/*.yaml", "[apis.d/*.yaml, '*/shop.*']");
    let team =
        Team::new(&main, &[("pay", &fragment("pay", "pay.test")), ("shop", &fragment("shop", "shop.test"))]);
    for unseen in ["apis.d/.pay.yaml", "apis.d/..data/pay.yaml", ".hidden/shop.yaml", "apis.d/notes.txt"] {
        team.write(unseen, "bad: true");
    }
    team.check_refused(&[]);
    let cases = [
        ("''", "1:10: include: found \"\", expected a pattern of paths such as `apis.d/*.yaml`"),
        (
            "'a/***'",
            "1:10: include: found \"a/***\", expected a pattern of paths such as `apis.d/*.yaml`: wildcards",
        ),
        ("[]", "1:10: include: found an empty list"),
        ("5", "1:10: include: found the number 5, expected a pattern of paths"),
    ];
    for (pattern, expected) in cases {
        let main = MAIN.replace("apis.d/*.yaml", pattern);
        Team::new(&main, &[]).check_main(&[&format!("doorward.yaml:{expected}")]);
    }
}

#[test]
fn a_folder_with_a_strange_name_is_no_pattern() {
    let team = Team::new(MAIN, &[]);
    team.write("[a]*/doorward.yaml", MAIN);
    team.write("[a]*/apis.d/pay.yaml", fragment("pay", "pay.test"));
    let loaded = Config::load(&team.path("[a]*/doorward.yaml"), &[], &Fragments::default()).expect("good");
    assert_eq!(in_force(&loaded), ["main: main.test", "pay: pay.test"]);
}

#[test]
fn what_is_no_file_is_refused_and_too_many_files_are_the_fault_of_the_main_file() {
    let team = Team::new(MAIN, &[]);
    team.write("apis.d/pay.yaml/file", "");
    let _socket = UnixListener::bind(team.path("apis.d/shop.yaml")).expect("a socket");
    let dangling = team.path("apis.d/zoo.yaml");
    symlink("nowhere", dangling).expect("a link");
    team.check_refused(&[
        "apis.d/pay.yaml: is no regular file",
        "apis.d/shop.yaml: is no regular file",
        "apis.d/zoo.yaml: cannot be read: No such file",
        "apis.d/zoo.yaml: found no grant for it",
    ]);

    let team = Team::new(MAIN, &[]);
    for number in 0..1024 {
        team.write(&format!("apis.d/{number}.yaml"), "");
    }
    assert_eq!(team.load(&Fragments::default()).refused.len(), 1024);
    team.write("apis.d/one-more.yaml", "");
    team.check_main(&["doorward.yaml:1:10: include: found more than 1024 files"]);
}

#[test]
fn a_fragment_leads_to_no_file_outside_its_folder() {
    let team = Team::new(MAIN, &[]);
    team.write("secrets/server.key", "a secret of the server");
    team.write("apis.d/pay/apis.yaml", fragment("pay", "pay.test"));
    symlink("../secrets/server.key", team.path("apis.d/shop.yaml")).expect("a link");
    symlink("pay/apis.yaml", team.path("apis.d/pay.yaml")).expect("a link");
    let loaded = team.load(&Fragments::default());
    assert_eq!(in_force(&loaded), ["main: main.test", "pay: pay.test"]);
    let errors = loaded.errors().expect("one is refused").to_string();
    assert!(errors.contains("apis.d/shop.yaml: leads to ") && !errors.contains("a secret"), "{errors}");
}

#[test]
fn a_change_of_any_file_is_seen_and_so_is_one_that_comes_or_goes() {
    let team = Team::new(MAIN, &[]);
    for version in ["..1", "..2"] {
        team.write(&format!("apis.d/{version}/linked.yaml"), "");
    }
    // As Kubernetes does it: a link to a link, and the latter is replaced.
    let swap = |version: &str| {
        symlink(version, team.path("apis.d/..new")).expect("a link");
        rename(team.path("apis.d/..new"), team.path("apis.d/..data")).expect("a link");
    };
    swap("..1");
    symlink("..data/linked.yaml", team.path("apis.d/linked.yaml")).expect("a link");

    let mut current = team.load(&Fragments::default());
    assert_eq!(current.files_now(), current.files, "nothing has changed");
    let changes: [(&str, &dyn Fn()); 5] = [
        ("swapped", &|| swap("..2")),
        ("added", &|| team.write("apis.d/new.yaml", "")),
        ("changed", &|| team.write("apis.d/new.yaml", "apis: []")),
        ("removed", &|| remove_file(team.path("apis.d/new.yaml")).expect("it was there")),
        ("the main one", &|| {
            team.write("doorward.yaml", MAIN.replace("apis.d/*.yaml", "[apis.d/*.yaml, b/*]"));
        }),
    ];
    for (what, change) in changes {
        change();
        assert_ne!(current.files_now(), current.files, "{what}");
        current = team.load(&current.fragments);
        assert_eq!(current.files_now(), current.files, "{what}, and read");
    }
}
