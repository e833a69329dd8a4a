//! A service of somebody else that lets people of IntelliStack in by their access tokens.
//!
//! ```sh
//! ISSUER=http://127.0.0.1:8080/api/auth AUDIENCE=http://127.0.0.1:8080 \
//!     cargo run -p intellistack-auth --example resource_server
//! ```
//!
//! With `CLIENT_ID` and `CLIENT_SECRET` of a registered application it also asks the issuer whether a
//! token has ended (RFC 7662); without them it believes a token until it expires.

use std::error::Error;
use std::sync::Arc;

use auth::axum::{Caller, CurrentUser, Instructor, RequireRole, RequireVerifiedEmail};
use auth::axum::{current_user, require_scope};
use auth::http::{HttpJwks, Introspection};
use auth::{JwksCache, ResourceServer, RevocationCheck, UntilExpiry, Verifier};
use axum::routing::{get, post};
use axum::{Json, Router};
use kernel::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;

fn app(server: ResourceServer) -> Router {
    Router::new()
        .route("/", get(greeting))
        .route("/me", get(me))
        .route("/newsletter", post(newsletter))
        .route("/marks", post(mark))
        .route("/courses", get(courses).route_layer(require_scope("courses:read")))
        .layer(current_user(server))
}

/// For everybody; whoever shows a token is greeted by name.
async fn greeting(user: Option<CurrentUser>) -> String {
    let name = user.map_or_else(|| "stranger".to_owned(), |CurrentUser(user)| user.name);
    format!("Hello, {name}!")
}

async fn me(CurrentUser(user): CurrentUser) -> Json<Value> {
    Json(json!({ "id": user.sub, "role": user.role.to_string(), "email": user.email }))
}

async fn newsletter(RequireVerifiedEmail(user): RequireVerifiedEmail) -> Json<Value> {
    Json(json!({ "subscribed": user.email }))
}

async fn mark(instructor: RequireRole<Instructor>) -> Json<Value> {
    Json(json!({ "marked_by": instructor.0.sub }))
}

/// For people and for applications that act for themselves.
async fn courses(Caller(caller): Caller) -> Json<Value> {
    Json(json!({ "for": caller.sub }))
}

#[expect(clippy::disallowed_methods, reason = "its configuration is read here, once")]
fn setting(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (issuer, audience) = (setting("ISSUER")?, setting("AUDIENCE")?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);

    let keys = HttpJwks::new(&format!("{issuer}/jwks"))?;
    let keys = JwksCache::new(Arc::new(keys), Arc::clone(&clock));
    let verifier = Verifier::new(keys, &issuer, &audience, Arc::clone(&clock));
    let revocation: Arc<dyn RevocationCheck> = match (setting("CLIENT_ID"), setting("CLIENT_SECRET")) {
        (Ok(id), Ok(secret)) => {
            let endpoint = format!("{issuer}/oauth2/introspect");
            Arc::new(Introspection::new(&endpoint, &id, &secret, clock)?)
        }
        _ => Arc::new(UntilExpiry),
    };

    let address = setting("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8090".to_owned());
    let listener = TcpListener::bind(&address).await?;
    axum::serve(listener, app(ResourceServer::new(verifier, revocation))).await?;
    Ok(())
}
