use api::events::session::{SessionProlonged, SessionRevoked, SessionStarted};
use api::session::{CheckSessionRequest, CreateSessionRequest, GetSessionRequest, RevokeSessionRequest};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, ErrorCode};

use crate::env::{ADA, Env, ada};

async fn revoke(env: &Env, token: &str) {
    let request = RevokeSessionRequest { token: token.to_owned(), client: None };
    env.client.clone().revoke_session(request).await.unwrap();
}

async fn is_live(env: &Env, session_id: &str) -> bool {
    let request = CheckSessionRequest { session_id: session_id.to_owned() };
    env.client.clone().check_session(request).await.unwrap().into_inner().live
}

async fn assert_gone(env: &Env, token: &str) {
    let error = env.get(token).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::NotFound, "SESSION_NOT_FOUND"));
}

#[tokio::test]
async fn a_session_is_found_by_its_token_until_it_is_revoked() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let session = created.session.unwrap();
    assert_eq!(created.token.len(), 32);
    assert!(created.token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(api::time(session.expires_at.as_ref()).unwrap(), env.clock.now() + TimeDelta::days(7));

    let found = env.get(&created.token).await.unwrap();
    assert_eq!((found.session, found.user, found.refreshed), (Some(session.clone()), Some(ada()), false));
    assert!(is_live(&env, &session.id).await);

    revoke(&env, &created.token).await;
    assert_gone(&env, &created.token).await;
    assert!(!is_live(&env, &session.id).await);
    assert_eq!(env.events::<SessionStarted>("session.started").await.len(), 1);
}

#[tokio::test]
async fn two_sessions_of_one_user_end_apart() {
    let env = Env::start().await;
    let (one, other) = (env.create(true).await, env.create(true).await);
    assert_ne!(one.token, other.token);
    revoke(&env, &one.token).await;
    assert_gone(&env, &one.token).await;
    assert!(env.get(&other.token).await.is_ok());
}

#[tokio::test]
async fn revoking_is_recorded_once_and_succeeds_when_there_is_nothing_to_revoke() {
    let env = Env::start().await;
    let created = env.create(true).await;
    join_all((0..10).map(|_| revoke(&env, &created.token))).await;
    revoke(&env, "no such token").await;
    let revoked = env.events::<SessionRevoked>("session.revoked").await;
    let [(stream, event)] = revoked.as_slice() else { panic!("{revoked:?}") };
    assert_eq!(stream, &format!("session-{}", created.session.unwrap().id));
    assert_eq!((event.reason.as_str(), event.user_id.as_str()), ("sign_out", ADA));
}

#[tokio::test]
async fn an_unused_session_expires_after_seven_days() {
    let env = Env::start().await;
    let created = env.create(true).await;
    env.clock.advance(TimeDelta::days(7));
    assert_gone(&env, &created.token).await;
    assert!(!is_live(&env, &created.session.unwrap().id).await);
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

    let answers = join_all((0..10).map(|_| env.get(&created.token))).await;
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
async fn a_session_that_is_not_remembered_lives_one_day() {
    let env = Env::start().await;
    let created = env.create(false).await;
    env.clock.advance(TimeDelta::hours(23));
    assert!(!env.get(&created.token).await.unwrap().refreshed);
    env.clock.advance(TimeDelta::hours(1));
    assert_gone(&env, &created.token).await;
}

#[tokio::test]
async fn the_user_is_the_one_identity_knows_now() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let renamed = api::identity::User { name: "Countess of Lovelace".to_owned(), ..ada() };
    env.directory.set(Some(vec![renamed.clone()]));
    assert_eq!(env.get(&created.token).await.unwrap().user, Some(renamed));
    env.directory.set(Some(Vec::new()));
    assert_gone(&env, &created.token).await;
}

#[tokio::test]
async fn nobody_is_let_in_while_identity_is_away() {
    let env = Env::start().await;
    let created = env.create(true).await;
    env.directory.set(None);
    assert_eq!(env.get(&created.token).await.unwrap_err().code, ErrorCode::Unavailable);
    let request = CreateSessionRequest { user_id: ADA.to_owned(), client: None, remember: true };
    let status = env.client.clone().create_session(request).await.unwrap_err();
    assert_eq!(api::from_status(&status).code, ErrorCode::Unavailable);
    assert_eq!(env.events::<SessionStarted>("session.started").await.len(), 1);
}

#[tokio::test]
async fn there_is_no_session_for_an_unknown_user() {
    let env = Env::start().await;
    let request = CreateSessionRequest { user_id: "nobody".to_owned(), client: None, remember: true };
    let status = env.client.clone().create_session(request).await.unwrap_err();
    assert_eq!(api::from_status(&status).reason, "USER_NOT_FOUND");
}

#[tokio::test]
async fn a_token_is_neither_in_a_table_nor_in_an_event() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let request = api::session::MintAccessTokenRequest { session_token: created.token.clone() };
    let minted = env.client.clone().mint_access_token(request).await.unwrap().into_inner().access_token;
    revoke(&env, &created.token).await;
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(
        "select data || convert_to(meta::text || stream, 'UTF8') from events
         union all select convert_to(sessions::text, 'UTF8') from sessions
         union all select token_hash from sessions
         union all select sealed || convert_to(public_jwk::text, 'UTF8') from signing_keys",
    )
    .fetch_all(&env.pool())
    .await
    .unwrap();
    assert_eq!(stored.len(), 4 + 3);
    let signature = minted.rsplit('.').next().unwrap();
    for secret in [created.token.as_str(), &minted, signature, crate::env::SECRET] {
        for bytes in &stored {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
    // rsaEncryption (RFC 8017, appendix C): every PKCS#8 key holds it.
    let rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let sealed: Vec<u8> =
        sqlx::query_scalar("select sealed from signing_keys").fetch_one(&env.pool()).await.unwrap();
    assert!(!sealed.windows(rsa.len()).any(|window| window == rsa), "the private key is sealed");
}
