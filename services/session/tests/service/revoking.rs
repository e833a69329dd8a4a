use api::events::session::SessionRevoked;
use api::session::revocation::Of;
use api::session::{
    ListRevocationsRequest, RevokeAnySessionRequest, RevokeSessionRequest, RevokeSessionsRequest,
};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, ErrorCode};

use crate::directory::{ADA, EVE, ROOT};
use crate::env::{Env, IP, SECRET, answer, client, get, sorted};

fn all_of(user: &str) -> RevokeSessionsRequest {
    RevokeSessionsRequest { user_id: user.to_owned(), ..RevokeSessionsRequest::default() }
}

#[tokio::test]
async fn two_sessions_of_one_user_end_apart() {
    let env = Env::start().await;
    let (one, other) = (env.create(true).await, env.create(true).await);
    assert_ne!(one.token, other.token);
    env.revoke(&one.token, "").await;
    env.assert_gone(&one.token).await;
    assert!(env.get(&other.token).await.is_ok());
}

#[tokio::test]
async fn revoking_is_recorded_once_and_succeeds_when_there_is_nothing_to_revoke() {
    let env = Env::start().await;
    let created = env.create(true).await;
    join_all((0..10).map(|_| env.revoke(&created.token, ""))).await;
    env.revoke("no such token", "").await;
    let revoked = env.events::<SessionRevoked>("session.revoked").await;
    let [(stream, event)] = revoked.as_slice() else { panic!("{revoked:?}") };
    assert_eq!(stream, &format!("session-{}", created.session.unwrap().id));
    assert_eq!((event.reason.as_str(), event.user_id.as_str()), ("sign_out", ADA));
    let (actor, subject, private) = env.private("session.revoked").await;
    assert_eq!((actor.as_deref(), subject.as_str()), (Some(ADA), ADA));
    assert_eq!(private.unwrap().ip, IP);
}

#[tokio::test]
async fn reasons_are_a_closed_set() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let (token, reason) = (created.token.clone(), "ada@example.com asked for it".to_owned());
    let request = RevokeSessionRequest { token, client: None, reason };
    let status = env.client.clone().revoke_session(request).await.unwrap_err();
    assert_eq!(api::from_status(&status).reason, "INVALID_ARGUMENT");
    assert!(env.get(&created.token).await.is_ok());
    env.revoke(&created.token, "admin").await;
    let revoked = env.events::<SessionRevoked>("session.revoked").await;
    assert_eq!(revoked[0].1.reason, "admin");
}

#[tokio::test]
async fn one_session_is_revoked_by_its_id_or_its_token_and_only_for_its_user() {
    let env = Env::start().await;
    let (by_id, by_token) = (env.create(true).await, env.create(true).await);
    let foreign = env.create_for(EVE).await;
    let foreign_id = foreign.session.unwrap().id;
    for name in [foreign.token.clone(), foreign_id.clone(), "no such session".to_owned()] {
        assert!(env.revoke_all(RevokeSessionsRequest { session: name, ..all_of(ADA) }).await.is_empty());
    }
    assert!(env.get(&foreign.token).await.is_ok());

    let (first, second) = (by_id.session.unwrap().id, by_token.session.unwrap().id);
    let request = RevokeSessionsRequest { session: first.clone(), ..all_of(ADA) };
    assert_eq!(env.revoke_all(request).await, std::slice::from_ref(&first));
    let request = RevokeSessionsRequest { session: by_token.token.clone(), ..all_of(ADA) };
    assert_eq!(env.revoke_all(request).await, std::slice::from_ref(&second));
    env.assert_gone(&by_id.token).await;
    env.assert_gone(&by_token.token).await;
    assert_eq!(env.revocations().await.len(), 2);
}

#[tokio::test]
async fn an_administrator_revokes_a_session_of_anybody_by_its_id_or_its_token() {
    let env = Env::start().await;
    env.create_for(ROOT).await;
    let (by_id, by_token, kept) = (env.create(true).await, env.create_for(EVE).await, env.create(true).await);
    for session in [by_id.session.unwrap().id, by_token.token.clone(), "no such session".to_owned()] {
        let request = RevokeAnySessionRequest { session, actor: ROOT.to_owned(), client: Some(client()) };
        env.client.clone().revoke_any_session(request).await.unwrap();
    }
    env.assert_gone(&by_id.token).await;
    env.assert_gone(&by_token.token).await;
    assert!(env.get(&kept.token).await.is_ok());
    let revoked = env.events::<SessionRevoked>("session.revoked").await;
    let told: Vec<_> =
        revoked.iter().map(|(_, event)| (event.user_id.as_str(), event.reason.as_str())).collect();
    assert_eq!(told, [(ADA, "admin"), (EVE, "admin")]);
    let (actor, subject, private) = env.private("session.revoked").await;
    assert_eq!((actor.as_deref(), subject.as_str()), (Some(ROOT), ROOT));
    assert_eq!(private.unwrap().ip, IP);
}

#[tokio::test]
async fn nobody_but_an_administrator_revokes_a_session_of_anybody() {
    let env = Env::start().await;
    let created = env.create_for(EVE).await;
    let refused = async |actor: &str| {
        let request =
            RevokeAnySessionRequest { session: created.token.clone(), actor: actor.to_owned(), client: None };
        let error = answer(env.client.clone().revoke_any_session(request).await).unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::PermissionDenied, "FORBIDDEN"), "{actor}");
    };
    for actor in [ADA, EVE, "nobody", ""] {
        refused(actor).await;
    }
    env.directory.change(ROOT, |user| user.banned = true);
    refused(ROOT).await;
    assert!(env.get(&created.token).await.is_ok());
}

#[tokio::test]
async fn all_sessions_but_one_end_at_once_with_one_event_each() {
    let env = Env::start().await;
    let kept = env.create(true).await;
    let kept_id = kept.session.unwrap().id;
    let others = [env.create(true).await, env.create(false).await];
    let foreign = env.create_for(EVE).await;
    let request = RevokeSessionsRequest { except_session_id: kept_id, ..all_of(ADA) };
    let revoked = env.revoke_all(request.clone()).await;
    assert_eq!(sorted(revoked), sorted(others.clone().map(|created| created.session.unwrap().id)));
    assert!(env.revoke_all(request).await.is_empty());
    for created in others {
        env.assert_gone(&created.token).await;
    }
    assert!(env.get(&kept.token).await.is_ok() && env.get(&foreign.token).await.is_ok());
    let events = env.events::<SessionRevoked>("session.revoked").await;
    assert_eq!(events.iter().map(|(_, event)| event.reason.as_str()).collect::<Vec<_>>(), ["revoked"; 2]);
}

#[tokio::test]
async fn an_administrators_deed_is_recorded_as_theirs_and_sealed_for_them() {
    let env = Env::start().await;
    env.create_for(ROOT).await;
    env.create(true).await;
    let (actor, reason) = (ROOT.to_owned(), "admin".to_owned());
    env.revoke_all(RevokeSessionsRequest { actor, reason, ..all_of(ADA) }).await;
    let (actor, subject, private) = env.private("session.revoked").await;
    assert_eq!((actor.as_deref(), subject.as_str()), (Some(ROOT), ROOT));
    assert_eq!(private.unwrap().ip, IP);
}

#[tokio::test]
async fn revocations_survive_a_restart_and_are_listed_while_a_token_may_live() {
    let env = Env::start().await;
    let (one, other) = (env.create(true).await, env.create(false).await);
    env.revoke(&one.token, "").await;
    env.clock.advance(TimeDelta::hours(1));
    let between = env.clock.now();
    env.revoke(&other.token, "").await;
    let restarted = env.replica(SECRET).await.0;
    assert_eq!(get(restarted.clone(), &one.token).await.unwrap_err().reason, "SESSION_NOT_FOUND");

    let (one, other) = (one.session.unwrap().id, other.session.unwrap().id);
    assert_eq!(env.revocations().await, sorted([one.clone(), other.clone()]));
    let since = Some(api::timestamp(between));
    let listed = restarted.clone().list_revocations(ListRevocationsRequest { since }).await.unwrap();
    let [found] = listed.into_inner().revocations.try_into().unwrap();
    assert_eq!((found.of, found.revoked_at), (Some(Of::SessionId(other)), since));
    env.clock.advance(TimeDelta::days(1));
    assert_eq!(env.revocations().await, [one], "tokens of the other have expired with it");
}
