use api::identity::{BeginRequest, CompleteRequest, CompleteResponse, SignInWithIdTokenRequest, User};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, Error};
use serde_json::{Value, json};

use crate::env::{Env, from_browser};
use crate::issuer::{CLIENT, CLIENT_SECRET, Issuer, Key, hs256, unsigned};

const EMAIL: &str = "grace@example.com";

struct Scene {
    env: Env,
    issuer: Issuer,
}

async fn scene() -> Scene {
    let issuer = Issuer::start().await;
    Scene { env: Env::with_providers(issuer.options(true)).await, issuer }
}

impl Scene {
    fn claims(&self) -> Value {
        let now = self.env.clock.now().timestamp();
        json!({
            "iss": self.issuer.url, "aud": CLIENT, "sub": "grace", "iat": now, "exp": now + 300,
            "nonce": "n", "email": EMAIL, "email_verified": true, "name": "Grace",
        })
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    async fn sign_in(&self, id_token: String, nonce: &str) -> Result<User, Error> {
        let request = SignInWithIdTokenRequest {
            provider_id: "school".to_owned(),
            id_token,
            nonce: nonce.to_owned(),
            client: Some(from_browser()),
            ..SignInWithIdTokenRequest::default()
        };
        let answer = self.env.social.clone().sign_in_with_id_token(request).await;
        answer.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| api::from_status(&status))
    }

    /// Begins, and lets the token endpoint answer an ID token with the nonce that was asked for.
    async fn begin(&self) -> String {
        let request = BeginRequest {
            provider_id: "school".to_owned(),
            callback_url: "/home".to_owned(),
            error_callback_url: "/sorry".to_owned(),
            ..BeginRequest::default()
        };
        let begun = self.env.social.clone().begin(request).await.unwrap().into_inner();
        let url: url::Url = begun.url.parse().unwrap();
        let asked: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(
            (asked["code_challenge_method"].as_str(), asked["state"].as_str()),
            ("S256", &*begun.state)
        );
        assert_eq!(asked["redirect_uri"], "https://learn.example.com/api/auth/callback/school");
        self.answers(&self.with("nonce", json!(asked["nonce"])));
        begun.state
    }

    /// What the token endpoint answers from now on.
    fn answers(&self, claims: &Value) {
        self.issuer.script.lock().unwrap().token = json!({
            "access_token": "an-access-token", "token_type": "Bearer", "expires_in": 3600,
            "id_token": Key::first().sign(claims),
        });
    }

    fn brought(state: &str) -> CompleteRequest {
        CompleteRequest {
            provider_id: "school".to_owned(),
            state: state.to_owned(),
            browser_state: state.to_owned(),
            code: "a-code".to_owned(),
            client: Some(from_browser()),
            ..CompleteRequest::default()
        }
    }

    async fn complete(&self, request: CompleteRequest) -> CompleteResponse {
        self.env.social.clone().complete(request).await.unwrap().into_inner()
    }

    async fn users(&self) -> i64 {
        sqlx::query_scalar("select count(*) from users").fetch_one(&self.env.pool()).await.unwrap()
    }
}

#[tokio::test]
async fn an_id_token_is_believed_only_if_everything_about_it_holds() {
    let scene = scene().await;
    let now = scene.env.clock.now().timestamp();
    let (key, claims) = (Key::first(), scene.claims());
    let head = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": "first" });
    let mut without_expiry = claims.clone();
    without_expiry.as_object_mut().unwrap().remove("exp");
    let mut without_nonce = claims.clone();
    without_nonce.as_object_mut().unwrap().remove("nonce");
    let good = key.sign(&claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    for (what, token) in [
        ("nobody signed it", unsigned(&claims)),
        ("its signature is gone", format!("{signed}.")),
        ("the client's secret signed it", hs256("first", &claims, CLIENT_SECRET.as_bytes())),
        ("the public key signed it as a secret", hs256("first", &claims, key.jwk().to_string().as_bytes())),
        ("the private key signed it as a secret", hs256("first", &claims, &key.der())),
        ("another algorithm is named", key.sign_as(&head("RS512"), &claims)),
        ("none is named", key.sign_as(&head("none"), &claims)),
        ("another key signed it", Key::second().sign_as(&head("RS256"), &claims)),
        ("of another issuer", key.sign(&scene.with("iss", json!("https://evil.example")))),
        ("for another client", key.sign(&scene.with("aud", json!("another")))),
        ("for others as well", key.sign(&scene.with("aud", json!([CLIENT, "another"])))),
        ("for nobody", key.sign(&scene.with("aud", json!([])))),
        ("expired", key.sign(&scene.with("exp", json!(now - 1)))),
        ("without an end", key.sign(&without_expiry)),
        ("from the future", key.sign(&scene.with("iat", json!(now + 3600)))),
        ("of another sign-in", key.sign(&scene.with("nonce", json!("another")))),
        ("of no sign-in", key.sign(&without_nonce)),
        ("no token", "a.b.c".to_owned()),
        ("endless", "x".repeat(20_000)),
    ] {
        let error = scene.sign_in(token, "n").await.unwrap_err();
        assert_eq!(error.reason, "INVALID_TOKEN", "{what}");
    }
    assert_eq!(scene.sign_in(good.clone(), "").await.unwrap_err().reason, "INVALID_TOKEN", "of another's");
    assert_eq!(scene.users().await, 0);
    let user = scene.sign_in(good, "n").await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified, user.name.as_str()), (EMAIL, true, "Grace"));
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_fetched_and_unknown_ones_cause_no_storm() {
    let scene = scene().await;
    scene.sign_in(Key::first().sign(&scene.claims()), "n").await.unwrap();
    scene.issuer.script.lock().unwrap().keys = vec![Key::first().jwk(), Key::second().jwk()];
    scene.env.clock.advance(TimeDelta::seconds(11));
    scene.sign_in(Key::second().sign(&scene.claims()), "n").await.unwrap();
    let before = scene.issuer.fetched();
    for n in 0..20 {
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": format!("made-up-{n}") });
        scene.sign_in(Key::first().sign_as(&head, &scene.claims()), "n").await.unwrap_err();
    }
    assert!(scene.issuer.fetched() <= before + 1, "twenty unknown keys asked {}", scene.issuer.fetched());
}

#[tokio::test]
async fn a_state_is_good_once_in_its_browser_at_its_provider_for_ten_minutes() {
    let scene = scene().await;
    let state = scene.begin().await;
    for foreign in ["", "another-browser's-state-of-its-own"] {
        let request = CompleteRequest { browser_state: foreign.to_owned(), ..Scene::brought(&state) };
        assert_eq!(scene.complete(request).await.error, "state_mismatch");
    }
    let done = scene.complete(Scene::brought(&state)).await;
    assert_eq!((done.redirect_to.as_str(), done.error.as_str()), ("/home", ""));
    assert_eq!(done.user.unwrap().email, EMAIL);
    assert_eq!(scene.complete(Scene::brought(&state)).await.error, "state_mismatch", "used");

    let state = scene.begin().await;
    let request = CompleteRequest { provider_id: "another".to_owned(), ..Scene::brought(&state) };
    let done = scene.complete(request).await;
    assert_eq!((done.redirect_to.as_str(), done.error.as_str()), ("/sorry", "state_mismatch"));
    assert_eq!(scene.complete(Scene::brought(&state)).await.error, "state_mismatch", "used there");

    let state = scene.begin().await;
    scene.env.clock.advance(TimeDelta::minutes(10));
    assert_eq!(scene.complete(Scene::brought(&state)).await.error, "state_mismatch", "too late");
}

#[tokio::test]
async fn of_fifty_answers_with_one_state_one_counts() {
    let scene = scene().await;
    let state = scene.begin().await;
    let answers = join_all((0..50).map(|_| scene.complete(Scene::brought(&state)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.error.is_empty()).count(), 1);
    assert_eq!(scene.users().await, 1);
}

#[tokio::test]
async fn of_eight_first_arrivals_at_once_one_account_comes() {
    let scene = scene().await;
    let token = Key::first().sign(&scene.claims());
    let arrivals = join_all((0..8).map(|_| scene.sign_in(token.clone(), "n"))).await;
    assert!(arrivals.iter().any(Result::is_ok));
    assert_eq!(scene.users().await, 1);
    let links: i64 = sqlx::query_scalar("select count(*) from linked_accounts")
        .fetch_one(&scene.env.pool())
        .await
        .unwrap();
    assert_eq!(links, 1);
}

#[tokio::test]
async fn an_issuer_that_names_itself_in_answers_must_be_named() {
    let scene = scene().await;
    scene.issuer.script.lock().unwrap().metadata["authorization_response_iss_parameter_supported"] =
        json!(true);
    for (iss, error) in [
        (None, "issuer_mismatch"),
        (Some("https://evil.example".to_owned()), "issuer_mismatch"),
        (Some(scene.issuer.url.clone()), ""),
    ] {
        let state = scene.begin().await;
        assert_eq!(scene.complete(CompleteRequest { iss, ..Scene::brought(&state) }).await.error, error);
    }
}

#[tokio::test]
async fn tokens_and_profiles_of_different_sign_ins_do_not_mix() {
    let scene = scene().await;
    let state = scene.begin().await;
    scene.answers(&scene.with("nonce", json!("of-another-sign-in")));
    assert_eq!(scene.complete(Scene::brought(&state)).await.error, "unable_to_get_user_info");

    let state = scene.begin().await;
    let mut other = scene.with("nonce", nonce_of(&scene));
    other["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    scene.answers(&other);
    assert_eq!(scene.complete(Scene::brought(&state)).await.error, "unable_to_get_user_info", "at_hash");

    let state = scene.begin().await;
    scene.issuer.script.lock().unwrap().userinfo =
        json!({ "sub": "somebody-else", "email": EMAIL, "email_verified": true });
    let mut bare = scene.with("nonce", nonce_of(&scene));
    bare.as_object_mut().unwrap().remove("email");
    scene.answers(&bare);
    assert_eq!(scene.complete(Scene::brought(&state)).await.error, "unable_to_get_user_info", "userinfo");
    assert_eq!(scene.users().await, 0);
}

/// Of the ID token that the token endpoint answers now.
fn nonce_of(scene: &Scene) -> Value {
    let script = scene.issuer.script.lock().unwrap();
    let claims = script.token["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["nonce"].clone()
}

#[tokio::test]
async fn what_the_flow_itself_says_cannot_be_said_by_the_caller() {
    let scene = scene().await;
    let begin = |name: &str, value: &str| {
        let further = [(name.to_owned(), value.to_owned())];
        let request = BeginRequest {
            provider_id: "school".to_owned(),
            additional_params: further.into(),
            ..BeginRequest::default()
        };
        let mut client = scene.env.social.clone();
        async move { client.begin(request).await.map(|answer| answer.into_inner().url) }
    };
    assert!(begin("prompt", "select_account").await.unwrap().contains("prompt=select_account"));
    for name in ["redirect_uri", "state", "scope", "code_challenge", "request", "a b", ""] {
        let error = api::from_status(&begin(name, "x").await.unwrap_err());
        assert_eq!(error.reason, "RESERVED_PARAMETER", "{name}");
    }
}

#[tokio::test]
async fn an_issuer_at_a_private_address_is_not_asked() {
    let issuer = Issuer::start().await;
    let env = Env::with_providers(issuer.options(false)).await;
    let request = BeginRequest { provider_id: "school".to_owned(), ..BeginRequest::default() };
    let error = api::from_status(&env.social.clone().begin(request).await.unwrap_err());
    assert_eq!(error.reason, "PROVIDER_UNAVAILABLE");
    assert_eq!(issuer.fetched(), 0);
}

#[tokio::test]
async fn neither_state_nor_tokens_can_be_read_from_the_tables() {
    let scene = scene().await;
    let state = scene.begin().await;
    let waiting: String = sqlx::query_scalar("select string_agg(social_states::text, '') from social_states")
        .fetch_one(&scene.env.pool())
        .await
        .unwrap();
    assert!(!waiting.contains(&state));
    scene.complete(Scene::brought(&state)).await;
    let linked: String =
        sqlx::query_scalar("select string_agg(encode(tokens, 'escape'), '') from linked_accounts")
            .fetch_one(&scene.env.pool())
            .await
            .unwrap();
    assert!(!linked.contains("an-access-token"), "{linked}");
}
