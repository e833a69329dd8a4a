use std::sync::Arc;

use api::common::{Client, Personal};
use api::identity::identity_server::IdentityServer;
use api::session as wire;
use api::session::revocation::Of;
use api::session::sessions_client::SessionsClient;
use eventstore::sealing::Vault;
use eventstore::{Meta, Publisher, Store};
use kernel::{Clock, Error, ManualClock, NewEvent, SeededEntropy};
use projection::EventLogServer;
use prost::Message;
use runtime::{Deps, Health, PeerChannel, Service};
use secrecy::SecretString;
use session::{KeyChest, Lifetimes, Options};
use sqlx::{PgPool, Row};
use testkit::{TestDb, TestNats};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Response, Status};

use crate::directory::{ADA, Directory, ada, eve, root};

pub const SECRET: &str = "a-secret-of-the-tests-with-40-characters";
pub const IP: &str = "192.0.2.7";
pub const BROWSER: &str = "a browser";

pub type Sessions = SessionsClient<PeerChannel>;

/// A session service with a database of its own, beside an identity of three users.
pub struct Env {
    pub db: TestDb,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<SeededEntropy>,
    pub directory: Directory,
    pub client: Sessions,
    pub lifetimes: Lifetimes,
    /// Only where identity's events are followed.
    nats: Option<TestNats>,
}

/// Tasks that run until stopped.
pub struct Running {
    shutdown: CancellationToken,
    ended: Vec<JoinHandle<()>>,
}

impl Running {
    pub async fn stop(self) {
        self.shutdown.cancel();
        for task in self.ended {
            task.await.unwrap();
        }
    }
}

impl Env {
    pub async fn start() -> Self {
        Self::with(Lifetimes::default(), None).await
    }

    /// With a bus, so that identity's events arrive.
    pub async fn following() -> Self {
        Self::with(Lifetimes::default(), Some(testkit::nats().await)).await
    }

    pub async fn with(lifetimes: Lifetimes, nats: Option<TestNats>) -> Self {
        let migrators = [&eventstore::MIGRATOR, &projection::MIGRATOR, &session::MIGRATOR];
        let schemas: [(_, &[_]); 2] = [(session::SCHEMA, &migrators), ("identity", &[&eventstore::MIGRATOR])];
        let db = testkit::database(&schemas).await;
        let directory = Directory::default();
        for user in [ada(), eve(), root()] {
            directory.put(user);
        }
        let (clock, entropy) = (testkit::clock(), testkit::entropy());
        // Replaced at once: it takes the environment to make one.
        let client = SessionsClient::new(testkit::peer_for(Routes::default()));
        let mut env = Self { db, clock, entropy, directory, client, lifetimes, nats };
        env.client = env.replica(SECRET).await.0;
        env
    }

    /// Another process over the same database; its readiness checks with it.
    pub async fn replica(&self, secret: &str) -> (Sessions, Health) {
        let (service, health) = self.build(secret).await;
        (SessionsClient::new(testkit::peer_for(service.into_routes().unwrap())), health)
    }

    async fn build(&self, secret: &str) -> (Service, Health) {
        let health = Health::default();
        let log = EventLogServer::new(self.identity());
        let identity =
            Routes::new(IdentityServer::new(self.directory.clone())).add_service(log.into_service());
        let deps = Deps {
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            pool: self.pool(),
            nats: self.bus().await,
            namespace: "test".to_owned(),
            peers: testkit::peers_for([("identity", identity)]),
            health: health.clone(),
        };
        let options = Options {
            auth_secret: SecretString::from(secret),
            public_url: "https://learn.example.com".parse().unwrap(),
            lifetimes: self.lifetimes,
            private_clients: true,
        };
        (session::build(options, deps).unwrap(), health)
    }

    async fn bus(&self) -> async_nats::Client {
        match &self.nats {
            Some(nats) => nats.client().await,
            // Nobody answers.
            None => runtime::bus(&SecretString::from("nats://127.0.0.1:1"), "test").await.unwrap(),
        }
    }

    /// Runs the background work of a replica, and identity's publisher.
    pub async fn run(&self) -> Running {
        let shutdown = CancellationToken::new();
        let (service, stop) = (self.build(SECRET).await.0, shutdown.clone());
        let serving = runtime::spawn("the service", async move {
            runtime::serve(service, None, &SecretString::from("unused"), stop).await.unwrap();
        });
        let publisher =
            Publisher::new(self.identity(), self.bus().await, "test", Arc::clone(&self.clock) as _);
        let publishing = runtime::spawn("publisher", publisher.run(shutdown.clone()));
        Running { shutdown, ended: vec![serving, publishing] }
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool(session::SCHEMA)
    }

    pub fn vault(&self) -> Vault {
        Vault::new(&SecretString::from(SECRET), "session", Arc::clone(&self.entropy) as _).unwrap()
    }

    pub fn chest(&self, secret: &str) -> KeyChest {
        let (clock, entropy) = (Arc::clone(&self.clock) as _, Arc::clone(&self.entropy) as _);
        KeyChest::new(self.pool(), clock, entropy, &SecretString::from(secret), self.lifetimes).unwrap()
    }

    fn identity(&self) -> Store {
        Store::new(self.db.pool("identity"), "identity")
    }

    /// Something that identity records.
    pub async fn happens<M: Message>(&self, user: &str, event_type: &'static str, message: &M) {
        let event = NewEvent { event_type, schema: 1, data: message.encode_to_vec() };
        let meta = Meta { actor: Some(user.to_owned()), ..Meta::at(self.clock.now()) };
        let opened = self.identity().open(&format!("user-{user}")).await.unwrap();
        opened.append(&[event], &meta).await.unwrap().commit().await.unwrap();
    }

    /// Waits until all that identity has recorded is done here.
    pub async fn settled(&self) {
        let (identity, own) = (self.identity(), self.pool());
        testkit::eventually("identity's events are followed", || async {
            let unsequenced: i64 =
                count(identity.pool(), "select count(*) from events where gpos is null").await;
            let at = count(&own, "select coalesce(max(gpos), 0) from checkpoints").await;
            let head = count(identity.pool(), "select gpos from sequencer").await;
            // Last: what is noted is noted with the checkpoint.
            let endings = count(&own, "select count(*) from endings").await;
            (unsequenced == 0 && at == head && endings == 0).then_some(())
        })
        .await;
    }

    pub async fn create(&self, remember: bool) -> wire::CreateSessionResponse {
        self.try_create(ADA, remember, "").await.unwrap()
    }

    pub async fn create_for(&self, user: &str) -> wire::CreateSessionResponse {
        self.try_create(user, true, "").await.unwrap()
    }

    pub async fn try_create(
        &self,
        user: &str,
        remember: bool,
        impersonator: &str,
    ) -> Result<wire::CreateSessionResponse, Error> {
        let request = wire::CreateSessionRequest {
            user_id: user.to_owned(),
            client: Some(client()),
            remember,
            impersonator_session_id: impersonator.to_owned(),
            epoch: if impersonator.is_empty() { self.directory.epoch(user) } else { 0 },
        };
        answer(self.client.clone().create_session(request).await)
    }

    pub async fn get(&self, token: &str) -> Result<wire::GetSessionResponse, Error> {
        get(self.client.clone(), token).await
    }

    pub async fn assert_gone(&self, token: &str) {
        let error = self.get(token).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (kernel::ErrorCode::NotFound, "SESSION_NOT_FOUND"));
    }

    pub async fn is_live(&self, session_id: &str) -> bool {
        let request = wire::CheckSessionRequest { session_id: session_id.to_owned() };
        self.client.clone().check_session(request).await.unwrap().into_inner().live
    }

    pub async fn revoke(&self, token: &str, reason: &str) {
        let request = wire::RevokeSessionRequest {
            token: token.to_owned(),
            client: Some(client()),
            reason: reason.to_owned(),
        };
        self.client.clone().revoke_session(request).await.unwrap();
    }

    pub async fn revoke_all(&self, request: wire::RevokeSessionsRequest) -> Vec<String> {
        let request = wire::RevokeSessionsRequest { client: Some(client()), ..request };
        self.client.clone().revoke_sessions(request).await.unwrap().into_inner().session_ids
    }

    pub async fn list(&self, user: &str) -> Vec<wire::Session> {
        let request = wire::ListSessionsRequest { user_id: user.to_owned() };
        self.client.clone().list_sessions(request).await.unwrap().into_inner().sessions
    }

    /// Ids of the sessions revoked since the tests' clock began, sorted.
    pub async fn revocations(&self) -> Vec<String> {
        let since = Some(api::timestamp(testkit::clock().now()));
        let request = wire::ListRevocationsRequest { since };
        let answer = self.client.clone().list_revocations(request).await.unwrap().into_inner();
        sorted(answer.revocations.into_iter().filter_map(|revocation| match revocation.of {
            Some(Of::SessionId(session)) => Some(session),
            _ => None,
        }))
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

    /// Types of a stream's events in order.
    pub async fn history(&self, session_id: &str) -> Vec<String> {
        sqlx::query_scalar("select type from events where stream = $1 order by version")
            .bind(format!("session-{session_id}"))
            .fetch_all(&self.pool())
            .await
            .unwrap()
    }

    /// Actor and private part of the first event of a type, opened by the owner.
    pub async fn private(&self, event_type: &str) -> (Option<String>, String, Option<Personal>) {
        let store = Store::new(self.pool(), "session");
        // What no publisher has sequenced yet is read by its place in the table.
        sqlx::query("update events set gpos = pos where gpos is null").execute(&self.pool()).await.unwrap();
        let events = store.read(0, 1000).await.unwrap();
        let event = events.iter().find(|event| event.event_type == event_type).unwrap();
        let subject = event.meta.subject.clone().unwrap_or_default();
        let key = self.vault().find(&self.pool(), &subject).await.unwrap();
        let plain = key.and_then(|key| event.unseal(&key).unwrap());
        (event.meta.actor.clone(), subject, plain.map(|plain| Personal::decode(plain.as_slice()).unwrap()))
    }
}

pub fn client() -> Client {
    Client { ip: IP.to_owned(), user_agent: BROWSER.to_owned() }
}

pub async fn get(mut client: Sessions, token: &str) -> Result<wire::GetSessionResponse, Error> {
    let request = wire::GetSessionRequest { token: token.to_owned(), disable_refresh: false };
    answer(client.get_session(request).await)
}

pub async fn mint(mut client: Sessions, token: &str) -> Result<String, Error> {
    let request = wire::MintAccessTokenRequest { session_token: token.to_owned() };
    answer(client.mint_access_token(request).await).map(|minted| minted.access_token)
}

pub async fn jwks(mut client: Sessions) -> Result<String, Error> {
    answer(client.get_jwks(wire::GetJwksRequest {}).await).map(|answer| answer.jwks_json)
}

pub fn answer<T>(outcome: Result<Response<T>, Status>) -> Result<T, Error> {
    outcome.map(Response::into_inner).map_err(|status| api::from_status(&status))
}

pub async fn count(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

pub fn sorted(ids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort();
    ids
}
