use api::events::identity::{SignInFailed, SignedIn, UserLocked};
use chrono::TimeDelta;
use futures::future::join_all;
use identity::HashingOptions;
use kernel::{Clock, Error, ErrorCode, Retry, rfc3339_millis};

use crate::env::{Env, PASSWORD, sign_in, sign_up};

const ADA: &str = "ada@example.com";
const NOBODY: &str = "nobody@example.com";
const WRONG: &str = "Wrong-Horse-99";

async fn with_ada() -> Env {
    let env = Env::start().await;
    env.sign_up(ADA).await.unwrap();
    env
}

async fn failures(env: &Env, reason: &str) -> usize {
    let failed = env.events::<SignInFailed>("user.sign_in_failed").await;
    failed.iter().filter(|(_, event)| event.reason == reason).count()
}

fn assert_locked(error: &Error, env: &Env, minutes: i64) {
    assert_eq!((error.code, &*error.reason), (ErrorCode::ResourceExhausted, "ACCOUNT_LOCKED"));
    let until = env.clock.now() + TimeDelta::minutes(minutes);
    assert_eq!(error.metadata["locked_until"], rfc3339_millis(until));
    assert_eq!(error.metadata["retry_after"], (minutes * 60).to_string());
    assert_eq!(error.retry, Retry::After(std::time::Duration::from_secs(minutes.unsigned_abs() * 60)));
}

#[tokio::test]
async fn the_right_password_signs_in_whatever_the_case_of_the_address() {
    let env = with_ada().await;
    let user = env.sign_in("ADA@example.com", PASSWORD).await.unwrap();
    let signed_in = env.events::<SignedIn>("user.signed_in").await;
    let [(stream, event)] = signed_in.as_slice() else { panic!("{signed_in:?}") };
    assert_eq!(stream, &format!("user-{}", user.id));
    assert_eq!(event.method, "password");
    let personal = env.personal("user.signed_in").await;
    assert_eq!(
        (personal.email.as_str(), personal.ip.as_str(), personal.user_agent.as_str()),
        (ADA, "192.0.2.7", "a browser")
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_apart_by_nothing() {
    let env = with_ada().await;
    let mut answers = Vec::new();
    for email in [ADA, NOBODY] {
        let mut told = Vec::new();
        for _ in 0..7 {
            told.push(env.sign_in(email, WRONG).await.unwrap_err());
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1], "the lock, too, comes for both");
    assert_eq!(answers[0][0].code, ErrorCode::Unauthenticated);
    assert_eq!(answers[0][0].reason, "INVALID_EMAIL_OR_PASSWORD");
    assert_eq!(answers[0][4].reason, "ACCOUNT_LOCKED");

    let failed = env.events::<SignInFailed>("user.sign_in_failed").await;
    let (stream, unknown) = failed.last().unwrap();
    assert!(stream.starts_with("unknown-") && stream.len() == 40, "{stream}");
    assert!(!stream.contains("nobody"));
    assert_eq!((unknown.user_id.as_str(), unknown.reason.as_str()), ("", "locked"));
    assert_eq!((failures(&env, "bad_password").await, failures(&env, "unknown_user").await), (5, 5));
}

#[tokio::test]
async fn five_failures_lock_for_thirty_minutes_and_the_right_password_does_not_help() {
    let env = with_ada().await;
    for _ in 0..4 {
        assert_eq!(env.sign_in(ADA, WRONG).await.unwrap_err().reason, "INVALID_EMAIL_OR_PASSWORD");
    }
    assert_locked(&env.sign_in(ADA, WRONG).await.unwrap_err(), &env, 30);
    env.clock.advance(TimeDelta::minutes(29));
    assert_locked(&env.sign_in(ADA, PASSWORD).await.unwrap_err(), &env, 1);
    env.clock.advance(TimeDelta::minutes(1));
    env.sign_in(ADA, PASSWORD).await.unwrap();

    let locked = env.events::<UserLocked>("user.locked").await;
    let [(_, event)] = locked.as_slice() else { panic!("{locked:?}") };
    assert_eq!(event.failures, 5);
    assert_eq!(api::time(event.until.as_ref()).unwrap(), env.clock.now());
}

#[tokio::test]
async fn a_success_forgets_the_failures_before_it() {
    let env = with_ada().await;
    for _ in 0..2 {
        for _ in 0..4 {
            env.sign_in(ADA, WRONG).await.unwrap_err();
        }
        env.sign_in(ADA, PASSWORD).await.unwrap();
    }
    assert!(env.events::<UserLocked>("user.locked").await.is_empty());
}

#[tokio::test]
async fn of_thirty_two_guesses_at_once_five_are_verified() {
    let env = with_ada().await;
    let replica = env.replica().await;
    for email in [ADA, NOBODY] {
        let guesses = (0..32).map(|n| {
            let client = if n % 2 == 0 { env.client.clone() } else { replica.clone() };
            async move { sign_in(client, email, WRONG).await.unwrap_err() }
        });
        let answers = join_all(guesses).await;
        let told_wrong = answers.iter().filter(|error| error.reason == "INVALID_EMAIL_OR_PASSWORD").count();
        let told_locked = answers.iter().filter(|error| error.reason == "ACCOUNT_LOCKED").count();
        assert_eq!((told_wrong, told_locked), (4, 28), "the fifth failure is the one that locks");
    }
    assert_eq!(failures(&env, "bad_password").await, 5);
    assert_eq!(failures(&env, "unknown_user").await, 5);
    assert_eq!(failures(&env, "locked").await, 54);
    assert_eq!(env.events::<UserLocked>("user.locked").await.len(), 2);
    let in_flight: i64 =
        sqlx::query_scalar("select sum(in_flight) from sign_in_guards").fetch_one(&env.pool()).await.unwrap();
    assert_eq!(in_flight, 0, "every reservation was given back");
}

#[tokio::test]
async fn the_same_user_may_sign_in_many_times_at_once() {
    let env = with_ada().await;
    let sign_ins = (0..12).map(|_| env.sign_in(ADA, PASSWORD));
    assert!(join_all(sign_ins).await.iter().all(Result::is_ok));
    assert_eq!(env.events::<SignedIn>("user.signed_in").await.len(), 12);
}

#[tokio::test]
async fn a_lock_survives_a_restart() {
    let env = with_ada().await;
    for _ in 0..5 {
        env.sign_in(ADA, WRONG).await.unwrap_err();
    }
    assert_locked(&sign_in(env.replica().await, ADA, PASSWORD).await.unwrap_err(), &env, 30);
}

#[tokio::test]
async fn guesses_at_an_address_do_not_lock_out_who_then_signs_up_with_it() {
    let env = Env::start().await;
    for _ in 0..5 {
        env.sign_in(ADA, WRONG).await.unwrap_err();
    }
    env.sign_up(ADA).await.unwrap();
    env.sign_in(ADA, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_full_hash_queue_sends_away_and_costs_no_attempt() {
    let env = Env::with(HashingOptions { parallel: 1, queue: 0, ..HashingOptions::default() }).await;
    env.sign_up(ADA).await.unwrap();
    let others =
        (0..40).map(|n| sign_up(env.client.clone(), Box::leak(format!("u{n}@example.com").into_boxed_str())));
    let full = join_all(others).await.into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(!full.is_empty());
    for error in &full {
        assert_eq!((error.code, &*error.reason), (ErrorCode::Unavailable, "HASH_QUEUE_FULL"));
        assert!(matches!(error.retry, Retry::After(_)));
    }
    let guesses = join_all((0..20).map(|_| env.sign_in(ADA, PASSWORD))).await;
    for error in guesses.into_iter().filter_map(Result::err) {
        assert_eq!(error.reason, "HASH_QUEUE_FULL");
    }
    env.sign_in(ADA, PASSWORD).await.unwrap();
    assert!(env.events::<SignInFailed>("user.sign_in_failed").await.is_empty());
}

#[tokio::test]
async fn an_impossible_guess_is_refused_before_it_costs_anything() {
    let env = with_ada().await;
    for (email, password, reason) in
        [("ada", PASSWORD, "INVALID_EMAIL"), (ADA, &*"x".repeat(129), "PASSWORD_TOO_LONG")]
    {
        let error = env.sign_in(email, password).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, reason));
    }
    assert!(env.events::<SignInFailed>("user.sign_in_failed").await.is_empty());
}
