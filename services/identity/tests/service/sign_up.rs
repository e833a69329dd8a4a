use api::common::Role;
use api::events::identity::UserRegistered;
use api::identity::{GetUserRequest, SignUpRequest};
use futures::future::join_all;
use kernel::ErrorCode;

use crate::env::{Env, PASSWORD, SECRET, sign_up, sign_up_request};

#[tokio::test]
async fn who_signs_up_is_an_unverified_student_under_a_lower_case_address() {
    let env = Env::start().await;
    let user = env.sign_up("Ada@Example.COM").await.unwrap();
    assert_eq!((user.email.as_str(), user.name.as_str()), ("ada@example.com", "Ada Lovelace"));
    assert_eq!((user.email_verified, user.role()), (false, Role::Student));
    assert_eq!(user.id.len(), 32);
    assert_eq!(
        env.event_types(&format!("user-{}", user.id)).await,
        ["user.registered", "user.verification_requested"]
    );
    let found = env.client.clone().get_user(GetUserRequest { user_id: user.id.clone() }).await.unwrap();
    assert_eq!(found.into_inner().user, Some(user));
    let unknown = env.client.clone().get_user(GetUserRequest { user_id: "nobody".to_owned() }).await;
    assert_eq!(api::from_status(&unknown.unwrap_err()).reason, "USER_NOT_FOUND");
}

#[tokio::test]
async fn of_twenty_sign_ups_for_one_address_exactly_one_succeeds() {
    let env = Env::start().await;
    let replica = env.replica().await;
    let racing = (0..20).map(|n| {
        let client = if n % 2 == 0 { env.client.clone() } else { replica.clone() };
        let email = if n % 3 == 0 { "Ada@example.com" } else { "ada@example.com" };
        async move { sign_up(client, email).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(racing).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
    for error in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.code, ErrorCode::AlreadyExists);
        assert_eq!(error.reason, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    }
    assert_eq!(
        env.events::<UserRegistered>("user.registered").await.len(),
        1,
        "a loser leaves no event behind"
    );
    let effects: i64 =
        sqlx::query_scalar("select count(*) from effects").fetch_one(&env.pool()).await.unwrap();
    assert_eq!(effects, 1);
}

#[tokio::test]
async fn what_is_not_valid_is_refused_with_its_reason() {
    let env = Env::start().await;
    let with = |change: fn(&mut SignUpRequest)| {
        let mut request = sign_up_request("ada@example.com");
        change(&mut request);
        request
    };
    for (request, reason, missing) in [
        (with(|r| r.email = "ada@example".to_owned()), "INVALID_EMAIL", None),
        (with(|r| r.email = "ada@example.com\r\nBcc: eve@example.com".to_owned()), "INVALID_EMAIL", None),
        (with(|r| r.name = " ".to_owned()), "INVALID_NAME", None),
        (with(|r| r.image = Some("javascript:alert(1)".to_owned())), "INVALID_IMAGE", None),
        (with(|r| r.password = "aB3$".to_owned()), "PASSWORD_TOO_SHORT", Some("length")),
        (
            with(|r| r.password = "password".to_owned()),
            "PASSWORD_TOO_WEAK",
            Some("length,uppercase,digit,special"),
        ),
        (with(|r| r.password = "aB3$".repeat(33)), "PASSWORD_TOO_LONG", None),
        (with(|r| r.callback_url = "/".repeat(3000)), "INVALID_CALLBACK_URL", None),
    ] {
        let status = env.client.clone().sign_up(request).await.unwrap_err();
        let error = api::from_status(&status);
        assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, reason));
        assert_eq!(error.metadata.get("missing").map(String::as_str), missing, "{reason}");
    }
    let events: i64 = sqlx::query_scalar("select count(*) from events").fetch_one(&env.pool()).await.unwrap();
    assert_eq!(events, 0);
}

#[tokio::test]
async fn no_secret_hash_or_token_is_in_any_event_or_effect() {
    let env = Env::start().await;
    let background = env.background().await;
    env.sign_up("ada@example.com").await.unwrap();
    env.sign_in("ada@example.com", PASSWORD).await.unwrap();
    env.sign_in("ada@example.com", "Wrong-Horse-99").await.unwrap_err();
    env.sign_in("nobody@example.com", "Wrong-Horse-99").await.unwrap_err();
    let mail = env.delivered().await.pop().unwrap();
    background.stop().await;
    let token = crate::verification::token_of(&mail);
    crate::verification::verify(&env, &token).await.unwrap();

    let hash: String =
        sqlx::query_scalar("select password_hash from credentials").fetch_one(&env.pool()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let mut stored: Vec<Vec<u8>> =
        sqlx::query_scalar("select data || convert_to(meta::text || stream, 'UTF8') from events")
            .fetch_all(&env.pool())
            .await
            .unwrap();
    assert_eq!(stored.len(), 6);
    let effects: Vec<Vec<u8>> = sqlx::query_scalar("select convert_to(effects::text, 'UTF8') from effects")
        .fetch_all(&env.pool())
        .await
        .unwrap();
    stored.extend(effects);
    let salt_and_hash: Vec<&str> = hash.rsplitn(3, '$').take(2).collect();
    let secrets =
        [PASSWORD, "Wrong-Horse-99", "$argon2", salt_and_hash[0], salt_and_hash[1], &token, "eyJ", SECRET];
    for secret in secrets {
        for bytes in &stored {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", String::from_utf8_lossy(bytes));
        }
    }
}
