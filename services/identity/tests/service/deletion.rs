use api::identity::delete_user_request::Proof;
use api::identity::{
    DeleteUserRequest, FindSubjectsRequest, ListEpochsRequest, RequestDeletionRequest, UpdateUserRequest,
};
use chrono::{DateTime, TimeDelta};
use futures::future::join_all;
use kernel::Error;

use crate::env::{Env, PASSWORD, from_browser};

const ADA: &str = "ada@example.com";

async fn delete(env: &Env, user: &str, proof: Proof) -> Result<(), Error> {
    let request = DeleteUserRequest {
        user_id: user.to_owned(),
        proof: Some(proof),
        device_token: String::new(),
        client: Some(from_browser()),
    };
    let answer = env.client.clone().delete_user(request).await;
    answer.map(drop).map_err(|status| api::from_status(&status))
}

async fn mailed_token(env: &Env, user: &str) -> String {
    let request = RequestDeletionRequest {
        user_id: user.to_owned(),
        callback_url: "/bye".to_owned(),
        client: Some(from_browser()),
    };
    env.client.clone().request_deletion(request).await.unwrap();
    let link = "https://learn.example.com/api/auth/delete-user/callback?token=";
    let mails = env.delivered().await;
    let (_, rest) = mails.iter().rev().find_map(|mail| mail.split_once(link)).unwrap();
    rest.split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn nothing_of_a_person_stands_in_clear_and_nothing_can_be_opened_after_the_erasure() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    env.sign_in(ADA, "Wrong-Horse-99").await.unwrap_err();
    env.sign_in(ADA, PASSWORD).await.unwrap();
    env.sign_in("nobody@example.com", PASSWORD).await.unwrap_err();
    let request = UpdateUserRequest {
        user_id: user.id.clone(),
        name: Some("Augusta Byron".to_owned()),
        image: Some("https://example.com/augusta.png".to_owned()),
        clear_image: false,
        client: Some(from_browser()),
    };
    env.client.clone().update_user(request).await.unwrap();
    env.delivered().await;
    let said = ["ada@", "Lovelace", "Augusta", "augusta.png", "192.0.2.7", "a browser", "nobody@"];
    // Bytes are printed in hexadecimal.
    let hidden = |all: &str| said.map(|text| !all.contains(text) && !all.contains(&hex::encode(text)));
    assert_eq!(hidden(&env.everything().await), [true; 7]);

    delete(&env, &user.id, Proof::Password(PASSWORD.to_owned())).await.unwrap();
    let all = env.everything().await;
    assert_eq!(hidden(&all), [true; 7]);
    let keys: Vec<String> =
        sqlx::query_scalar("select subject from subject_keys").fetch_all(&env.pool()).await.unwrap();
    assert!(keys.iter().all(|subject| *subject != user.id), "{keys:?}");
    for table in ["users", "credentials", "linked_accounts", "mailed_tokens"] {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&env.pool()).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(env.user(&user.id).await.unwrap_err().reason, "USER_NOT_FOUND");
    assert_eq!(env.sign_in(ADA, PASSWORD).await.unwrap_err().reason, "INVALID_EMAIL_OR_PASSWORD");
    let types = env.event_types(&format!("user-{}", user.id)).await;
    assert_eq!(types.last().map(String::as_str), Some("user.erased"));
    let request = ListEpochsRequest { changed_since: Some(api::timestamp(DateTime::UNIX_EPOCH)) };
    let epochs = env.client.clone().list_epochs(request).await.unwrap().into_inner().epochs;
    let [epoch] = epochs.as_slice() else { panic!("{epochs:?}") };
    assert!(epoch.erased && epoch.user_id == user.id && epoch.session_epoch > user.session_epoch);
    background.stop().await;

    // The address is free for whoever comes next, and it is another person.
    let next = env.sign_up(ADA).await.unwrap();
    assert_ne!(next.id, user.id);
}

#[tokio::test]
async fn a_mailed_token_deletes_its_own_user_once_within_a_day() {
    let env = Env::start().await;
    let background = env.background().await;
    let ada = env.sign_up(ADA).await.unwrap();
    let eve = env.sign_up("eve@example.com").await.unwrap();
    let token = mailed_token(&env, &ada.id).await;
    assert!(token.len() == 32, "{token}");
    for (user, bad) in [(&eve.id, token.as_str()), (&ada.id, ""), (&ada.id, "nonsense")] {
        let error = delete(&env, user, Proof::Token(bad.to_owned())).await.unwrap_err();
        assert_eq!(error.reason, "INVALID_TOKEN");
    }
    env.clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    let uses = join_all((0..8).map(|_| delete(&env, &ada.id, Proof::Token(token.clone())))).await;
    assert_eq!(uses.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    env.user(&eve.id).await.unwrap();
    background.stop().await;
}

#[tokio::test]
async fn a_wrong_password_deletes_nobody() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    let error = delete(&env, &user.id, Proof::Password("Wrong-Horse-99".to_owned())).await.unwrap_err();
    assert_eq!(error.reason, "INVALID_PASSWORD");
    let error = delete(&env, &user.id, Proof::FreshSession(false)).await.unwrap_err();
    assert_eq!(error.reason, "INVALID_PASSWORD");
    env.user(&user.id).await.unwrap();
    delete(&env, &user.id, Proof::FreshSession(true)).await.unwrap();
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let env = Env::start().await;
    let grace = env.admin("grace@example.com").await;
    let error = delete(&env, &grace.user_id, Proof::FreshSession(true)).await.unwrap_err();
    assert_eq!(error.reason, "LAST_ADMIN");
    env.user(&grace.user_id).await.unwrap();
    // Of two that leave at once one stays.
    let alan = env.admin("alan@example.com").await;
    let both = [&grace.user_id, &alan.user_id].map(|id| delete(&env, id, Proof::FreshSession(true)));
    let left = join_all(both).await;
    assert_eq!(left.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{left:?}");
}

#[tokio::test]
async fn the_subjects_of_an_address_are_its_user_and_itself() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    let find = async |email: &str| {
        let request = FindSubjectsRequest { email: email.to_owned() };
        env.client.clone().find_subjects(request).await.unwrap().into_inner().subjects
    };
    let subjects = find("ADA@example.com").await;
    assert_eq!(subjects.len(), 2);
    assert_eq!(subjects[0], user.id);
    assert_eq!(find("nobody@example.com").await.len(), 1);
    assert!(find("nonsense").await.is_empty());
}

/// Anybody may sign up with anybody's address, and must not flood it.
#[tokio::test]
async fn the_mail_that_confirms_a_deletion_leaves_once_a_minute() {
    let env = Env::start().await;
    let background = env.background().await;
    let user = env.sign_up(ADA).await.unwrap();
    let before = env.delivered().await.len();
    let first = mailed_token(&env, &user.id).await;
    for _ in 0..3 {
        assert_eq!(mailed_token(&env, &user.id).await, first);
    }
    assert_eq!(env.delivered().await.len(), before + 1);
    env.clock.advance(TimeDelta::seconds(61));
    assert_ne!(mailed_token(&env, &user.id).await, first);
    background.stop().await;
}
