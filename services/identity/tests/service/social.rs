use api::identity::{BeginRequest, CompleteRequest, CompleteResponse, SignInWithIdTokenRequest, User};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, Error};
use serde_json::{Value, json};

use crate::env::{Env, from_browser};
use crate::issuer::{CLIENT, CLIENT_SECRET, Issuer, Key, hs256, unsigned};

const EMAIL: &str = "grace@example.com";

pub struct Scene {
    pub env: Env,
    pub issuer: Issuer,
}

pub async fn scene() -> Scene {
    let issuer = Issuer::start().await;
    Scene { env: Env::with_providers(issuer.options(true)).await, issuer }
}

impl Scene {
    pub fn claims(&self) -> Value {
        let now = self.env.clock.now().timestamp();
        json!({
            "iss": self.issuer.url, "aud": CLIENT, "sub": "grace", "iat": now, "exp": now + 300,
            "nonce": "n", "email": EMAIL, "email_verified": true, "name": "Grace",
        })
    }

    pub fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    pub async fn sign_in(&self, id_token: String, nonce: &str) -> Result<User, Error> {
        self.bring("school", id_token, nonce).await
    }

    pub async fn sign_in_at(&self, provider: &str, id_token: String) -> Result<User, Error> {
        self.bring(provider, id_token, "n").await
    }

    async fn bring(&self, provider: &str, id_token: String, nonce: &str) -> Result<User, Error> {
        let request = SignInWithIdTokenRequest {
            provider_id: provider.to_owned(),
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
        self.begin_as(&self.claims(), None).await
    }

    /// As somebody, to sign in or to link to the user of a session.
    pub async fn begin_as(&self, claims: &Value, link: Option<(&str, &str)>) -> String {
        let (user, session) = link.unwrap_or_default();
        let request = BeginRequest {
            provider_id: "school".to_owned(),
            callback_url: "/home".to_owned(),
            error_callback_url: "/sorry".to_owned(),
            new_user_callback_url: "/hello".to_owned(),
            link_user_id: user.to_owned(),
            link_session_id: session.to_owned(),
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
        let mut claims = claims.clone();
        claims["nonce"] = json!(asked["nonce"]);
        self.answers(&claims);
        begun.state
    }

    /// What the token endpoint answers from now on.
    pub fn answers(&self, claims: &Value) {
        self.issuer.script.lock().unwrap().token = json!({
            "access_token": "an-access-token", "token_type": "Bearer", "expires_in": 3600,
            "id_token": Key::first().sign(claims),
        });
    }

    pub fn brought(state: &str) -> CompleteRequest {
        CompleteRequest {
            provider_id: "school".to_owned(),
            state: state.to_owned(),
            browser_state: state.to_owned(),
            code: "a-code".to_owned(),
            client: Some(from_browser()),
            ..CompleteRequest::default()
        }
    }

    pub async fn complete(&self, request: CompleteRequest) -> CompleteResponse {
        self.env.social.clone().complete(request).await.unwrap().into_inner()
    }

    pub async fn users(&self) -> i64 {
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
        ("too old to be brought", key.sign(&scene.with("iat", json!(now - 3700)))),
        ("not good yet", key.sign(&scene.with("nbf", json!(now + 3600)))),
        ("for another party", key.sign(&scene.with("azp", json!("another")))),
        ("of nobody", key.sign(&scene.with("sub", json!("")))),
        ("with an extension", key.sign_as(&with_head(&head("RS256"), "crit", &json!(["exp"])), &claims)),
        ("an access token", key.sign_as(&with_head(&head("RS256"), "typ", &json!("at+jwt")), &claims)),
        ("its own key beside it", foreign(&head("RS256"), &claims)),
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

fn with_head(head: &Value, name: &str, value: &Value) -> Value {
    let mut head = head.clone();
    head[name] = value.clone();
    head
}

/// Signed with a key that the token itself brings.
fn foreign(head: &Value, claims: &Value) -> String {
    let mut jwk = Key::second().jwk();
    jwk["kid"] = json!("first");
    Key::second().sign_as(&with_head(head, "jwk", &jwk), claims)
}

#[tokio::test]
async fn a_key_that_is_meant_for_something_else_signs_nothing() {
    let scene = scene().await;
    for (name, value) in [("use", "enc"), ("alg", "PS256"), ("alg", "RSA-OAEP")] {
        let mut key = Key::first().jwk();
        key[name] = json!(value);
        scene.issuer.script.lock().unwrap().keys = vec![key];
        scene.env.clock.advance(TimeDelta::minutes(11));
        let error = scene.sign_in(Key::first().sign(&scene.claims()), "n").await.unwrap_err();
        assert_eq!(error.reason, "INVALID_TOKEN", "{name} {value}");
    }
}

#[tokio::test]
async fn keys_that_the_issuer_took_back_are_not_used_while_it_is_away() {
    let scene = scene().await;
    scene.sign_in(Key::first().sign(&scene.claims()), "n").await.unwrap();
    scene.issuer.script.lock().unwrap().keys = vec![json!("no key")];
    scene.env.clock.advance(TimeDelta::minutes(9));
    scene.sign_in(Key::first().sign(&scene.claims()), "n").await.unwrap();
    scene.env.clock.advance(TimeDelta::minutes(2));
    assert!(scene.sign_in(Key::first().sign(&scene.claims()), "n").await.is_err());
}

#[tokio::test]
async fn metadata_of_another_issuer_or_without_a_nonce_in_the_token_are_refused() {
    let scene = scene().await;
    let state = scene.begin().await;
    let mut bare = scene.claims();
    bare.as_object_mut().unwrap().remove("nonce");
    scene.answers(&bare);
    assert_eq!(scene.complete(Scene::brought(&state)).await.error, "nonce_binding_missing");
    scene.issuer.script.lock().unwrap().metadata["issuer"] = json!("https://evil.example");
    scene.env.clock.advance(TimeDelta::hours(2));
    let request = BeginRequest { provider_id: "school".to_owned(), ..BeginRequest::default() };
    let error = api::from_status(&scene.env.social.clone().begin(request).await.unwrap_err());
    assert_eq!(error.reason, "PROVIDER_UNAVAILABLE");
}

#[tokio::test]
async fn what_the_provider_calls_wrong_is_told_in_plain_words_and_only_by_itself() {
    let scene = scene().await;
    for (error, iss, expected, description) in [
        ("access_denied", None, "access_denied", "Nothanks"),
        ("access_denied", Some("https://evil.example"), "issuer_mismatch", ""),
        ("<script>", None, "invalid_callback_request", "Nothanks"),
    ] {
        let state = scene.begin().await;
        let request = CompleteRequest {
            error: error.to_owned(),
            error_description: "No\r\n\u{202e}thanks".to_owned(),
            iss: iss.map(str::to_owned),
            ..Scene::brought(&state)
        };
        let done = scene.complete(request).await;
        assert_eq!((done.error.as_str(), done.error_description.as_str()), (expected, description));
        assert_eq!(done.redirect_to, "/sorry");
    }
    assert!(scene.issuer.script.lock().unwrap().asked.is_empty());
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
    assert_eq!((done.redirect_to.as_str(), done.error.as_str()), ("/hello", ""));
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
