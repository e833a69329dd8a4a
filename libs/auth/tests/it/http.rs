//! The issuer over HTTP: its keys and its answers about tokens, well and badly given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::axum::Router;
use ::axum::extract::State;
use ::axum::http::{HeaderMap, StatusCode, header};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::{get, post};
use auth::http::{HttpError, HttpJwks, Introspection};
use auth::{JwksCache, JwksError, JwksSource, RevocationCheck, TokenError, Unavailable, Verifier};
use chrono::TimeDelta;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::world::{AUDIENCE, ISSUER, World, world};

/// Answers on a port of its own until it is dropped.
struct Served {
    url: String,
    _server: JoinSet<()>,
}

async fn serve(router: Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { ::axum::serve(listener, router).await.unwrap() });
    Served { url, _server: server }
}

fn keys(world: &World) -> String {
    json!({ "keys": [world.issuer.public()] }).to_string()
}

#[tokio::test]
async fn keys_are_fetched_and_verify() {
    let world = world();
    let body = keys(&world);
    let issuer = serve(Router::new().route("/jwks", get(|| async { body }))).await;
    let source = Arc::new(HttpJwks::new(&format!("{}/jwks", issuer.url)).unwrap());
    let cache = JwksCache::new(source, world.clock.clone());
    let verifier = Verifier::new(cache, ISSUER, AUDIENCE, world.clock.clone());
    let token = world.sign(&world.claims());
    assert_eq!(verifier.verify(&token).await.unwrap().sub, "u1");
    drop(issuer);
    world.clock.advance(TimeDelta::minutes(20));
    assert_eq!(verifier.verify(&token).await.unwrap().sub, "u1", "the last known keys");
}

#[tokio::test]
async fn what_is_no_key_set_is_an_issuer_that_is_away() {
    let world = world();
    let moved =
        |target: String| get(move || async move { (StatusCode::FOUND, [(header::LOCATION, target)]) });
    let body = keys(&world);
    let issuer = serve(
        Router::new()
            .route("/good", get(|| async { body }))
            .route("/moved", moved("/good".to_owned()))
            .route("/failed", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/page", get(|| async { "<html></html>" }))
            .route("/other", get(|| async { "{\"keys\": 1}" }))
            .route("/long", get(|| async { format!("{{\"keys\": []{}}}", " ".repeat(1 << 20)) })),
    )
    .await;
    let fetch = async |path: &str| HttpJwks::new(&format!("{}{path}", issuer.url)).unwrap().fetch().await;
    assert_eq!(fetch("/good").await.unwrap().keys.len(), 1);
    for path in ["/moved", "/failed", "/page", "/other", "/long", "/missing"] {
        assert!(matches!(fetch(path).await, Err(JwksError::Unavailable)), "{path}");
    }
    let nobody = HttpJwks::new("http://127.0.0.1:1/jwks").unwrap();
    let verifier = Verifier::new(
        JwksCache::new(Arc::new(nobody), world.clock.clone()),
        ISSUER,
        AUDIENCE,
        world.clock.clone(),
    );
    let token = world.sign(&world.claims());
    assert_eq!(verifier.verify(&token).await, Err(TokenError::Unavailable), "no key was ever seen");
}

#[test]
fn keys_over_plain_http_are_for_those_who_ask_for_them() {
    let url = "http://issuer.example/jwks";
    assert!(matches!(HttpJwks::new(url), Err(HttpError::Insecure(_))));
    assert!(HttpJwks::insecure(url).is_ok());
}

/// What an issuer heard, and what it says.
#[derive(Clone, Default)]
struct Oracle {
    asked: Arc<AtomicUsize>,
    answer: Arc<std::sync::Mutex<(u16, String)>>,
}

impl Oracle {
    fn says(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn introspect(State(oracle): State<Oracle>, headers: HeaderMap, body: String) -> Response {
    oracle.asked.fetch_add(1, Ordering::SeqCst);
    // `an app:s+cret`, each part form-encoded before (RFC 6749, section 2.3.1).
    let authorized = headers[header::AUTHORIZATION] == "Basic YW4rYXBwOnMlMkJjcmV0";
    let asked = body.starts_with("token=") && body.ends_with("&token_type_hint=access_token");
    if !authorized || !asked {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (status, body) = oracle.answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

#[tokio::test]
async fn a_token_is_asked_about_and_the_answer_kept_for_a_second() {
    let world = world();
    let oracle = Oracle::default();
    let issuer = serve(Router::new().route("/introspect", post(introspect)).with_state(oracle.clone())).await;
    let endpoint = format!("{}/introspect", issuer.url);
    let check = Introspection::new(&endpoint, "an app", "s+cret", world.clock.clone()).unwrap();
    let token = world.sign_oauth(&world.oauth_claims());
    let claims = world.verifier.verify(&token).await.unwrap();

    oracle.says(200, "{\"active\": true, \"sub\": \"u1\"}");
    assert_eq!(check.is_revoked(&claims, &token).await, Ok(false));
    oracle.says(200, "{\"active\": false}");
    assert_eq!((check.is_revoked(&claims, &token).await, oracle.asked()), (Ok(false), 1), "kept");
    assert_eq!((check.is_revoked(&claims, "another").await, oracle.asked()), (Ok(true), 2), "for one token");
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!((check.is_revoked(&claims, &token).await, oracle.asked()), (Ok(true), 3));

    world.clock.advance(TimeDelta::seconds(1));
    for (status, body) in [(503, ""), (200, "{}"), (200, "nonsense"), (401, "{\"active\": true}")] {
        oracle.says(status, body);
        assert_eq!(check.is_revoked(&claims, &token).await, Err(Unavailable), "{status} {body}");
    }
    let stranger = Introspection::new(&endpoint, "an app", "another", world.clock.clone()).unwrap();
    oracle.says(200, "{\"active\": true}");
    assert_eq!(stranger.is_revoked(&claims, &token).await, Err(Unavailable));
    drop(issuer);
    assert_eq!(check.is_revoked(&claims, &token).await, Err(Unavailable));
}
