use api::events::identity::{PasswordChanged, SignInFailed};
use api::identity::{
    ChangePasswordRequest, CheckResetTokenRequest, RequestPasswordResetRequest, ResetPasswordRequest, User,
    VerifyPasswordRequest,
};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, Error, ErrorCode};

use crate::env::{Env, PASSWORD, from_browser, sign_up_request};

const ADA: &str = "ada@example.com";
const NEW: &str = "Another-Pony-88";

async fn ask(env: &Env, email: &str) -> Result<(), Error> {
    let request = RequestPasswordResetRequest {
        email: email.to_owned(),
        redirect_to: "/reset-password".to_owned(),
        client: Some(from_browser()),
    };
    let answer = env.client.clone().request_password_reset(request).await;
    answer.map(drop).map_err(|status| api::from_status(&status))
}

async fn reset(env: &Env, token: &str, password: &str) -> Result<User, Error> {
    let request = ResetPasswordRequest {
        token: token.to_owned(),
        new_password: password.to_owned(),
        client: Some(from_browser()),
    };
    let answer = env.client.clone().reset_password(request).await;
    answer.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| api::from_status(&status))
}

async fn check(env: &Env, token: &str) -> Result<(), Error> {
    let request = CheckResetTokenRequest { token: token.to_owned() };
    let answer = env.client.clone().check_reset_token(request).await;
    answer.map(drop).map_err(|status| api::from_status(&status))
}

async fn change(env: &Env, user: &str, current: &str, spared: &str) -> Result<User, Error> {
    let request = ChangePasswordRequest {
        user_id: user.to_owned(),
        current_password: current.to_owned(),
        new_password: NEW.to_owned(),
        spared_session_id: spared.to_owned(),
        device_token: String::new(),
        client: Some(from_browser()),
    };
    let answer = env.client.clone().change_password(request).await;
    answer.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| api::from_status(&status))
}

async fn verify(env: &Env, user: &str, password: &str) -> Result<(), Error> {
    let request = VerifyPasswordRequest {
        user_id: user.to_owned(),
        password: password.to_owned(),
        device_token: String::new(),
        client: Some(from_browser()),
    };
    let answer = env.client.clone().verify_password(request).await;
    answer.map(drop).map_err(|status| api::from_status(&status))
}

/// The tokens of the reset links that were mailed, oldest first.
async fn tokens(env: &Env) -> Vec<String> {
    let link = "https://learn.example.com/api/auth/reset-password/";
    let mails = env.delivered().await;
    let links = mails.iter().filter_map(|mail| mail.split_once(link));
    links.map(|(_, rest)| rest.split('?').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_mailed_token_sets_a_password_once_and_ends_the_sessions() {
    let env = Env::start().await;
    let background = env.background().await;
    let before = env.sign_up(ADA).await.unwrap();
    ask(&env, "ADA@example.com").await.unwrap();
    let token = tokens(&env).await.pop().unwrap();
    assert!(token.len() == 24 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    check(&env, &token).await.unwrap();
    check(&env, &token).await.unwrap();

    assert_eq!(reset(&env, &token, "short").await.unwrap_err().reason, "PASSWORD_TOO_WEAK");
    let after = reset(&env, &token, NEW).await.unwrap();
    assert!(after.email_verified, "whoever read the mail owns the address");
    assert_eq!(after.session_epoch, before.session_epoch + 1);
    assert_eq!(env.sign_in(ADA, PASSWORD).await.unwrap_err().reason, "INVALID_EMAIL_OR_PASSWORD");
    env.sign_in(ADA, NEW).await.unwrap();
    for used in [check(&env, &token).await, reset(&env, &token, PASSWORD).await.map(drop)] {
        let error = used.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_TOKEN"));
    }
    let types = env.event_types(&format!("user-{}", before.id)).await;
    for expected in ["user.password_reset_requested", "user.password_reset", "user.email_verified"] {
        assert!(types.iter().any(|found| found == expected), "{expected} in {types:?}");
    }
    background.stop().await;
}

#[tokio::test]
async fn of_fifty_uses_of_a_token_at_once_one_wins() {
    let env = Env::start().await;
    let background = env.background().await;
    env.sign_up(ADA).await.unwrap();
    ask(&env, ADA).await.unwrap();
    let token = tokens(&env).await.pop().unwrap();
    let passwords: Vec<String> = (0..50).map(|n| format!("Racing-Pony-{n:02}")).collect();
    let answers = join_all(passwords.iter().map(|password| reset(&env, &token, password))).await;
    let won: Vec<usize> = (0..50).filter(|n| answers[*n].is_ok()).collect();
    let [winner] = won.as_slice() else { panic!("{won:?}") };
    env.sign_in(ADA, &passwords[*winner]).await.unwrap();
    background.stop().await;
}

#[tokio::test]
async fn a_newer_token_replaces_the_older_one_and_all_expire_within_the_hour() {
    let env = Env::start().await;
    let background = env.background().await;
    env.sign_up(ADA).await.unwrap();
    ask(&env, ADA).await.unwrap();
    ask(&env, ADA).await.unwrap();
    assert_eq!(tokens(&env).await.len(), 1, "mails are a minute apart");
    env.clock.advance(TimeDelta::seconds(61));
    ask(&env, ADA).await.unwrap();
    let [old, new] = tokens(&env).await.try_into().unwrap();
    assert_eq!(check(&env, &old).await.unwrap_err().reason, "INVALID_TOKEN");
    env.clock.advance(TimeDelta::minutes(60) - TimeDelta::seconds(1));
    check(&env, &new).await.unwrap();
    env.clock.advance(TimeDelta::seconds(1));
    assert_eq!(reset(&env, &new, NEW).await.unwrap_err().reason, "INVALID_TOKEN");
    background.stop().await;
}

#[tokio::test]
async fn nobody_learns_by_a_reset_whether_an_address_has_an_account() {
    let env = Env::start().await;
    ask(&env, "nobody@example.com").await.unwrap();
    assert_eq!(ask(&env, "no address").await.unwrap_err().reason, "INVALID_EMAIL");
    let background = env.background().await;
    assert!(env.delivered().await.is_empty());
    background.stop().await;
}

#[tokio::test]
async fn a_reset_opens_a_locked_account() {
    let env = Env::start().await;
    let background = env.background().await;
    env.sign_up(ADA).await.unwrap();
    for _ in 0..5 {
        env.sign_in(ADA, "Wrong-Horse-99").await.unwrap_err();
    }
    ask(&env, ADA).await.unwrap();
    let token = tokens(&env).await.pop().unwrap();
    reset(&env, &token, NEW).await.unwrap();
    env.sign_in(ADA, NEW).await.unwrap();
    assert_eq!(env.events::<api::events::identity::UserUnlocked>("user.unlocked").await.len(), 1);
    background.stop().await;
}

#[tokio::test]
async fn a_reset_hands_an_unproven_account_over_with_nothing_attached() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.client.clone().sign_up(sign_up_request(ADA)).await.unwrap().into_inner().user.unwrap();
    sqlx::query(
        "insert into linked_accounts (id, user_id, provider_id, issuer, subject, scopes, created_at, updated_at)
         values ('l1', $1, 'evil', 'https://evil.example', 's', '{}', now(), now())",
    )
    .bind(&user.id)
    .execute(&env.pool())
    .await
    .unwrap();
    ask(&env, ADA).await.unwrap();
    let token = tokens(&env).await.pop().unwrap();
    reset(&env, &token, NEW).await.unwrap();
    let links: i64 =
        sqlx::query_scalar("select count(*) from linked_accounts").fetch_one(&env.pool()).await.unwrap();
    assert_eq!(links, 0);
    background.stop().await;
}

/// The owner of another address made the links: who proves this one does not share the account.
#[tokio::test]
async fn a_reset_drops_the_links_from_before_the_account_moved_to_its_address() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    for (id, at) in [("before", -1), ("since", 1)] {
        sqlx::query(
            "insert into linked_accounts (id, user_id, provider_id, issuer, subject, scopes, created_at, updated_at)
             values ($1, $2, 'google', 'https://issuer.example', $1, '{}', $3, $3)",
        )
        .bind(id)
        .bind(&user.id)
        .bind(env.clock.now() + TimeDelta::minutes(at))
        .execute(&env.pool())
        .await
        .unwrap();
    }
    sqlx::query("update users set email_verified = true, email_changed_at = $1")
        .bind(env.clock.now())
        .execute(&env.pool())
        .await
        .unwrap();
    ask(&env, ADA).await.unwrap();
    let token = tokens(&env).await.pop().unwrap();
    reset(&env, &token, NEW).await.unwrap();
    let left: Vec<String> =
        sqlx::query_scalar("select id from linked_accounts").fetch_all(&env.pool()).await.unwrap();
    assert_eq!(left, ["since"]);
    background.stop().await;
}

#[tokio::test]
async fn a_change_needs_the_current_password_and_spares_the_session_it_is_asked_in() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    let error = change(&env, &user.id, "Wrong-Horse-99", "s1").await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_PASSWORD"));
    let changed = change(&env, &user.id, PASSWORD, "s1").await.unwrap();
    assert_eq!((changed.session_epoch, changed.spared_session_id.as_str()), (user.session_epoch + 1, "s1"));
    let events = env.events::<PasswordChanged>("user.password_changed").await;
    let [(_, event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.by.as_str(), event.session_epoch, event.spared_session_id.as_str()), ("user", 2, "s1"));
    env.sign_in(ADA, NEW).await.unwrap();
}

#[tokio::test]
async fn guesses_within_a_session_count_like_any_other() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    verify(&env, &user.id, PASSWORD).await.unwrap();
    let guesses = (0..32).map(|n| {
        let (env, id) = (&env, user.id.as_str());
        async move {
            let wrong = format!("Wrong-Horse-{n}");
            if n % 2 == 0 { verify(env, id, &wrong).await } else { env.sign_in(ADA, &wrong).await.map(drop) }
        }
    });
    join_all(guesses).await;
    let failed = env.events::<SignInFailed>("user.sign_in_failed").await;
    let looked_at = failed.iter().filter(|(_, event)| event.reason == "bad_password").count();
    assert_eq!(looked_at, 5);
    assert_eq!(verify(&env, &user.id, PASSWORD).await.unwrap_err().reason, "ACCOUNT_LOCKED");
}

#[tokio::test]
async fn a_user_without_a_password_has_none_to_prove() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    sqlx::query("delete from credentials").execute(&env.pool()).await.unwrap();
    let error = verify(&env, &user.id, PASSWORD).await.unwrap_err();
    assert_eq!(error.reason, "CREDENTIAL_ACCOUNT_NOT_FOUND");
}
