//! Who has an account (8), and how often a password may be guessed (9).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use intellistack_e2e::{Answer, Api, PASSWORD, System, ledger};
use reqwest::Method;
use serde_json::{Value, json};

use super::people::{OTHER_PASSWORD, WRONG_PASSWORD, mail_with, mails_with, text, verified};
use super::visitor::Visitor;
use crate::support::assert_code;

const ADA: &str = "ada@school.example";
/// Wrong guesses in a row that lock an address.
const ALLOWED: usize = 5;

/// What an answer tells: status, body, and which headers it has.
fn told(answer: &Answer) -> (u16, Value, BTreeSet<String>) {
    let headers = answer.headers.keys().map(ToString::to_string).collect();
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(until) = body.get_mut("lockedUntil") {
        *until = json!("some time");
    }
    if let Some(seconds) = body.get_mut("retryAfter") {
        *seconds = json!("some seconds");
    }
    (answer.status.as_u16(), body, headers)
}

async fn sign_in(api: &Api, email: &str, password: &str) -> Answer {
    api.post("/api/auth/sign-in/email", &json!({ "email": email, "password": password })).await
}

/// Signing up is the exception, decided: it answers 422 for an address that is taken, as the contract has
/// it without mandatory verification. It costs a call of the sign-up limit, and the address is the
/// caller's own claim.
#[tokio::test(flavor = "multi_thread")]
async fn line_08_known_and_unknown_addresses_answer_alike() {
    let system = System::plan("line_08").start().await;
    let mut ada = verified(&system, ADA).await;
    let fresh = "fresh@school.example";
    Visitor::new(&system).sign_up(fresh).await.expect(200);
    let nobody = "nobody@school.example";
    let api = &system.api;

    let unknown = told(&sign_in(api, nobody, WRONG_PASSWORD).await);
    assert_eq!(unknown.0, 401);
    for known in [ADA, fresh] {
        assert_eq!(told(&sign_in(api, known, WRONG_PASSWORD).await), unknown, "sign-in of {known}");
    }
    for path in ["request-password-reset", "forget-password", "send-verification-email"] {
        let ask = |email: &str| {
            let body = json!({ "email": email, "redirectTo": "/r", "callbackURL": "/c" });
            let path = format!("/api/auth/{path}");
            async move { told(&api.post(&path, &body).await) }
        };
        let unknown = ask(nobody).await;
        assert_eq!(unknown.0, 200, "{path}");
        // Proven, unproven, in capitals; and again, when nothing more is mailed.
        for known in [ADA, fresh, "Ada@School.Example", ADA] {
            assert_eq!(ask(known).await, unknown, "{path} for {known}");
        }
    }
    let mut change = async |new: &str| {
        told(&ada.post("/api/auth/change-email", &json!({ "newEmail": new, "callbackURL": "/c" })).await)
    };
    let free = change(nobody).await;
    assert_eq!(free.0, 200);
    assert_eq!(change(fresh).await, free, "change-email to an address that is taken");

    // Links: of nobody, of somebody who is gone, expired or forged, they are one refusal to a stranger.
    let forged = format!("/api/auth/reset-password/{}?callbackURL=%2Fr", "x".repeat(24));
    assert!(api.get(&forged).await.header("location").contains("error=INVALID_TOKEN"));
    assert_eq!(mails_with(&system, nobody, "/reset-password/"), 0, "nobody is mailed");
    for token in ["x", &"x".repeat(200), "e30.e30.e30"] {
        let answer = api.get(&format!("/api/auth/verify-email?token={token}")).await;
        assert_code(&answer, 401, "INVALID_TOKEN");
    }

    // The lock is the same for an address without an account.
    for email in [fresh, nobody] {
        while sign_in(api, email, WRONG_PASSWORD).await.status.as_u16() == 401 {}
    }
    let locked = told(&sign_in(api, nobody, WRONG_PASSWORD).await);
    assert_eq!(locked.1["code"], "ACCOUNT_LOCKED", "{locked:?}");
    assert_eq!(told(&sign_in(api, fresh, WRONG_PASSWORD).await), locked);
    assert_eq!(told(&sign_in(api, fresh, PASSWORD).await), locked, "right or wrong is not told");
    let taken = json!({ "name": "Ada", "email": ADA, "password": PASSWORD });
    let taken = api.post("/api/auth/sign-up/email", &taken).await;
    assert_code(&taken, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    system.assert_no_panic();
}

/// Interleaved requests, so that both samples see the same machine; medians, so that a stall counts for
/// one request. Without a hash for unknown addresses theirs would be many times faster.
#[tokio::test(flavor = "multi_thread")]
async fn line_08_the_time_of_an_answer_does_not_tell_either() {
    const PEOPLE: usize = 10;
    let plan = System::plan("line_08_time").variable("AUTH_LIMITS", "off");
    let system = plan.start().await;
    let known: Vec<String> = (0..PEOPLE).map(|nth| format!("ada{nth}@school.example")).collect();
    for email in &known {
        Visitor::new(&system).sign_up(email).await.expect(200);
    }
    let timed = async |email: &str, status: u16| {
        let started = Instant::now();
        let answer = sign_in(&system.api, email, WRONG_PASSWORD).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        started.elapsed()
    };
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    // Guesses that are looked at, then guesses at what is locked.
    for (rounds, status) in [(ALLOWED - 1, 401), (1, 429), (4, 429)] {
        for _ in 0..rounds {
            for (nth, email) in known.iter().enumerate() {
                of_known.push(timed(email, status).await);
                of_unknown.push(timed(&format!("nobody{nth}@school.example"), status).await);
            }
        }
        assert_alike(&mut of_known, &mut of_unknown, status);
    }
    let ask = async |email: &str| {
        let started = Instant::now();
        system.api.post("/api/auth/request-password-reset", &json!({ "email": email })).await.expect(200);
        started.elapsed()
    };
    for (nth, email) in known.iter().enumerate() {
        of_known.push(ask(email).await);
        of_unknown.push(ask(&format!("stranger{nth}@school.example")).await);
    }
    assert_alike(&mut of_known, &mut of_unknown, 200);
    system.assert_no_panic();
}

#[track_caller]
fn assert_alike(known: &mut Vec<Duration>, unknown: &mut Vec<Duration>, status: u16) {
    let median = |sample: &mut Vec<Duration>| {
        sample.sort();
        sample[sample.len() / 2].as_secs_f64()
    };
    let (of_known, of_unknown) = (median(known), median(unknown));
    let ratio = of_known / of_unknown;
    // Shorter than what a network adds by itself, or within half.
    let close = (of_known - of_unknown).abs() < 0.004;
    assert!(close || (0.6..1.7).contains(&ratio), "{status}: {of_known} s, {of_unknown} s");
    known.clear();
    unknown.clear();
}

/// A place where a password is asked for, and how it refuses a wrong one.
const PATHS: [(&str, u16); 4] =
    [("/sign-in/email", 401), ("/verify-password", 400), ("/change-password", 400), ("/delete-user", 400)];

fn guess(visitor: &Visitor, path: &str, email: &str, password: &str) -> reqwest::RequestBuilder {
    let body = match path {
        "/change-password" => json!({ "currentPassword": password, "newPassword": OTHER_PASSWORD }),
        _ => json!({ "email": email, "password": password }),
    };
    visitor.request(Method::POST, &format!("/api/auth{path}")).json(&body)
}

/// 32 guesses side by side, over every path and both instances: no more are looked at than one after the
/// other would be, the lock holds on every path, and it survives the processes that set it.
#[tokio::test(flavor = "multi_thread")]
async fn line_09_guesses_side_by_side_over_every_path_and_instance_gain_nothing() {
    let mut system = System::plan("line_09").replicas().start().await;
    let mut ada = verified(&system, ADA).await;
    // The thief of a session, not of the device.
    ada.forget("known_device");
    let gateways: Vec<Api> = system.gateways().into_iter().cloned().collect();
    let guesses = (0..32).map(|nth| {
        let (path, _) = PATHS[nth % PATHS.len()];
        let thief = ada.at(&gateways[nth / PATHS.len() % 2]);
        Answer::of(guess(&thief, path, ADA, WRONG_PASSWORD))
    });
    let answers = futures::future::join_all(guesses).await;
    let wrong = answers.iter().filter(|answer| matches!(answer.status.as_u16(), 400 | 401)).count();
    let codes: Vec<String> = answers.iter().map(|answer| text(&answer.json(), "code")).collect();
    assert!(wrong < ALLOWED, "{wrong} guesses were told to be wrong: {codes:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 400 | 401 | 429)), "{codes:?}");
    let pool = system.postgres.pool();
    let looked_at: i64 = sqlx::query_scalar(
        "select coalesce(max(failures), 0)::bigint from identity.sign_in_guards where failures > 0",
    )
    .fetch_one(&pool)
    .await
    .expect("the guards");
    assert_eq!(looked_at, i64::try_from(ALLOWED).expect("a small number"));
    assert_eq!(ledger::count(&pool, "identity", "user.locked").await, 1, "it locks once");

    locked_everywhere(&ada, &gateways).await;
    for name in ["identity", "identity-2", "gateway", "gateway-2"] {
        system.kill(name);
    }
    for name in ["identity", "identity-2", "gateway", "gateway-2"] {
        system.restart(name).await;
    }
    locked_everywhere(&ada, &gateways).await;
    assert_eq!(ada.user().await["email"], ADA, "a lock ends no session");
    system.assert_no_panic();
}

/// The right password is refused, too.
async fn locked_everywhere(thief: &Visitor, gateways: &[Api]) {
    for gateway in gateways {
        for (path, _) in PATHS {
            let answer = Answer::of(guess(&thief.at(gateway), path, ADA, PASSWORD)).await;
            assert_code(&answer, 429, "ACCOUNT_LOCKED");
            assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds <= 1800));
        }
    }
}

/// Each path counts, for itself and for the others.
#[tokio::test(flavor = "multi_thread")]
async fn line_09_every_path_counts_and_a_reset_token_cannot_be_guessed() {
    let system = System::plan("line_09_paths").start().await;
    for (path, wrong) in PATHS {
        let email = format!("ada-{}@school.example", path.replace('/', ""));
        let mut ada = verified(&system, &email).await;
        ada.forget("known_device");
        for nth in 1..ALLOWED {
            let answer = Answer::of(guess(&ada, path, &email, WRONG_PASSWORD)).await;
            assert_eq!(answer.status.as_u16(), wrong, "{path} {nth}: {}", answer.text());
        }
        // The last of them at another path, then nothing is looked at any more.
        let other = if path == "/sign-in/email" { "/verify-password" } else { "/sign-in/email" };
        for path in [other, path, other] {
            let answer = Answer::of(guess(&ada, path, &email, WRONG_PASSWORD)).await;
            assert_code(&answer, 429, "ACCOUNT_LOCKED");
        }
        assert_code(&Answer::of(guess(&ada, path, &email, PASSWORD)).await, 429, "ACCOUNT_LOCKED");
        // The owner of the mailbox gets in all the same.
        super::people::reset_password(&system, &email, OTHER_PASSWORD).await;
        Visitor::new(&system).sign_in(&email, OTHER_PASSWORD).await.expect(200);
        // And learns of the guesses.
        intellistack_e2e::eventually("a mail about the lock", || async {
            system.mail.to(&email).into_iter().find(|mail| mail.subject.to_lowercase().contains("lock"))
        })
        .await;
    }
    system.assert_no_panic();
}

/// Strangers lock themselves out of an address, not its owner.
#[tokio::test(flavor = "multi_thread")]
async fn line_09_strangers_do_not_lock_out_the_device_of_the_owner() {
    let system = System::plan("line_09_device").start().await;
    let mut ada = verified(&system, ADA).await;
    let mut mallory = verified(&system, "mallory@evil.example").await;
    let mut stranger = Visitor::new(&system);
    while stranger.sign_in(ADA, WRONG_PASSWORD).await.status.as_u16() == 401 {}
    assert_code(&stranger.sign_in(ADA, PASSWORD).await, 429, "ACCOUNT_LOCKED");

    ada.post("/api/auth/sign-out", &json!({})).await.expect(200);
    ada.sign_in(ADA, PASSWORD).await.expect(200);
    assert_code(&stranger.sign_in(ADA, PASSWORD).await, 429, "ACCOUNT_LOCKED");

    // A device of one's own is none of somebody else's, nor is a made-up one.
    assert_code(&mallory.sign_in(ADA, PASSWORD).await, 429, "ACCOUNT_LOCKED");
    let known = ada.cookie("known_device").expect("a device").clone();
    let (value, signature) = known.split_once('.').expect("a signed value");
    for forged in [value.to_owned(), format!("{value}x.{signature}"), format!("x{known}")] {
        stranger.plant("known_device", &forged);
        assert_code(&stranger.sign_in(ADA, PASSWORD).await, 429, "ACCOUNT_LOCKED");
    }

    // With the stolen device there are five guesses more, not any number.
    let mut thief = Visitor::new(&system);
    thief.plant("known_device", &known);
    let mut wrong = 0;
    while thief.sign_in(ADA, WRONG_PASSWORD).await.status.as_u16() == 401 {
        wrong += 1;
        assert!(wrong < ALLOWED, "guesses of a known device are counted");
    }
    assert_code(&thief.sign_in(ADA, PASSWORD).await, 429, "ACCOUNT_LOCKED");
    // The mailed token cannot be guessed: each is refused, and a wrong one uses nothing up.
    system.api.post("/api/auth/request-password-reset", &json!({ "email": ADA })).await.expect(200);
    let link = mail_with(&system, ADA, "/reset-password/").await;
    for nth in 0..10 {
        let body = json!({ "token": format!("{nth:024}"), "newPassword": OTHER_PASSWORD });
        assert_code(&system.api.post("/api/auth/reset-password", &body).await, 400, "INVALID_TOKEN");
    }
    let link = link.link();
    let token = link.split('?').next().and_then(|path| path.rsplit('/').next()).expect("a token");
    assert!(token.len() >= 24, "as long as the contract's");
    let body = json!({ "token": token, "newPassword": OTHER_PASSWORD });
    system.api.post("/api/auth/reset-password", &body).await.expect(200);
    ada.sign_in(ADA, OTHER_PASSWORD).await.expect(200);
    system.assert_no_panic();
}
