//! Throttles as the gateway sees them: gRPC in memory, real Postgres, a clock that moves when told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use api::rate_limit::throttles_client::ThrottlesClient;
use api::rate_limit::{ThrottleRequest, ThrottleResponse, UnthrottleRequest};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, Error, ErrorCode, ManualClock};
use metrics_exporter_prometheus::PrometheusBuilder;
use rate_limit::Options;
use runtime::{Deps, Health, PeerChannel, Service};
use secrecy::SecretString;
use testkit::TestDb;
use tokio_util::sync::CancellationToken;

/// A running rate-limit service with a database of its own.
struct Env {
    db: TestDb,
    clock: Arc<ManualClock>,
    client: ThrottlesClient<PeerChannel>,
}

impl Env {
    async fn start() -> Self {
        let migrators = [&eventstore::MIGRATOR, &projection::MIGRATOR, &rate_limit::MIGRATOR];
        let db = testkit::database(&[(rate_limit::SCHEMA, &migrators)]).await;
        let clock = testkit::clock();
        let client = client(service(&db, &clock).await);
        Self { db, clock, client }
    }

    /// Ten a minute.
    async fn call(&self, key: &str) -> ThrottleResponse {
        throttle(&self.client, request(key)).await.unwrap()
    }

    async fn look(&self, key: &str) -> ThrottleResponse {
        throttle(&self.client, ThrottleRequest { cost: Some(0), ..request(key) }).await.unwrap()
    }

    async fn give_back(&self, key: &str, cost: Option<u32>) -> Result<(), Error> {
        let request = UnthrottleRequest { key: key.to_owned(), cost };
        let answer = self.client.clone().unthrottle(request).await;
        answer.map(drop).map_err(|status| api::from_status(&status))
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    async fn keys(&self) -> i64 {
        let query = sqlx::query_scalar("select count(*) from throttles");
        query.fetch_one(&self.db.pool(rate_limit::SCHEMA)).await.unwrap()
    }
}

async fn service(db: &TestDb, clock: &Arc<ManualClock>) -> Service {
    let deps = Deps {
        clock: Arc::clone(clock) as _,
        entropy: testkit::entropy(),
        pool: db.pool(rate_limit::SCHEMA),
        // Nobody answers: throttles have nothing to do with the bus.
        nats: runtime::bus(&SecretString::from("nats://127.0.0.1:1"), "test").await.unwrap(),
        namespace: "test".to_owned(),
        peers: testkit::peers_for([]),
        health: Health::default(),
    };
    rate_limit::build(Options::default(), deps).unwrap()
}

fn client(service: Service) -> ThrottlesClient<PeerChannel> {
    ThrottlesClient::new(testkit::peer_for(service.into_routes().unwrap()))
}

fn request(key: &str) -> ThrottleRequest {
    ThrottleRequest { key: key.to_owned(), limit: 10, window_seconds: 60, cost: None }
}

async fn throttle(
    client: &ThrottlesClient<PeerChannel>,
    request: ThrottleRequest,
) -> Result<ThrottleResponse, Error> {
    let answer = client.clone().throttle(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| api::from_status(&status))
}

fn allowed(remaining: u32) -> ThrottleResponse {
    ThrottleResponse { allowed: true, remaining, retry_after_seconds: 0 }
}

fn refused(remaining: u32, retry_after_seconds: u32) -> ThrottleResponse {
    ThrottleResponse { allowed: false, remaining, retry_after_seconds }
}

#[tokio::test]
async fn the_limit_is_admitted_at_once_and_room_comes_back_call_by_call() {
    let env = Env::start().await;
    for left in (0..10).rev() {
        assert_eq!(env.call("net").await, allowed(left));
    }
    assert_eq!(env.call("net").await, refused(0, 6));
    env.clock.advance(TimeDelta::milliseconds(5_999));
    assert_eq!(env.call("net").await, refused(0, 1), "rounded up");
    env.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(env.call("net").await, allowed(0));
    env.pass(60);
    assert_eq!(env.call("net").await, allowed(9), "a window later all of it has run out");
    assert_eq!(env.call("other").await, allowed(9), "each key has a bucket of its own");
}

#[tokio::test]
async fn a_refused_call_counts_nothing() {
    let env = Env::start().await;
    for _ in 0..10 {
        env.call("net").await;
    }
    for _ in 0..50 {
        assert!(!env.call("net").await.allowed);
    }
    env.pass(6);
    assert_eq!(env.call("net").await, allowed(0), "the fifty did not put it off");
}

#[tokio::test]
async fn a_call_may_cost_more_than_one_and_a_look_costs_nothing() {
    let env = Env::start().await;
    let costing = |cost| ThrottleRequest { cost: Some(cost), ..request("net") };
    assert_eq!(env.look("net").await, allowed(10));
    assert_eq!(env.keys().await, 0);
    assert_eq!(throttle(&env.client, costing(7)).await.unwrap(), allowed(3));
    assert_eq!(env.look("net").await, allowed(3));
    assert_eq!(throttle(&env.client, costing(5)).await.unwrap(), refused(3, 12));
    assert_eq!(throttle(&env.client, costing(3)).await.unwrap(), allowed(0));
    assert_eq!(env.look("net").await, refused(0, 6));
    env.pass(6);
    assert_eq!((env.look("net").await, env.look("net").await), (allowed(1), allowed(1)));
}

#[tokio::test]
async fn what_is_given_back_can_be_used_again_and_never_makes_more_than_the_limit() {
    let env = Env::start().await;
    env.give_back("never-seen", None).await.unwrap();
    assert_eq!(env.keys().await, 0);
    for _ in 0..10 {
        env.call("net").await;
    }
    env.give_back("net", None).await.unwrap();
    assert_eq!((env.call("net").await, env.call("net").await.allowed), (allowed(0), false));
    env.give_back("net", Some(4)).await.unwrap();
    assert_eq!(env.look("net").await, allowed(4));
    env.give_back("net", Some(1_000_000)).await.unwrap();
    env.give_back("net", None).await.unwrap();
    assert_eq!(env.look("net").await, allowed(10));
    env.pass(3_600);
    env.give_back("net", None).await.unwrap();
    assert_eq!(env.call("net").await, allowed(9));
}

#[tokio::test]
async fn of_callers_side_by_side_on_two_replicas_no_more_than_the_limit_are_admitted() {
    let env = Env::start().await;
    let other = client(service(&env.db, &env.clock).await);
    for round in 0..5 {
        let key = format!("net-{round}");
        // 32 callers with five calls each.
        let calls = (0..32).map(|n| {
            let client = if n % 2 == 0 { &env.client } else { &other };
            let key = key.clone();
            async move {
                let mut answers = Vec::new();
                for _ in 0..5 {
                    answers.push(throttle(client, request(&key)).await.unwrap());
                }
                answers
            }
        });
        let answers = join_all(calls).await.into_iter().flatten();
        let (admitted, turned_away): (Vec<_>, Vec<_>) = answers.partition(|answer| answer.allowed);
        let mut left: Vec<u32> = admitted.iter().map(|answer| answer.remaining).collect();
        left.sort_unstable();
        assert_eq!(left, (0..10).collect::<Vec<_>>(), "each was told what is left after it");
        assert!(turned_away.iter().all(|answer| *answer == refused(0, 6)), "{turned_away:?}");
        assert_eq!(turned_away.len(), 32 * 5 - 10);
    }
}

/// Each of them has seen room for one more before any of them is let in.
#[tokio::test]
async fn callers_that_wait_for_each_other_look_again_before_they_count() {
    let env = Env::start().await;
    let other = client(service(&env.db, &env.clock).await);
    env.call("net").await;
    let outside = env.db.superuser();
    let mut held = env.db.pool(rate_limit::SCHEMA).begin().await.unwrap();
    sqlx::query("select from throttles for update").execute(&mut *held).await.unwrap();
    let calls = join_all((0..32).map(|n| {
        let client = if n % 2 == 0 { &env.client } else { &other };
        throttle(client, request("net"))
    }));
    let release = async {
        testkit::eventually("all connections wait for the row", || async {
            let waiting = "select count(*) from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock'";
            let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&outside).await.unwrap();
            (waiting == 20).then_some(())
        })
        .await;
        held.rollback().await.unwrap();
    };
    let (answers, ()) = futures::join!(calls, release);
    let admitted = answers.into_iter().filter(|answer| answer.as_ref().unwrap().allowed).count();
    assert_eq!(admitted, 9);
}

#[tokio::test]
async fn callers_that_give_back_what_they_took_leave_nothing_behind() {
    let env = Env::start().await;
    let callers = (0..32).map(|_| async {
        for _ in 0..5 {
            if env.call("net").await.allowed {
                env.give_back("net", None).await.unwrap();
            }
        }
    });
    join_all(callers).await;
    assert_eq!(env.look("net").await, allowed(10));
}

#[tokio::test]
async fn a_service_that_starts_again_goes_on_counting() {
    let mut env = Env::start().await;
    for _ in 0..10 {
        env.call("net").await;
    }
    env.client = client(service(&env.db, &env.clock).await);
    assert_eq!(env.call("net").await, refused(0, 6));
}

#[tokio::test]
async fn keys_that_have_run_out_are_removed_by_any_number_of_replicas() {
    let env = Env::start().await;
    let many = (0..1_200).map(|n| format!("net-{n}")).collect::<Vec<_>>();
    let env = &env;
    let calls = many.chunks(100).map(|keys| async move {
        for key in keys {
            env.call(key).await;
        }
    });
    join_all(calls).await;
    env.pass(300);
    env.call("net-7").await;
    env.call("young").await;
    assert_eq!(env.keys().await, 1_201);

    let shutdown = CancellationToken::new();
    let token = SecretString::from("a-token-for-tests");
    let stopped = shutdown.clone();
    let replica = async || {
        let service = service(&env.db, &env.clock).await;
        runtime::serve(service, None, &token, stopped.clone()).await.unwrap();
    };
    let cleaned = async {
        testkit::eventually("only keys in use are left", || async { (env.keys().await == 2).then_some(()) })
            .await;
        shutdown.cancel();
    };
    futures::join!(replica(), replica(), cleaned);
    assert_eq!((env.look("net-7").await, env.look("young").await), (allowed(9), allowed(9)));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_the_field() {
    let env = Env::start().await;
    let good = request("net");
    let long = "x".repeat(129);
    let mut bad: Vec<_> = ["", "a b", "caf\u{e9}", "a\0", "a%b", long.as_str()]
        .map(|key| (ThrottleRequest { key: key.to_owned(), ..good.clone() }, "key"))
        .into();
    bad.extend([0, 1_000_001].map(|limit| (ThrottleRequest { limit, ..good.clone() }, "limit")));
    bad.extend(
        [0, 86_401]
            .map(|window_seconds| (ThrottleRequest { window_seconds, ..good.clone() }, "window_seconds")),
    );
    bad.push((ThrottleRequest { cost: Some(11), ..good.clone() }, "cost"));
    for (request, field) in bad {
        let error = throttle(&env.client, request.clone()).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_THROTTLE"));
        assert_eq!(error.metadata["field"], field, "{request:?}");
    }
    for (key, cost, field) in [("", None, "key"), ("net", Some(0), "cost"), ("net", Some(1_000_001), "cost")]
    {
        let error = env.give_back(key, cost).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_THROTTLE"));
        assert_eq!(error.metadata["field"], field);
    }
    assert_eq!(env.keys().await, 0);
    let widest = ThrottleRequest {
        key: "x".repeat(128),
        limit: 1_000_000,
        window_seconds: 86_400,
        cost: Some(1_000_000),
    };
    assert_eq!(throttle(&env.client, widest).await.unwrap(), allowed(0));
}

#[tokio::test]
async fn refusals_are_counted_without_saying_whose() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // Of this thread, on which the service runs, too.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let env = Env::start().await;
    for _ in 0..13 {
        env.call("net").await;
    }
    let shown = handle.render();
    assert!(shown.lines().any(|line| line == "rate_limit_throttled_total 3"), "{shown}");
}

#[tokio::test]
async fn the_longest_wait_is_that_of_the_whole_window() {
    let env = Env::start().await;
    let once_a_day = ThrottleRequest { limit: 1, window_seconds: 86_400, ..request("net") };
    assert_eq!(throttle(&env.client, once_a_day.clone()).await.unwrap(), allowed(0));
    assert_eq!(throttle(&env.client, once_a_day.clone()).await.unwrap(), refused(0, 86_400));
    let start = env.clock.now();
    env.clock.set(start + TimeDelta::seconds(86_400));
    assert_eq!(throttle(&env.client, once_a_day).await.unwrap(), allowed(0));
}
