//! Whole turns: over gRPC, with real Postgres, small peers of our own and a scripted model.

mod endpoint;
mod peers;
mod recovery;
mod turns;
mod upstream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::common::{Caller, Role};
use api::tutor_agent::turn_event::Event;
use api::tutor_agent::tutor_agent_client::TutorAgentClient;
use api::tutor_agent::{PageContext, StartTurnRequest, TurnEvent};
use kernel::{ManualClock, SeededEntropy};
use runtime::{Health, PeerChannel};
use testkit::TestDb;

use super::*;
use endpoint::Endpoint;
use peers::Fakes;

static SEED: AtomicU64 = AtomicU64::new(1);

/// What outlives a process.
#[derive(Clone)]
struct World {
    db: Arc<TestDb>,
    clock: Arc<ManualClock>,
    fakes: Arc<Fakes>,
}

impl World {
    async fn new() -> Self {
        let migrators: &[&sqlx::migrate::Migrator] =
            &[&eventstore::MIGRATOR, &projection::MIGRATOR, &MIGRATOR];
        let db = Arc::new(testkit::database(&[(SCHEMA, migrators)]).await);
        Self { db, clock: testkit::clock(), fakes: Arc::default() }
    }

    async fn deps(&self, nats: Option<async_nats::Client>) -> Deps {
        let nats = match nats {
            Some(nats) => nats,
            None => nowhere().await,
        };
        Deps {
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::new(SeededEntropy::new(SEED.fetch_add(1, Ordering::Relaxed))),
            pool: self.db.pool(SCHEMA),
            nats,
            namespace: "test".to_owned(),
            peers: self.fakes.serve(),
            health: Health::default(),
        }
    }

    /// A process of this world, its index ready.
    async fn process(&self, model: Option<&Endpoint>) -> Process {
        let process = self.cold_process(model).await;
        process.parts.keeper.catch_up().await.unwrap();
        process
    }

    async fn cold_process(&self, model: Option<&Endpoint>) -> Process {
        let deps = self.deps(None).await;
        let options = Options { model: model.map(Endpoint::options), limits: quick() };
        let parts = wire(&options, &deps).unwrap();
        let channel = testkit::peer_for(Routes::new(grpc::Grpc::service(Arc::clone(&parts.turns))));
        Process { parts, client: TutorAgentClient::new(channel) }
    }

    /// The recorded events of a turn.
    async fn story(&self, turn_id: &str) -> Vec<domain::turn::Event> {
        let store = Store::new(self.db.pool(SCHEMA), SCHEMA);
        store.read_stream(&domain::turn::stream(turn_id)).await.unwrap()
    }

    async fn state(&self, turn_id: &str) -> String {
        let pool = self.db.superuser();
        let state = sqlx::query_scalar("select state from tutor_agent.turns where id = $1").bind(turn_id);
        state.fetch_optional(&pool).await.unwrap().unwrap_or_else(|| "forgotten".to_owned())
    }
}

/// A bus that never answers: turns do not need one.
async fn nowhere() -> async_nats::Client {
    async_nats::ConnectOptions::new().retry_on_initial_connect().connect("nats://127.0.0.1:1").await.unwrap()
}

fn quick() -> Limits {
    Limits {
        first_token: Duration::from_millis(500),
        idle: Duration::from_millis(300),
        recover_every: Duration::from_millis(50),
        peer_patience: Duration::from_millis(400),
        ..Limits::default()
    }
}

struct Process {
    parts: Parts,
    client: TutorAgentClient<PeerChannel>,
}

impl Process {
    async fn begin(&self, request: StartTurnRequest) -> Result<tonic::Streaming<TurnEvent>, Error> {
        let answer = self.client.clone().start_turn(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| api::from_status(&status))
    }

    async fn refusal(&self, request: StartTurnRequest) -> Error {
        self.begin(request).await.expect_err("the turn was not refused")
    }

    /// Runs a turn to the end of its stream and to the end of its job.
    async fn ask(&self, request: StartTurnRequest) -> Seen {
        let mut stream = self.begin(request).await.unwrap();
        let mut seen = Seen::default();
        while let Some(event) = stream.message().await.unwrap() {
            seen.take(event);
        }
        self.idle().await;
        seen
    }

    /// Until no turn runs in this process.
    async fn idle(&self) {
        testkit::eventually("the turns end", || async { self.parts.turns.jobs.is_empty().then_some(()) })
            .await;
    }
}

/// What a caller read.
#[derive(Debug, Default)]
struct Seen {
    turn_id: String,
    events: Vec<Event>,
}

impl Seen {
    fn take(&mut self, event: TurnEvent) {
        assert_eq!(event.seq, self.events.len() as u64 + 1, "sequence numbers are dense");
        self.turn_id = event.turn_id;
        self.events.extend(event.event);
    }

    fn text(&self) -> String {
        let delta = |event: &Event| match event {
            Event::TextDelta(text) => Some(text.delta.clone()),
            _ => None,
        };
        self.events.iter().filter_map(delta).collect()
    }

    /// The kinds of events in order, repeated ones once.
    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<&'static str> = self.events.iter().map(kind).collect();
        kinds.dedup();
        kinds
    }

    fn failure(&self) -> Option<(&str, bool)> {
        self.events.iter().find_map(|event| match event {
            Event::Failed(failed) => Some((failed.reason.as_str(), failed.allow_retry)),
            _ => None,
        })
    }

    fn modes(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Mode(mode) = event { Some(mode.model.as_str()) } else { None })
            .collect()
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::UserMessage(_) => "user_message",
        Event::Quota(_) => "quota",
        Event::Mode(_) => "mode",
        Event::Progress(_) => "progress",
        Event::AnswerStarted(_) => "answer_started",
        Event::TextDelta(_) => "text_delta",
        Event::Citation(_) => "citation",
        Event::AnswerStored(_) => "answer_stored",
        Event::ThreadTitled(_) => "thread_titled",
        Event::Failed(_) => "failed",
    }
}

fn student() -> Caller {
    Caller { user_id: "ada".into(), role: Role::Student.into(), email_verified: true }
}

/// A question on the lesson page "ownership".
fn question(text: &str) -> StartTurnRequest {
    StartTurnRequest {
        caller: Some(student()),
        text: text.to_owned(),
        page: Some(PageContext {
            course_slug: "rust".into(),
            lesson_slug: "ownership".into(),
            page_title: "Ownership".into(),
            ..PageContext::default()
        }),
        ..StartTurnRequest::default()
    }
}
