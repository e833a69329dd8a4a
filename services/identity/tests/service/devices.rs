use api::identity::{ChangePasswordRequest, SignInRequest, SignInResponse};
use kernel::Error;

use crate::env::{Env, PASSWORD, from_browser, sign_up_request};

const ADA: &str = "ada@example.com";
const WRONG: &str = "Wrong-Horse-99";

async fn sign_in(env: &Env, email: &str, password: &str, device: &str) -> Result<SignInResponse, Error> {
    let request = SignInRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        client: Some(from_browser()),
        device_token: device.to_owned(),
    };
    let answer = env.client.clone().sign_in(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| api::from_status(&status))
}

#[tokio::test]
async fn strangers_cannot_lock_out_a_device_on_which_the_user_signed_in_before() {
    let env = Env::start().await;
    env.sign_up(ADA).await.unwrap();
    let device = sign_in(&env, ADA, PASSWORD, "").await.unwrap().device_token;
    for _ in 0..5 {
        sign_in(&env, ADA, WRONG, "").await.unwrap_err();
    }
    assert_eq!(sign_in(&env, ADA, PASSWORD, "").await.unwrap_err().reason, "ACCOUNT_LOCKED");
    let again = sign_in(&env, ADA, PASSWORD, &device).await.unwrap();
    assert_eq!(again.device_token, device, "the device stays the same");
}

/// A newcomer never signed in before the first session ended.
#[tokio::test]
async fn strangers_cannot_lock_out_the_device_of_a_sign_up() {
    let env = Env::start().await;
    let signed_up = env.client.clone().sign_up(sign_up_request(ADA)).await.unwrap().into_inner();
    for _ in 0..5 {
        sign_in(&env, ADA, WRONG, "").await.unwrap_err();
    }
    assert_eq!(sign_in(&env, ADA, PASSWORD, "").await.unwrap_err().reason, "ACCOUNT_LOCKED");
    sign_in(&env, ADA, PASSWORD, &signed_up.device_token).await.unwrap();
}

/// Whoever knew the former password may have made any number of devices known.
#[tokio::test]
async fn no_device_stays_known_when_the_password_changes() {
    let env = Env::start().await;
    let ada = env.sign_up(ADA).await.unwrap();
    let former = sign_in(&env, ADA, PASSWORD, "").await.unwrap().device_token;
    let request = ChangePasswordRequest {
        user_id: ada.id,
        current_password: PASSWORD.to_owned(),
        new_password: "Another-Pony-88".to_owned(),
        client: Some(from_browser()),
        ..ChangePasswordRequest::default()
    };
    let changed = env.client.clone().change_password(request).await.unwrap().into_inner();
    for _ in 0..5 {
        sign_in(&env, ADA, WRONG, &former).await.unwrap_err();
    }
    let locked = sign_in(&env, ADA, "Another-Pony-88", &former).await.unwrap_err();
    assert_eq!(locked.reason, "ACCOUNT_LOCKED");
    sign_in(&env, ADA, "Another-Pony-88", &changed.device_token).await.unwrap();
}

#[tokio::test]
async fn a_known_device_has_five_guesses_too() {
    let env = Env::start().await;
    env.sign_up(ADA).await.unwrap();
    let device = sign_in(&env, ADA, PASSWORD, "").await.unwrap().device_token;
    for _ in 0..5 {
        sign_in(&env, ADA, WRONG, &device).await.unwrap_err();
    }
    assert_eq!(sign_in(&env, ADA, PASSWORD, &device).await.unwrap_err().reason, "ACCOUNT_LOCKED");
    sign_in(&env, ADA, PASSWORD, "").await.unwrap();
}

#[tokio::test]
async fn a_device_of_another_user_or_a_forged_one_gives_no_guesses() {
    let env = Env::start().await;
    env.sign_up(ADA).await.unwrap();
    env.sign_up("eve@example.com").await.unwrap();
    let foreign = sign_in(&env, "eve@example.com", PASSWORD, "").await.unwrap().device_token;
    let forged = format!("{}.{}", "A".repeat(22), "0".repeat(64));
    for n in 0..5 {
        let device = if n % 2 == 0 { &foreign } else { &forged };
        sign_in(&env, ADA, WRONG, device).await.unwrap_err();
    }
    for device in [foreign.as_str(), &forged, ""] {
        let error = sign_in(&env, ADA, PASSWORD, device).await.unwrap_err();
        assert_eq!(error.reason, "ACCOUNT_LOCKED", "{device}");
    }
}
