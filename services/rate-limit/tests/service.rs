//! The service as its callers see it: gRPC in memory, real Postgres, a clock that moves when told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use api::common::{Caller, Role};
use api::rate_limit::rate_limit_client::RateLimitClient;
use api::rate_limit::{GetQuotaRequest, QuotaState, RefundRequest, ReserveRequest, SettleRequest};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, Error, ErrorCode, ManualClock, Retry, rfc3339_millis};
use rate_limit::Options;
use runtime::{Deps, Health, PeerChannel};
use secrecy::SecretString;
use testkit::TestDb;
use tonic::Status;

/// A running rate-limit service with a database of its own.
struct Env {
    db: TestDb,
    clock: Arc<ManualClock>,
    client: RateLimitClient<PeerChannel>,
}

impl Env {
    async fn start() -> Self {
        let migrators = [&eventstore::MIGRATOR, &projection::MIGRATOR, &rate_limit::MIGRATOR];
        let db = testkit::database(&[(rate_limit::SCHEMA, &migrators)]).await;
        let clock = testkit::clock();
        let client = replica(&db, &clock, Options::default()).await.unwrap();
        Self { db, clock, client }
    }

    async fn reserve(&self, id: &str, user: &str, role: Role) -> Result<QuotaState, Error> {
        reserve(&self.client, id, user, role).await
    }

    async fn settle(&self, id: &str, user: &str) -> Result<(), Error> {
        let request = SettleRequest { reservation_id: id.to_owned(), user_id: user.to_owned() };
        self.client.clone().settle(request).await.map(drop).map_err(refusal)
    }

    async fn refund(&self, id: &str, user: &str) -> Result<(), Error> {
        let reason = "MODEL_UNAVAILABLE".to_owned();
        let request = RefundRequest { reservation_id: id.to_owned(), user_id: user.to_owned(), reason };
        self.client.clone().refund(request).await.map(drop).map_err(refusal)
    }

    async fn quota(&self, user: &str, role: Role) -> QuotaState {
        let request = GetQuotaRequest { caller: Some(caller(user, role)) };
        self.client.clone().get_quota(request).await.unwrap().into_inner().quota.unwrap()
    }

    /// The events of a user's stream, by type, in order.
    async fn story(&self, user: &str) -> Vec<String> {
        let query = sqlx::query_scalar("select type from events where stream = $1 order by version");
        query.bind(format!("quota-{user}")).fetch_all(&self.db.pool(rate_limit::SCHEMA)).await.unwrap()
    }
}

async fn replica(
    db: &TestDb,
    clock: &Arc<ManualClock>,
    options: Options,
) -> Result<RateLimitClient<PeerChannel>, Error> {
    let deps = Deps {
        clock: Arc::clone(clock) as _,
        entropy: testkit::entropy(),
        pool: db.pool(rate_limit::SCHEMA),
        // Nobody answers: a reservation must not need the bus.
        nats: runtime::bus(&SecretString::from("nats://127.0.0.1:1"), "test").await.unwrap(),
        namespace: "test".to_owned(),
        peers: testkit::peers_for([]),
        health: Health::default(),
    };
    let routes = rate_limit::build(options, deps)?.into_routes().unwrap();
    Ok(RateLimitClient::new(testkit::peer_for(routes)))
}

async fn reserve(
    client: &RateLimitClient<PeerChannel>,
    id: &str,
    user: &str,
    role: Role,
) -> Result<QuotaState, Error> {
    let request = ReserveRequest { reservation_id: id.to_owned(), caller: Some(caller(user, role)) };
    let answer = client.clone().reserve(request).await.map_err(refusal)?;
    Ok(answer.into_inner().quota.unwrap())
}

fn caller(user: &str, role: Role) -> Caller {
    Caller { user_id: user.to_owned(), role: role.into(), email_verified: true }
}

fn refusal(status: Status) -> Error {
    api::from_status(&status)
}

#[tokio::test]
async fn of_two_hundred_concurrent_requests_on_two_replicas_exactly_twenty_are_admitted() {
    let env = Env::start().await;
    let other = replica(&env.db, &env.clock, Options::default()).await.unwrap();
    let requests = (0..200).map(|n| {
        let client = if n % 2 == 0 { &env.client } else { &other };
        async move { reserve(client, &format!("turn-{n}"), "ada", Role::Student).await }
    });
    let (admitted, refused): (Vec<_>, Vec<_>) = join_all(requests).await.into_iter().partition(Result::is_ok);
    assert_eq!((admitted.len(), refused.len()), (20, 180));
    let mut left: Vec<u32> = admitted.into_iter().map(|quota| quota.unwrap().remaining.unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, (0..20).collect::<Vec<_>>(), "each was told what is left after it");
    for error in refused.into_iter().map(Result::unwrap_err) {
        assert_eq!((error.code, &*error.reason), (ErrorCode::ResourceExhausted, "QUOTA_EXCEEDED"));
    }
    assert_eq!(env.story("ada").await, vec!["quota.reserved"; 20]);
}

#[tokio::test]
async fn who_is_refused_learns_the_limit_and_when_the_next_message_is_free() {
    let env = Env::start().await;
    let first_at = env.clock.now();
    for n in 0..20 {
        env.reserve(&format!("turn-{n}"), "ada", Role::Student).await.unwrap();
        env.clock.advance(TimeDelta::minutes(1));
    }
    let error = env.reserve("turn-20", "ada", Role::Student).await.unwrap_err();
    let free_at = first_at + TimeDelta::hours(24);
    assert_eq!(error.metadata["limit"], "20");
    assert_eq!(error.metadata["remaining"], "0");
    assert_eq!(error.metadata["resets_at"], rfc3339_millis(free_at));
    let wait = (free_at - env.clock.now()).to_std().unwrap();
    assert_eq!(error.retry, Retry::After(wait));

    env.clock.advance(free_at - env.clock.now() - TimeDelta::milliseconds(1));
    assert!(
        env.reserve("turn-21", "ada", Role::Student).await.is_err(),
        "the window rolls, it does not jump"
    );
    env.clock.advance(TimeDelta::milliseconds(1));
    let quota = env.reserve("turn-22", "ada", Role::Student).await.unwrap();
    assert_eq!(quota.remaining, Some(0), "one message left the window, and this one took its place");
    assert!(env.reserve("turn-23", "ada", Role::Student).await.is_err());
}

#[tokio::test]
async fn a_repeated_call_counts_once() {
    let env = Env::start().await;
    let repeats = join_all((0..20).map(|_| env.reserve("turn-1", "ada", Role::Student))).await;
    for quota in repeats {
        assert_eq!(quota.unwrap().remaining, Some(19));
    }
    env.settle("turn-1", "ada").await.unwrap();
    env.settle("turn-1", "ada").await.unwrap();
    env.reserve("turn-1", "ada", Role::Student).await.unwrap();
    assert_eq!(env.story("ada").await, ["quota.reserved", "quota.settled"]);
    assert_eq!(env.quota("ada", Role::Student).await.remaining, Some(19));
}

#[tokio::test]
async fn a_refund_gives_the_message_back_once_and_for_good() {
    let env = Env::start().await;
    env.reserve("turn-1", "ada", Role::Student).await.unwrap();
    env.refund("turn-1", "ada").await.unwrap();
    env.refund("turn-1", "ada").await.unwrap();
    let quota = env.quota("ada", Role::Student).await;
    assert_eq!((quota.limit, quota.remaining, quota.resets_at), (Some(20), Some(20), None));
    assert_eq!(env.story("ada").await, ["quota.reserved", "quota.refunded"]);

    let error = env.settle("turn-1", "ada").await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::FailedPrecondition, "RESERVATION_CLOSED"));
    let error = env.reserve("turn-1", "ada", Role::Student).await.unwrap_err();
    assert_eq!(&*error.reason, "RESERVATION_CLOSED", "a late repeat must not undo the refund");
}

#[tokio::test]
async fn a_refund_and_a_settlement_that_race_leave_one_of_them() {
    let env = Env::start().await;
    for n in 0..10 {
        let id = format!("turn-{n}");
        env.reserve(&id, "ada", Role::Student).await.unwrap();
        let (settled, refunded) = futures::join!(env.settle(&id, "ada"), env.refund(&id, "ada"));
        assert!(settled.is_ok() != refunded.is_ok(), "{settled:?} {refunded:?}");
    }
    assert_eq!(env.story("ada").await.len(), 20);
}

#[tokio::test]
async fn a_reservation_is_only_found_under_its_own_user() {
    let env = Env::start().await;
    env.reserve("turn-1", "ada", Role::Student).await.unwrap();
    for outcome in [env.settle("turn-1", "grace").await, env.refund("turn-1", "grace").await] {
        let error = outcome.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::NotFound, "RESERVATION_NOT_FOUND"));
    }
    env.reserve("turn-1", "grace", Role::Student).await.unwrap();
    assert_eq!(env.quota("ada", Role::Student).await.remaining, Some(19));
    assert_eq!(env.quota("grace", Role::Student).await.remaining, Some(19));
}

#[tokio::test]
async fn staff_have_no_quota_and_leave_no_trace() {
    let env = Env::start().await;
    for role in [Role::Instructor, Role::Admin] {
        for n in 0..25 {
            let quota = env.reserve(&format!("turn-{n}"), "grace", role).await.unwrap();
            assert_eq!(quota, QuotaState::default());
        }
        assert_eq!(env.quota("grace", role).await, QuotaState::default());
    }
    assert!(env.story("grace").await.is_empty());
}

#[tokio::test]
async fn nobody_and_nonsense_are_refused_with_a_reason() {
    let env = Env::start().await;
    let nobody = ReserveRequest { reservation_id: "turn-1".to_owned(), caller: None };
    let error = refusal(env.client.clone().reserve(nobody).await.unwrap_err());
    assert_eq!((error.code, &*error.reason), (ErrorCode::Unauthenticated, "UNAUTHENTICATED"));
    let long = "x".repeat(65);
    for id in ["", "a b", "turn-\u{e9}", long.as_str()] {
        let error = env.reserve(id, "ada", Role::Student).await.unwrap_err();
        assert_eq!(
            (error.code, &*error.reason),
            (ErrorCode::InvalidArgument, "INVALID_RESERVATION_ID"),
            "{id:?}"
        );
    }
    assert!(env.story("ada").await.is_empty());
    for (limit, window_hours) in [(0, 24), (20, 0)] {
        let refused = replica(&env.db, &env.clock, Options { limit, window_hours }).await;
        assert_eq!(&*refused.unwrap_err().reason, "INVALID_OPTIONS");
    }
}
