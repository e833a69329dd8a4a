use api::events::session::{SessionProlonged, SessionStarted};
use api::session::GetSessionRequest;
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, ErrorCode};
use session::Lifetimes;

use crate::directory::{ADA, ada};
use crate::env::{BROWSER, Env, IP, count, mint};

#[tokio::test]
async fn a_session_is_found_by_its_token_until_it_is_revoked() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let session = created.session.unwrap();
    assert_eq!(created.token.len(), 32);
    assert!(created.token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(api::time(session.expires_at.as_ref()).unwrap(), env.clock.now() + TimeDelta::days(7));
    assert_eq!((session.ip_address.as_str(), session.user_agent.as_str(), session.epoch), (IP, BROWSER, 1));

    let found = env.get(&created.token).await.unwrap();
    assert_eq!((found.session, found.user, found.refreshed), (Some(session.clone()), Some(ada()), false));
    assert!(env.is_live(&session.id).await);
    assert_eq!(env.list(ADA).await, std::slice::from_ref(&session));

    env.revoke(&created.token, "").await;
    env.assert_gone(&created.token).await;
    assert!(!env.is_live(&session.id).await);
    assert_eq!(env.list(ADA).await, []);
    assert_eq!(env.events::<SessionStarted>("session.started").await.len(), 1);
}

#[tokio::test]
async fn an_unused_session_expires_after_seven_days() {
    let env = Env::start().await;
    let created = env.create(true).await;
    env.clock.advance(TimeDelta::days(7));
    env.assert_gone(&created.token).await;
    assert!(!env.is_live(&created.session.unwrap().id).await);
    assert_eq!(env.list(ADA).await, []);
}

#[tokio::test]
async fn a_session_in_use_is_prolonged_once_a_day_though_many_ask_at_once() {
    let env = Env::start().await;
    let created = env.create(true).await;
    env.clock.advance(TimeDelta::days(1) - TimeDelta::seconds(1));
    assert!(!env.get(&created.token).await.unwrap().refreshed);
    env.clock.advance(TimeDelta::seconds(1));
    let asked = GetSessionRequest { token: created.token.clone(), disable_refresh: true };
    assert!(!env.client.clone().get_session(asked).await.unwrap().into_inner().refreshed);

    let answers = join_all((0..20).map(|_| env.get(&created.token))).await;
    assert!(answers.iter().any(|answer| answer.as_ref().unwrap().refreshed));
    let prolonged = env.events::<SessionProlonged>("session.prolonged").await;
    let [(_, event)] = prolonged.as_slice() else { panic!("{prolonged:?}") };
    let expires_at = env.clock.now() + TimeDelta::days(7);
    assert_eq!(api::time(event.expires_at.as_ref()).unwrap(), expires_at);
    let found = env.get(&created.token).await.unwrap();
    assert_eq!(api::time(found.session.unwrap().expires_at.as_ref()).unwrap(), expires_at);
    env.clock.advance(TimeDelta::days(6) + TimeDelta::hours(23));
    assert!(env.get(&created.token).await.unwrap().refreshed, "it outlives its first seven days");
}

#[tokio::test]
async fn lifetimes_are_the_operators() {
    let lifetimes = Lifetimes { session_days: 30, ..Lifetimes::default() };
    let env = Env::with(lifetimes, None).await;
    let created = env.create(true).await;
    env.clock.advance(TimeDelta::days(29));
    let found = env.get(&created.token).await.unwrap();
    let expires_at = env.clock.now() + TimeDelta::days(30);
    assert_eq!(api::time(found.session.unwrap().expires_at.as_ref()).unwrap(), expires_at);
}

#[tokio::test]
async fn a_session_that_is_not_remembered_lives_one_day() {
    let env = Env::start().await;
    let created = env.create(false).await;
    env.clock.advance(TimeDelta::hours(23));
    assert!(!env.get(&created.token).await.unwrap().refreshed);
    env.clock.advance(TimeDelta::hours(1));
    env.assert_gone(&created.token).await;
}

#[tokio::test]
async fn the_user_is_the_one_identity_knows_now() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let renamed = api::identity::User { name: "Countess of Lovelace".to_owned(), ..ada() };
    env.directory.put(renamed.clone());
    assert_eq!(env.get(&created.token).await.unwrap().user, Some(renamed));
    env.directory.remove(ADA);
    env.assert_gone(&created.token).await;
    assert!(!env.is_live(&created.session.unwrap().id).await);
    assert_eq!(env.list(ADA).await, []);
}

#[tokio::test]
async fn nobody_is_let_in_while_identity_is_away_and_nobody_is_taken_for_signed_out() {
    let env = Env::start().await;
    let created = env.create(true).await;
    env.directory.go_away(true);
    assert_eq!(env.get(&created.token).await.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(mint(env.client.clone(), &created.token).await.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(env.try_create(ADA, true, "").await.unwrap_err().code, ErrorCode::Unavailable);
    let session_id = created.session.unwrap().id;
    let checked = env.client.clone().check_session(api::session::CheckSessionRequest { session_id }).await;
    assert_eq!(api::from_status(&checked.unwrap_err()).code, ErrorCode::Unavailable);
    assert_eq!(env.events::<SessionStarted>("session.started").await.len(), 1);

    env.revoke(&created.token, "").await;
    env.directory.go_away(false);
    env.assert_gone(&created.token).await;
}

#[tokio::test]
async fn there_is_no_session_for_an_unknown_or_banned_user() {
    let env = Env::start().await;
    assert_eq!(env.try_create("nobody", true, "").await.unwrap_err().reason, "USER_NOT_FOUND");
    let created = env.create(true).await;
    env.directory.change(ADA, |user| user.banned = true);
    let error = env.try_create(ADA, true, "").await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::PermissionDenied, "BANNED_USER"));
    env.assert_gone(&created.token).await;
}

#[tokio::test]
async fn a_session_ends_with_its_users_epoch_unless_it_is_spared() {
    let env = Env::start().await;
    let (one, other) = (env.create(true).await, env.create(true).await);
    let spared = other.session.unwrap().id;
    env.directory.end_epoch(ADA, &spared);
    env.assert_gone(&one.token).await;
    assert!(!env.is_live(&one.session.unwrap().id).await);
    assert_eq!(mint(env.client.clone(), &one.token).await.unwrap_err().reason, "SESSION_NOT_FOUND");
    assert!(env.get(&other.token).await.is_ok());
    assert!(env.is_live(&spared).await);
    let listed = env.list(ADA).await;
    assert_eq!(listed.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), [spared.as_str()]);

    let later = env.create(true).await;
    assert_eq!(later.session.unwrap().epoch, 2);
    env.directory.end_epoch(ADA, "");
    env.assert_gone(&other.token).await;
    env.assert_gone(&later.token).await;
}

#[tokio::test]
async fn rows_go_thirty_days_after_the_session_and_events_stay() {
    let env = Env::following().await;
    let (revoked, _expired, kept) = (env.create(true).await, env.create(false).await, env.create(true).await);
    env.revoke(&revoked.token, "").await;
    env.clock.advance(TimeDelta::days(6));
    assert!(env.get(&kept.token).await.unwrap().refreshed);
    env.clock.advance(TimeDelta::days(26));
    let (one, other) = (env.run().await, env.run().await);
    let pool = env.pool();
    testkit::eventually("old rows are removed", || async {
        (count(&pool, "select count(*) from sessions").await == 1).then_some(())
    })
    .await;
    one.stop().await;
    other.stop().await;
    let left: String = sqlx::query_scalar("select id from sessions").fetch_one(&pool).await.unwrap();
    assert_eq!(left, kept.session.unwrap().id);
    assert_eq!(env.events::<SessionStarted>("session.started").await.len(), 3);
}
