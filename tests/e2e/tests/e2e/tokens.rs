//! Access tokens, session cookies and mailed links that are wrong, forged, expired or revoked.

use intellistack_e2e::{Student, System, eventually, ledger};
use serde_json::{Value, json};

use crate::forge::{Issuer, chatkit_with_bearer, clock, decode, encode, hs256, tampered, with_bearer};
use crate::support::{assert_code, assert_problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_expired_or_revoked_access_token_opens_nothing() {
    let mut system = System::plan("access_tokens").start().await;
    let student = system.student("ada@school.example").await;
    let good = student.access_token().await;
    let key = Issuer::new();
    key.publish(&system).await;
    system.kill("all");
    system.restart("all").await;

    let claims = decode(&good, 1);
    // The published key is believed, so that what follows fails for the reason it is meant to.
    assert_eq!(with_bearer(&system, &key.sign(&claims)).await.status.as_u16(), 200);
    let changed = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        key.sign(&claims)
    };
    let now = clock().timestamp();
    let expired = changed("exp", json!(now - 3600));
    assert_problem(&with_bearer(&system, &expired).await, 401, "TOKEN_EXPIRED");
    assert_code(&chatkit_with_bearer(&system, &expired).await, 401, "TOKEN_EXPIRED");

    let jwks = system.api.get("/api/auth/jwks").await;
    let head = decode(&good, 0);
    let forged = [
        ("of another issuer", changed("iss", json!("https://evil.example"))),
        ("for another audience", changed("aud", json!("https://evil.example"))),
        ("not yet valid", changed("nbf", json!(now + 3600))),
        ("without an expiry", changed("exp", Value::Null)),
        (
            "an ID token",
            key.sign_as(&json!({ "alg": "RS256", "typ": "logout+jwt", "kid": key.kid }), &claims),
        ),
        ("unsigned", format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "JWT" })), encode(&claims))),
        (
            "unsigned, with kid",
            format!("{}.{}.", encode(&json!({ "alg": "none", "kid": head["kid"] })), encode(&claims)),
        ),
        (
            "HS256 with the public key",
            hs256(&json!({ "alg": "HS256", "kid": head["kid"] }), &claims, &jwks.body),
        ),
        ("of an unknown key", key.sign_as(&json!({ "alg": "RS256", "kid": "no-such-key" }), &claims)),
        (
            "with a path as key id",
            key.sign_as(&json!({ "alg": "RS256", "kid": "../../etc/passwd" }), &claims),
        ),
        ("with its own key", key.sign_as(&json!({ "alg": "RS256", "jwk": key.jwk() }), &claims)),
        ("with a changed role", tampered(&good, "role", &json!("admin"))),
        ("cut short", good[..good.len() - 4].to_owned()),
        ("no token", "nonsense".to_owned()),
        ("empty", String::new()),
        ("huge", format!("{good}{}", "A".repeat(20_000))),
    ];
    for (what, token) in &forged {
        let answer = with_bearer(&system, token).await;
        assert_eq!(answer.status.as_u16(), 401, "{what}: {}", answer.text());
        assert!(answer.json()["reason"].is_string(), "{what}: {}", answer.text());
        let answer = chatkit_with_bearer(&system, token).await;
        assert_eq!(answer.status.as_u16(), 401, "{what}: {}", answer.text());
        assert!(answer.json()["code"].is_string(), "{what}: {}", answer.text());
    }

    // Signing out ends the tokens of the session, too.
    assert_eq!(with_bearer(&system, &good).await.status.as_u16(), 200);
    student.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert_problem(&with_bearer(&system, &good).await, 401, "SESSION_REVOKED");
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_or_expired_session_cookie_is_no_session() {
    let system = System::plan("cookies").start().await;
    let student = system.student("ada@school.example").await;
    let (name, value) = student.cookie.split_once('=').expect("a cookie");
    let (token, signature) = value.split_once('.').expect("a signed value");
    for bad in [
        token.to_owned(),
        format!("{token}."),
        format!("{token}.{}", "A".repeat(44)),
        format!("{}.{signature}", token.chars().rev().collect::<String>()),
        format!("{value}x"),
        "%".to_owned(),
        "%FF%FE.%00".to_owned(),
        "x".repeat(6_000),
    ] {
        let thief = Student { cookie: format!("{name}={bad}"), ..student.clone() };
        assert_eq!(thief.get("/api/auth/get-session").await.expect(200), Value::Null, "{bad:.100}");
        assert_problem(&thief.get("/api/v1/me/quota").await, 401, "UNAUTHENTICATED");
    }
    sqlx::query("update session.sessions set expires_at = $1")
        .bind(clock() - chrono::TimeDelta::seconds(1))
        .execute(&system.postgres.pool())
        .await
        .expect("expire the session");
    let answer = student.get("/api/auth/get-session").await;
    assert_eq!(answer.expect(200), Value::Null);
    assert!(answer.headers.get_all("set-cookie").iter().any(|cookie| {
        cookie.to_str().is_ok_and(|cookie| cookie.starts_with(name) && cookie.contains("Max-Age=0"))
    }));
    assert_problem(&student.get("/api/v1/me/quota").await, 401, "UNAUTHENTICATED");
    assert_code(&student.get("/api/auth/token").await, 401, "UNAUTHORIZED");
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_mailed_link_verifies_and_only_until_it_expires() {
    let system = System::plan("links").start().await;
    let mut student = Student::new(&system.api, "ada@school.example");
    student.sign_up().await.expect(200);
    let link = system.mail.first_to(&student.email).await.link();
    let token =
        link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("a token").to_owned();
    let secret = system.auth_secret().as_bytes();
    let mut claims = decode(&token, 1);
    let now = clock().timestamp();
    for (field, value, code) in [
        ("exp", json!(now - 1), "TOKEN_EXPIRED"),
        ("requestType", json!("something-else"), "INVALID_TOKEN"),
        ("exp", json!("tomorrow"), "INVALID_TOKEN"),
    ] {
        let good = std::mem::replace(&mut claims[field], value);
        let crafted = hs256(&json!({ "alg": "HS256", "typ": "JWT" }), &claims, secret);
        claims[field] = good;
        refused_link(&system, &crafted, code).await;
    }
    let head = json!({ "alg": "HS256", "typ": "JWT" });
    for crafted in [
        "nonsense".to_owned(),
        String::new(),
        hs256(&head, &claims, b"another secret that is long enough, too"),
        format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "JWT" })), encode(&claims)),
        student.access_token().await,
        "A".repeat(6_000),
    ] {
        refused_link(&system, &crafted, "INVALID_TOKEN").await;
    }
    let session = student.get("/api/auth/get-session").await.expect(200);
    assert_eq!(session["user"]["emailVerified"], false, "{session}");
    assert_problem(&student.enrol(system.course()).await, 403, "EMAIL_NOT_VERIFIED");
    let verify = format!("/api/auth/verify-email?token={token}&callbackURL=https%3A%2F%2Fevil.example");
    assert_code(&system.api.get(&verify).await, 403, "INVALID_CALLBACK_URL");

    // The real one, twice: a mail scanner may be first.
    for _ in 0..2 {
        let answer = system.api.get(&link).await;
        assert_eq!((answer.status.as_u16(), answer.header("location").as_str()), (302, "/verified"));
    }
    let session = student.get("/api/auth/get-session").await.expect(200);
    assert_eq!(session["user"]["emailVerified"], true, "{session}");
    let verified = ledger::count(&system.postgres.pool(), "identity", "user.email_verified").await;
    assert_eq!(verified, 1, "opened twice, verified once");
    system.assert_no_panic();
}

async fn refused_link(system: &System, token: &str, code: &str) {
    let plain = system.api.get(&format!("/api/auth/verify-email?token={token}")).await;
    assert_code(&plain, 401, code);
    let redirected =
        system.api.get(&format!("/api/auth/verify-email?token={token}&callbackURL=%2Fverified")).await;
    assert_eq!(redirected.status.as_u16(), 302, "{}", redirected.text());
    assert_eq!(redirected.header("location"), format!("/verified?error={code}"));
}

/// Tokens are handed out again for some minutes, but not when something that they say has changed, nor
/// under a key that was given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_handed_out_again_says_what_is_true() {
    let system = System::plan("kept_tokens").start().await;
    let student = system.student("ada@school.example").await;
    let first = student.access_token().await;
    let next = |what: &'static str, name: &'static str, old: Value| {
        let student = &student;
        async move {
            eventually(what, || async {
                let token = student.access_token().await;
                let part = usize::from(name != "kid");
                (decode(&token, part)[name] != old).then_some(token)
            })
            .await
        }
    };
    student.post("/api/auth/update-user", &json!({ "name": "Ada King" })).await.expect(200);
    let renamed = next("the token has the new name", "name", decode(&first, 1)["name"].clone()).await;
    assert_eq!(decode(&renamed, 1)["name"], "Ada King");
    let kid = decode(&renamed, 0)["kid"].clone();
    system.command(&["keys", "rotate", "--now", "--revoke"], "");
    let rotated = next("the token is signed with the new key", "kid", kid).await;
    assert_eq!(with_bearer(&system, &rotated).await.status.as_u16(), 200);
}
