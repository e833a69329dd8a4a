//! What readers of text may stumble over (24). More of it is in `bad_input.rs`.

use intellistack_e2e::{Answer, PASSWORD, Student, System, ledger, raw};
use reqwest::Method;
use serde_json::{Value, json};

use super::people::{mails_with, verified};
use super::visitor::Visitor;
use crate::support::assert_code;

const ADA: &str = "ada@school.example";
const MIB: usize = 1024 * 1024;

/// Refused, before it is read whole or kept: never an error of ours, and the process goes on.
#[tokio::test(flavor = "multi_thread")]
async fn line_24_what_is_too_much_is_refused_early() {
    let system = System::plan("line_24_size").start().await;
    let ada = system.student(ADA).await;
    let origin = system.api.origin();
    let before = ledger::total(&system).await;
    let big = "x".repeat(MIB);
    for (path, headers) in [
        ("/api/auth/get-session".to_owned(), format!("cookie: better-auth.session_token={big}\r\n")),
        ("/api/auth/get-session".to_owned(), format!("cookie: {}\r\n", "a=b; ".repeat(MIB / 5))),
        ("/api/auth/get-session".to_owned(), format!("authorization: Bearer {big}\r\n")),
        ("/api/auth/get-session".to_owned(), format!("x-forwarded-for: {}\r\n", "1.2.3.4, ".repeat(MIB / 9))),
        ("/api/auth/get-session".to_owned(), format!("traceparent: {big}\r\n")),
        ("/api/auth/get-session".to_owned(), format!("origin: {big}\r\n")),
        (format!("/api/auth/callback/google?state={big}&code=x"), String::new()),
        (format!("/api/auth/callback/{big}?state=x"), String::new()),
        (format!("/api/auth/verify-email?token={big}"), String::new()),
        (format!("/api/auth/{big}"), String::new()),
    ] {
        let (status, head, _) = raw::get(origin, &path, &headers).await;
        assert!(matches!(status, 0 | 400 | 404 | 413 | 414 | 431), "{path:.60} {headers:.60}: {head:.200}");
    }
    let post = |path: &str, body: &Value| {
        Answer::of(ada.request(Method::POST, &format!("/api/auth/{path}")).json(body))
    };
    let large = "x".repeat(200 * 1024);
    for (path, body) in [
        ("sign-in/social", json!({ "provider": "google", "scopes": [big] })),
        ("sign-in/social", json!({ "provider": "google", "loginHint": big })),
        ("sign-in/email", json!({ "email": ADA, "password": big })),
        ("update-user", json!({ "name": big })),
    ] {
        assert_code(&post(path, &body).await, 413, "BODY_TOO_LARGE");
    }
    for (path, body) in [
        ("sign-in/social", json!({ "provider": "google", "scopes": [large] })),
        ("sign-in/social", json!({ "provider": "google", "scopes": vec!["x"; 5_000] })),
        ("sign-in/social", json!({ "provider": "google", "additionalParams": { "x": large } })),
        ("sign-in/social", json!({ "provider": large })),
        ("sign-in/email", json!({ "email": large, "password": PASSWORD })),
        ("sign-in/email", json!({ "email": ADA, "password": large })),
        ("reset-password", json!({ "token": large, "newPassword": PASSWORD })),
        ("revoke-session", json!({ "token": large })),
        ("update-user", json!({ "name": large })),
        ("update-user", json!({ "image": large })),
    ] {
        let answer = post(path, &body).await;
        assert_eq!(answer.status.as_u16(), 400, "{path}: {:.200}", answer.text());
        assert!(answer.body.len() < 4_096, "{path}: the refusal does not repeat it");
    }
    // Deep, but within the size; many members; a number that no machine holds.
    let deep = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let many: String = (0..20_000).map(|nth| format!(r#""k{nth}":1,"#)).collect();
    for (body, status) in [
        (deep(100), 200),
        (deep(200), 400),
        (deep(60_000), 400),
        (format!("{{{many}\"z\":1}}"), 200),
        (format!(r#"{{"a":{}}}"#, "9".repeat(10_000)), 400),
        (r#"{"a":1e999999}"#.to_owned(), 400),
        (r#"{"a":"\ud800"}"#.to_owned(), 400),
    ] {
        let request = ada.request(Method::POST, "/api/auth/revoke-other-sessions");
        let answer = Answer::of(request.header("content-type", "application/json").body(body.clone())).await;
        assert_eq!(answer.status.as_u16(), status, "{body:.60}: {}", answer.text());
    }
    assert!(ada.get("/api/auth/get-session").await.expect(200).is_object());
    // The two that were answered ended the other sessions; of the rest nothing is kept.
    assert_eq!(ledger::total(&system).await, before + 2);
    system.assert_no_panic();
}

/// A parameter that is there twice, text that is none, and requests that two servers read differently.
#[tokio::test(flavor = "multi_thread")]
async fn line_24_what_can_be_read_in_two_ways_is_read_in_none() {
    let system = System::plan("line_24_twice").start().await;
    system.create_user(ADA, "student");
    let origin = system.api.origin();
    for query in [
        "verify-email?token=a&token=b",
        "verify-email?token=a&%74oken=b",
        "reset-password/x?callbackURL=%2Fa&callbackURL=https%3A%2F%2Fevil.example",
        "delete-user/callback?token=a&token=b",
        "get-session?disableRefresh=a&disableRefresh=b",
    ] {
        let answer = system.api.get(&format!("/api/auth/{query}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{query}: {}", answer.text());
    }
    for form in [
        format!("email={ADA}&password={PASSWORD}&password=x"),
        format!("email={ADA}&email=eve%40school.example&password={PASSWORD}"),
        format!("email={ADA}&password={PASSWORD}&%70assword=x"),
    ] {
        let request = system.api.request(Method::POST, "/api/auth/sign-in/email");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        assert_code(&Answer::of(request).await, 400, "BAD_REQUEST");
    }
    let sign_in = json!({ "email": ADA, "password": PASSWORD }).to_string();
    for body in [
        format!(r#"{{"email":"eve@school.example",{}"#, &sign_in[1..]),
        format!(r#"{{"\u0065mail":"eve@school.example",{}"#, &sign_in[1..]),
        format!("{sign_in}{sign_in}"),
        format!("\u{feff}{sign_in}"),
        format!("{sign_in}\0"),
        sign_in.replace('"', "'"),
        sign_in.replace(':', "=>"),
    ] {
        let request = system.api.request(Method::POST, "/api/auth/sign-in/email");
        let request = request.header("content-type", "application/json").body(body.clone());
        assert_code(&Answer::of(request).await, 400, "BAD_REQUEST");
    }
    for path in [
        "/api/auth/reset-password/%ff%fe?callbackURL=%2Fx",
        "/api/auth/callback/%ff?state=x",
        "/api/auth/%00",
        "/api/auth/get-session/../token",
        "/api/auth//get-session",
        "/api/auth/get-session%2f",
        "/api/auth/get-session;x=1",
    ] {
        let (status, head, body) = raw::get(origin, path, "").await;
        assert!(matches!(status, 302 | 400 | 404), "{path}: {head}\n{body}");
        assert!(status != 302 || !head.contains("evil"), "{head}");
    }
    // One request, not two, whatever it says of its length.
    let host = origin.trim_start_matches("http://");
    let smuggled = "GET /api/auth/ok HTTP/1.1\r\nhost: x\r\n\r\n";
    for lengths in [
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", smuggled.len() + 5),
        format!("content-length: 5\r\ncontent-length: {}\r\n", smuggled.len() + 5),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "content-length: +5\r\n".to_owned(),
    ] {
        let request = format!(
            "POST /api/auth/sign-out HTTP/1.1\r\nhost: {host}\r\n{lengths}connection: close\r\n\r\n0\r\n\r\n{smuggled}"
        );
        let (_, head, body) = raw::send(origin, request.as_bytes()).await;
        let answers = format!("{head}{body}").matches("HTTP/1.1 ").count();
        assert!(answers <= 1 && !body.contains(r#"{"ok":true}"#), "{lengths}: {head}\n{body}");
    }
    let mut ada = Visitor::new(&system);
    ada.sign_in(ADA, PASSWORD).await.expect(200);
    system.assert_no_panic();
}

/// Of two addresses that a person or another program takes for one, only one has the account.
#[tokio::test(flavor = "multi_thread")]
async fn line_24_no_spelling_of_an_address_is_somebody_elses() {
    let system = System::plan("line_24_address").variable("AUTH_LIMITS", "off").start().await;
    let mut ada = verified(&system, ADA).await;
    let sign_up = async |email: &str| {
        let body = json!({ "name": "M", "email": email, "password": "Mallory-Horse-1-Battery" });
        system.api.post("/api/auth/sign-up/email", &body).await
    };
    // Capitals are the same address.
    for same in ["ADA@SCHOOL.EXAMPLE", "Ada@School.Example"] {
        assert_code(&sign_up(same).await, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
        Visitor::new(&system).sign_in(same, PASSWORD).await.expect(200);
    }
    for odd in [
        "ada\u{ff20}school.example",
        "ada\u{fe6b}school.example",
        "\u{ff41}da@school.example",
        "\u{430}da@school.example",
        "ada@sch\u{43e}ol.example",
        "ada@school\u{3002}example",
        "ada@\u{212a}.example",
        "a\u{200b}da@school.example",
        "ada\u{ad}@school.example",
        "ada@school.example.",
        "ada@school.example ",
        " ada@school.example",
        "ada@school.example\t",
        "ada@school.example\0",
        "ada@school.example\r\nBcc: mallory@evil.example",
        "ada@school.example,mallory@evil.example",
        "ada@school.example;mallory@evil.example",
        "<ada@school.example>",
        "Ada <ada@school.example>",
        "\"ada\"@school.example",
        "ada(comment)@school.example",
        "ada%mallory@school.example",
        "ada@evil.example@school.example",
        ".ada@school.example",
        "ada.@school.example",
        "a..da@school.example",
        "ada@school",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@-school.example",
        "ada@school..example",
        "mailto:ada@school.example",
        "",
        "@",
    ] {
        let refused = sign_up(odd).await;
        assert_eq!(refused.status.as_u16(), 400, "sign-up of {odd:?}: {}", refused.text());
        let body = json!({ "email": odd, "password": PASSWORD });
        let answer = system.api.post("/api/auth/sign-in/email", &body).await;
        assert!(matches!(answer.status.as_u16(), 400 | 401), "sign-in of {odd:?}: {}", answer.text());
        for path in ["request-password-reset", "send-verification-email"] {
            let answer = system.api.post(&format!("/api/auth/{path}"), &json!({ "email": odd })).await;
            assert_eq!(answer.status.as_u16(), 400, "{path} of {odd:?}: {}", answer.text());
        }
    }
    for long in [format!("{}@school.example", "a".repeat(400)), format!("a@{}.example", "b".repeat(300))] {
        assert_eq!(sign_up(&long).await.status.as_u16(), 400, "{long:.40}");
    }
    // Dots and tags are other addresses: whose mailbox they are is not ours to say.
    for other in ["a.da@school.example", "ada+x@school.example"] {
        sign_up(other).await.expect(200);
        let refused = Visitor::new(&system).sign_in(other, PASSWORD).await;
        assert_code(&refused, 401, "INVALID_EMAIL_OR_PASSWORD");
    }
    assert_eq!(mails_with(&system, "mallory@evil.example", "/"), 0);
    assert_eq!(ada.user().await["email"], ADA);
    system.assert_no_panic();
}

/// Every character of a password counts, and only those.
#[tokio::test(flavor = "multi_thread")]
async fn line_24_a_password_is_neither_cut_nor_endless() {
    let system = System::plan("line_24_password").start().await;
    // As long as one may be, and no word of a list.
    let noise: String =
        (1..17_u64).map(|nth| format!("{:016x}", nth.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let long = format!("Aa1!{}", &noise[..124]);
    let sign_up = async |email: &str, password: &str| {
        let body = json!({ "name": "Ada", "email": email, "password": password });
        system.api.post("/api/auth/sign-up/email", &body).await
    };
    sign_up(ADA, &long).await.expect(200);
    let sign_in = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        system.api.post("/api/auth/sign-in/email", &body).await.status.as_u16()
    };
    // bcrypt would look at 72 bytes.
    for near in
        [long[..72].to_owned(), format!("{}y", &long[..127]), long[..127].to_owned(), long.to_lowercase()]
    {
        assert!(matches!(sign_in(ADA, &near).await, 400 | 401), "{} characters", near.len());
    }
    assert_eq!(sign_in(ADA, &long).await, 200);
    assert_code(&sign_up("b@school.example", &format!("{long}x")).await, 400, "PASSWORD_TOO_LONG");
    for nul in ["Correct-Horse\u{0}-7-Battery", "\u{0}"] {
        assert_eq!(sign_up("b@school.example", nul).await.status.as_u16(), 400);
    }
    // The same characters in another encoding are the same password; look-alikes are not.
    let composed = "Kaffee-br\u{fc}h-7-Lampion-\u{e9}t\u{e9}";
    sign_up("c@school.example", composed).await.expect(200);
    assert_eq!(sign_in("c@school.example", "Kaffee-bru\u{308}h-7-Lampion-e\u{301}te\u{301}").await, 200);
    assert_eq!(sign_in("c@school.example", "Kaffee-bruh-7-Lampion-ete").await, 401);
    assert_eq!(sign_in("c@school.example", &format!("{composed} ")).await, 401);
    system.assert_no_panic();
}

/// What a person calls themselves is text, in a mail and in its head.
#[tokio::test(flavor = "multi_thread")]
async fn line_24_a_name_is_text_in_mails() {
    let system = System::plan("line_24_name").start().await;
    for (nth, name) in [
        "Ada\r\nBcc: mallory@evil.example\r\n\r\n<b>hello</b>",
        "<script>alert(1)</script><img src=//evil.example/x>",
        "{{ 7 * 7 }} {% include 'x' %} ${jndi:ldap://evil.example}",
        "Ada https://evil.example/win?a=b Click here",
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("ada{nth}@school.example");
        let body = json!({ "name": name, "email": email, "password": PASSWORD });
        let answer = system.api.post("/api/auth/sign-up/email", &body).await;
        if answer.status.as_u16() == 400 {
            assert_code(&answer, 400, "INVALID_NAME");
            continue;
        }
        answer.expect(200);
        let mail = system.mail.first_to(&email).await;
        assert!(mail.link().starts_with(system.api.origin()), "the first link is ours: {}", mail.text);
        // Not in all of it: a token may hold any two digits.
        let greeting = mail.text.lines().next().unwrap_or_default();
        assert!(!mail.subject.contains("Bcc") && !greeting.contains("49"), "{}", mail.text);
        let url = format!("{}/?to={email}", system.mail.http_url());
        let kept = system.api.get(&url).await.expect(200);
        let html = kept[0]["html"].as_str().unwrap_or_default();
        assert!(!html.contains("<script>") && !html.contains("<img src=//evil"), "{html}");
        assert!(!html.contains("href=\"https://evil.example"), "{html}");
    }
    assert!(system.mail.to("mallory@evil.example").is_empty());
    let mut student = Student::new(&system.api, "after@school.example");
    student.sign_up().await.expect(200);
    system.assert_no_panic();
}
