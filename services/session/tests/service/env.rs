use std::sync::{Arc, Mutex};

use api::common::{Client, Role};
use api::identity::identity_server::{Identity, IdentityServer};
use api::identity::{
    GetUserRequest, GetUserResponse, RequestEmailVerificationRequest, RequestEmailVerificationResponse,
    SignInRequest, SignInResponse, SignUpRequest, SignUpResponse, User, VerifyEmailRequest,
    VerifyEmailResponse,
};
use api::session::sessions_client::SessionsClient;
use api::session::{CreateSessionRequest, CreateSessionResponse, GetSessionRequest, GetSessionResponse};
use kernel::{Clock, Error, ManualClock};
use prost::Message;
use runtime::{Deps, Health, PeerChannel, Service};
use secrecy::SecretString;
use session::Options;
use sqlx::{PgPool, Row};
use testkit::TestDb;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

pub const SECRET: &str = "a-secret-of-the-tests-with-40-characters";
pub const ADA: &str = "AdaAdaAdaAdaAdaAdaAdaAdaAdaAda01";

/// Stands in for the identity service: its users, or nobody answering.
#[derive(Debug, Clone, Default)]
pub struct Directory(Arc<Mutex<Option<Vec<User>>>>);

impl Directory {
    pub fn set(&self, users: Option<Vec<User>>) {
        *self.0.lock().unwrap() = users;
    }
}

#[tonic::async_trait]
impl Identity for Directory {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        let users = self.0.lock().unwrap().clone().ok_or_else(|| Status::unavailable("away"))?;
        let user = users.into_iter().find(|user| user.id == request.get_ref().user_id);
        let user =
            user.ok_or_else(|| api::to_status(&Error::not_found("USER_NOT_FOUND", "User not found")))?;
        Ok(Response::new(GetUserResponse { user: Some(user) }))
    }
    async fn sign_up(&self, _: Request<SignUpRequest>) -> Result<Response<SignUpResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
    async fn sign_in(&self, _: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
    async fn request_email_verification(
        &self,
        _: Request<RequestEmailVerificationRequest>,
    ) -> Result<Response<RequestEmailVerificationResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
    async fn verify_email(
        &self,
        _: Request<VerifyEmailRequest>,
    ) -> Result<Response<VerifyEmailResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

/// A running session service with a database of its own, and one user.
pub struct Env {
    pub db: TestDb,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<kernel::SeededEntropy>,
    pub directory: Directory,
    pub client: SessionsClient<PeerChannel>,
}

pub fn ada() -> User {
    let at = testkit::clock().now();
    User {
        id: ADA.to_owned(),
        name: "Ada Lovelace".to_owned(),
        email: "ada@example.com".to_owned(),
        email_verified: true,
        image: None,
        role: Role::Instructor.into(),
        created_at: Some(api::timestamp(at)),
        updated_at: Some(api::timestamp(at)),
    }
}

impl Env {
    pub async fn start() -> Self {
        let migrators = [&eventstore::MIGRATOR, &projection::MIGRATOR, &session::MIGRATOR];
        let db = testkit::database(&[(session::SCHEMA, &migrators)]).await;
        let (clock, entropy, directory) = (testkit::clock(), testkit::entropy(), Directory::default());
        directory.set(Some(vec![ada()]));
        let (service, _) = service(&db, &clock, &entropy, &directory, SECRET).await;
        let client = SessionsClient::new(testkit::peer_for(service.into_routes().unwrap()));
        Self { db, clock, entropy, directory, client }
    }

    /// Another process over the same database; its readiness checks with it.
    pub async fn replica(&self, secret: &str) -> (SessionsClient<PeerChannel>, Health) {
        let (service, health) = service(&self.db, &self.clock, &self.entropy, &self.directory, secret).await;
        (SessionsClient::new(testkit::peer_for(service.into_routes().unwrap())), health)
    }

    /// The service with its background work, not yet running.
    pub async fn service(&self) -> Service {
        service(&self.db, &self.clock, &self.entropy, &self.directory, SECRET).await.0
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool(session::SCHEMA)
    }

    pub async fn create(&self, remember: bool) -> CreateSessionResponse {
        let client = Some(Client { ip: "192.0.2.7".to_owned(), user_agent: "a browser".to_owned() });
        let request = CreateSessionRequest { user_id: ADA.to_owned(), client, remember };
        self.client.clone().create_session(request).await.unwrap().into_inner()
    }

    pub async fn get(&self, token: &str) -> Result<GetSessionResponse, Error> {
        let request = GetSessionRequest { token: token.to_owned(), disable_refresh: false };
        let answer = self.client.clone().get_session(request).await;
        answer.map(Response::into_inner).map_err(|status| api::from_status(&status))
    }

    /// All events of a type, whatever their stream.
    pub async fn events<M: Message + Default>(&self, event_type: &str) -> Vec<(String, M)> {
        sqlx::query("select stream, data from events where type = $1 order by pos")
            .bind(event_type)
            .fetch_all(&self.pool())
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get("stream"), M::decode(row.get::<&[u8], _>("data")).unwrap()))
            .collect()
    }
}

async fn service(
    db: &TestDb,
    clock: &Arc<ManualClock>,
    entropy: &Arc<kernel::SeededEntropy>,
    directory: &Directory,
    secret: &str,
) -> (Service, Health) {
    let health = Health::default();
    let deps = Deps {
        clock: Arc::clone(clock) as _,
        entropy: Arc::clone(entropy) as _,
        pool: db.pool(session::SCHEMA),
        // Nobody answers: none of this needs the bus.
        nats: runtime::bus(&SecretString::from("nats://127.0.0.1:1"), "test").await.unwrap(),
        namespace: "test".to_owned(),
        peers: testkit::peers_for([("identity", Routes::new(IdentityServer::new(directory.clone())))]),
        health: health.clone(),
    };
    let options = Options {
        auth_secret: SecretString::from(secret),
        public_url: "https://learn.example.com".parse().unwrap(),
    };
    (session::build(options, deps).unwrap(), health)
}
