use api::session::{CreateSessionRequest, CreateSessionResponse};
use chrono::TimeDelta;
use futures::future::join;
use kernel::{Error, ErrorCode};

use crate::directory::ADA;
use crate::env::{Env, count, get, mint};

#[tokio::test]
async fn a_session_that_starts_while_its_epoch_ends_is_dead_from_the_start() {
    let env = Env::start().await;
    let held = env.directory.hold(1);
    let change = held.meanwhile(async {
        env.directory.end_epoch(ADA, "");
    });
    let (created, ()) = join(env.create(true), change).await;
    assert_eq!(created.session.unwrap().epoch, 1);
    env.assert_gone(&created.token).await;
    assert_eq!(env.list(ADA).await, []);
}

/// The password was proven, and is another one when the session is asked for.
#[tokio::test]
async fn a_sign_in_that_was_proven_in_an_earlier_epoch_gets_no_session() {
    let env = Env::start().await;
    let request = CreateSessionRequest {
        user_id: ADA.to_owned(),
        remember: true,
        epoch: env.directory.epoch(ADA),
        ..CreateSessionRequest::default()
    };
    env.directory.end_epoch(ADA, "");
    let error = api::from_status(&env.client.clone().create_session(request).await.unwrap_err());
    assert_eq!((error.code, &*error.reason), (ErrorCode::Unauthenticated, "FAILED_TO_CREATE_SESSION"));
    assert_eq!(env.list(ADA).await, []);
}

async fn erase(env: &Env) {
    env.directory.remove(ADA);
    let erased = api::events::identity::UserErased { user_id: ADA.to_owned(), ..Default::default() };
    env.happens(ADA, "user.erased", &erased).await;
    env.settled().await;
}

/// Identity's answers before the session starts: who is it, and, once a key was made, who still.
#[tokio::test]
async fn a_session_that_starts_while_its_user_is_erased_leaves_nothing_behind() {
    for nth in [1, 2] {
        let env = Env::following().await;
        let running = env.run().await;
        let held = env.directory.hold(nth);
        let starting = env.try_create(ADA, true, "");
        let (created, ()): (Result<CreateSessionResponse, Error>, ()) =
            join(starting, held.meanwhile(erase(&env))).await;
        assert_eq!(created.unwrap_err().reason, "USER_NOT_FOUND", "after question {nth}");
        assert_eq!(count(&env.pool(), "select count(*) from sessions").await, 0);
        assert_eq!(count(&env.pool(), "select count(*) from subject_keys").await, 0);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_revocation_beats_a_prolongation_at_the_same_time() {
    let env = Env::start().await;
    for _ in 0..10 {
        let created = env.create(true).await;
        env.clock.advance(TimeDelta::days(1));
        let (_, ()) = join(env.get(&created.token), env.revoke(&created.token, "")).await;
        env.assert_gone(&created.token).await;
        let history = env.history(&created.session.unwrap().id).await;
        assert_eq!(history.last().unwrap(), "session.revoked", "{history:?}");
    }
}

#[tokio::test]
async fn a_token_minted_during_a_revocation_names_a_session_that_is_listed_as_revoked() {
    let env = Env::start().await;
    for _ in 0..10 {
        let created = env.create(true).await;
        let minting = mint(env.client.clone(), &created.token);
        let (minted, ()) = join(minting, env.revoke(&created.token, "")).await;
        if let Err(error) = minted {
            assert_eq!(error.reason, "SESSION_NOT_FOUND");
        }
        assert!(env.revocations().await.contains(&created.session.unwrap().id));
        assert_eq!(mint(env.client.clone(), &created.token).await.unwrap_err().reason, "SESSION_NOT_FOUND");
    }
}

#[tokio::test]
async fn twenty_requests_of_a_session_that_is_due_on_two_replicas_all_succeed() {
    let env = Env::start().await;
    let replica = env.replica(crate::env::SECRET).await.0;
    let created = env.create(true).await;
    env.clock.advance(TimeDelta::days(1));
    let clients = [env.client.clone(), replica];
    let asked = (0..20).map(|n| get(clients[n % 2].clone(), &created.token));
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.unwrap().user.unwrap().id, ADA);
    }
    let history = env.history(&created.session.unwrap().id).await;
    assert_eq!(history, ["session.started", "session.prolonged"]);
}
