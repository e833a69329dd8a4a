use api::events::identity::{PasswordReset, ProfileChanged};
use api::events::session::SessionRevoked;
use chrono::TimeDelta;
use serde_json::json;
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use super::doubles::TOKEN;
use super::*;

impl Gateway {
    /// The feed runs and knows everything.
    async fn following(self) -> Self {
        for tail in self.app.revocation.tails() {
            drop(runtime::spawn("tail", tail.run(CancellationToken::new())));
        }
        eventually("the feed is fresh", async || self.app.revocation.is_fresh().then_some(())).await;
        self
    }

    async fn asks_again(&self) {
        eventually("the session service is asked again", async || {
            assert_eq!(self.get("/get-session").await.status, 200);
            (!self.double.calls("get_session").is_empty()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn while_the_feed_is_fresh_a_session_is_asked_for_once() {
    let gateway = Gateway::new().await.following().await;
    for _ in 0..3 {
        let answer = gateway.get("/get-session").await;
        assert_eq!(answer.body["session"]["token"], json!(TOKEN));
        assert_eq!(answer.header("set-auth-jwt"), "a.b.c");
    }
    assert_eq!(gateway.double.calls("get_session").len(), 1);
    assert_eq!(gateway.double.calls("mint_access_token").len(), 1);
}

#[tokio::test]
async fn without_a_fresh_feed_every_request_asks() {
    let gateway = Gateway::new().await;
    for _ in 0..3 {
        gateway.get("/get-session").await;
    }
    assert_eq!(gateway.double.calls("get_session").len(), 3);
}

#[tokio::test]
async fn what_changes_the_user_or_ends_the_session_is_seen() {
    let gateway = Gateway::new().await.following().await;
    gateway.asks_again().await;
    let now = gateway.clock.now();
    let changed = ProfileChanged { user_id: "ada".to_owned(), ..ProfileChanged::default() };
    gateway.double.identity_log.append("user.profile_changed", &changed, now);
    gateway.asks_again().await;
    let reset = PasswordReset { user_id: "ada".to_owned(), session_epoch: 2 };
    gateway.double.identity_log.append("user.password_reset", &reset, now);
    gateway.asks_again().await;
    assert!(gateway.app.revocation.is_revoked("own", "ada", 1));
    assert!(!gateway.app.revocation.is_revoked("own", "ada", 2));
    let session_id = "phone".to_owned();
    let revoked = SessionRevoked { session_id, ..SessionRevoked::default() };
    gateway.double.session_log.append("session.revoked", &revoked, now);
    eventually("the end is known", async || {
        gateway.app.revocation.is_revoked("phone", "ada", 9).then_some(())
    })
    .await;
}

#[tokio::test]
async fn signing_in_changes_nothing_of_what_is_kept() {
    let gateway = Gateway::new().await.following().await;
    gateway.asks_again().await;
    let signed_in = PasswordReset { user_id: "ada".to_owned(), session_epoch: 0 };
    gateway.double.identity_log.append("user.signed_in", &signed_in, gateway.clock.now());
    let other = PasswordReset { user_id: "another".to_owned(), session_epoch: 2 };
    gateway.double.identity_log.append("user.password_reset", &other, gateway.clock.now());
    eventually("both are seen", async || gateway.app.revocation.is_revoked("x", "another", 1).then_some(()))
        .await;
    gateway.get("/get-session").await;
    assert_eq!(gateway.double.calls("get_session"), Vec::<String>::new());
}

#[tokio::test]
async fn signing_out_is_not_waited_for() {
    let gateway = Gateway::new().await.following().await;
    gateway.get("/get-session").await;
    gateway.post("/sign-out", &json!({})).await;
    gateway.refuse("get_session", ErrorCode::NotFound, "SESSION_NOT_FOUND");
    assert_eq!(gateway.get("/get-session").await.body, Value::Null);
}

#[tokio::test]
async fn a_session_in_use_is_prolonged_in_spite_of_what_is_kept() {
    let gateway = Gateway::new().await.following().await;
    gateway.asks_again().await;
    gateway.clock.advance(TimeDelta::hours(25));
    *gateway.double.refreshed.lock().unwrap() = true;
    assert_eq!(gateway.get("/get-session").await.sets(), ["session_token"]);
}

#[tokio::test]
async fn what_is_kept_holds_while_the_session_service_is_away() {
    let gateway = Gateway::new().await.following().await;
    gateway.asks_again().await;
    gateway.refuse("get_session", ErrorCode::Unavailable, "SERVICE_UNAVAILABLE");
    gateway.clock.advance(TimeDelta::hours(25));
    assert_eq!(gateway.get("/get-session").await.body["session"]["id"], "own");
    let reset = PasswordReset { user_id: "ada".to_owned(), session_epoch: 2 };
    gateway.double.identity_log.append("user.password_reset", &reset, gateway.clock.now());
    eventually("nothing is answered for what ended", async || {
        (gateway.get("/get-session").await.status == 503).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_in_which_an_administrator_acts_is_never_kept() {
    let gateway = Gateway::new().await.following().await;
    gateway.double.impersonate();
    gateway.get("/get-session").await;
    gateway.get("/get-session").await;
    assert_eq!(gateway.double.calls("get_session").len(), 2);
}
