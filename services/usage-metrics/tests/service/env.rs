use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api::common::{Caller, Personal, Role};
use api::eventlog::event_log_server::{EventLog, EventLogServer as WireServer};
use api::eventlog::{HeadRequest, HeadResponse, ReadRequest, ReadResponse, UnsealRequest, UnsealResponse};
use api::events::identity::{EmailChanged, SignInFailed, SignedIn, UserErased, UserRegistered};
use api::events::session::SessionStarted;
use api::events::tutor_agent::{TurnCompleted, TurnFailed, TurnStarted};
use api::usage_metrics::usage_metrics_client::UsageMetricsClient;
use api::usage_metrics::{AiUsageDay, ListAiUsageRequest, ListAuthEventsRequest, ListAuthEventsResponse};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::sealing::Vault;
use eventstore::{Meta, Private, Publisher, Store};
use kernel::{Clock, Error, ManualClock, NewEvent, TraceParent};
use projection::EventLogServer;
use prost::Message;
use runtime::{Deps, Health, PeerChannel, Service};
use secrecy::SecretString;
use sqlx::PgPool;
use testkit::{TestDb, TestNats};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use usage_metrics::{HashKey, Options, SCHEMA};

pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The stores and the projections that read them.
const SOURCES: [(&str, &str); 3] =
    [("auth_event_log", "identity"), ("auth_event_log", "session"), ("fact_turn", "tutor_agent")];

const AUTH_SECRET: &str = "a secret of at least thirty-two bytes";
pub const BROWSER: &str = "a browser";

/// The stores of the peers with their publishers, and a client of the service. Its tasks run when
/// told to.
pub struct Env {
    pub pool: PgPool,
    pub clock: Arc<ManualClock>,
    pub client: UsageMetricsClient<PeerChannel>,
    stores: [Store; 3],
    vaults: [Vault; 3],
    /// Whether the owners of the stores refuse to open anything.
    away: [Arc<AtomicBool>; 3],
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
        let vaults = ["identity", "session", "tutor_agent"]
            .map(|name| Vault::new(&SecretString::from(AUTH_SECRET), name, testkit::entropy()).unwrap());
        let away: [Arc<AtomicBool>; 3] = Default::default();
        let log = |n: usize| {
            let log = EventLogServer::new(stores[n].clone()).vault(vaults[n].clone());
            Routes::new(WireServer::new(Owner { log, away: Arc::clone(&away[n]) }))
        };
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
            vaults,
            away,
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

    /// An event that says nothing of a person.
    pub async fn append<M: Message>(&self, store: &str, stream: &str, event_type: &'static str, message: &M) {
        self.write(store, stream, (event_type, message.encode_to_vec()), None).await;
    }

    /// An event that says something of `subject`; of nobody when they were erased.
    pub async fn append_about<M: Message>(
        &self,
        (store, stream): (&str, &str),
        event_type: &'static str,
        message: &M,
        (subject, personal): (&str, Personal),
    ) {
        self.write(store, stream, (event_type, message.encode_to_vec()), Some((subject, personal))).await;
    }

    async fn write(
        &self,
        store: &str,
        stream: &str,
        (event_type, data): (&'static str, Vec<u8>),
        about: Option<(&str, Personal)>,
    ) {
        let event = NewEvent { event_type, schema: 1, data };
        let mut meta = Meta::at(self.clock.now());
        meta.traceparent = TraceParent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01"));
        meta.actor = about.as_ref().map(|(subject, _)| (*subject).to_owned());
        meta.subject.clone_from(&meta.actor);
        let n = index(store);
        let key = match &about {
            Some((subject, _)) => {
                let now = self.clock.now();
                Some(self.vaults[n].key(self.stores[n].pool(), subject, now).await.unwrap())
            }
            None => None,
        };
        let opened = self.stores[n].open(stream).await.unwrap();
        let appended = match (&key, about) {
            (Some(key), Some((_, personal))) => {
                let private = Private { key, plain: &personal.encode_to_vec() };
                opened.append_sealed(&[event], &meta, &private).await
            }
            _ => opened.append(&[event], &meta).await,
        };
        appended.unwrap().commit().await.unwrap();
    }

    /// As identity erases: the event, and the keys of the user and of their address in one
    /// transaction.
    pub async fn erased(&self, user: &str) {
        let event = UserErased { user_id: user.to_owned(), by: "user".to_owned(), session_epoch: 2 };
        let event = NewEvent { event_type: "user.erased", schema: 1, data: event.encode_to_vec() };
        let opened = self.stores[0].open(&format!("user-{user}")).await.unwrap();
        let mut appended = opened.append(&[event], &Meta::at(self.clock.now())).await.unwrap();
        for subject in [user, &address_of(user)] {
            Vault::destroy(appended.tx(), subject).await.unwrap();
        }
        appended.commit().await.unwrap();
    }

    /// As session does, some time after.
    pub async fn erased_by_session(&self, user: &str) {
        let mut connection = self.stores[1].pool().acquire().await.unwrap();
        Vault::destroy(&mut connection, user).await.unwrap();
    }

    /// Whether the owner of a store opens what is sealed.
    pub fn set_away(&self, store: &str, away: bool) {
        self.away[index(store)].store(away, Ordering::SeqCst);
    }

    pub async fn registered(&self, user: &str) {
        let event = UserRegistered {
            user_id: user.to_owned(),
            role: "student".to_owned(),
            method: "password".to_owned(),
            ..UserRegistered::default()
        };
        let personal = Personal { name: "A Name".to_owned(), ..personal(user, "192.0.2.7") };
        self.append_about(("identity", &format!("user-{user}")), "user.registered", &event, (user, personal))
            .await;
    }

    pub async fn signed_in(&self, user: &str) {
        let event =
            SignedIn { user_id: user.to_owned(), method: "password".to_owned(), ..SignedIn::default() };
        let place = ("identity", &*format!("user-{user}"));
        self.append_about(place, "user.signed_in", &event, (user, personal(user, "192.0.2.8"))).await;
    }

    pub async fn email_changed(&self, user: &str, new_email: &str) {
        let event = EmailChanged {
            user_id: user.to_owned(),
            by: "user".to_owned(),
            email_verified: true,
            ..EmailChanged::default()
        };
        let personal = Personal { new_email: new_email.to_owned(), ..personal(user, "192.0.2.8") };
        let place = ("identity", &*format!("user-{user}"));
        self.append_about(place, "user.email_changed", &event, (user, personal)).await;
    }

    /// A guess at the address of a user, before there is an account.
    pub async fn sign_in_failed(&self, user: &str) {
        let event = SignInFailed {
            reason: "unknown_user".to_owned(),
            consecutive_failures: 1,
            path: "sign_in".to_owned(),
            ..SignInFailed::default()
        };
        let place = ("identity", &*format!("unknown-{user}"));
        let about = (&*address_of(user), personal(user, "198.51.100.1"));
        self.append_about(place, "user.sign_in_failed", &event, about).await;
    }

    pub async fn session_started(&self, session: &str, user: &str) {
        let event = SessionStarted {
            session_id: session.to_owned(),
            user_id: user.to_owned(),
            expires_at: Some(api::timestamp(self.clock.now() + TimeDelta::days(7))),
            remember: true,
            ..SessionStarted::default()
        };
        let place = ("session", &*format!("session-{session}"));
        let personal = Personal { email: String::new(), ..personal(user, "2001:db8:0:1::5") };
        self.append_about(place, "session.started", &event, (user, personal)).await;
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
    let hash_key = HashKey::derive(&SecretString::from(AUTH_SECRET)).unwrap();
    usage_metrics::build(Options { hash_key }, deps.clone()).unwrap()
}

pub fn personal(user: &str, ip: &str) -> Personal {
    Personal {
        email: format!("{user}@example.com"),
        ip: ip.to_owned(),
        user_agent: BROWSER.to_owned(),
        ..Personal::default()
    }
}

/// The handle of a user's address, as identity makes it of the address.
pub fn address_of(user: &str) -> String {
    format!("address-of-{user}")
}

fn index(store: &str) -> usize {
    SOURCES.iter().position(|(_, of)| *of == store).unwrap()
}

/// The log of a store whose owner may be away for what is sealed.
struct Owner {
    log: EventLogServer,
    away: Arc<AtomicBool>,
}

#[async_trait]
impl EventLog for Owner {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        self.log.read(request).await
    }

    async fn head(&self, request: Request<HeadRequest>) -> Result<Response<HeadResponse>, Status> {
        self.log.head(request).await
    }

    async fn unseal(&self, request: Request<UnsealRequest>) -> Result<Response<UnsealResponse>, Status> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        self.log.unseal(request).await
    }
}
