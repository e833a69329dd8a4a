use api::events::identity::{
    AllSessionsEnded, PasswordChanged, PasswordReset, RoleAssigned, UserBanned, UserErased,
};
use api::events::session::SessionRevoked;

use crate::directory::{ADA, EVE};
use crate::env::{Env, count};

#[tokio::test]
async fn what_identity_ends_is_revoked_here_with_its_reason_once_on_two_replicas() {
    let env = Env::following().await;
    let replicas = (env.run().await, env.run().await);
    let bystander = env.create_for(EVE).await;
    let user_id = || ADA.to_owned();

    let mut tokens = vec![env.create(true).await.token, env.create(false).await.token];
    let session_epoch = env.directory.end_epoch(ADA, "");
    env.happens(ADA, "user.password_reset", &PasswordReset { user_id: user_id(), session_epoch }).await;
    tokens.push(env.create(true).await.token);
    env.settled().await;
    let session_epoch = env.directory.end_epoch(ADA, "");
    let banned = UserBanned { user_id: user_id(), session_epoch, ..UserBanned::default() };
    env.happens(ADA, "user.banned", &banned).await;
    tokens.push(env.create(true).await.token);
    let session_epoch = env.directory.end_epoch(ADA, "");
    let assigned = RoleAssigned { user_id: user_id(), session_epoch, ..RoleAssigned::default() };
    env.happens(ADA, "user.role_assigned", &assigned).await;
    tokens.push(env.create(true).await.token);
    let session_epoch = env.directory.end_epoch(ADA, "");
    env.happens(
        ADA,
        "user.sessions_ended",
        &AllSessionsEnded { user_id: user_id(), session_epoch, ..AllSessionsEnded::default() },
    )
    .await;
    env.settled().await;

    for token in &tokens {
        env.assert_gone(token).await;
    }
    let events = env.events::<SessionRevoked>("session.revoked").await;
    let reasons: Vec<&str> = events.iter().map(|(_, event)| event.reason.as_str()).collect();
    assert_eq!(reasons, ["password_reset", "password_reset", "banned", "role_assigned", "sessions_ended"]);
    assert_eq!(env.revocations().await.len(), tokens.len());
    assert!(env.get(&bystander.token).await.is_ok());
    let (actor, ..) = env.private("session.revoked").await;
    assert_eq!(actor.as_deref(), Some(ADA), "the actor is identity's");
    replicas.0.stop().await;
    replicas.1.stop().await;
}

#[tokio::test]
async fn a_change_of_password_spares_the_session_it_was_made_in() {
    let env = Env::following().await;
    let running = env.run().await;
    let (kept, other) = (env.create(true).await, env.create(true).await);
    let kept_id = kept.session.unwrap().id;
    let session_epoch = env.directory.end_epoch(ADA, &kept_id);
    let changed = PasswordChanged {
        user_id: ADA.to_owned(),
        by: "user".to_owned(),
        session_epoch,
        spared_session_id: kept_id,
    };
    env.happens(ADA, "user.password_changed", &changed).await;
    env.settled().await;
    assert!(env.get(&kept.token).await.is_ok());
    env.assert_gone(&other.token).await;
    assert_eq!(env.revocations().await, [other.session.unwrap().id]);
    running.stop().await;
}

#[tokio::test]
async fn sessions_of_the_present_epoch_live_on_and_events_that_were_missed_are_caught_up_with() {
    let env = Env::following().await;
    let before = env.create(true).await;
    let session_epoch = env.directory.end_epoch(ADA, "");
    env.happens(ADA, "user.password_reset", &PasswordReset { user_id: ADA.to_owned(), session_epoch }).await;
    let after = env.create(true).await;
    env.assert_gone(&before.token).await;
    assert!(env.revocations().await.is_empty(), "nobody has followed yet");

    let running = env.run().await;
    env.settled().await;
    assert_eq!(env.revocations().await, [before.session.unwrap().id]);
    assert!(env.get(&after.token).await.is_ok());
    running.stop().await;
}

#[tokio::test]
async fn of_a_user_who_is_erased_nothing_is_left_but_events_that_do_not_open() {
    let env = Env::following().await;
    let running = env.run().await;
    let (created, bystander) = (env.create(true).await, env.create_for(EVE).await);
    assert!(env.private("session.started").await.2.is_some());
    env.directory.remove(ADA);
    let erased = UserErased { user_id: ADA.to_owned(), by: "user".to_owned(), session_epoch: 2 };
    env.happens(ADA, "user.erased", &erased).await;
    env.settled().await;

    env.assert_gone(&created.token).await;
    let events = env.events::<SessionRevoked>("session.revoked").await;
    let [(_, event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.reason, "erased");
    assert_eq!(count(&env.pool(), "select count(*) from sessions").await, 1);
    assert!(env.vault().find(&env.pool(), ADA).await.unwrap().is_none());
    let (_, subject, private) = env.private("session.started").await;
    assert_eq!((subject.as_str(), private), (ADA, None));
    let left = env.get(&bystander.token).await.unwrap();
    assert_eq!(left.session.unwrap().ip_address, crate::env::IP);
    running.stop().await;
}
