//! Whose account an identity opens.

use api::events::identity::{AccountLinked, SignInFailed};
use api::identity::{BanUserRequest, CompleteRequest, CompleteResponse, User, VerifyEmailRequest};
use futures::future::join_all;
use identity::SocialOptions;
use serde_json::{Value, json};

use crate::env::{Env, PASSWORD};
use crate::issuer::{Issuer, Key};
use crate::social::{Scene, scene};
use crate::verification::token_of;

const EMAIL: &str = "grace@example.com";

impl Scene {
    /// Signs in by redirect as whom the claims name.
    async fn arrive(&self, claims: &Value) -> CompleteResponse {
        let state = self.begin_as(claims, None).await;
        self.complete(Self::brought(&state)).await
    }

    async fn link(&self, claims: &Value, user: &str, session: &str) -> CompleteResponse {
        let state = self.begin_as(claims, Some((user, "her-session"))).await;
        let request = CompleteRequest { session_id: session.to_owned(), ..Self::brought(&state) };
        self.complete(request).await
    }

    /// Somebody who signed up here and proved the address.
    async fn local(&self, email: &str) -> User {
        let user = self.env.sign_up(email).await.unwrap();
        let background = self.env.background().await;
        let token = token_of(self.env.delivered().await.last().unwrap());
        background.stop().await;
        let request = VerifyEmailRequest { token, ..VerifyEmailRequest::default() };
        self.env.client.clone().verify_email(request).await.unwrap();
        self.env.user(&user.id).await.unwrap()
    }

    async fn links(&self) -> i64 {
        sqlx::query_scalar("select count(*) from linked_accounts").fetch_one(&self.env.pool()).await.unwrap()
    }

    fn unverified(&self) -> Value {
        self.with("email_verified", json!(false))
    }
}

fn refused(done: &CompleteResponse, error: &str) {
    assert_eq!((done.error.as_str(), done.redirect_to.as_str()), (error, "/sorry"));
    assert!(done.user.is_none() && !done.linked);
}

#[tokio::test]
async fn who_is_new_gets_an_account_as_the_provider_tells_it() {
    let scene = scene().await;
    let mut claims = scene.with("name", json!("Grace \u{202e}Hopper"));
    claims["picture"] = json!("javascript:alert(1)");
    let done = scene.arrive(&claims).await;
    assert_eq!(done.redirect_to, "/hello");
    let user = done.user.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified, &user.image), (EMAIL, true, &None));
    assert!(!user.name.is_empty() && !user.name.contains('\u{202e}'), "{}", user.name);
    assert_eq!(user.role(), api::common::Role::Student);
    assert_eq!(
        scene.env.event_types(&format!("user-{}", user.id)).await,
        ["user.registered", "user.account_linked", "user.signed_in"]
    );
    // There is no password to guess.
    assert!(scene.env.sign_in(EMAIL, PASSWORD).await.is_err());
}

#[tokio::test]
async fn who_is_new_with_an_unproven_address_gets_a_mail() {
    let scene = scene().await;
    let done = scene.arrive(&scene.unverified()).await;
    assert!(!done.user.unwrap().email_verified);
    let background = scene.env.background().await;
    let mails = scene.env.delivered().await;
    background.stop().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("To: grace@example.com"), "{}", mails[0]);
}

#[tokio::test]
async fn an_identity_is_its_subject_at_its_issuer_whatever_its_address_is() {
    let scene = scene().await;
    let first = scene.arrive(&scene.claims()).await.user.unwrap();
    let mut moved = scene.with("email", json!("moved@example.com"));
    moved["name"] = json!("Another");
    let again = scene.arrive(&moved).await;
    assert_eq!(again.redirect_to, "/home");
    let again = again.user.unwrap();
    assert_eq!((again.id, again.email.as_str(), again.name.as_str()), (first.id.clone(), EMAIL, "Grace"));
    let mut gone = scene.claims();
    gone.as_object_mut().unwrap().remove("email");
    gone["email_verified"] = json!(false);
    scene.issuer.script.lock().unwrap().userinfo = json!({ "sub": "grace" });
    assert_eq!(scene.arrive(&gone).await.user.unwrap().id, first.id, "an address is not needed any more");
    // A recycled address is somebody else.
    let mut recycled = scene.with("email", json!("moved@example.com"));
    recycled["sub"] = json!("a-newcomer");
    assert_ne!(scene.arrive(&recycled).await.user.unwrap().id, first.id);
}

#[tokio::test]
async fn an_address_opens_an_account_only_if_it_is_proven_here_and_there() {
    let scene = scene().await;
    let unproven = scene.env.sign_up(EMAIL).await.unwrap();
    refused(&scene.arrive(&scene.claims()).await, "account_not_linked");
    refused(&scene.arrive(&scene.unverified()).await, "account_not_linked");
    assert_eq!((scene.links().await, scene.users().await), (0, 1));
    let token = Key::first().sign(&scene.claims());
    assert_eq!(scene.sign_in(token, "n").await.unwrap_err().reason, "OAUTH_LINK_ERROR");
    assert!(!scene.env.user(&unproven.id).await.unwrap().email_verified);
}

#[tokio::test]
async fn proven_on_both_sides_it_is_one_person_and_the_password_stays_good() {
    let scene = scene().await;
    let local = scene.local(EMAIL).await;
    refused(&scene.arrive(&scene.unverified()).await, "account_not_linked");
    let done = scene.arrive(&scene.with("email", json!("Grace@Example.com"))).await;
    assert_eq!((done.redirect_to.as_str(), done.user.unwrap().id), ("/home", local.id.clone()));
    assert_eq!(scene.env.sign_in(EMAIL, PASSWORD).await.unwrap().id, local.id);
    let linked: Vec<(String, AccountLinked)> = scene.env.events("user.account_linked").await;
    assert_eq!(linked[0].1.method, "sign_in");
}

#[tokio::test]
async fn nobody_without_an_address_gets_an_account() {
    let scene = scene().await;
    for email in
        [json!(null), json!(""), json!("grace"), json!(["a@b.co"]), json!("gr\u{0430}ce@example.com")]
    {
        scene.issuer.script.lock().unwrap().userinfo = json!({ "sub": "grace", "email": email });
        refused(&scene.arrive(&scene.with("email", email.clone())).await, "email_not_found");
    }
    let mut bare = scene.claims();
    bare.as_object_mut().unwrap().remove("email");
    assert_eq!(
        scene.sign_in(Key::first().sign(&bare), "n").await.unwrap_err().reason,
        "USER_EMAIL_NOT_FOUND"
    );
    assert_eq!(scene.users().await, 0);
}

#[tokio::test]
async fn who_is_banned_is_known_but_has_not_signed_in() {
    let scene = scene().await;
    let admin = scene.env.admin("admin@example.com").await;
    let user = scene.arrive(&scene.claims()).await.user.unwrap();
    let request = BanUserRequest {
        actor: Some(admin),
        user_id: user.id.clone(),
        reason: "Rude".to_owned(),
        ..BanUserRequest::default()
    };
    scene.env.admin.clone().ban_user(request).await.unwrap();
    let done = scene.arrive(&scene.claims()).await;
    assert!(done.user.unwrap().banned, "the session service refuses by this");
    assert_eq!(done.error_url, "/sorry");
    let types = scene.env.event_types(&format!("user-{}", user.id)).await;
    assert_eq!(types.iter().filter(|kind| *kind == "user.signed_in").count(), 1);
    let failed: Vec<(String, SignInFailed)> = scene.env.events("user.sign_in_failed").await;
    assert_eq!(failed[0].1.reason, "banned");
}

#[tokio::test]
async fn a_session_links_an_identity_of_its_own_address_and_again_is_fine() {
    let scene = scene().await;
    let ada = scene.env.sign_up(EMAIL).await.unwrap();
    for _ in 0..2 {
        let done = scene.link(&scene.claims(), &ada.id, "her-session").await;
        assert_eq!((done.redirect_to.as_str(), done.linked, done.user), ("/home", true, None));
    }
    assert_eq!(scene.links().await, 1);
    // To link proves nothing about the address: that would hand the account over.
    assert!(!scene.env.user(&ada.id).await.unwrap().email_verified);
    assert_eq!(scene.arrive(&scene.claims()).await.user.unwrap().id, ada.id);
}

#[tokio::test]
async fn a_session_does_not_link_what_is_not_its_own() {
    let scene = scene().await;
    let grace = scene.arrive(&scene.claims()).await.user.unwrap();
    let ada = scene.env.sign_up("ada@example.com").await.unwrap();
    let link = async |claims: Value| scene.link(&claims, &ada.id, "her-session").await;
    // Grace's identity, which now says it has Ada's address.
    let taken = scene.with("email", json!("ada@example.com"));
    refused(&link(taken).await, "account_already_linked_to_different_user");
    let mut other = scene.with("sub", json!("somebody"));
    refused(&link(other.clone()).await, "email_does_not_match");
    other["email"] = json!("ada@example.com");
    other["email_verified"] = json!(false);
    refused(&link(other.clone()).await, "unable_to_link_account");
    assert_eq!(scene.links().await, 1);
    assert_eq!(scene.arrive(&scene.claims()).await.user.unwrap().id, grace.id);
}

#[tokio::test]
async fn a_link_ends_in_the_session_that_began_it_and_in_no_other() {
    let scene = scene().await;
    let ada = scene.env.sign_up(EMAIL).await.unwrap();
    for session in ["", "another-session"] {
        refused(&scene.link(&scene.claims(), &ada.id, session).await, "unable_to_link_account");
    }
    assert_eq!(scene.links().await, 0);
    assert!(scene.issuer.script.lock().unwrap().asked.is_empty(), "the code is not even redeemed");
}

#[tokio::test]
async fn a_state_of_one_provider_is_no_good_at_another() {
    let issuer = Issuer::start().await;
    let mut options = issuer.options(true);
    options.providers.push(issuer.provider("club"));
    let scene = Scene { env: Env::with_providers(options).await, issuer };
    let state = scene.begin_as(&scene.claims(), None).await;
    let request = CompleteRequest { provider_id: "club".to_owned(), ..Scene::brought(&state) };
    assert_eq!(scene.complete(request).await.error, "state_mismatch");
    assert!(scene.issuer.script.lock().unwrap().asked.is_empty());
    assert_eq!(scene.users().await, 0);
}

#[tokio::test]
async fn of_eight_first_arrivals_at_once_all_come_into_one_account() {
    let scene = scene().await;
    let token = Key::first().sign(&scene.claims());
    let arrivals = join_all((0..8).map(|_| scene.sign_in(token.clone(), "n"))).await;
    let first = arrivals[0].as_ref().unwrap();
    assert!(arrivals.iter().all(|user| user.as_ref().unwrap().id == first.id));
    assert_eq!((scene.users().await, scene.links().await), (1, 1));
    let keys: i64 =
        sqlx::query_scalar("select count(*) from subject_keys where subject not like 'address-%'")
            .fetch_one(&scene.env.pool())
            .await
            .unwrap();
    assert_eq!(keys, 1, "nothing is left of those who came too late");
}

#[tokio::test]
async fn wrong_options_are_refused_at_the_start() {
    let issuer = Issuer::start().await;
    let twice = vec![issuer.provider("school"), issuer.provider("school")];
    for providers in [twice, vec![issuer.provider("credential")], vec![issuer.provider("A/b")]] {
        let options = SocialOptions { providers, allow_private_networks: true };
        assert_eq!(Env::refused(options).await.reason, "INVALID_OPTIONS");
    }
}
