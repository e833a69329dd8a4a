use api::identity::{
    EditUserRequest, RequestEmailVerificationRequest, SignUpRequest, VerifyEmailRequest, VerifyEmailResponse,
};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Error, ErrorCode};

use crate::env::{Env, from_browser, sign_up_request};

const ADA: &str = "ada@example.com";

/// The token of the link in a mail.
pub fn token_of(mail: &str) -> String {
    let (_, link) = mail.split_once("https://learn.example.com/api/auth/verify-email?token=").unwrap();
    link.split('&').next().unwrap().to_owned()
}

pub async fn verify(env: &Env, token: &str) -> Result<VerifyEmailResponse, Error> {
    let request = VerifyEmailRequest {
        token: token.to_owned(),
        client: Some(from_browser()),
        callback_url: String::new(),
        ..VerifyEmailRequest::default()
    };
    let answer = env.client.clone().verify_email(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| api::from_status(&status))
}

async fn ask(env: &Env, email: &str) -> Result<(), Error> {
    let request = RequestEmailVerificationRequest {
        email: email.to_owned(),
        callback_url: "/verified".to_owned(),
        client: Some(from_browser()),
    };
    env.client
        .clone()
        .request_email_verification(request)
        .await
        .map(drop)
        .map_err(|status| api::from_status(&status))
}

#[tokio::test]
async fn the_mailed_link_proves_the_address_and_may_be_opened_again() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    let mails = env.delivered().await;
    background.stop().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.contains("To: ada@example.com\r\n"), "{mail}");
    assert!(mail.contains("From: IntelliStack <no-reply@example.com>\r\n"), "{mail}");
    assert!(mail.contains("Date: Mon, 05 Jan 2026 09:00:00 +0000\r\n"), "{mail}");
    assert!(mail.contains("&callbackURL=%2Fverified"), "{mail}");

    let token = token_of(mail);
    env.clock.advance(TimeDelta::minutes(59));
    let first = verify(&env, &token).await.unwrap();
    assert!(!first.already_verified);
    let verified = first.user.unwrap();
    assert!(verified.email_verified && verified.id == user.id);
    assert!(verify(&env, &token).await.unwrap().already_verified);
    assert!(env.sign_in(ADA, crate::env::PASSWORD).await.unwrap().email_verified);
    let types = env.event_types(&format!("user-{}", user.id)).await;
    assert_eq!(types.iter().filter(|kind| *kind == "user.email_verified").count(), 1);
}

#[tokio::test]
async fn of_fifty_openings_at_once_one_verifies() {
    let env = Env::start().await;
    let background = env.background().await;
    env.sign_up(ADA).await.unwrap();
    let token = token_of(&env.delivered().await[0]);
    background.stop().await;
    let answers = join_all((0..50).map(|_| verify(&env, &token))).await;
    let first = answers.iter().filter(|answer| !answer.as_ref().unwrap().already_verified).count();
    assert_eq!(first, 1);
}

#[tokio::test]
async fn a_tampered_or_expired_link_proves_nothing() {
    let env = Env::start().await;
    let background = env.background().await;
    env.sign_up(ADA).await.unwrap();
    let token = token_of(&env.delivered().await[0]);
    background.stop().await;
    let mut tampered = token.clone();
    let middle = token.len() / 2;
    let other = if &token[middle..=middle] == "A" { "B" } else { "A" };
    tampered.replace_range(middle..=middle, other);
    for bad in [tampered.as_str(), "", "nonsense"] {
        let error = verify(&env, bad).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::Unauthenticated, "INVALID_TOKEN"), "{bad}");
    }
    env.clock.advance(TimeDelta::hours(1));
    let error = verify(&env, &token).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::Unauthenticated, "TOKEN_EXPIRED"));
    assert!(!env.sign_in(ADA, crate::env::PASSWORD).await.unwrap().email_verified);
}

#[tokio::test]
async fn a_link_for_an_address_the_account_no_longer_has_proves_nothing() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    let token = token_of(&env.delivered().await[0]);
    background.stop().await;
    let actor = env.admin("grace@example.com").await;
    let edit = EditUserRequest {
        actor: Some(actor),
        user_id: user.id,
        email: Some("other@example.com".to_owned()),
        ..EditUserRequest::default()
    };
    env.admin.clone().edit_user(edit).await.unwrap();
    let error = verify(&env, &token).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::Unauthenticated, "USER_NOT_FOUND"));
}

#[tokio::test]
async fn mails_to_one_address_are_a_minute_apart() {
    let env = Env::start().await;
    env.sign_up(ADA).await.unwrap();
    ask(&env, ADA).await.unwrap();
    env.clock.advance(TimeDelta::seconds(60));
    let asked = join_all((0..5).map(|_| ask(&env, ADA))).await;
    assert!(asked.iter().all(Result::is_ok));
    let background = env.background().await;
    assert_eq!(env.delivered().await.len(), 2, "one for the sign-up, one for the five requests");
    background.stop().await;
}

#[tokio::test]
async fn nobody_learns_whether_an_address_has_an_account() {
    let env = Env::start().await;
    let background = env.background().await;
    env.sign_up(ADA).await.unwrap();
    let token = token_of(&env.delivered().await[0]);
    verify(&env, &token).await.unwrap();
    env.clock.advance(TimeDelta::hours(2));
    ask(&env, ADA).await.unwrap();
    ask(&env, "nobody@example.com").await.unwrap();
    assert_eq!(env.delivered().await.len(), 1, "nothing was mailed to either");
    assert_eq!(ask(&env, "no address").await.unwrap_err().reason, "INVALID_EMAIL");
    background.stop().await;
}

#[tokio::test]
async fn each_mail_is_sent_once_though_two_workers_run_and_one_is_restarted() {
    let env = Env::start().await;
    let (first, second) = (env.background().await, env.background().await);
    for n in 0..10 {
        env.sign_up(&format!("user{n}@example.com")).await.unwrap();
    }
    assert_eq!(env.delivered().await.len(), 10);
    first.stop().await;
    second.stop().await;
    let attempts: Vec<i32> =
        sqlx::query_scalar("select attempts from effects").fetch_all(&env.pool()).await.unwrap();
    assert_eq!(attempts, [1; 10]);

    // A worker that died between sending and recording: the same mail again, not another one.
    sqlx::query("update effects set state = 'pending'").execute(&env.pool()).await.unwrap();
    let third = env.background().await;
    assert_eq!(env.delivered().await.len(), 10);
    third.stop().await;
}

#[tokio::test]
async fn a_name_cannot_write_html_into_the_mail() {
    let env = Env::start().await;
    let background = env.background().await;
    let request = SignUpRequest { name: "<img src=x onerror=alert(1)>".to_owned(), ..sign_up_request(ADA) };
    env.client.clone().sign_up(request).await.unwrap();
    let mail = env.delivered().await.pop().unwrap();
    background.stop().await;
    let (_, html) = mail.split_once("text/html").unwrap();
    assert!(html.contains("&#60;img src"), "{html}");
    assert!(!html.contains("<img"), "{html}");
}
