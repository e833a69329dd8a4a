//! An OpenID Connect issuer whose every word a test decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{ProviderKind, ProviderOptions, SocialOptions};
use secrecy::SecretString;
use serde_json::{Value, json};

pub const CLIENT: &str = "our-client";
pub const CLIENT_SECRET: &str = "a-secret-that-the-issuer-gave-us";

pub struct Issuer {
    pub url: String,
    pub script: Arc<Mutex<Script>>,
}

/// What the endpoints answer.
#[derive(Default)]
pub struct Script {
    pub metadata: Value,
    pub keys: Vec<Value>,
    pub token: Value,
    pub userinfo: Value,
    /// What GitHub's API answers at `/user` and `/user/emails`.
    pub user: Value,
    pub emails: Value,
    /// How often the keys were fetched.
    pub fetched: u32,
    /// The token endpoint refuses.
    pub refuses: bool,
    /// What the token endpoint was asked.
    pub asked: Vec<HashMap<String, String>>,
}

type Shared = State<Arc<Mutex<Script>>>;

impl Issuer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "userinfo_endpoint": format!("{url}/userinfo"),
            "jwks_uri": format!("{url}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        });
        let script = Script { metadata, keys: vec![Key::first().jwk()], ..Script::default() };
        let script = Arc::new(Mutex::new(script));
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(|State(script): Shared| async move { Json(script.lock().unwrap().metadata.clone()) }),
            )
            .route(
                "/jwks",
                get(|State(script): Shared| async move {
                    let mut script = script.lock().unwrap();
                    script.fetched += 1;
                    Json(json!({ "keys": script.keys }))
                }),
            )
            .route(
                "/token",
                post(|State(script): Shared, Form(asked): Form<HashMap<String, String>>| async move {
                    let mut script = script.lock().unwrap();
                    script.asked.push(asked);
                    if script.refuses {
                        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
                    }
                    (StatusCode::OK, Json(script.token.clone()))
                }),
            )
            .route(
                "/userinfo",
                get(|State(script): Shared| async move { Json(script.lock().unwrap().userinfo.clone()) }),
            )
            .route("/login/oauth/access_token", post(github_token))
            .route(
                "/user",
                get(|State(script): Shared| async move { Json(script.lock().unwrap().user.clone()) }),
            )
            .route(
                "/user/emails",
                get(|State(script): Shared| async move { Json(script.lock().unwrap().emails.clone()) }),
            )
            .with_state(Arc::clone(&script));
        drop(runtime::spawn("issuer", async move { axum::serve(listener, router).await.unwrap() }));
        Self { url, script }
    }

    /// Known as `school`; private addresses as the caller wants.
    pub fn options(&self, allow_private_networks: bool) -> SocialOptions {
        SocialOptions { providers: vec![self.provider("school")], allow_private_networks }
    }

    pub fn provider(&self, id: &str) -> ProviderOptions {
        ProviderOptions {
            id: id.to_owned(),
            name: format!("The {id}"),
            client_id: CLIENT.to_owned(),
            client_secret: SecretString::from(CLIENT_SECRET),
            kind: ProviderKind::OpenId { issuer: self.url.parse().unwrap() },
            scopes: Vec::new(),
        }
    }

    /// This machine as GitHub.
    pub fn github(&self) -> ProviderOptions {
        let at = || self.url.parse().unwrap();
        let kind = ProviderKind::GitHub { url: at(), api_url: at() };
        ProviderOptions { kind, ..self.provider("github") }
    }

    pub fn fetched(&self) -> u32 {
        self.script.lock().unwrap().fetched
    }
}

/// GitHub answers errors with status 200, and names scopes apart by commas.
async fn github_token(State(script): Shared, Form(asked): Form<HashMap<String, String>>) -> Json<Value> {
    let mut script = script.lock().unwrap();
    let secret = asked["client_secret"] == CLIENT_SECRET;
    script.asked.push(asked);
    if script.refuses || !secret {
        return Json(json!({ "error": "bad_verification_code", "error_description": "told so" }));
    }
    Json(json!({ "access_token": "gho_1", "token_type": "bearer", "scope": "read:user,user:email" }))
}

pub struct Key {
    kid: &'static str,
    pair: RsaKeyPair,
}

impl Key {
    fn generate(kid: &'static str) -> Self {
        Self { kid, pair: RsaKeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    pub fn first() -> &'static Self {
        static KEY: OnceLock<Key> = OnceLock::new();
        KEY.get_or_init(|| Self::generate("first"))
    }

    pub fn second() -> &'static Self {
        static KEY: OnceLock<Key> = OnceLock::new();
        KEY.get_or_init(|| Self::generate("second"))
    }

    pub fn jwk(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = self.pair.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": part(public.modulus().big_endian_without_leading_zero()),
            "e": part(public.exponent().big_endian_without_leading_zero()),
        })
    }

    pub fn der(&self) -> Vec<u8> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().unwrap();
        der.as_ref().to_vec()
    }

    /// A token that holds.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid }), claims)
    }

    /// Signed with RS256, whatever the header says.
    pub fn sign_as(&self, head: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encode(head), encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A token signed with a shared secret.
pub fn hs256(kid: &str, claims: &Value, secret: &[u8]) -> String {
    let head = json!({ "alg": "HS256", "typ": "JWT", "kid": kid });
    let text = format!("{}.{}", encode(&head), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A token that nobody signed.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "JWT" })), encode(claims))
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}
