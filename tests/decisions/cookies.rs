//! Cookies that hold a credential: how they are read, and what is left of the header.

use envoy_types::ext_authz::v3::pb::CheckResponse;

use crate::door::{Call, Door, allowed};

const CONFIG: &str = "
apis:
  - name: board
    hosts: [board.example]
    credentials:
      - session: { cookie: sid }
    routes:
      - { match: /** }
      - { match: /login, public: true }
";

fn at(path: &str, cookies: &[&str]) -> Call {
    let call = Call::new("GET", "board.example", path);
    cookies.iter().fold(call, |call, cookie| call.header("cookie", cookie))
}

/// What the upstream gets as its `cookie` header, if it is not the client's.
fn left(response: &CheckResponse) -> Option<&str> {
    let changes = allowed(response);
    let set = changes.headers.iter().filter_map(|option| option.header.as_ref());
    let set: Vec<&str> =
        set.filter(|header| header.key == "cookie").map(|header| header.value.as_str()).collect();
    let removed = changes.headers_to_remove.iter().any(|name| name == "cookie");
    assert!(set.len() + usize::from(removed) <= 1, "{changes:?}");
    assert!(set.iter().all(|value| !value.is_empty()), "Envoy would send it empty: {changes:?}");
    if removed { Some("") } else { set.first().copied() }
}

#[tokio::test]
async fn the_credentials_cookie_is_cut_out_and_the_others_stay() {
    let door = Door::with(CONFIG).await;
    let token = door.session(|record| record.apis = vec!["board".parse().expect("a name")]).await;
    for (cookies, expected) in [
        (&["sid=TOKEN"][..], ""),
        (&["sid=\"TOKEN\""], ""),
        (&["theme=dark; sid=TOKEN; lang=de"], "theme=dark; lang=de"),
        (&["theme=dark;sid=TOKEN"], "theme=dark"),
        (&["theme=dark", "sid=TOKEN", "lang=de; a=\"b c\""], "theme=dark; lang=de; a=\"b c\""),
        (&["a==; sid = TOKEN ; b; =c; d=é\u{fffd}"], "a==; b; =c; d=é\u{fffd}"),
        (&["sid2=1; sid=TOKEN; SID=2; xsid=3"], "sid2=1; SID=2; xsid=3"),
    ] {
        let sent: Vec<String> = cookies.iter().map(|cookie| cookie.replace("TOKEN", &token)).collect();
        let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
        let response = door.knock(at("/notes", &sent)).await;
        assert_eq!(left(&response), Some(expected), "{cookies:?}");
    }
    for cookies in [&[][..], &["theme=dark;  lang=de"], &["sids=1", "a=b"]] {
        let response = door.knock(at("/login", cookies)).await;
        assert_eq!(left(&response), None, "{cookies:?} are none of ours");
    }
}

#[tokio::test]
async fn a_public_route_takes_the_cookie_out_whatever_it_holds() {
    let door = Door::with(CONFIG).await;
    for (cookies, expected) in [
        (&["sid=rubbish"][..], ""),
        (&["sid=1; theme=dark; sid=2"], "theme=dark"),
        (&["sid=1", "sid=2"], ""),
        (&["sid; theme=dark"], "theme=dark"),
        (&["theme=dark,sid=1; lang=de"], "lang=de"),
    ] {
        let response = door.knock(at("/login", cookies)).await;
        assert_eq!(left(&response), Some(expected), "{cookies:?}");
    }
    let bytes = Call::new("GET", "board.example", "/login").header("cookie", b"a=\xff; sid=1; b=2");
    assert_eq!(left(&door.knock(bytes).await), Some("b=2"));
}

#[tokio::test]
async fn a_cookie_that_is_there_twice_is_ambiguous_in_every_form() {
    let door = Door::with(CONFIG).await;
    let token = door.session(|record| record.apis = vec!["board".parse().expect("a name")]).await;
    for cookies in [
        &["sid=TOKEN; sid=TOKEN"][..],
        &["sid=TOKEN; sid=other"],
        &["sid=TOKEN; a=b; sid"],
        &["sid=TOKEN", "sid=TOKEN"],
        &["a=b; sid=TOKEN", "c=d; sid=e"],
        &["sid=TOKEN; a=b,sid=TOKEN"],
        &["a=b,sid=TOKEN,sid=TOKEN"],
    ] {
        let sent: Vec<String> = cookies.iter().map(|cookie| cookie.replace("TOKEN", &token)).collect();
        let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
        assert_eq!(door.verdict(at("/notes", &sent)).await, "credential_ambiguous", "{cookies:?}");
        let joined = Call::new("GET", "board.example", "/notes").joined("cookie", &sent.join(","));
        assert_eq!(door.verdict(joined).await, "credential_ambiguous", "joined by Envoy: {cookies:?}");
    }
    for (cookie, expected) in [
        ("sid=", "credential_malformed"),
        ("sid", "credential_malformed"),
        ("sid=\"TOKEN", "credential_malformed"),
        ("sid=TOKEN\"", "credential_malformed"),
        ("sid=\"\"", "credential_malformed"),
        ("sid=TO KEN", "credential_malformed"),
        ("sid=TOKEN,a=b", "credential_malformed"),
        ("Sid=TOKEN", "credential_missing"),
        ("a=sid=TOKEN", "credential_missing"),
    ] {
        let sent = cookie.replace("TOKEN", &token);
        assert_eq!(door.verdict(at("/notes", &[&sent])).await, expected, "{cookie}");
    }
}
