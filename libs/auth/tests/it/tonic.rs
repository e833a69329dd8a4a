//! A tonic server that lets people in by their tokens, called over a real connection.

use ::tonic::metadata::MetadataValue;
use ::tonic::service::interceptor::InterceptedService;
use ::tonic::transport::{Channel, Endpoint, Server};
use ::tonic::{Code, Request, Status};
use auth::tonic::{caller, current_user, require_role, require_scope, require_user, require_verified_email};
use auth::{Claims, ResourceServer, UntilExpiry};
use kernel::Role;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;

use crate::holder::Holder;
use crate::world::{World, with, world};

struct Scene {
    world: World,
    client: HealthClient<Channel>,
    _server: JoinSet<()>,
}

/// A server whose one service is for people alone.
async fn scene() -> Scene {
    let world = world();
    let server = ResourceServer::new(world.another_verifier(), UntilExpiry);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (_, health) = tonic_health::server::health_reporter();
    let health: HealthServer<_> = health;
    let serving = Server::builder()
        .layer(current_user(server))
        .add_service(InterceptedService::new(health, require_user))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let mut running = JoinSet::new();
    running.spawn(async move { serving.await.unwrap() });
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    Scene { world, client: HealthClient::new(channel), _server: running }
}

impl Scene {
    async fn call(&self, metadata: &[(&'static str, &str)]) -> Result<(), Status> {
        let mut request = Request::new(HealthCheckRequest::default());
        for (name, value) in metadata {
            request.metadata_mut().append(*name, MetadataValue::try_from(*value).unwrap());
        }
        self.client.clone().check(request).await.map(drop)
    }

    async fn bearer(&self, token: &str) -> Result<(), Status> {
        self.call(&[("authorization", &format!("Bearer {token}"))]).await
    }
}

fn assert_refused(outcome: Result<(), Status>, code: Code, reason: &str) {
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(status.metadata().get("reason").unwrap(), reason, "{status:?}");
}

#[tokio::test]
async fn a_call_with_a_good_token_is_let_in() {
    let scene = scene().await;
    scene.bearer(&scene.world.sign(&scene.world.claims())).await.unwrap();
    scene.bearer(&scene.world.sign_oauth(&scene.world.oauth_claims())).await.unwrap();
}

#[tokio::test]
async fn any_other_call_is_refused_with_its_reason() {
    let scene = scene().await;
    assert_refused(scene.call(&[]).await, Code::Unauthenticated, "UNAUTHENTICATED");
    assert_refused(scene.bearer("x.y.z").await, Code::Unauthenticated, "INVALID_TOKEN");
    let expired = scene.world.sign(&with(&scene.world.claims(), "exp", json!(1)));
    assert_refused(scene.bearer(&expired).await, Code::Unauthenticated, "TOKEN_EXPIRED");
    let application = scene.world.sign_oauth(&scene.world.client_claims());
    assert_refused(scene.bearer(&application).await, Code::PermissionDenied, "FORBIDDEN");
}

#[tokio::test]
async fn a_call_with_a_bound_token_needs_a_proof() {
    let scene = scene().await;
    let holder = Holder::ec();
    let token = holder.token(&scene.world);
    // gRPC is POST to the method's path (HTTP/2 request mapping).
    let url = "http://127.0.0.1:8080/grpc.health.v1.Health/Check";
    let proof = holder.proof(&scene.world, "p1", ("POST", url), &token);
    let authorization = format!("DPoP {token}");
    let metadata = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
    scene.call(&metadata).await.unwrap();
    assert_refused(scene.call(&metadata).await, Code::Unauthenticated, "INVALID_TOKEN");
    assert_refused(scene.bearer(&token).await, Code::Unauthenticated, "INVALID_TOKEN");
}

#[tokio::test]
async fn handlers_ask_for_more() {
    let world = world();
    let request = async |token: String| {
        let mut request = Request::new(());
        let claims: Claims = world.verifier.verify(&token).await.unwrap();
        request.extensions_mut().insert(claims);
        request
    };
    let student = request(world.sign(&world.claims())).await;
    assert_eq!(caller(&student).unwrap().sub, "u1");
    assert_eq!(require_role(&student, Role::Instructor).unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(require_role(&student, Role::Student).unwrap().sub, "u1");
    assert_eq!(require_verified_email(&student).unwrap().sub, "u1");
    let unproven = request(world.sign(&with(&world.claims(), "email_verified", json!(false)))).await;
    let status = require_verified_email(&unproven).unwrap_err();
    assert_eq!(status.metadata().get("reason").unwrap(), "EMAIL_NOT_VERIFIED");
    let narrow = request(world.sign_oauth(&with(&world.oauth_claims(), "scope", json!("openid")))).await;
    let status = require_scope(&narrow, "courses:read").unwrap_err();
    assert!(
        status.metadata().get("www-authenticate").unwrap().to_str().unwrap().contains("insufficient_scope")
    );
    assert!(require_scope(&student, "courses:read").is_ok());
    assert_eq!(require_role(&Request::new(()), Role::Student).unwrap_err().code(), Code::Unauthenticated);
}
