use api::identity::verify_email_response::Outcome;
use api::identity::{ChangeEmailRequest, EndOwnSessionsRequest, VerifyEmailRequest, VerifyEmailResponse};
use chrono::TimeDelta;
use kernel::Error;

use crate::env::{Env, PASSWORD, from_browser};
use crate::verification::{token_of, verify as open};

const ADA: &str = "ada@example.com";
const NEW: &str = "countess@example.com";

async fn change(env: &Env, user: &str, to: &str) -> Result<(), Error> {
    let request = ChangeEmailRequest {
        user_id: user.to_owned(),
        new_email: to.to_owned(),
        callback_url: "/account".to_owned(),
        client: Some(from_browser()),
    };
    let answer = env.client.clone().change_email(request).await;
    answer.map(drop).map_err(|status| api::from_status(&status))
}

async fn follow(env: &Env, token: &str) -> Result<VerifyEmailResponse, Error> {
    let request = VerifyEmailRequest {
        token: token.to_owned(),
        client: Some(from_browser()),
        callback_url: "/account".to_owned(),
        ..VerifyEmailRequest::default()
    };
    let answer = env.client.clone().verify_email(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| api::from_status(&status))
}

/// The newest mail to an address.
async fn mail_to(env: &Env, address: &str) -> Option<String> {
    let to = format!("To: {address}\r\n");
    env.delivered().await.into_iter().rfind(|mail| mail.contains(&to))
}

async fn verified(env: &Env) -> String {
    let user = env.sign_up(ADA).await.unwrap();
    open(env, &token_of(&mail_to(env, ADA).await.unwrap())).await.unwrap();
    env.clock.advance(TimeDelta::seconds(61));
    user.id
}

#[tokio::test]
async fn both_owners_of_the_addresses_agree_to_a_change() {
    let env = Env::start().await;
    let background = env.background().await;
    let id = verified(&env).await;
    change(&env, &id, NEW).await.unwrap();
    assert_eq!(mail_to(&env, NEW).await, None, "the old address is asked first");

    let confirm = token_of(&mail_to(&env, ADA).await.unwrap());
    let confirmed = follow(&env, &confirm).await.unwrap();
    assert_eq!(confirmed.outcome(), Outcome::ChangeConfirmed);
    assert_eq!(confirmed.user.unwrap().email, ADA);

    env.clock.advance(TimeDelta::seconds(1));
    let prove = token_of(&mail_to(&env, NEW).await.unwrap());
    let changed = follow(&env, &prove).await.unwrap();
    assert_eq!(changed.outcome(), Outcome::EmailChanged);
    let user = changed.user.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), (NEW, true));
    assert_eq!(follow(&env, &prove).await.unwrap().outcome(), Outcome::EmailChanged, "opened twice");

    env.sign_in(NEW, PASSWORD).await.unwrap();
    env.sign_in(ADA, PASSWORD).await.unwrap_err();
    let notice = mail_to(&env, ADA).await.unwrap();
    assert!(!notice.contains("verify-email"), "the old address is told: {notice}");
    background.stop().await;
}

#[tokio::test]
async fn an_unproven_address_is_not_asked() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    change(&env, &user.id, NEW).await.unwrap();
    let prove = token_of(&mail_to(&env, NEW).await.unwrap());
    assert_eq!(follow(&env, &prove).await.unwrap().outcome(), Outcome::EmailChanged);
    assert!(!env.user(&user.id).await.unwrap().email_verified, "as the contract has it");
    background.stop().await;
}

#[tokio::test]
async fn whether_the_new_address_is_taken_is_not_told() {
    let env = Env::start().await;
    let background = env.background().await;
    let id = verified(&env).await;
    env.sign_up(NEW).await.unwrap();
    let mails = env.delivered().await.len();
    change(&env, &id, NEW).await.unwrap();
    assert_eq!(env.delivered().await.len(), mails);
    assert_eq!(change(&env, &id, "ADA@example.com").await.unwrap_err().reason, "EMAIL_IS_THE_SAME");
    background.stop().await;
}

#[tokio::test]
async fn who_proves_an_address_first_has_it() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    change(&env, &user.id, NEW).await.unwrap();
    let prove = token_of(&mail_to(&env, NEW).await.unwrap());
    env.sign_up(NEW).await.unwrap();
    assert_eq!(follow(&env, &prove).await.unwrap_err().reason, "INVALID_TOKEN");
    assert_eq!(env.user(&user.id).await.unwrap().email, ADA);
    background.stop().await;
}

#[tokio::test]
async fn a_pending_change_does_not_survive_a_new_password() {
    let env = Env::start().await;
    let background = env.background().await;
    let id = verified(&env).await;
    change(&env, &id, NEW).await.unwrap();
    let confirm = token_of(&mail_to(&env, ADA).await.unwrap());
    let actor = env.admin("grace@example.com").await;
    let request = api::identity::SetUserPasswordRequest {
        actor: Some(actor),
        user_id: id,
        new_password: "Another-Pony-88".to_owned(),
    };
    env.admin.clone().set_user_password(request).await.unwrap();
    assert_eq!(follow(&env, &confirm).await.unwrap_err().reason, "INVALID_TOKEN");
    background.stop().await;
}

/// Somebody signs up with the address of another and asks for a change to their own; the owner of
/// the address proves it. What was asked for before is void.
#[tokio::test]
async fn a_pending_change_does_not_survive_the_first_proof_of_the_address() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    let proof = token_of(&mail_to(&env, ADA).await.unwrap());
    change(&env, &user.id, NEW).await.unwrap();
    let stolen = token_of(&mail_to(&env, NEW).await.unwrap());
    open(&env, &proof).await.unwrap();
    assert_eq!(follow(&env, &stolen).await.unwrap_err().reason, "INVALID_TOKEN");
    let user = env.user(&user.id).await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), (ADA, true));
    background.stop().await;
}

/// One mail to the new address for each agreement: who holds the link cannot flood a stranger with it.
#[tokio::test]
async fn however_often_the_old_address_agrees_the_new_one_gets_one_mail() {
    let env = Env::start().await;
    let background = env.background().await;
    let id = verified(&env).await;
    change(&env, &id, NEW).await.unwrap();
    let confirm = token_of(&mail_to(&env, ADA).await.unwrap());
    for _ in 0..5 {
        assert_eq!(follow(&env, &confirm).await.unwrap().outcome(), Outcome::ChangeConfirmed);
    }
    let to = format!("To: {NEW}\r\n");
    assert_eq!(env.delivered().await.iter().filter(|mail| mail.contains(&to)).count(), 1);
    // A newer request voids the older one, and is agreed to by itself.
    env.clock.advance(TimeDelta::seconds(11));
    change(&env, &id, "third@example.com").await.unwrap();
    assert_eq!(follow(&env, &confirm).await.unwrap_err().reason, "INVALID_TOKEN");
    background.stop().await;
}

/// Who ends the other sessions may have found a stranger in one of them.
#[tokio::test]
async fn a_pending_change_ends_with_the_sessions_it_was_asked_for_in() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    change(&env, &user.id, NEW).await.unwrap();
    let stolen = token_of(&mail_to(&env, NEW).await.unwrap());
    let request = EndOwnSessionsRequest {
        user_id: user.id.clone(),
        spared_session_id: "mine".to_owned(),
        client: Some(from_browser()),
        ..EndOwnSessionsRequest::default()
    };
    env.client.clone().end_own_sessions(request).await.unwrap();
    assert_eq!(follow(&env, &stolen).await.unwrap_err().reason, "INVALID_TOKEN");
    let after = env.user(&user.id).await.unwrap();
    assert_eq!((after.session_epoch, after.spared_session_id.as_str()), (user.session_epoch + 1, "mine"));
    background.stop().await;
}

/// A link that leaves late is no better than one that left at once.
#[tokio::test]
async fn a_change_that_was_asked_for_before_the_proof_is_void_though_its_mail_leaves_later() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    let background = env.background().await;
    let proof = token_of(&mail_to(&env, ADA).await.unwrap());
    background.stop().await;
    change(&env, &user.id, NEW).await.unwrap();
    open(&env, &proof).await.unwrap();
    let background = env.background().await;
    let stolen = token_of(&mail_to(&env, NEW).await.unwrap());
    assert_eq!(follow(&env, &stolen).await.unwrap_err().reason, "INVALID_TOKEN");
    background.stop().await;
}

#[tokio::test]
async fn a_change_is_not_agreed_to_where_somebody_else_is_signed_in() {
    let env = Env::start().await;
    let background = env.background().await;
    let id = verified(&env).await;
    change(&env, &id, NEW).await.unwrap();
    let confirm = token_of(&mail_to(&env, ADA).await.unwrap());
    let opened_by = |user: &str| VerifyEmailRequest {
        token: confirm.clone(),
        session_user_id: user.to_owned(),
        ..VerifyEmailRequest::default()
    };
    let refused = env.client.clone().verify_email(opened_by("somebody-else")).await.unwrap_err();
    assert_eq!(api::from_status(&refused).reason, "INVALID_USER");
    env.client.clone().verify_email(opened_by(&id)).await.unwrap();
    background.stop().await;
}
