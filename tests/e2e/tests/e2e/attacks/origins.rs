//! Which page a request comes from (5), and from which address (7).

use intellistack_e2e::{Answer, PASSWORD, System, ledger, raw};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::people::{OTHER_PASSWORD, administrator, text, verified};
use super::visitor::Visitor;
use crate::support::assert_code;

const ADA: &str = "ada@school.example";

/// Everything that changes something, with a body that would be fine.
fn writes(user_id: &str) -> Vec<(&'static str, Value)> {
    let user = json!({ "userId": user_id });
    let with = |name: &str, value: Value| {
        let mut body = user.clone();
        body[name] = value;
        body
    };
    let passwords = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    vec![
        ("sign-out", json!({})),
        ("sign-in/email", json!({ "email": ADA, "password": PASSWORD })),
        ("sign-up/email", json!({ "name": "M", "email": "m@evil.example", "password": PASSWORD })),
        ("update-user", json!({ "name": "Mallory" })),
        ("change-email", json!({ "newEmail": "m@evil.example" })),
        ("change-password", passwords),
        ("verify-password", json!({ "password": PASSWORD })),
        ("delete-user", json!({ "password": PASSWORD })),
        ("request-password-reset", json!({ "email": ADA })),
        ("send-verification-email", json!({ "email": ADA })),
        ("revoke-session", json!({ "token": "x" })),
        ("revoke-sessions", json!({})),
        ("revoke-other-sessions", json!({})),
        ("update-session", json!({ "x": 1 })),
        ("sign-in/social", json!({ "provider": "google" })),
        ("link-social", json!({ "provider": "google" })),
        ("unlink-account", json!({ "accountId": "x" })),
        ("get-access-token", json!({ "accountId": "x" })),
        ("refresh-token", json!({ "accountId": "x" })),
        ("admin/set-role", with("role", json!("admin"))),
        ("admin/ban-user", user.clone()),
        ("admin/unban-user", user.clone()),
        ("admin/set-user-password", with("newPassword", json!(OTHER_PASSWORD))),
        ("admin/update-user", with("data", json!({ "name": "Mallory" }))),
        ("admin/create-user", json!({ "name": "M", "email": "m@evil.example", "password": PASSWORD })),
        ("admin/revoke-user-sessions", user.clone()),
        ("admin/impersonate-user", user.clone()),
        ("admin/stop-impersonating", json!({})),
        ("admin/remove-user", user),
    ]
}

/// With any cookie, a request that changes something comes from a page of ours or from nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn line_05_no_foreign_page_changes_anything_with_the_cookie() {
    let plan = System::plan("line_05").variable("TRUSTED_ORIGINS", "https://*.trusted.example");
    let plan = plan.variable("AUTH_LIMITS", "off");
    let system = plan.start().await;
    let mut ada = verified(&system, ADA).await;
    let id = text(&ada.user().await, "id");
    let admin = administrator(&system).await;
    let session = |visitor: &Visitor| {
        format!("better-auth.session_token={}", visitor.cookie("session_token").expect("a session"))
    };
    let cookie = session(&admin);
    let own = system.api.origin().to_owned();
    let number = own.rsplit(':').next().expect("a port");
    let look_alikes = [
        "https://evil.example".to_owned(),
        format!("http://127.0.0.1:{number}.evil.example"),
        format!("http://127.0.0.1.evil.example:{number}"),
        format!("http://evil.example:{number}"),
        format!("https://127.0.0.1:{number}"),
        format!("http://localhost:{number}"),
        "http://127.0.0.1:1".to_owned(),
        "http://127.0.0.1".to_owned(),
        format!("{own}/"),
        format!("{own}@evil.example"),
        format!("http://evil.example#{own}"),
        format!("{own} https://evil.example"),
        "https://trusted.example".to_owned(),
        "https://evil-trusted.example".to_owned(),
        "https://a.trusted.example.evil.example".to_owned(),
        "http://a.trusted.example".to_owned(),
        "https://evil.example/.trusted.example".to_owned(),
        "file://".to_owned(),
    ];
    let before = ledger::total(&system).await;
    let send = |path: &str, body: &Value| {
        let request = system.api.request(Method::POST, &format!("/api/auth/{path}"));
        request.header("cookie", &cookie).json(body)
    };
    for (path, body) in writes(&id) {
        for origin in &look_alikes {
            let answer = Answer::of(send(path, &body).header("origin", origin)).await;
            assert_code(&answer, 403, "INVALID_ORIGIN");
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path} {origin}");
        }
        for nothing in [send(path, &body), send(path, &body).header("origin", "null")] {
            assert_code(&Answer::of(nothing).await, 403, "MISSING_OR_NULL_ORIGIN");
        }
        let null = send(path, &body).header("origin", "null").header("sec-fetch-site", "cross-site");
        assert_code(&Answer::of(null).await, 403, "MISSING_OR_NULL_ORIGIN");
        let referer = send(path, &body).header("referer", "https://evil.example/a?http://127.0.0.1");
        assert_code(&Answer::of(referer).await, 403, "INVALID_ORIGIN");
        // A foreign page may send JSON only as another type, without asking first.
        for kind in ["text/plain", "text/plain; application/json", "application/x-www-form-urlencoded;x"] {
            let request = system.api.request(Method::POST, &format!("/api/auth/{path}"));
            let request = request.header("cookie", &cookie).header("content-type", kind);
            let answer =
                Answer::of(request.header("origin", "https://evil.example").body(body.to_string())).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403 | 415), "{path} {kind}: {}", answer.text());
        }
        // Nor does any GET do it.
        let get = system.api.request(Method::GET, &format!("/api/auth/{path}")).header("cookie", &cookie);
        assert_eq!(Answer::of(get).await.status.as_u16(), 404, "{path}");
    }
    assert_eq!(ledger::total(&system).await, before, "a refused request leaves no event");
    assert_eq!(ada.user().await["name"], "Ada");

    // The same from pages that are trusted, so that the refusals above are for the origin.
    for origin in [own.as_str(), "https://a.trusted.example"] {
        let request = send("update-user", &json!({ "name": "Admin" })).header("origin", origin);
        Answer::of(request).await.expect(200);
    }
    system.assert_no_panic();
}

/// Signing somebody in unasked, as the attacker, needs no cookie of theirs.
#[tokio::test(flavor = "multi_thread")]
async fn line_05_no_foreign_page_signs_anybody_in_or_up() {
    let system = System::plan("line_05_login").start().await;
    system.create_user(ADA, "student");
    let before = ledger::total(&system).await;
    let sign_in = [("email", ADA), ("password", PASSWORD)];
    let sign_up = [("email", "m@evil.example"), ("password", PASSWORD), ("name", "M")];
    let requests = |headers: &[(&str, &str)]| -> Vec<RequestBuilder> {
        let (inward, upward) = ("/api/auth/sign-in/email", "/api/auth/sign-up/email");
        let post = |path: &str| {
            let request = system.api.request(Method::POST, path);
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
        };
        let object = |pairs: &[(&str, &str)]| -> Value {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        vec![
            post(inward).form(&sign_in),
            post(inward).json(&object(&sign_in)),
            post(upward).form(&sign_up),
            post(upward).json(&object(&sign_up)),
        ]
    };
    let evil = ("origin", "https://evil.example");
    for (headers, code) in [
        (vec![evil], "INVALID_ORIGIN"),
        (vec![("origin", "null")], "MISSING_OR_NULL_ORIGIN"),
        (vec![("referer", "https://evil.example/")], "INVALID_ORIGIN"),
        (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors"), evil], "INVALID_ORIGIN"),
        (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], "MISSING_OR_NULL_ORIGIN"),
        (vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors"), evil], "INVALID_ORIGIN"),
        (vec![("sec-fetch-mode", "navigate")], "MISSING_OR_NULL_ORIGIN"),
        (
            vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), evil],
            "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        ),
    ] {
        for request in requests(&headers) {
            let answer = Answer::of(request).await;
            assert_code(&answer, 403, code);
            assert!(!answer.headers.contains_key("set-cookie"), "{headers:?}");
        }
    }
    assert_eq!(ledger::total(&system).await, before, "a refused request leaves no event");
    let own = system.api.origin();
    let mine = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("origin", own)];
    for request in requests(&mine).into_iter().take(3) {
        Answer::of(request).await.expect(200);
    }
    system.assert_no_panic();
}

/// The address under which a session was started.
async fn address_of(system: &System, forwarded: &str) -> String {
    let host = system.api.origin().trim_start_matches("http://");
    let body = json!({ "email": ADA, "password": PASSWORD }).to_string();
    let request = format!(
        "POST /api/auth/sign-in/email HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{forwarded}content-type: \
         application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, head, said) = raw::send(system.api.origin(), request.as_bytes()).await;
    assert_eq!(status, 200, "{head}\n{said}");
    let token = said.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let request = system.api.request(Method::GET, "/api/auth/get-session");
    let answer = Answer::of(request.header("authorization", format!("Bearer {token}"))).await.expect(200);
    text(&answer["session"], "ipAddress")
}

/// What a client writes about itself is not believed, by whatever header.
#[tokio::test(flavor = "multi_thread")]
async fn line_07_without_trusted_proxies_no_header_names_the_client() {
    let plan = System::plan("line_07").variable("AUTH_LIMITS", "mail=3/600");
    let system = plan.start().await;
    system.create_user(ADA, "student");
    for header in [
        "x-forwarded-for: 203.0.113.7\r\n",
        "x-forwarded-for: 203.0.113.7, 127.0.0.1\r\n",
        "forwarded: for=203.0.113.7\r\n",
        "x-real-ip: 203.0.113.7\r\n",
        "cf-connecting-ip: 203.0.113.7\r\ntrue-client-ip: 203.0.113.7\r\nx-client-ip: 203.0.113.7\r\n",
    ] {
        assert_eq!(address_of(&system, header).await, "127.0.0.1", "{header}");
    }
    // So nobody gets a new allowance by writing a new one.
    let mut limited = 0;
    for nth in 0..6 {
        let request = system.api.request(Method::POST, "/api/auth/request-password-reset");
        let request = request.header("x-forwarded-for", format!("203.0.113.{nth}"));
        let answer = Answer::of(request.json(&json!({ "email": ADA }))).await;
        limited += usize::from(answer.status.as_u16() == 429);
    }
    assert_eq!(limited, 3);
    system.assert_no_panic();
}

/// Behind a proxy it is the last address that a stranger cannot have written; what one customer holds is
/// one key, however it is spelled.
#[tokio::test(flavor = "multi_thread")]
async fn line_07_behind_trusted_proxies_the_rightmost_stranger_counts_by_network() {
    let plan = System::plan("line_07_proxy")
        .variable("TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8,2001:db8:ffff::/48")
        .variable("AUTH_LIMITS", "mail=2/600");
    let system = plan.start().await;
    system.create_user(ADA, "student");
    for (forwarded, client) in [
        ("", "127.0.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("10.9.9.9, 203.0.113.7, 2001:db8:ffff::1, 10.1.2.3", "203.0.113.7"),
        ("1.2.3.4, nonsense", "127.0.0.1"),
        ("1.2.3.4, unknown, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:0DB8:0000::0001", "2001:db8::1"),
    ] {
        let header =
            if forwarded.is_empty() { String::new() } else { format!("x-forwarded-for: {forwarded}\r\n") };
        assert_eq!(address_of(&system, &header).await, client, "{forwarded}");
    }
    // Several lines are one list, in their order.
    let lines = "x-forwarded-for: 1.2.3.4\r\nx-forwarded-for: 203.0.113.9\r\n";
    assert_eq!(address_of(&system, lines).await, "203.0.113.9");

    for (allowed, spellings) in [
        (true, ["203.0.113.7", "1.2.3.4, 203.0.113.7"]),
        (false, ["::ffff:203.0.113.7", "::ffff:cb00:7107"]),
        (true, ["203.0.113.8", "203.0.113.9"]),
        (true, ["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"]),
        (false, ["2001:0db8:0:0:1:2:3:4", "[2001:db8::5]:80"]),
        (true, ["2001:db8:0:1::1", "2001:db8:0:1::2"]),
    ] {
        for spelling in spellings {
            let request = system.api.request(Method::POST, "/api/auth/request-password-reset");
            let request = request.header("x-forwarded-for", spelling);
            let answer = Answer::of(request.json(&json!({ "email": ADA }))).await;
            assert_eq!(answer.status.as_u16() == 200, allowed, "{spelling}: {}", answer.text());
        }
    }
    system.assert_no_panic();
}
