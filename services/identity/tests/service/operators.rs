use api::common::Role;
use api::events::identity::UserRegistered;
use identity::{NewUser, create_user};
use kernel::UserId;

use crate::env::{Env, PASSWORD};

fn new_user(email: &str, password: &str) -> NewUser {
    NewUser {
        email: email.to_owned(),
        name: "Grace".to_owned(),
        role: kernel::Role::Admin,
        password: password.into(),
        verified: true,
    }
}

async fn create(env: &Env, user: NewUser) -> Result<(UserId, bool), kernel::Error> {
    create_user(env.operator(), user).await
}

#[tokio::test]
async fn an_operator_creates_a_verified_admin_once() {
    let env = Env::start().await;
    let (id, created) = create(&env, new_user("Grace@example.com", PASSWORD)).await.unwrap();
    assert!(created);
    let user = env.sign_in("grace@example.com", PASSWORD).await.unwrap();
    assert_eq!((user.id.as_str(), user.role(), user.email_verified), (id.as_str(), Role::Admin, true));

    let again = create(&env, new_user("grace@example.com", "Another-Pass-99")).await.unwrap();
    assert_eq!(again, (id, false));
    env.sign_in("grace@example.com", PASSWORD).await.unwrap();

    let registered = env.events::<UserRegistered>("user.registered").await;
    let [(_, event)] = registered.as_slice() else { panic!("{registered:?}") };
    assert_eq!(
        (event.method.as_str(), event.role.as_str(), event.email_verified),
        ("operator", "admin", true)
    );
    assert!(env.mails().is_empty());
}

#[tokio::test]
async fn two_operators_at_once_create_one_account() {
    let env = Env::start().await;
    let both = (
        create(&env, new_user("g@example.com", PASSWORD)),
        create(&env, new_user("g@example.com", PASSWORD)),
    );
    let (one, other) = futures::join!(both.0, both.1);
    let ((one, one_created), (other, other_created)) = (one.unwrap(), other.unwrap());
    assert_eq!(one, other);
    assert!(one_created != other_created);
}

#[tokio::test]
async fn the_password_policy_holds_for_operators() {
    let env = Env::start().await;
    let error = create(&env, new_user("g@example.com", "short")).await.unwrap_err();
    assert_eq!(error.reason, "PASSWORD_TOO_WEAK");
}
