//! Signing in at GitHub, which has no ID tokens.

use api::identity::{BeginRequest, CompleteRequest, CompleteResponse};
use identity::SocialOptions;
use serde_json::{Value, json};

use crate::env::{Env, from_browser};
use crate::issuer::Issuer;

struct Scene {
    env: Env,
    issuer: Issuer,
}

async fn scene() -> Scene {
    let issuer = Issuer::start().await;
    let options = SocialOptions { providers: vec![issuer.github()], allow_private_networks: true };
    Scene { env: Env::with_providers(options).await, issuer }
}

fn octo() -> Value {
    json!({ "id": 4711, "login": "octo", "name": "Octo", "email": null, "avatar_url": "https://x.example/o.png" })
}

fn listed(email: &str, primary: bool, verified: bool) -> Value {
    json!({ "email": email, "primary": primary, "verified": verified })
}

impl Scene {
    async fn arrive(&self, user: Value, emails: Value, iss: Option<&str>) -> CompleteResponse {
        {
            let mut script = self.issuer.script.lock().unwrap();
            (script.user, script.emails) = (user, emails);
        }
        let request = BeginRequest {
            provider_id: "github".to_owned(),
            callback_url: "/home".to_owned(),
            ..BeginRequest::default()
        };
        let begun = self.env.social.clone().begin(request).await.unwrap().into_inner();
        let request = CompleteRequest {
            provider_id: "github".to_owned(),
            state: begun.state.clone(),
            browser_state: begun.state,
            code: "a-code".to_owned(),
            iss: iss.map(str::to_owned),
            client: Some(from_browser()),
            ..CompleteRequest::default()
        };
        self.env.social.clone().complete(request).await.unwrap().into_inner()
    }
}

#[tokio::test]
async fn the_address_is_the_public_or_the_primary_one_and_the_list_says_if_it_is_verified() {
    let none = || octo();
    let public = |email: &str| {
        let mut user = octo();
        user["email"] = json!(email);
        user
    };
    for (user, emails, expected) in [
        (none(), json!([listed("o@x.example", true, true)]), ("o@x.example", true)),
        (
            none(),
            json!([listed("b@x.example", false, true), listed("o@x.example", true, false)]),
            ("o@x.example", false),
        ),
        (public("p@x.example"), json!([listed("o@x.example", true, true)]), ("p@x.example", false)),
        (public("P@x.example"), json!([listed("p@x.example", false, true)]), ("p@x.example", true)),
    ] {
        let user = scene().await.arrive(user, emails, None).await.user.unwrap();
        assert_eq!((user.email.as_str(), user.email_verified), expected);
    }
    for emails in [json!([]), json!([listed("b@x.example", false, true)])] {
        assert_eq!(scene().await.arrive(octo(), emails, None).await.error, "email_not_found");
    }
}

#[tokio::test]
async fn who_answers_for_github_or_not_at_all_lets_nobody_in() {
    let scene = scene().await;
    let emails = || json!([listed("o@x.example", true, true)]);
    let done = scene.arrive(octo(), emails(), Some("https://evil.example")).await;
    assert_eq!(done.error, "issuer_mismatch");
    assert!(scene.issuer.script.lock().unwrap().asked.is_empty(), "it is not told the code");
    assert_eq!(
        scene.arrive(json!({ "message": "Not Found" }), emails(), None).await.error,
        "unable_to_get_user_info"
    );
    assert_eq!(scene.arrive(octo(), json!({}), None).await.error, "unable_to_get_user_info");
    scene.issuer.script.lock().unwrap().refuses = true;
    assert_eq!(scene.arrive(octo(), emails(), None).await.error, "invalid_code");
    scene.issuer.script.lock().unwrap().refuses = false;
    let own = format!("{}/login/oauth", scene.issuer.url);
    let done = scene.arrive(octo(), emails(), Some(&own)).await;
    assert_eq!(done.user.unwrap().name, "Octo");
}
