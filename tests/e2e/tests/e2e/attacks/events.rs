//! What the bus may know (33).

use intellistack_e2e::{System, ledger};
use serde_json::json;

use super::life::{lived, plan};
use super::people::administrator;
use super::visitor::Visitor;

/// Read completely, after a whole life: ids, kinds and times, and nothing that tells who somebody is or
/// lets anybody in.
#[tokio::test(flavor = "multi_thread")]
async fn line_33_no_secret_and_nothing_personal_is_on_the_bus() {
    let system = plan("line_33").start().await;
    let mut admin = administrator(&system).await;
    let mut life = lived(&system, &mut admin, "zyxwva", 77).await;
    life.visitor.post("/api/auth/sign-out", &json!({})).await.expect(200);
    ledger::settled(&system).await;

    let messages = system.nats.messages().await;
    let kinds: Vec<&str> = messages.iter().map(|message| message.subject.as_str()).collect();
    for kind in [
        "identity.user.registered",
        "identity.user.email_verified",
        "identity.user.sign_in_failed",
        "identity.user.signed_in",
        "identity.user.locked",
        "identity.user.email_changed",
        "identity.user.password_reset",
        "identity.user.password_changed",
        "identity.user.account_linked",
        "identity.user.profile_changed",
        "identity.user.role_assigned",
        "identity.user.banned",
        "session.session.started",
        "session.session.revoked",
        "session.session.impersonation_started",
        "session.key.created",
    ] {
        assert!(kinds.iter().any(|subject| subject.ends_with(kind)), "{kind} is on the bus: {kinds:?}");
    }
    let total = usize::try_from(ledger::total(&system).await).expect("a number");
    assert!(messages.len() >= total, "every event of every store was read: {} of {total}", messages.len());
    for message in &messages {
        let said = [message.subject.as_bytes(), message.headers.as_bytes(), &message.payload].concat();
        for needles in [&life.personal, &life.secret] {
            assert_eq!(needles.found_in(&said), [""; 0], "{}: {}", message.subject, message.headers);
        }
    }
    system.assert_no_panic();
}

/// The bus is a copy, and trusted to be private (docs/operations): a forged message may hide somebody's
/// session, which fails closed. It gives nobody anything: roles and sessions are read from their owners.
#[tokio::test(flavor = "multi_thread")]
async fn line_33_a_forged_event_gives_nobody_anything() {
    let system = System::plan("line_33_forged").start().await;
    let mut mallory = super::people::verified(&system, "mallory@evil.example").await;
    let token = mallory.access_token().await;
    let id = super::people::text(&mallory.user().await, "id");
    let copy = mallory.clone();
    mallory.post("/api/auth/sign-out", &json!({})).await.expect(200);
    ledger::settled(&system).await;
    for (store, kind, stream) in [
        ("identity", "user.role_assigned", format!("user-{id}")),
        ("identity", "user.unbanned", format!("user-{id}")),
        ("session", "session.started", format!("session-{id}")),
    ] {
        let head: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select gpos from {store}.sequencer")))
                .fetch_one(&system.postgres.pool())
                .await
                .expect("a position");
        // The user's id, and `admin` where a role would be.
        let mut payload = vec![0x0a, u8::try_from(id.len()).expect("a short id")];
        payload.extend_from_slice(id.as_bytes());
        payload.extend_from_slice(b"\x12\x05admin");
        let position = head + 1;
        let headers = [
            ("Nats-Msg-Id", format!("{store}:{position}")),
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", format!("{store}:{position}")),
            ("ce-source", format!("/intellistack/{store}")),
            ("ce-type", kind.to_owned()),
            ("ce-time", "2030-01-01T00:00:00.000000Z".to_owned()),
            ("ce-subject", stream),
            ("ce-streamversion", "99".to_owned()),
            ("ce-schemaversion", "1".to_owned()),
        ];
        let published = system.nats.publish(&format!("intellistack.{store}.{kind}"), &headers, payload).await;
        assert!(published, "{kind} is on the bus");
    }

    assert_eq!(copy.clone().user().await, serde_json::Value::Null, "the session stays ended");
    let refused = crate::forge::with_bearer(&system, &token).await;
    assert_eq!(refused.status.as_u16(), 401, "{}", refused.text());
    let mut again = Visitor::new(&system);
    again.sign_in("mallory@evil.example", intellistack_e2e::PASSWORD).await.expect(200);
    assert_eq!(again.user().await["role"], "student");
    assert_eq!(again.get("/api/v1/admin/auth-events").await.status.as_u16(), 403);
    let claims = crate::forge::decode(&again.access_token().await, 1);
    assert_eq!(claims["role"], "student");
    // The owner of a log notices, and publishes it anew.
    intellistack_e2e::within(
        std::time::Duration::from_mins(3),
        "the bus holds what was said, and only that",
        || async {
            let messages = system.nats.messages().await;
            let forged = messages.iter().any(|message| message.headers.contains("2030-01-01"));
            (!forged && messages.iter().any(|message| message.subject.ends_with("user.registered")))
                .then_some(())
        },
    )
    .await;
    system.assert_no_panic();
}
