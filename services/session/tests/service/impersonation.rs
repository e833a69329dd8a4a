use api::events::identity::RoleAssigned;
use api::events::session::{ImpersonationEnded, ImpersonationStarted, SessionRevoked, SessionStarted};
use chrono::TimeDelta;
use kernel::{Clock, ErrorCode};
use serde_json::json;

use crate::access_tokens::claims;
use crate::directory::{ADA, EVE, ROOT, root};
use crate::env::{Env, IP, jwks, mint, sorted};

#[tokio::test]
async fn an_administrator_acts_as_a_user_for_an_hour_and_every_record_says_so() {
    let env = Env::start().await;
    let admin = env.create_for(ROOT).await.session.unwrap().id;
    let created = env.try_create(EVE, true, &admin).await.unwrap();
    let session = created.session.unwrap();
    assert_eq!((session.user_id.as_str(), session.impersonated_by.as_str()), (EVE, ROOT));
    let end = env.clock.now() + TimeDelta::hours(1);
    assert_eq!((api::time(session.expires_at.as_ref()).unwrap(), session.remember), (end, false));
    assert_eq!(created.user.unwrap().id, EVE);
    assert_eq!(env.history(&session.id).await, ["session.started", "session.impersonation_started"]);
    let started = &env.events::<SessionStarted>("session.started").await[1].1;
    assert_eq!((started.user_id.as_str(), started.impersonated_by.as_str()), (EVE, ROOT));
    let began = env.events::<ImpersonationStarted>("session.impersonation_started").await.remove(0).1;
    let expected = ImpersonationStarted {
        session_id: session.id.clone(),
        user_id: EVE.to_owned(),
        admin_id: ROOT.to_owned(),
        admin_session_id: admin,
    };
    assert_eq!(began, expected);
    let (actor, subject, private) = env.private("session.impersonation_started").await;
    assert_eq!(
        (actor.as_deref(), subject.as_str()),
        (Some(ROOT), ROOT),
        "it is their address, not the user's"
    );
    assert_eq!(private.unwrap().ip, IP);

    let token = mint(env.client.clone(), &created.token).await.unwrap();
    let claims = claims(&token, &jwks(env.client.clone()).await.unwrap());
    assert_eq!((&claims["sub"], &claims["act"]), (&json!(EVE), &json!({ "sub": ROOT })));
    assert_eq!(claims["exp"], json!(end.timestamp()), "no token outlives its session");

    env.clock.advance(TimeDelta::minutes(59));
    let found = env.get(&created.token).await.unwrap();
    assert!(!found.refreshed);
    assert_eq!(found.session.unwrap().ip_address, IP);
    env.clock.advance(TimeDelta::minutes(1));
    env.assert_gone(&created.token).await;
}

#[tokio::test]
async fn only_an_administrator_impersonates_and_never_another_one() {
    let env = Env::start().await;
    let another = "AnotherRootAnotherRootAnotherR04";
    env.directory.put(api::identity::User { id: another.to_owned(), ..root() });
    let (teacher, admin) = (env.create(true).await.session.unwrap().id, env.create_for(ROOT).await);
    let admin_id = admin.session.unwrap().id;
    let acting = env.try_create(EVE, true, &admin_id).await.unwrap().session.unwrap().id;
    for (user, by, code, reason) in [
        (EVE, teacher.as_str(), ErrorCode::PermissionDenied, "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS"),
        (ADA, &acting, ErrorCode::PermissionDenied, "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS"),
        (another, &admin_id, ErrorCode::PermissionDenied, "YOU_CANNOT_IMPERSONATE_ADMINS"),
        (ROOT, &admin_id, ErrorCode::PermissionDenied, "YOU_CANNOT_IMPERSONATE_ADMINS"),
        (EVE, "no such session", ErrorCode::NotFound, "SESSION_NOT_FOUND"),
        ("nobody", &admin_id, ErrorCode::NotFound, "USER_NOT_FOUND"),
    ] {
        let error = env.try_create(user, true, by).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (code, reason), "{user} by {by}");
    }
    env.directory.change(EVE, |user| user.banned = true);
    assert_eq!(env.try_create(EVE, true, &admin_id).await.unwrap_err().reason, "BANNED_USER");
    env.revoke(&admin.token, "").await;
    assert_eq!(env.try_create(ADA, true, &admin_id).await.unwrap_err().reason, "SESSION_NOT_FOUND");
}

#[tokio::test]
async fn a_session_of_a_session_that_acts_as_an_administrator_once_was_is_refused() {
    // An impersonated session whose user is made administrator meanwhile, within one epoch.
    let env = Env::start().await;
    let admin = env.create_for(ROOT).await.session.unwrap().id;
    let acting = env.try_create(EVE, true, &admin).await.unwrap().session.unwrap().id;
    env.directory.change(EVE, |user| user.role = root().role);
    let error = env.try_create(ADA, true, &acting).await.unwrap_err();
    assert_eq!(error.reason, "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS");
}

#[tokio::test]
async fn an_impersonation_ends_with_the_administrators_session_and_is_listed_as_revoked() {
    let env = Env::start().await;
    let admin = env.create_for(ROOT).await;
    let admin_id = admin.session.unwrap().id;
    let acting = env.try_create(EVE, true, &admin_id).await.unwrap();
    let acting_id = acting.session.unwrap().id;
    env.revoke(&admin.token, "").await;
    env.assert_gone(&acting.token).await;
    assert!(!env.is_live(&acting_id).await);
    assert!(mint(env.client.clone(), &acting.token).await.is_err());
    assert_eq!(env.revocations().await, sorted([admin_id, acting_id.clone()]));
    assert_eq!(
        env.history(&acting_id).await[2..],
        ["session.revoked".to_owned(), "session.impersonation_ended".to_owned()]
    );
    let revoked = env.events::<SessionRevoked>("session.revoked").await;
    assert_eq!(revoked[1].1.reason, "impersonation_ended");
}

#[tokio::test]
async fn whoever_stops_impersonating_ends_that_session_only() {
    let env = Env::start().await;
    let admin = env.create_for(ROOT).await;
    let acting = env.try_create(EVE, true, &admin.session.unwrap().id).await.unwrap();
    env.revoke(&acting.token, "impersonation_ended").await;
    env.assert_gone(&acting.token).await;
    assert!(env.get(&admin.token).await.is_ok());
    let ended = env.events::<ImpersonationEnded>("session.impersonation_ended").await;
    assert_eq!(ended[0].1.admin_id, ROOT);
    assert_eq!(env.private("session.revoked").await.0.as_deref(), Some(ROOT));
}

#[tokio::test]
async fn an_impersonation_does_not_outlive_the_administrators_role_ban_or_epoch() {
    let env = Env::start().await;
    let admin = env.create_for(ROOT).await.session.unwrap().id;
    let acting = env.try_create(EVE, true, &admin).await.unwrap();
    let acting_id = acting.session.unwrap().id;
    let changes: [fn(&mut api::identity::User); 4] = [
        |user| user.role = crate::directory::ada().role,
        |user| user.banned = true,
        |user| user.session_epoch += 1,
        |user| user.id = "erased".to_owned(),
    ];
    for change in changes {
        assert!(env.get(&acting.token).await.is_ok());
        env.directory.change(ROOT, change);
        env.assert_gone(&acting.token).await;
        assert!(!env.is_live(&acting_id).await);
        assert!(mint(env.client.clone(), &acting.token).await.is_err());
        env.directory.remove("erased");
        env.directory.put(root());
    }
    env.directory.end_epoch(EVE, "");
    env.assert_gone(&acting.token).await;
}

#[tokio::test]
async fn an_impersonation_left_over_by_an_administrator_who_lost_the_role_is_revoked() {
    let env = Env::following().await;
    let running = env.run().await;
    let admin = env.create_for(ROOT).await.session.unwrap().id;
    let acting = env.try_create(EVE, true, &admin).await.unwrap().session.unwrap().id;
    let session_epoch = env.directory.end_epoch(ROOT, "");
    let assigned = RoleAssigned { user_id: ROOT.to_owned(), session_epoch, ..RoleAssigned::default() };
    env.happens(ROOT, "user.role_assigned", &assigned).await;
    env.settled().await;
    assert_eq!(env.revocations().await, sorted([admin, acting]));
    running.stop().await;
}

#[tokio::test]
async fn a_crash_between_two_revocations_leaves_no_impersonation() {
    let env = Env::following().await;
    let admin = env.create_for(ROOT).await.session.unwrap().id;
    let acting = env.try_create(EVE, true, &admin).await.unwrap();
    // As a process leaves it that ends after the first of the two transactions.
    sqlx::query("update sessions set revoked_at = $2 where id = $1")
        .bind(&admin)
        .bind(env.clock.now())
        .execute(&env.pool())
        .await
        .unwrap();
    env.assert_gone(&acting.token).await;
    let running = env.run().await;
    let id = acting.session.unwrap().id;
    testkit::eventually("the impersonation is revoked", || async {
        env.revocations().await.contains(&id).then_some(())
    })
    .await;
    running.stop().await;
}
