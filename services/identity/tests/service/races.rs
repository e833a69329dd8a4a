//! A password that is replaced while it is being proven.
use api::identity::{ChangePasswordRequest, SignInRequest};
use kernel::Error;
use sqlx::{PgPool, Postgres, Transaction};

use crate::env::{Env, PASSWORD, from_browser};

const ADA: &str = "ada@example.com";

/// Keeps everybody else from the account's stream, as the command does that replaces the password.
async fn hold<'a>(pool: &'a PgPool, user: &str) -> Transaction<'a, Postgres> {
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended(current_schema() || '/user-' || $1, 0))")
        .bind(user)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx
}

/// Waits until the proof is done and what follows from it waits for the stream; then the password
/// becomes another one.
async fn replace(pool: &PgPool, mut tx: Transaction<'_, Postgres>) {
    testkit::eventually("a command waits for the stream", || async {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_locks where locktype = 'advisory' and not granted
               and database = (select oid from pg_database where datname = current_database())",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        (waiting > 0).then_some(())
    })
    .await;
    sqlx::query("update credentials set changed_at = changed_at + interval '1 second'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_sign_in_with_a_password_that_is_replaced_meanwhile_fails() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    let pool = env.pool();
    let held = hold(&pool, &user.id).await;
    let (signed_in, ()) = tokio::join!(env.sign_in(ADA, PASSWORD), replace(&pool, held));
    assert_eq!(signed_in.unwrap_err().reason, "INVALID_EMAIL_OR_PASSWORD");
}

#[tokio::test]
async fn of_two_changes_from_one_password_the_second_fails() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    let pool = env.pool();
    let held = hold(&pool, &user.id).await;
    let change = async {
        let request = ChangePasswordRequest {
            user_id: user.id.clone(),
            current_password: PASSWORD.to_owned(),
            new_password: "Another-Pony-88".to_owned(),
            client: Some(from_browser()),
            ..ChangePasswordRequest::default()
        };
        let answer = env.client.clone().change_password(request).await;
        answer.map_err(|status| api::from_status(&status))
    };
    let (changed, ()) = tokio::join!(change, replace(&pool, held));
    assert_eq!(changed.unwrap_err().reason, "INVALID_PASSWORD");
    env.sign_in(ADA, PASSWORD).await.unwrap();
}

/// The session service refuses the epoch of the proof once the user has left it.
#[tokio::test]
async fn a_sign_in_answers_the_epoch_in_which_the_password_was_proven() {
    let env = Env::start().await;
    let user = env.sign_up(ADA).await.unwrap();
    let pool = env.pool();
    let mut held = hold(&pool, &user.id).await;
    let request = SignInRequest {
        email: ADA.to_owned(),
        password: PASSWORD.to_owned(),
        client: Some(from_browser()),
        device_token: String::new(),
    };
    let signing_in = async {
        let answer = env.client.clone().sign_in(request).await;
        let answer = answer.map_err(|status| api::from_status(&status))?;
        Ok::<_, Error>(answer.into_inner().user.unwrap().session_epoch)
    };
    let ending = async {
        sqlx::query("update users set session_epoch = 7").execute(&mut *held).await.unwrap();
        held.commit().await.unwrap();
    };
    let (epoch, ()) = tokio::join!(signing_in, ending);
    assert_eq!(epoch, Ok(7));
}
