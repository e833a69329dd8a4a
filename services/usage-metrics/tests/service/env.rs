use std::sync::Arc;

use api::common::{Caller, Role};
use api::events::identity::{SignedIn, UserRegistered};
use api::events::session::SessionStarted;
use api::events::tutor_agent::{TurnCompleted, TurnFailed, TurnStarted};
use api::usage_metrics::usage_metrics_client::UsageMetricsClient;
use api::usage_metrics::{AiUsageDay, ListAiUsageRequest, ListAuthEventsRequest, ListAuthEventsResponse};
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{Meta, Publisher, Store};
use kernel::{Clock, Error, ManualClock, NewEvent, TraceParent};
use projection::EventLogServer;
use prost::Message;
use runtime::{Deps, Health, PeerChannel, Service};
use secrecy::SecretString;
use sqlx::PgPool;
use testkit::{TestDb, TestNats};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Response;
use tonic::service::Routes;
use usage_metrics::{Options, SCHEMA};

pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The stores and the projections that read them.
const SOURCES: [(&str, &str); 3] =
    [("auth_event_log", "identity"), ("auth_event_log", "session"), ("fact_turn", "tutor_agent")];

/// The stores of the peers with their publishers, and a client of the service. Its tasks run when
/// told to.
pub struct Env {
    pub pool: PgPool,
    pub clock: Arc<ManualClock>,
    pub client: UsageMetricsClient<PeerChannel>,
    stores: [Store; 3],
    deps: Deps,
    _publishers: DropGuard,
    _nats: TestNats,
    pub db: TestDb,
}

/// The running tasks of one replica.
pub struct Running {
    shutdown: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended.await.unwrap();
    }
}

impl Env {
    pub async fn start() -> Self {
        let db = testkit::database(&[
            ("identity", &[&eventstore::MIGRATOR]),
            ("session", &[&eventstore::MIGRATOR]),
            ("tutor_agent", &[&eventstore::MIGRATOR]),
            (SCHEMA, &[&eventstore::MIGRATOR, &projection::MIGRATOR, &usage_metrics::MIGRATOR]),
        ])
        .await;
        let (nats, clock) = (testkit::nats().await, testkit::clock());
        let stores = ["identity", "session", "tutor_agent"].map(|name| Store::new(db.pool(name), name));
        let publishing = CancellationToken::new();
        for store in &stores {
            let clock = Arc::clone(&clock) as _;
            let publisher = Publisher::new(store.clone(), nats.client().await, "test", clock);
            runtime::spawn("publisher", publisher.run(publishing.clone()));
        }
        let log = |n: usize| Routes::new(EventLogServer::new(stores[n].clone()).into_service());
        let deps = Deps {
            clock: Arc::clone(&clock) as _,
            entropy: testkit::entropy(),
            pool: db.pool(SCHEMA),
            nats: nats.client().await,
            namespace: "test".to_owned(),
            peers: testkit::peers_for([("identity", log(0)), ("session", log(1)), ("tutor-agent", log(2))]),
            health: Health::default(),
        };
        let routes = service(&deps).into_routes().unwrap();
        Self {
            pool: deps.pool.clone(),
            client: UsageMetricsClient::new(testkit::peer_for(routes)),
            clock,
            stores,
            deps,
            _publishers: publishing.drop_guard(),
            _nats: nats,
            db,
        }
    }

    /// Runs the tasks of one more replica.
    pub fn run(&self) -> Running {
        let shutdown = CancellationToken::new();
        let (service, stop) = (service(&self.deps), shutdown.clone());
        let ended = runtime::spawn("usage-metrics", async move {
            runtime::serve(service, None, &SecretString::from("unused"), stop).await.unwrap();
        });
        Running { shutdown, ended }
    }

    pub async fn append<M: Message>(&self, store: &str, stream: &str, event_type: &'static str, message: &M) {
        let event = NewEvent { event_type, schema: 1, data: message.encode_to_vec() };
        let mut meta = Meta::at(self.clock.now());
        meta.traceparent = TraceParent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01"));
        let store = self.stores.iter().find(|candidate| candidate.name() == store).unwrap();
        let opened = store.open(stream).await.unwrap();
        opened.append(&[event], &meta).await.unwrap().commit().await.unwrap();
    }

    pub async fn registered(&self, user: &str) {
        let event = UserRegistered {
            user_id: user.to_owned(),
            email: format!("{user}@example.com"),
            name: "A Name".to_owned(),
            role: "student".to_owned(),
            method: "password".to_owned(),
            ip: "192.0.2.7".to_owned(),
            user_agent: "a browser".to_owned(),
            email_verified: false,
        };
        self.append("identity", &format!("user-{user}"), "user.registered", &event).await;
    }

    pub async fn signed_in(&self, user: &str) {
        let event = SignedIn {
            user_id: user.to_owned(),
            email: format!("{user}@example.com"),
            method: "password".to_owned(),
            ip: "192.0.2.8".to_owned(),
            user_agent: "a browser".to_owned(),
        };
        self.append("identity", &format!("user-{user}"), "user.signed_in", &event).await;
    }

    pub async fn session_started(&self, session: &str, user: &str) {
        let event = SessionStarted {
            session_id: session.to_owned(),
            user_id: user.to_owned(),
            expires_at: Some(api::timestamp(self.clock.now() + TimeDelta::days(7))),
            ip: "192.0.2.7".to_owned(),
            user_agent: "a browser".to_owned(),
            remember: true,
        };
        self.append("session", &format!("session-{session}"), "session.started", &event).await;
    }

    pub async fn turn_started(&self, turn: &str, user: &str) {
        let event = TurnStarted {
            turn_id: turn.to_owned(),
            thread_id: "thr_1".to_owned(),
            user_id: user.to_owned(),
            role: "student".to_owned(),
            course_id: "crs_1".to_owned(),
            lesson_slug: String::new(),
            model: "offline".to_owned(),
        };
        self.append("tutor_agent", &format!("turn-{turn}"), "turn.started", &event).await;
    }

    pub async fn turn_completed(&self, turn: &str, user: &str, response_ms: u64, ttft_ms: u64) {
        let event = TurnCompleted {
            turn_id: turn.to_owned(),
            thread_id: "thr_1".to_owned(),
            user_id: user.to_owned(),
            model: "a-model".to_owned(),
            response_ms,
            time_to_first_token_ms: ttft_ms,
            tokens_in: 300,
            tokens_out: 40,
            tokens_estimated: true,
            citations: 2,
            passages_retrieved: 6,
            guard_rewrites: 1,
        };
        self.append("tutor_agent", &format!("turn-{turn}"), "turn.completed", &event).await;
    }

    pub async fn turn_failed(&self, turn: &str, user: &str) {
        let event = TurnFailed {
            turn_id: turn.to_owned(),
            thread_id: "thr_1".to_owned(),
            user_id: user.to_owned(),
            model: "a-model".to_owned(),
            reason: "MODEL_UNAVAILABLE".to_owned(),
            response_ms: 60_000,
        };
        self.append("tutor_agent", &format!("turn-{turn}"), "turn.failed", &event).await;
    }

    /// Waits until every projection has applied everything.
    pub async fn settled(&self) {
        testkit::eventually("the projections are level with the stores", || async {
            for (projection, store) in SOURCES {
                let store = self.stores.iter().find(|candidate| candidate.name() == store).unwrap();
                let pending: i64 = sqlx::query_scalar("select count(*) from events where gpos is null")
                    .fetch_one(store.pool())
                    .await
                    .unwrap();
                let at: Option<i64> =
                    sqlx::query_scalar("select gpos from checkpoints where projection = $1 and store = $2")
                        .bind(projection)
                        .bind(store.name())
                        .fetch_optional(&self.pool)
                        .await
                        .unwrap();
                if pending > 0 || at != i64::try_from(store.head().await.unwrap()).ok() {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    pub async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap();
    }

    /// A table as text, row by row: equal only when nothing changed.
    pub async fn dump(&self, query: &'static str) -> Vec<String> {
        sqlx::query_scalar(query).fetch_all(&self.pool).await.unwrap()
    }

    pub async fn auth_events(&self, request: ListAuthEventsRequest) -> Result<ListAuthEventsResponse, Error> {
        let request = ListAuthEventsRequest {
            caller: Some(request.caller.unwrap_or_else(|| caller(Role::Admin))),
            ..request
        };
        let answer = self.client.clone().list_auth_events(request).await;
        answer.map(Response::into_inner).map_err(|status| api::from_status(&status))
    }

    pub async fn ai_usage(&self, request: ListAiUsageRequest) -> Result<Vec<AiUsageDay>, Error> {
        let request = ListAiUsageRequest {
            caller: Some(request.caller.unwrap_or_else(|| caller(Role::Admin))),
            ..request
        };
        let answer = self.client.clone().list_ai_usage(request).await;
        answer.map(|answer| answer.into_inner().days).map_err(|status| api::from_status(&status))
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

pub fn caller(role: Role) -> Caller {
    Caller { user_id: "root".to_owned(), role: role.into(), email_verified: true }
}

fn service(deps: &Deps) -> Service {
    usage_metrics::build(Options {}, deps.clone()).unwrap()
}
