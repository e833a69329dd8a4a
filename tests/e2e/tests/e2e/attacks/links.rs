//! Where links lead (3), whose name is in them (6), and who else gets to see what they carry (23).

use std::collections::BTreeSet;

use intellistack_e2e::{Answer, PASSWORD, System, raw};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::people::{OTHER_PASSWORD, mail_with, mails_with, reset_token, text, verified};
use super::visitor::Visitor;
use crate::forge::decode;
use crate::support::assert_code;

const ADA: &str = "ada@school.example";

/// Addresses that lead elsewhere, or may in some browser.
fn elsewhere(own: &str) -> Vec<String> {
    let host = own.trim_start_matches("http://");
    let mut all: Vec<String> = [
        "https://evil.example",
        "HTTPS://EVIL.EXAMPLE",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/a\r\nLocation: https://evil.example",
        "/\u{85}/evil.example",
        "/\0",
        "/%2fevil.example",
        "/%2F%2E%2E//evil.example",
        "/%5cevil.example",
        "/.//evil.example",
        "/..//evil.example",
        "evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "https://trusted.example",
        "https://evil-trusted.example",
        "https://a.trusted.example.evil.example",
        "http://a.trusted.example",
        "https://a.trusted.example@evil.example",
        "https://evil.example/a.trusted.example",
        "https://evil.example#.trusted.example",
        "https://evil.example?.trusted.example",
        "https://evil.example%2f.trusted.example",
        "https://a.trusted.example:8443",
        "https://a.trusted.example\\@evil.example",
        "https://xn--80ak6aa92e.example",
        "https://\u{430}.trusted.ex\u{430}mple",
    ]
    .map(str::to_owned)
    .into();
    all.extend([
        format!("http://{host}.evil.example"),
        format!("http://{host}@evil.example"),
        format!("http://evil.example:pw@{host}"),
        format!("https://{host}"),
        "http://127.0.0.1:1".to_owned(),
        format!("http:{host}"),
        format!("http:\\\\{host}@evil.example"),
        format!("{own}{}", "x".repeat(3_000)),
    ]);
    all
}

/// Each route that takes where to go next, refuses it before anything happens.
#[tokio::test(flavor = "multi_thread")]
async fn line_03_no_route_leads_the_browser_elsewhere() {
    let plan = System::plan("line_03").variable("TRUSTED_ORIGINS", "https://*.trusted.example");
    let plan = plan.variable("AUTH_LIMITS", "off");
    let system = plan.start().await;
    let mut ada = verified(&system, ADA).await;
    let account = json!({ "name": "M", "email": "m@evil.example", "password": PASSWORD });
    let credentials = json!({ "email": ADA, "password": PASSWORD });
    let (provider, email) = (json!({ "provider": "google" }), json!({ "email": ADA }));
    let targets = [
        ("callbackURL", "INVALID_CALLBACK_URL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
        ("redirectTo", "INVALID_REDIRECT_URL"),
    ];
    let bodies = [
        ("sign-up/email", &account, 0..1),
        ("sign-in/email", &credentials, 0..1),
        ("send-verification-email", &email, 0..1),
        ("request-password-reset", &email, 3..4),
        ("change-email", &json!({ "newEmail": "m@evil.example" }), 0..1),
        ("delete-user", &json!({}), 0..1),
        ("sign-out", &json!({}), 0..1),
        ("sign-in/social", &provider, 0..3),
        ("sign-in/oauth2", &provider, 0..3),
        ("link-social", &provider, 0..3),
        ("oauth2/link", &provider, 0..3),
    ];
    let queries =
        ["verify-email?token=x", "delete-user/callback?token=x", "reset-password/x?a=b", "get-session?a=b"];
    for target in elsewhere(system.api.origin()) {
        for (path, body, names) in &bodies {
            for (name, code) in &targets[names.clone()] {
                let mut body = (*body).clone();
                body[*name] = json!(target);
                let answer = ada.post(&format!("/api/auth/{path}"), &body).await;
                assert_code(&answer, 403, code);
                assert_eq!(answer.header("location"), "", "{path} {name} {target:?}");
            }
        }
        for path in queries {
            let url = Url::parse_with_params(
                &format!("{}/api/auth/{path}", system.api.origin()),
                [("callbackURL", &target)],
            );
            let answer = ada.get(url.expect("an address").as_str()).await;
            assert_code(&answer, 403, "INVALID_CALLBACK_URL");
        }
    }
    // Not a text at all.
    for odd in [json!(["/a", "https://evil.example"]), json!({ "href": "https://evil.example" }), json!(7)] {
        let body = json!({ "email": ADA, "password": PASSWORD, "callbackURL": odd });
        assert_eq!(ada.post("/api/auth/sign-in/email", &body).await.status.as_u16(), 400);
    }
    assert_eq!(mails_with(&system, ADA, "/"), 0, "nobody was mailed a link");
    assert_eq!(mails_with(&system, "m@evil.example", "/"), 0);

    // And what is trusted passes, as it is.
    for good in ["/home?next=//x#y", "https://a.trusted.example/x", "https://a.b.trusted.example"] {
        let body = json!({ "email": ADA, "password": PASSWORD, "callbackURL": good });
        assert_eq!(ada.post("/api/auth/sign-in/email", &body).await.expect(200)["url"], good);
    }
    system.assert_no_panic();
}

/// The name under which we are known comes from the settings; what a request calls us is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn line_06_no_header_of_a_request_names_us_in_mails_tokens_or_redirects() {
    let system = System::plan("line_06").start().await;
    system.create_user(ADA, "student");
    let origin = system.api.origin();
    let lies = "host: evil.example\r\nx-forwarded-host: evil.example\r\nx-forwarded-proto: https\r\n\
                x-forwarded-port: 444\r\nforwarded: host=evil.example;proto=https\r\n\
                x-original-url: /evil\r\nx-rewrite-url: /evil\r\nx-host: evil.example\r\nconnection: close\r\n";
    let ask = async |method: &str, path: &str, body: &str, more: &str| {
        let bytes = format!(
            "{method} {path} HTTP/1.1\r\n{lies}{more}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = raw::send(origin, bytes.as_bytes()).await;
        let said = format!("{}\n{}", answer.1, answer.2);
        assert!(!said.contains("evil.example") && !said.contains(":444"), "{path}: {said}");
        answer
    };
    let sign_up =
        json!({ "name": "Eve", "email": "eve@school.example", "password": PASSWORD, "callbackURL": "/a" });
    assert_eq!(ask("POST", "/api/auth/sign-up/email", &sign_up.to_string(), "").await.0, 200);
    let reset = json!({ "email": ADA, "redirectTo": "/new-password" }).to_string();
    assert_eq!(ask("POST", "/api/auth/request-password-reset", &reset, "").await.0, 200);
    // An absolute request line names us, too.
    let absolute = "http://evil.example/api/auth/request-password-reset";
    let second = json!({ "email": "eve@school.example", "redirectTo": "/new-password" }).to_string();
    ask("POST", absolute, &second, "").await;

    let verify = mail_with(&system, "eve@school.example", "/verify-email").await;
    let reset = mail_with(&system, ADA, "/reset-password/").await;
    for mail in [&verify, &reset] {
        assert!(mail.link().starts_with(&format!("{origin}/api/auth/")), "{}", mail.text);
    }
    for mail in system.mail.to(ADA).into_iter().chain(system.mail.to("eve@school.example")) {
        assert!(!mail.text.contains("evil.example"), "{}", mail.text);
    }
    let path = reset.link().replace(origin, "");
    let (status, head, _) = ask("GET", &path, "", "").await;
    assert!(status == 302 && head.contains(&format!("location: {origin}/new-password")), "{head}");

    let mut ada = Visitor::new(&system);
    ada.sign_in(ADA, PASSWORD).await.expect(200);
    let cookie =
        format!("cookie: better-auth.session_token={}\r\n", ada.cookie("session_token").expect("one"));
    let (status, _, body) = ask("GET", "/api/auth/token", "", &cookie).await;
    assert_eq!(status, 200, "{body}");
    let claims = decode(&text(&serde_json::from_str(&body).expect("JSON"), "token"), 1);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(format!("{origin}/api/auth")), &json!(origin)));
    for path in ["/.well-known/openid-configuration", "/api/auth/.well-known/openid-configuration"] {
        let (status, _, body) = ask("GET", path, "", "").await;
        assert!(status == 200 && body.contains(&format!("{origin}/api/auth")), "{body}");
    }
    // A page that calls itself by the forged name is none of ours.
    let sign_out =
        ask("POST", "/api/auth/sign-out", "{}", &format!("{cookie}origin: http://127.0.0.1:1\r\n")).await;
    assert_eq!(sign_out.0, 403);
    system.assert_no_panic();
}

/// Nothing with a session or a token is kept by a cache, shared by one, or told to the next page.
#[tokio::test(flavor = "multi_thread")]
async fn line_23_nothing_with_a_session_or_a_token_is_cached_or_passed_on() {
    let system = System::plan("line_23").start().await;
    let mut ada = verified(&system, ADA).await;
    let mut answers = Vec::new();
    for path in
        ["get-session", "token", "list-sessions", "list-accounts", "error?error=x", "ok", "no-such-path"]
    {
        answers.push((path.to_owned(), ada.get(&format!("/api/auth/{path}")).await));
    }
    for path in ["/api/v1/me/quota", "/api/v1/courses", "/api/v1/courses/none", "/api/v1/admin/auth-events"] {
        answers.push((path.to_owned(), ada.get(path).await));
    }
    let token = reset_token(&system, ADA).await;
    for path in [
        format!("reset-password/{token}?callbackURL=%2Fnew-password"),
        "reset-password/nonsense?callbackURL=%2Fnew-password".to_owned(),
        "verify-email?token=x&callbackURL=%2Fverified".to_owned(),
        "verify-email?token=x".to_owned(),
        "callback/google?state=x&code=y".to_owned(),
    ] {
        answers.push((path.clone(), ada.get(&format!("/api/auth/{path}")).await));
    }
    let wrong = json!({ "email": "nobody@school.example", "password": PASSWORD });
    answers.push(("a refusal".to_owned(), ada.post("/api/auth/sign-in/email", &wrong).await));
    let right = json!({ "email": ADA, "password": PASSWORD, "callbackURL": "/home" });
    answers.push(("sign-in".to_owned(), ada.post("/api/auth/sign-in/email", &right).await));
    let body = json!({ "type": "threads.list", "params": {} });
    answers.push(("chat".to_owned(), ada.post("/api/v1/chatkit", &body).await));
    for (what, answer) in &answers {
        let said = answer.header("cache-control");
        assert!(said.contains("no-store"), "{what}: {} {said:?}", answer.status);
        assert!(answer.header("etag").is_empty() && answer.header("expires").is_empty(), "{what}");
        if what.starts_with("reset-password") || what.starts_with("verify-email") {
            let policy = answer.header("referrer-policy");
            let leads = answer.status.is_redirection();
            assert!(!leads || policy == "no-referrer", "{what}: the next page must not learn the address");
        }
    }
    // Where the answer depends on the origin it says so, to everybody.
    for (what, answer) in answers.iter().filter(|(what, _)| !what.starts_with("/api/v1") && what != "chat") {
        let vary = answer.header("vary").to_lowercase();
        assert!(vary.contains("origin"), "{what}: {vary}");
    }
    // The key set is public, and says for how long.
    assert!(ada.get("/api/auth/jwks").await.header("cache-control").contains("max-age=300"));
    system.assert_no_panic();
}

/// What would let somebody in is in no log, whatever went wrong.
#[tokio::test(flavor = "multi_thread")]
async fn line_23_no_secret_is_in_a_log() {
    let plan = System::plan("line_23_logs").variable("RUST_LOG", "debug,hyper=info,h2=info");
    let system = plan.start().await;
    let mut secrets: BTreeSet<String> = BTreeSet::from([PASSWORD, OTHER_PASSWORD].map(str::to_owned));
    secrets.insert(system.auth_secret().to_owned());
    let mut eve = Visitor::new(&system);
    eve.sign_up("eve@school.example").await.expect(200);
    let verify = mail_with(&system, "eve@school.example", "/verify-email").await.link();
    eve.get(&verify).await;
    secrets.insert(
        verify.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("one").to_owned(),
    );
    let session = text(&eve.get("/api/auth/get-session").await.expect(200)["session"], "token");
    secrets.extend([session.clone(), eve.access_token().await]);
    secrets.insert(eve.cookie("session_token").expect("a session").clone());
    secrets.extend(eve.cookie("known_device").cloned());
    let reset = reset_token(&system, "eve@school.example").await;
    secrets.insert(reset.clone());
    eve.get(&format!("/api/auth/reset-password/{reset}?callbackURL=%2Fx")).await;
    let body = json!({ "token": reset, "newPassword": "short" });
    assert_eq!(system.api.post("/api/auth/reset-password", &body).await.status.as_u16(), 400);
    let body = json!({ "token": reset, "newPassword": OTHER_PASSWORD });
    system.api.post("/api/auth/reset-password", &body).await.expect(200);
    eve.sign_in("eve@school.example", OTHER_PASSWORD).await.expect(200);
    let body = json!({ "currentPassword": OTHER_PASSWORD, "newPassword": "short" });
    eve.post("/api/auth/change-password", &body).await;
    eve.post("/api/auth/delete-user", &json!({ "password": "Nonsense-password-7" })).await;
    secrets.insert("Nonsense-password-7".to_owned());
    // Bad ones, which a defect might print.
    for bearer in ["not-a-token-but-secret", &format!("{session}.secret-signature"), "a.b.c-secret"] {
        for path in ["/api/auth/get-session", "/api/v1/me/quota"] {
            let request = system.api.request(Method::GET, path);
            Answer::of(request.header("authorization", format!("Bearer {bearer}"))).await;
        }
        secrets.insert(bearer.to_owned());
    }
    let broken = system.api.request(Method::POST, "/api/auth/sign-in/email");
    let broken = broken.header("content-type", "application/json").body(r#"{"password":"Broken-secret-7"#);
    assert_eq!(Answer::of(broken).await.status.as_u16(), 400);
    secrets.insert("Broken-secret-7".to_owned());
    eve.post("/api/auth/sign-out", &json!({})).await.expect(200);

    for (name, log) in system.logs() {
        assert!(log.len() > 1_000, "{name} writes a log");
        for secret in &secrets {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{name} wrote {secret}");
        }
    }
    assert_eq!(eve.user().await, Value::Null);
    system.assert_no_panic();
}
