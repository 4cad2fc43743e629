//! From what a request is made.

use base64::prelude::BASE64_STANDARD;

use super::*;

#[tokio::test]
async fn flags_make_the_request_that_curl_would_make() {
    let scene = Scene::new().await;
    let lines = scene.file("body", "{\r\n}\n");
    let seen = async |words: &[&str]| scene.json(words).await.0["stages"][0]["saw"].clone();

    let saw =
        seen(&["-H", "X-One: 1", "-H", "x-one:2", "-H", "X-None;", "https://A.test:8443?a=1&b#c"]).await;
    assert_eq!((saw["method"].as_str(), saw["host"].as_str()), (Some("GET"), Some("A.test:8443")));
    assert_eq!((saw["path"].as_str(), saw["query"].to_string()), (Some("/"), r#"["a","…"]"#.to_owned()));
    assert_eq!(saw["headers"].to_string(), r#"["x-forwarded-proto","x-none","x-one","x-one"]"#);
    assert_eq!(saw["body"], "none");

    let words = ["-H", "Host: b.test", "-d", "a=1", "-d", &format!("@{lines}"), "http://a.test/"];
    let saw = seen(&words).await;
    assert_eq!((saw["method"].as_str(), saw["host"].as_str()), (Some("POST"), Some("b.test")));
    assert_eq!(saw["body"], "6 bytes");
    assert!(saw["headers"].to_string().contains(r#""content-length","content-type""#), "{saw}");

    let words =
        ["-X", "PUT", "--data-binary", &format!("@{lines}"), "--peer", "2001:db8::1", "https://a.test/b"];
    let saw = seen(&words).await;
    assert_eq!((saw["method"].as_str(), saw["body"].as_str()), (Some("PUT"), Some("5 bytes")));
    assert_eq!(saw["peer"], "2001:db8::1");
    assert!(saw["headers"].to_string().contains("x-forwarded-for"), "{saw}");

    let saw = seen(&["-d", "", "https://a.test/"]).await;
    assert_eq!((saw["method"].as_str(), saw["body"].as_str()), (Some("POST"), Some("none")));
}

#[tokio::test]
async fn a_path_comes_as_it_is_written() {
    let scene = Scene::new().await;
    for path in ["/a/../b", "/a//b", "/%2e%2e/", "/a b", "/é"] {
        let url = format!("https://api.test{path}");
        assert_eq!(scene.json(&[&url]).await.0["stages"][0]["saw"]["path"], path);
    }
}

#[tokio::test]
async fn what_makes_no_request_is_told_with_what_was_expected() {
    let scene = Scene::new().await;
    let url = "https://api.test/";
    let no_host = "the URL: found no scheme and host, expected both, such as `https://";
    let cases: [(&[&str], &str); 14] = [
        (&["/v1/scans"], no_host),
        (&["api.test/v1"], no_host),
        (&["https:///v1"], no_host),
        (&["ftp://api.test/"], "the URL: found an unknown scheme"),
        (&["https://me:secret@api.test/"], "the URL: found a user before the host"),
        (&["-H", "a: b", "-H", "secret", url], "header 2: found no `:`"),
        (&["-H", "secret:", url], "header 1: found no value"),
        (&["-H", ": secret", url], "header 1: found a name that no header has"),
        (&["-H", "a b: secret", url], "header 1: found a name that no header has"),
        (&["-H", "a: sec\nret", url], "header 1: found a control character"),
        (&["-d", "@/none/secret", url], "/none/secret cannot be read: "),
        (&["--request", "/none/file"], "/none/file: it cannot be read: "),
        (&[], "error: the following required arguments were not provided"),
        (&["-d", "a", "--data-binary", "b", url], "error: the argument '--data <DATA>' cannot be used with"),
    ];
    for (words, expected) in cases {
        let failure = scene.run(words).await.expect_err("it makes no sense");
        assert!(failure.exit == Exit::Usage && failure.message.starts_with(expected), "{words:?}: {failure}");
    }
    let file = scene.file("check.json", "{}");
    for flag in [&[url][..], &["-H", "a: b"], &["-X", "GET"], &["-d", "a"], &["--peer", "10.0.0.1"]] {
        let failure = scene.run(&[flag, &["--request", &file]].concat()).await.expect_err("one or the other");
        assert!(failure.message.contains("cannot be used with"), "{flag:?}: {failure}");
    }
}

#[tokio::test]
async fn a_request_is_read_from_json_in_both_spellings() {
    let scene = Scene::new().await;
    let key = scene.key.expose();
    let camel = format!(
        r#"{{"attributes": {{
            "source": {{"address": {{"socketAddress": {{"address": "10.0.0.1", "portValue": 4}}}}}},
            "request": {{"time": "2030-01-01T00:00:00Z", "http": {{
                "method": "GET", "host": "api.test", "path": "/scans?a=1", "size": "-1",
                "headers": {{"authorization": "Bearer {key}"}}, "rawBody": "_-8", "body": null
            }}}},
            "contextExtensions": {{"api": "payments"}}, "destination": null
        }}}}"#
    );
    let snake = camel
        .replace("socketAddress", "socket_address")
        .replace("contextExtensions", "context_extensions")
        .replace("rawBody", "raw_body");
    let raw = camel.replace(
        &format!(r#""headers": {{"authorization": "Bearer {key}"}}"#),
        &format!(
            r#""headerMap": {{"headers": [{{"key": "authorization", "rawValue": "{}"}}]}}"#,
            BASE64_STANDARD.encode(format!("Bearer {key}"))
        ),
    );
    for text in [camel, snake, raw] {
        let file = scene.file("check.json", &text);
        let (answer, exit) = scene.json(&["--request", &file]).await;
        assert_eq!((exit, answer["decision"].as_str()), (Exit::Success, Some("allowed")), "{text}");
        let saw = &answer["stages"][0]["saw"];
        assert_eq!((saw["peer"].as_str(), saw["claimed_api"].as_str()), (Some("10.0.0.1"), Some("payments")));
        assert!(saw["body"].as_str().expect("text").starts_with("cut off"), "{saw}");
    }
    let file = scene.file("empty.json", "{}");
    assert_eq!(scene.verdict(&["--request", &file]).await, "request_malformed");
}

#[tokio::test]
async fn json_that_is_no_check_is_told_with_its_place() {
    let scene = Scene::new().await;
    let http = |member: &str| format!(r#"{{"attributes": {{"request": {{"http": {{{member}}}}}}}}}"#);
    let cases = [
        ("{".to_owned(), "it is not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]".to_owned(), "the whole: found a list, expected an object"),
        (r#"{"attributes": "secret"}"#.to_owned(), "attributes: found a string, expected an object"),
        (http(r#""path": 7"#), "attributes.request.http.path: found a number, expected a string"),
        (
            http(r#""headers": ["secret"]"#),
            "attributes.request.http.headers: found a list, expected an object",
        ),
        (
            http(r#""headers": {"a": {}}"#),
            "attributes.request.http.headers.a: found an object, expected a string",
        ),
        (
            http(r#""rawBody": "sec ret"#.to_owned().as_str()).replace("ret", "ret\""),
            "attributes.request.http.rawBody: found another text, expected base64",
        ),
        (
            http(r#""header_map": {"headers": [{}, {"raw_value": true}]}"#),
            "attributes.request.http.header_map.headers[1].raw_value: found a boolean, expected a string",
        ),
        (
            http(r#""headerMap": {"headers": {}}"#),
            "attributes.request.http.headerMap.headers: found an object, expected a list",
        ),
    ];
    for (text, expected) in cases {
        let file = scene.file("check.json", &text);
        let failure = scene.run(&["--request", &file]).await.expect_err("no Check");
        assert_eq!((failure.exit, failure.message), (Exit::Usage, format!("{file}: {expected}")), "{text}");
    }
}
