//! What administrators may not do either (32).

use intellistack_e2e::{Answer, PASSWORD, System};
use reqwest::Method;
use serde_json::{Value, json};

use super::people::{OTHER_PASSWORD, administrator, text, verified};
use super::revocation::Copy;
use super::visitor::Visitor;
use crate::forge::{clock, decode};
use crate::support::{assert_code, assert_problem};

async fn id_of(visitor: &mut Visitor) -> String {
    text(&visitor.user().await, "id")
}

async fn impersonate(admin: &mut Visitor, id: &str) -> Answer {
    admin.post("/api/auth/admin/impersonate-user", &json!({ "userId": id })).await
}

/// Marked in the session, the token and the audit; an hour at most; without the powers of either.
#[tokio::test(flavor = "multi_thread")]
async fn line_32_impersonation_is_marked_short_and_reaches_no_administrator() {
    let system = System::plan("line_32").start().await;
    let mut admin = administrator(&system).await;
    let admin_id = id_of(&mut admin).await;
    let mut ada = verified(&system, "ada@school.example").await;
    let ada_id = id_of(&mut ada).await;
    system.create_user("second@school.example", "admin");
    let mut second = Visitor::new(&system);
    second.sign_in("second@school.example", PASSWORD).await.expect(200);
    let second_id = id_of(&mut second).await;

    // No administrator can be reached, not even oneself, nor by who is none.
    for id in [&second_id, &admin_id] {
        assert_code(&impersonate(&mut admin, id).await, 403, "YOU_CANNOT_IMPERSONATE_ADMINS");
    }
    let refused = impersonate(&mut ada, &second_id).await;
    assert_code(&refused, 403, "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS");

    let begun = clock();
    let answer = impersonate(&mut admin, &ada_id).await.expect(200);
    let session = &answer["session"];
    assert_eq!(session["impersonatedBy"], json!(admin_id), "{session}");
    let expires: chrono::DateTime<chrono::Utc> = text(session, "expiresAt").parse().expect("a time");
    assert!(expires - begun <= chrono::TimeDelta::seconds(3605), "{session}");
    let token = admin.access_token().await;
    let claims = decode(&token, 1);
    assert_eq!((&claims["sub"], &claims["act"]["sub"]), (&json!(ada_id), &json!(admin_id)), "{claims}");
    assert!(claims["exp"].as_i64() <= Some(expires.timestamp()), "{claims}");
    assert_eq!(ada.get("/api/auth/list-sessions").await.expect(200).as_array().map(Vec::len), Some(1));

    // Neither an administrator's power nor the person's own is there.
    for (path, body) in [
        ("admin/ban-user", json!({ "userId": second_id })),
        ("admin/impersonate-user", json!({ "userId": second_id })),
        ("admin/set-role", json!({ "userId": ada_id, "role": "admin" })),
        ("change-password", json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD })),
        ("change-email", json!({ "newEmail": "mine@evil.example" })),
        ("delete-user", json!({ "password": PASSWORD })),
        ("link-social", json!({ "provider": "google" })),
    ] {
        let refused = admin.post(&format!("/api/auth/{path}"), &body).await;
        assert_eq!(refused.status.as_u16(), 403, "{path}: {}", refused.text());
    }
    assert_problem(&admin.get("/api/v1/admin/auth-events").await, 403, "FORBIDDEN");

    // Getting back needs the administrator's own cookie, not anybody's session under its name.
    let mut forged = admin.clone();
    let own = ada.cookie("session_token").expect("a session").clone();
    forged.plant("admin_session", &own);
    let refused =
        Answer::of(forged.request(Method::POST, "/api/auth/admin/stop-impersonating").json(&json!({})));
    assert!(!refused.await.status.is_success());
    admin.post("/api/auth/admin/stop-impersonating", &json!({})).await.expect(200);
    assert_eq!(admin.user().await["id"], json!(admin_id));

    // The audit names both, at the start and at the end.
    intellistack_e2e::eventually("the audit shows the impersonation", || async {
        let request = admin.request(Method::GET, "/api/v1/admin/auth-events?limit=200");
        let rows = Answer::of(request).await.expect(200);
        let rows = rows["events"].as_array()?;
        let named = |kind: &str| {
            rows.iter().any(|row| {
                let row = row.to_string();
                row.contains(kind) && row.contains(&ada_id) && row.contains(&admin_id)
            })
        };
        (named("session.impersonation_started") && named("session.impersonation_ended")).then_some(())
    })
    .await;
    system.assert_no_panic();
}

/// It ends with the administrator's own session, with their role, and with the person.
#[tokio::test(flavor = "multi_thread")]
async fn line_32_impersonation_ends_with_the_administrators_session_and_role() {
    let system = System::plan("line_32_end").replicas().start().await;
    let gateways = system.gateways();
    let mut boss = administrator(&system).await;
    let mut ada = verified(&system, "ada@school.example").await;
    let ada_id = id_of(&mut ada).await;
    let admins = ["sign-out", "revoke-sessions", "set-role", "ban-user"];
    for how in admins {
        let email = format!("{how}@school.example");
        system.create_user(&email, "admin");
        let mut admin = Visitor::new(&system);
        admin.sign_in(&email, PASSWORD).await.expect(200);
        let id = id_of(&mut admin).await;
        let mut own = admin.clone();
        impersonate(&mut admin, &ada_id).await.expect(200);
        let copy = Copy::of(&mut admin).await;
        copy.assert_open(gateways).await;
        match how {
            "set-role" => {
                let body = json!({ "userId": id, "role": "student" });
                boss.post("/api/auth/admin/set-role", &body).await.expect(200)
            }
            "ban-user" => boss.post("/api/auth/admin/ban-user", &json!({ "userId": id })).await.expect(200),
            _ => own.post(&format!("/api/auth/{how}"), &json!({})).await.expect(200),
        };
        copy.assert_ends(gateways, how).await;
    }
    let mut admin = boss.clone();
    impersonate(&mut admin, &ada_id).await.expect(200);
    let copy = Copy::of(&mut admin).await;
    copy.assert_open(gateways).await;
    boss.post("/api/auth/admin/set-role", &json!({ "userId": ada_id, "role": "admin" })).await.expect(200);
    copy.assert_ends(gateways, "the person became an administrator").await;
    system.assert_no_panic();
}

/// Somebody must be left who can undo things, also when two ask at once.
#[tokio::test(flavor = "multi_thread")]
async fn line_32_the_last_administrator_stays_one() {
    let system = System::plan("line_32_last").start().await;
    let mut admin = administrator(&system).await;
    let id = id_of(&mut admin).await;
    let demote = json!({ "userId": id, "role": "student" });
    assert_code(&admin.post("/api/auth/admin/set-role", &demote).await, 400, "LAST_ADMIN");
    let update = json!({ "userId": id, "data": { "role": "student" } });
    assert_code(&admin.post("/api/auth/admin/update-user", &update).await, 400, "LAST_ADMIN");
    for path in ["ban-user", "remove-user"] {
        let refused = admin.post(&format!("/api/auth/admin/{path}"), &json!({ "userId": id })).await;
        assert_eq!(refused.status.as_u16(), 400, "{path}: {}", refused.text());
    }
    let refused = admin.post("/api/auth/delete-user", &json!({ "password": PASSWORD })).await;
    assert_code(&refused, 400, "LAST_ADMIN");

    // Of two who demote each other at once, one stays.
    system.create_user("second@school.example", "admin");
    let mut second = Visitor::new(&system);
    second.sign_in("second@school.example", PASSWORD).await.expect(200);
    let second_id = id_of(&mut second).await;
    let body = |id: &str| json!({ "userId": id, "role": "student" });
    let path = "/api/auth/admin/set-role";
    let (one, other) = tokio::join!(
        Answer::of(admin.request(Method::POST, path).json(&body(&second_id))),
        Answer::of(second.request(Method::POST, path).json(&body(&id))),
    );
    assert!(!(one.status.is_success() && other.status.is_success()), "{} {}", one.text(), other.text());
    let mut left = 0;
    for visitor in [&mut admin, &mut second] {
        visitor.sign_in("admin@school.example", PASSWORD).await.expect(200);
        left += usize::from(visitor.user().await["role"] == "admin");
        visitor.sign_in("second@school.example", PASSWORD).await.expect(200);
        left += usize::from(visitor.user().await["role"] == "admin");
    }
    assert!(left > 0, "an administrator is left");
    assert_ne!(admin.user().await, Value::Null);
    system.assert_no_panic();
}
