//! P5: effects happen at least once, under one idempotency key.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use eventstore::effects::{self, Effect, EffectError, EffectWorker};
use kernel::Clock;
use serde_json::{Value, json};

use crate::support::{Running, World, event, world};

/// Answers what it was told to, then success; remembers each call.
#[derive(Default)]
struct Mail {
    answers: Mutex<VecDeque<EffectError>>,
    calls: Mutex<Vec<(String, Value)>>,
}

#[async_trait]
impl Effect for Mail {
    fn kind(&self) -> &'static str {
        "mail"
    }

    async fn perform(&self, key: &str, payload: &Value) -> Result<(), EffectError> {
        self.calls.lock().unwrap().push((key.to_owned(), payload.clone()));
        self.answers.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }
}

impl Mail {
    fn failing(answers: impl IntoIterator<Item = EffectError>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), calls: Mutex::default() })
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

async fn sign_up(world: &World, user: &str) {
    let opened = world.store.open(user).await.unwrap();
    let mut appended = opened.append(&[event(user)], &world.meta()).await.unwrap();
    let at = world.clock.now();
    effects::enqueue(appended.tx(), "mail", user, &json!({"to": user}), at).await.unwrap();
    effects::enqueue(appended.tx(), "mail", user, &json!({"to": "again"}), at).await.unwrap();
    appended.commit().await.unwrap();
}

async fn state(world: &World, key: &str) -> (String, i32) {
    sqlx::query_as("select state, attempts from effects where key = $1")
        .bind(key)
        .fetch_one(world.store.pool())
        .await
        .unwrap()
}

async fn becomes(world: &World, key: &str, wanted: (&str, i32)) {
    testkit::eventually(&format!("{key} becomes {wanted:?}"), || async {
        let (state, attempts) = state(world, key).await;
        ((state.as_str(), attempts) == wanted).then_some(())
    })
    .await;
}

fn start(world: &World, running: &mut Running, mail: &Arc<Mail>) {
    let worker = EffectWorker::new(world.store.clone(), vec![mail.clone()], world.clock.clone());
    running.start(worker.run(running.token()));
}

#[tokio::test]
async fn an_effect_happens_once_for_its_key_and_not_without_its_event() {
    let world = world().await;
    let mail = Mail::failing([]);
    let mut running = Running::default();
    start(&world, &mut running, &mail);
    start(&world, &mut running, &mail);
    let mut undone =
        world.store.open("user-0").await.unwrap().append(&[event("x")], &world.meta()).await.unwrap();
    effects::enqueue(undone.tx(), "mail", "user-0", &json!({}), world.clock.now()).await.unwrap();
    drop(undone);
    for n in 1..=20 {
        sign_up(&world, &format!("user-{n}")).await;
    }
    for n in 1..=20 {
        becomes(&world, &format!("user-{n}"), ("done", 1)).await;
    }
    let mut keys: Vec<(String, Value)> = mail.calls.lock().unwrap().clone();
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    keys.dedup();
    assert_eq!((mail.calls(), keys.len()), (20, 20));
    assert!(keys.iter().all(|(key, payload)| payload == &json!({"to": key})));
    running.stop().await;
}

#[tokio::test]
async fn a_failed_effect_is_tried_again_later_and_later() {
    let world = world().await;
    let mail = Mail::failing(vec![EffectError::Retry("greylisted".to_owned()); 2]);
    let mut running = Running::default();
    start(&world, &mut running, &mail);
    sign_up(&world, "user-1").await;
    becomes(&world, "user-1", ("pending", 1)).await;
    let wait: (f64,) = sqlx::query_as("select extract(epoch from due_at - enqueued_at)::float8 from effects")
        .fetch_one(world.store.pool())
        .await
        .unwrap();
    // While it runs, the lease of a minute stands there.
    assert!(wait.0 <= 60.0);
    testkit::eventually("the failure is recorded", || async {
        let why: Option<String> =
            sqlx::query_scalar("select last_error from effects").fetch_one(world.store.pool()).await.unwrap();
        why
    })
    .await;
    world.clock.advance(TimeDelta::seconds(5));
    becomes(&world, "user-1", ("pending", 2)).await;
    testkit::eventually("the second pause is twice as long", || async {
        let due: chrono::DateTime<chrono::Utc> =
            sqlx::query_scalar("select due_at from effects").fetch_one(world.store.pool()).await.unwrap();
        (due == world.clock.now() + TimeDelta::seconds(10)).then_some(())
    })
    .await;
    world.clock.advance(TimeDelta::seconds(10));
    becomes(&world, "user-1", ("done", 3)).await;
    assert_eq!(mail.calls(), 3);
    running.stop().await;
}

#[tokio::test]
async fn a_hopeless_effect_is_given_up_visibly_and_can_be_asked_for_again() {
    let world = world().await;
    let mail = Mail::failing([EffectError::GiveUp("no such mailbox".to_owned())]);
    let mut running = Running::default();
    start(&world, &mut running, &mail);
    sign_up(&world, "user-1").await;
    becomes(&world, "user-1", ("given_up", 1)).await;
    let given_up = effects::given_up(&world.store, 10).await.unwrap();
    assert_eq!(given_up[0].key, "user-1");
    assert_eq!(given_up[0].last_error, "no such mailbox");
    assert!(effects::try_again(&world.store, "mail", "user-1", world.clock.now()).await.unwrap());
    becomes(&world, "user-1", ("done", 1)).await;
    assert!(!effects::try_again(&world.store, "mail", "user-1", world.clock.now()).await.unwrap());
    running.stop().await;
}

#[tokio::test]
async fn an_effect_whose_worker_died_is_taken_up_under_the_same_key() {
    let world = world().await;
    sign_up(&world, "user-1").await;
    // As a worker leaves it that took the effect and was killed.
    sqlx::query("update effects set attempts = 1, due_at = $1")
        .bind(world.clock.now() + TimeDelta::minutes(1))
        .execute(world.store.pool())
        .await
        .unwrap();
    let mail = Mail::failing([]);
    let mut running = Running::default();
    start(&world, &mut running, &mail);
    sign_up(&world, "user-2").await;
    becomes(&world, "user-2", ("done", 1)).await;
    assert_eq!(state(&world, "user-1").await, ("pending".to_owned(), 1), "the lease still runs");
    world.clock.advance(TimeDelta::minutes(1));
    becomes(&world, "user-1", ("done", 2)).await;
    running.stop().await;
}
