//! Taking over somebody's account before they have it (1), states that are never a full login (19),
//! members that only the system sets (20), and identifiers of others (21).

use intellistack_e2e::{Answer, PASSWORD, System, ledger};
use reqwest::Method;
use serde_json::{Value, json};

use super::people::{
    OTHER_PASSWORD, administrator, mail_with, openid_account, reset_password, reset_token, text, verified,
};
use super::visitor::{Visitor, of_link};
use crate::forge::with_bearer;
use crate::support::{assert_code, assert_problem};

const VICTIM: &str = "victim@school.example";
const MALLORY: &str = "mallory@evil.example";

/// Whoever reads the mail of an address that nobody had proven gets the account alone: the password, the
/// sessions, the tokens and the pending change of whoever signed up with it are gone.
#[tokio::test(flavor = "multi_thread")]
async fn line_01_nothing_of_a_squatter_survives_the_reset_of_an_unproven_account() {
    let system = System::plan("line_01_reset").start().await;
    let mut squatter = Visitor::new(&system);
    squatter.sign_up(VICTIM).await.expect(200);
    let token = squatter.access_token().await;
    let change = json!({ "newEmail": MALLORY, "callbackURL": "/changed" });
    squatter.post("/api/auth/change-email", &change).await.expect(200);
    let pending = mail_with(&system, MALLORY, "/verify-email").await.link();
    // A reset of the squatter's own asking, whose mail the victim does not expect, is theirs, too.
    reset_password(&system, VICTIM, OTHER_PASSWORD).await;

    assert_eq!(squatter.user().await, Value::Null, "the old session");
    assert_problem(&with_bearer(&system, &token).await, 401, "SESSION_REVOKED");
    assert_code(&squatter.sign_in(VICTIM, PASSWORD).await, 401, "INVALID_EMAIL_OR_PASSWORD");
    let opened = Visitor::new(&system).get(&pending).await;
    assert!(opened.header("location").contains("error=INVALID_TOKEN"), "the pending change: {opened:?}");
    assert_code(&squatter.sign_in(MALLORY, PASSWORD).await, 401, "INVALID_EMAIL_OR_PASSWORD");

    let mut victim = Visitor::new(&system);
    victim.sign_in(VICTIM, OTHER_PASSWORD).await.expect(200);
    let user = victim.user().await;
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!(VICTIM), &json!(true)), "{user}");
    system.assert_no_panic();
}

/// The link that verifies the address of a sign-up proves it to be the victim's, not the squatter's: what
/// the squatter may do with it is bounded by the first reset.
#[tokio::test(flavor = "multi_thread")]
async fn line_01_a_change_to_a_foreign_address_needs_that_addresss_consent_and_verifies_nothing() {
    let system = System::plan("line_01_change").start().await;
    let mut mallory = Visitor::new(&system);
    mallory.sign_up(MALLORY).await.expect(200);
    mallory.post("/api/auth/change-email", &json!({ "newEmail": VICTIM })).await.expect(200);
    // Until the victim opens it, nothing has moved, and the victim may sign up themselves.
    let link = mail_with(&system, VICTIM, "/verify-email").await.link();
    assert_eq!(mallory.user().await["email"], MALLORY);
    let mut victim = Visitor::new(&system);
    victim.sign_up(VICTIM).await.expect(200);
    // Now the pending change comes too late, whoever opens it.
    let opened = Visitor::new(&system).get(&link).await;
    assert!(opened.header("location").contains("error=INVALID_TOKEN"), "{opened:?}");
    assert_eq!(mallory.user().await["email"], MALLORY);
    assert_eq!(victim.user().await["email"], VICTIM);

    // An address that was reached by the change of an unproven account is not proven by that.
    let mut other = Visitor::new(&system);
    other.sign_up("other@evil.example").await.expect(200);
    let free = "free@school.example";
    other.post("/api/auth/change-email", &json!({ "newEmail": free })).await.expect(200);
    let link = mail_with(&system, free, "/verify-email").await.link();
    assert_eq!(Visitor::new(&system).get(&link).await.header("location"), "/");
    let user = other.user().await;
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!(free), &json!(false)), "{user}");
    system.assert_no_panic();
}

/// Classic and federated accounts are merged only when both sides have proven the address, whoever came
/// first; and what a squatter linked before the proof is dropped by it.
#[tokio::test(flavor = "multi_thread")]
async fn line_01_accounts_are_merged_only_when_both_sides_have_proven_the_address() {
    let system = System::plan("line_01_merge").providers().start().await;
    // Classic first, unproven: the federated victim is not led into it.
    let mut squatter = Visitor::new(&system);
    squatter.sign_up(VICTIM).await.expect(200);
    openid_account(&system, "victim", VICTIM, true).await;
    let mut victim = Visitor::new(&system);
    victim.sign_in_at("school", "victim").await.assert_error("account_not_linked");
    assert_eq!(victim.user().await, Value::Null);
    assert_eq!(squatter.accounts().await.len(), 1);

    // Federated first, from a provider that verifies nothing: its account is no way into the victim's.
    let second = "second@school.example";
    openid_account(&system, "squatter", second, false).await;
    let mut squatter = Visitor::new(&system);
    squatter.sign_in_at("school", "squatter").await.assert_page("/hello");
    let token = squatter.access_token().await;
    assert_eq!(squatter.user().await["emailVerified"], false);
    reset_password(&system, second, OTHER_PASSWORD).await;
    assert_eq!(squatter.user().await, Value::Null);
    assert_problem(&with_bearer(&system, &token).await, 401, "SESSION_REVOKED");
    squatter.sign_in_at("school", "squatter").await.assert_error("account_not_linked");
    let mut victim = Visitor::new(&system);
    victim.sign_in(second, OTHER_PASSWORD).await.expect(200);
    let accounts: Vec<String> = victim.accounts().await.into_iter().map(|(provider, _)| provider).collect();
    assert_eq!(accounts, ["credential"], "the second identifier of the squatter is gone");

    // A provider that does not verify is no proof for an account that is proven here.
    let mut third = verified(&system, "third@school.example").await;
    openid_account(&system, "liar", "third@school.example", false).await;
    Visitor::new(&system).sign_in_at("school", "liar").await.assert_error("account_not_linked");
    assert_eq!(third.accounts().await.len(), 1);
    system.assert_no_panic();
}

/// What an unproven address may do is asked of the account at every request, not of the login.
#[tokio::test(flavor = "multi_thread")]
async fn line_19_an_unproven_address_is_never_kept_as_a_full_login() {
    let system = System::plan("line_19").replicas().start().await;
    let mut ada = Visitor::new(&system);
    ada.sign_up(VICTIM).await.expect(200);
    let enrolment = format!("/api/v1/courses/{}/enrolment", system.course());
    let early = ada.access_token().await;
    let with_token = |token: &str| {
        let request = system.api.request(Method::POST, &enrolment);
        Answer::of(request.header("authorization", format!("Bearer {token}")))
    };
    // Asked of both gateways, so that both know the session as it is now.
    for gateway in system.gateways() {
        let refused = Answer::of(ada.at(gateway).request(Method::POST, &enrolment)).await;
        assert_problem(&refused, 403, "EMAIL_NOT_VERIFIED");
    }
    assert_problem(&with_token(&early).await, 403, "EMAIL_NOT_VERIFIED");

    let link = mail_with(&system, VICTIM, "/verify-email").await.link();
    assert_eq!(Visitor::new(&system).get(&link).await.status.as_u16(), 302);
    assert_problem(&with_token(&early).await, 403, "EMAIL_NOT_VERIFIED");
    let late = ada.access_token().await;
    let allowed = with_token(&late).await;
    assert!(allowed.status.is_success(), "{}", allowed.text());

    // And back: an administrator takes the proof away, of sessions and of tokens.
    let mut admin = administrator(&system).await;
    let id = text(&ada.user().await, "id");
    let change = json!({ "userId": id, "data": { "emailVerified": false } });
    admin.post("/api/auth/admin/update-user", &change).await.expect(200);
    for gateway in system.gateways() {
        let what = "the session is that of an unproven address";
        intellistack_e2e::within(std::time::Duration::from_secs(1), what, || async {
            let by_cookie = Answer::of(ada.at(gateway).request(Method::POST, &enrolment)).await;
            let by_token = gateway.request(Method::POST, &enrolment);
            let by_token = Answer::of(by_token.header("authorization", format!("Bearer {late}"))).await;
            let refused = |answer: &Answer| matches!(answer.status.as_u16(), 401 | 403);
            (refused(&by_cookie) && refused(&by_token)).then_some(())
        })
        .await;
    }
    system.assert_no_panic();
}

/// Nobody gives themselves what only the system or an administrator gives, at whatever route and in
/// whatever spelling.
#[tokio::test(flavor = "multi_thread")]
async fn line_20_members_that_only_the_system_sets_are_refused_or_without_effect() {
    let system = System::plan("line_20").start().await;
    let forged = [
        ("role", json!("admin")),
        ("emailVerified", json!(true)),
        ("banned", json!(true)),
        ("banReason", json!("none")),
        ("banExpires", json!("2030-01-01T00:00:00.000Z")),
    ];
    let sign_up = json!({ "name": "Ada", "email": VICTIM, "password": PASSWORD });
    let before = ledger::total(&system).await;
    for (name, value) in &forged {
        let mut body = sign_up.clone();
        body[name] = value.clone();
        assert_code(&system.api.post("/api/auth/sign-up/email", &body).await, 400, "FIELD_NOT_ALLOWED");
        let form = [("name", "Ada"), ("email", VICTIM), ("password", PASSWORD), (name, "true")];
        let request = system.api.request(Method::POST, "/api/auth/sign-up/email").form(&form);
        assert_code(&Answer::of(request).await, 400, "FIELD_NOT_ALLOWED");
    }
    // Readers disagree on which of two counts, so neither does.
    let (head, tail) = (r#"{"name":"Ada","password":"#, format!(r#""{PASSWORD}","email":"{VICTIM}""#));
    for twice in [r#","role":"student","role":"admin"}"#, r#","role":"student","\u0072ole":"admin"}"#] {
        let request = system.api.request(Method::POST, "/api/auth/sign-up/email");
        let request = request.header("content-type", "application/json").body(format!("{head}{tail}{twice}"));
        assert_code(&Answer::of(request).await, 400, "BAD_REQUEST");
    }
    assert_eq!(ledger::total(&system).await, before, "a refused request leaves no event");

    // Identifiers and dates of one's own, and names that mean something to JavaScript, are nothing.
    let mut body = sign_up.clone();
    for (name, value) in [
        ("id", json!("admin")),
        ("userId", json!("admin")),
        ("createdAt", json!("2000-01-01T00:00:00.000Z")),
        ("token", json!("a".repeat(32))),
        ("sessionEpoch", json!(99)),
        ("__proto__", json!({ "role": "admin", "emailVerified": true })),
        ("constructor", json!({ "prototype": { "role": "admin" } })),
        ("user", json!({ "role": "admin" })),
    ] {
        body[name] = value;
    }
    let mut ada = Visitor::new(&system);
    let made = ada.post("/api/auth/sign-up/email", &body).await.expect(200);
    let plain = |user: &Value| {
        assert_eq!((&user["role"], &user["emailVerified"]), (&json!("student"), &json!(false)), "{user}");
        assert!(user["id"] != "admin" && !text(user, "createdAt").starts_with("2000"), "{user}");
        assert_ne!(user["banned"], true, "{user}");
    };
    plain(&made["user"]);
    assert_ne!(made["token"], "a".repeat(32));

    for (name, value) in &forged {
        let refused = ada.post("/api/auth/update-user", &json!({ "name": "Ada B", *name: value })).await;
        assert_code(&refused, 400, "FIELD_NOT_ALLOWED");
    }
    assert_code(
        &ada.post("/api/auth/update-user", &json!({ "name": "Ada B", "email": MALLORY })).await,
        400,
        "EMAIL_CAN_NOT_BE_UPDATED",
    );
    let ignored = json!({ "name": "Ada B", "id": "x", "userId": "x", "__proto__": { "role": "admin" } });
    ada.post("/api/auth/update-user", &ignored).await.expect(200);
    let session = json!({ "userId": "x", "expiresAt": "2099-01-01T00:00:00.000Z", "impersonatedBy": "x" });
    assert_eq!(ada.post("/api/auth/update-session", &session).await.status.as_u16(), 400);
    let user = ada.user().await;
    plain(&user);
    assert_eq!((&user["name"], &user["email"]), (&json!("Ada B"), &json!(VICTIM)), "{user}");
    system.assert_no_panic();
}

/// Whoever knows an identifier of somebody else's session, account or mail can do nothing with it.
#[tokio::test(flavor = "multi_thread")]
async fn line_21_identifiers_of_others_open_nothing() {
    let system = System::plan("line_21").start().await;
    let mut ada = verified(&system, VICTIM).await;
    let mut second = Visitor::new(&system);
    second.sign_in(VICTIM, PASSWORD).await.expect(200);
    let mut mallory = verified(&system, MALLORY).await;
    let session = ada.get("/api/auth/get-session").await.expect(200);
    let (token, session_id) = (text(&session["session"], "token"), text(&session["session"], "id"));
    let user_id = text(&session["user"], "id");
    let account = ada.get("/api/auth/list-accounts").await.expect(200)[0].clone();

    // Sessions: by token, by id and by handle; it says yes and does nothing.
    let listed = ada.get("/api/auth/list-sessions").await.expect(200);
    let handles: Vec<String> =
        listed.as_array().expect("sessions").iter().map(|session| text(session, "token")).collect();
    assert_eq!(handles.len(), 2);
    for handle in handles.iter().chain([&session_id, &token]) {
        mallory.post("/api/auth/revoke-session", &json!({ "token": handle })).await.expect(200);
        let body = json!({ "sessionToken": handle });
        assert_eq!(mallory.post("/api/auth/admin/revoke-user-session", &body).await.status.as_u16(), 403);
    }
    assert!(ada.user().await.is_object() && second.user().await.is_object());
    // The handle of another session of one's own is no credential either.
    let handle = handles.iter().find(|handle| **handle != token).expect("the other session's");
    for bearer in [handle, &session_id] {
        let request = system.api.request(Method::GET, "/api/auth/get-session");
        let answer = Answer::of(request.header("authorization", format!("Bearer {bearer}"))).await;
        assert_eq!(answer.expect(200), Value::Null, "{bearer}");
    }

    // Accounts, and the user that a body or a query names.
    for path in ["get-access-token", "refresh-token", "unlink-account"] {
        let body = json!({ "accountId": account["id"], "userId": user_id });
        let refused = mallory.post(&format!("/api/auth/{path}"), &body).await;
        assert_eq!(refused.status.as_u16(), 400, "{path}: {}", refused.text());
    }
    let info = format!("/api/auth/account-info?accountId={}", text(&account, "id"));
    assert_code(&mallory.get(&info).await, 400, "ACCOUNT_NOT_FOUND");
    let own = mallory.get(&format!("/api/auth/list-accounts?userId={user_id}")).await.expect(200);
    assert_ne!(own[0]["userId"], json!(user_id));
    let rename = json!({ "name": "Mallory", "userId": user_id, "id": user_id });
    mallory.post("/api/auth/update-user", &rename).await.expect(200);
    assert_eq!(ada.user().await["name"], "Ada");
    for (path, body) in [
        ("list-user-sessions", json!({ "userId": user_id })),
        ("set-role", json!({ "userId": user_id, "role": "admin" })),
        ("set-user-password", json!({ "userId": user_id, "newPassword": OTHER_PASSWORD })),
        ("remove-user", json!({ "userId": user_id })),
        ("impersonate-user", json!({ "userId": user_id })),
    ] {
        let refused = mallory.post(&format!("/api/auth/admin/{path}"), &body).await;
        assert_eq!(refused.status.as_u16(), 403, "{path}: {}", refused.text());
    }

    // Mailed tokens are of one person and one purpose.
    ada.post("/api/auth/delete-user", &json!({ "callbackURL": "/bye" })).await.expect(200);
    let delete = of_link(&mail_with(&system, VICTIM, "/delete-user/callback").await, "token");
    let stolen = mallory.post("/api/auth/delete-user", &json!({ "token": delete })).await;
    assert_code(&stolen, 404, "INVALID_TOKEN");
    assert_code(
        &mallory.get(&format!("/api/auth/delete-user/callback?token={delete}")).await,
        404,
        "INVALID_TOKEN",
    );
    let reset = reset_token(&system, VICTIM).await;
    assert_code(&ada.post("/api/auth/delete-user", &json!({ "token": reset })).await, 404, "INVALID_TOKEN");
    let body = json!({ "token": delete, "newPassword": OTHER_PASSWORD });
    assert_code(&system.api.post("/api/auth/reset-password", &body).await, 400, "INVALID_TOKEN");
    assert!(ada.user().await.is_object() && mallory.user().await.is_object());
    system.assert_no_panic();
}
