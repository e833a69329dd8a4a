//! An axum server that lets people in by their tokens, asked as its clients ask it.

use std::sync::Arc;

use ::axum::Router;
use ::axum::body::{Body, to_bytes};
use ::axum::http::{Request, StatusCode, header};
use ::axum::routing::{get, post};
use ::tower::ServiceExt;
use auth::axum::{Admin, Caller, CurrentUser, Instructor, RequireRole, RequireVerifiedEmail};
use auth::axum::{current_user, require_role, require_scope, require_user, require_verified_email};
use auth::{ResourceServer, RevocationCheck, Revocations, Unavailable, UntilExpiry};
use kernel::{Clock, Role};
use serde_json::{Value, json};

use crate::holder::Holder;
use crate::world::{World, with, world};

fn app(server: ResourceServer) -> Router {
    let inner = Router::new().route("/bound", get(|CurrentUser(user): CurrentUser| async { user.sub }));
    Router::new()
        .route(
            "/",
            get(|user: Option<CurrentUser>| async { user.map_or_else(String::new, |user| user.0.sub) }),
        )
        .route("/caller", get(|Caller(caller): Caller| async { caller.sub }))
        .route("/me", get(|CurrentUser(user): CurrentUser| async { user.sub }))
        .route("/proven", get(|user: RequireVerifiedEmail| async { user.0.sub }))
        .route("/marks", get(|user: RequireRole<Instructor>| async { user.0.sub }))
        .route("/users", get(|user: RequireRole<Admin>| async { user.0.sub }))
        .route("/layer/me", get(|| async { "in" }).route_layer(require_user()))
        .route("/layer/proven", get(|| async { "in" }).route_layer(require_verified_email()))
        .route("/layer/marks", post(|| async { "in" }).route_layer(require_role(Role::Instructor)))
        .route("/layer/courses", get(|| async { "in" }).route_layer(require_scope("courses:read")))
        .nest("/nested", inner)
        .layer(current_user(server))
}

struct Scene {
    world: World,
    app: Router,
}

/// What came back: status, body, challenges.
struct Seen(StatusCode, Value, Vec<String>);

fn scene() -> Scene {
    scene_with(UntilExpiry)
}

fn scene_with(revocation: impl RevocationCheck + 'static) -> Scene {
    let world = world();
    Scene { app: app(ResourceServer::new(world.another_verifier(), revocation)), world }
}

impl Scene {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Seen {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let challenges = challenges.map(|value| value.to_str().unwrap().to_owned()).collect();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| json!(String::from_utf8(body.to_vec()).unwrap()));
        Seen(status, body, challenges)
    }

    async fn get(&self, path: &str, token: &str) -> Seen {
        self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))]).await
    }
}

#[tokio::test]
async fn whoever_shows_a_good_token_is_let_in() {
    let scene = scene();
    let student = scene.world.sign(&scene.world.claims());
    for path in ["/", "/caller", "/me", "/proven", "/nested/bound"] {
        let Seen(status, body, _) = scene.get(path, &student).await;
        assert_eq!((status, body), (StatusCode::OK, json!("u1")), "{path}");
    }
    for path in ["/layer/me", "/layer/proven", "/layer/courses"] {
        assert_eq!(scene.get(path, &student).await.1, json!("in"), "{path}");
    }
    // The scheme's name has no case (RFC 9110, section 11.1).
    let lower = scene.ask("GET", "/me", &[("authorization", &format!("bearer {student}"))]).await;
    assert_eq!(lower.0, StatusCode::OK);
}

#[tokio::test]
async fn without_a_token_one_is_asked_for() {
    let scene = scene();
    let Seen(status, body, _) = scene.ask("GET", "/", &[]).await;
    assert_eq!((status, body), (StatusCode::OK, json!("")));
    for path in ["/me", "/caller", "/proven", "/marks", "/layer/me", "/layer/courses"] {
        let Seen(status, body, challenges) = scene.ask("GET", path, &[]).await;
        assert_eq!(
            (status, &body["reason"]),
            (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED")),
            "{path}"
        );
        assert_eq!(body["type"], "/errors/unauthenticated");
        // Nothing is said of errors to whoever showed nothing (RFC 6750, section 3.1).
        assert_eq!(challenges, ["Bearer", "DPoP algs=\"ES256 PS256 RS256 EdDSA\""], "{path}");
    }
    let basic = scene.ask("GET", "/me", &[("authorization", "Basic dTpw")]).await;
    assert_eq!((basic.0, &basic.1["reason"]), (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED")));
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_nobody_is_needed() {
    let scene = scene();
    let good = scene.world.sign(&scene.world.claims());
    let expired = scene.world.sign(&with(&scene.world.claims(), "exp", json!(1)));
    let bearer = format!("Bearer {good}");
    for path in ["/", "/me", "/layer/me"] {
        for (token, reason) in
            [("x.y.z", "INVALID_TOKEN"), ("", "INVALID_TOKEN"), (&expired, "TOKEN_EXPIRED")]
        {
            let Seen(status, body, challenges) = scene.get(path, token).await;
            assert_eq!(
                (status, &body["reason"]),
                (StatusCode::UNAUTHORIZED, &json!(reason)),
                "{path} {token}"
            );
            assert!(challenges[0].starts_with("Bearer error=\"invalid_token\""), "{challenges:?}");
        }
        let two = scene.ask("GET", path, &[("authorization", &bearer), ("authorization", &bearer)]).await;
        assert_eq!((two.0, &two.1["reason"]), (StatusCode::UNAUTHORIZED, &json!("INVALID_TOKEN")));
    }
}

#[tokio::test]
async fn roles_are_ordered_and_applications_have_none() {
    let scene = scene();
    let of = |role: &str| scene.world.sign(&with(&scene.world.claims(), "role", json!(role)));
    let application = scene.world.sign_oauth(&scene.world.client_claims());
    let (ok, forbidden) = (StatusCode::OK, StatusCode::FORBIDDEN);
    for (token, marks, users) in [
        (of("student"), forbidden, forbidden),
        (of("instructor"), ok, forbidden),
        (of("admin"), ok, ok),
        (application.clone(), forbidden, forbidden),
    ] {
        assert_eq!(scene.get("/marks", &token).await.0, marks);
        assert_eq!(scene.get("/users", &token).await.0, users);
        let layer = scene.ask("POST", "/layer/marks", &[("authorization", &format!("Bearer {token}"))]).await;
        assert_eq!(layer.0, marks);
    }
    for path in ["/me", "/proven", "/layer/me", "/layer/proven"] {
        let Seen(status, body, _) = scene.get(path, &application).await;
        assert_eq!((status, &body["reason"]), (forbidden, &json!("FORBIDDEN")), "{path}");
    }
    assert_eq!(scene.get("/caller", &application).await.1, json!("app"));
    assert_eq!(scene.get("/layer/courses", &application).await.1, json!("in"));
}

#[tokio::test]
async fn an_unproven_address_and_a_missing_scope_are_named() {
    let scene = scene();
    let unproven = scene.world.sign(&with(&scene.world.claims(), "email_verified", json!(false)));
    for path in ["/proven", "/layer/proven"] {
        let Seen(status, body, _) = scene.get(path, &unproven).await;
        assert_eq!(
            (status, &body["reason"]),
            (StatusCode::FORBIDDEN, &json!("EMAIL_NOT_VERIFIED")),
            "{path}"
        );
    }
    let narrow = scene.world.sign_oauth(&with(&scene.world.oauth_claims(), "scope", json!("openid")));
    let Seen(status, body, challenges) = scene.get("/layer/courses", &narrow).await;
    assert_eq!((status, &body["error"]), (StatusCode::FORBIDDEN, &json!("insufficient_scope")));
    assert_eq!(challenges, ["Bearer error=\"insufficient_scope\", scope=\"courses:read\""]);
}

#[tokio::test]
async fn a_token_bound_to_a_key_needs_a_proof_of_it_for_this_address() {
    let scene = scene();
    let holder = Holder::ec();
    let token = holder.token(&scene.world);
    let authorization = format!("DPoP {token}");
    let url = "http://127.0.0.1:8080/nested/bound";
    let proof = holder.proof(&scene.world, "p1", ("GET", url), &token);
    let with_proof = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
    // What the client says of the server's address is not believed.
    let lied = [with_proof[0], with_proof[1], ("host", "elsewhere.example")];
    assert_eq!(scene.ask("GET", "/nested/bound?q=1", &lied).await.1, json!("u1"));
    let again = scene.ask("GET", "/nested/bound", &with_proof).await;
    assert_eq!((again.0, &again.1["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_dpop_proof")));
    assert!(again.2[0].starts_with("DPoP error=\"invalid_dpop_proof\""), "{:?}", again.2);

    let elsewhere = holder.proof(&scene.world, "p2", ("GET", "http://127.0.0.1:8080/me"), &token);
    let other_key = Holder::ec().proof(&scene.world, "p3", ("GET", url), &token);
    for proof in [elsewhere.as_str(), &other_key, "", "x.y.z"] {
        let seen = scene.ask("GET", "/nested/bound", &[with_proof[0], ("dpop", proof)]).await;
        assert_eq!((seen.0, &seen.1["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_dpop_proof")));
    }
    let fresh = holder.proof(&scene.world, "p4", ("GET", url), &token);
    let twice = [with_proof[0], ("dpop", fresh.as_str()), ("dpop", fresh.as_str())];
    assert_eq!(scene.ask("GET", "/nested/bound", &twice).await.0, StatusCode::UNAUTHORIZED);
    // A stolen one is no bearer token (RFC 9449, section 7.2).
    assert_eq!(scene.get("/nested/bound", &token).await.1["reason"], "INVALID_TOKEN");
}

#[tokio::test]
async fn a_proof_is_looked_at_once_however_many_ask_for_the_caller() {
    let world = world();
    let app = Router::new()
        .route("/twice", get(|user: CurrentUser, _: RequireVerifiedEmail| async { user.0.sub }))
        .route_layer(require_user())
        .layer(current_user(ResourceServer::new(world.another_verifier(), UntilExpiry)));
    let scene = Scene { world, app };
    let holder = Holder::ec();
    let token = holder.token(&scene.world);
    let proof = holder.proof(&scene.world, "p1", ("GET", "http://127.0.0.1:8080/twice"), &token);
    let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(scene.ask("GET", "/twice", &headers).await.1, json!("u1"));
}

#[derive(Debug)]
struct Silent;

#[async_trait::async_trait]
impl RevocationCheck for Silent {
    async fn is_revoked(&self, _: &auth::Claims, _: &str) -> Result<bool, Unavailable> {
        Err(Unavailable)
    }
}

#[tokio::test]
async fn ended_is_401_and_not_known_is_503() {
    let ended = Arc::new(Revocations::default());
    let scene = scene_with(Arc::clone(&ended));
    let token = scene.world.sign(&scene.world.claims());
    assert_eq!(scene.get("/me", &token).await.0, StatusCode::OK);
    ended.end_session("s1".to_owned(), scene.world.clock.now());
    let Seen(status, body, challenges) = scene.get("/me", &token).await;
    assert_eq!((status, &body["reason"]), (StatusCode::UNAUTHORIZED, &json!("SESSION_REVOKED")));
    assert!(challenges[0].contains("invalid_token"));

    let scene = scene_with(Silent);
    let token = scene.world.sign(&scene.world.claims());
    let Seen(status, body, challenges) = scene.get("/me", &token).await;
    assert_eq!((status, &body["reason"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("SERVICE_UNAVAILABLE")));
    assert!(challenges.is_empty());
}

#[tokio::test]
async fn without_the_layer_nobody_is_let_in() {
    let app = Router::new().route("/me", get(|CurrentUser(user): CurrentUser| async { user.sub }));
    let scene = Scene { world: world(), app };
    let token = scene.world.sign(&scene.world.claims());
    assert_eq!(scene.get("/me", &token).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}
