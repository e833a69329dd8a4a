use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sqlx::{PgExecutor, PgPool};

use crate::domain::throttle::{Charge, Decision, Returned, ThrottleKey};

/// When the bucket of a key will be empty. `None`: it is.
pub(crate) async fn empty_at(
    db: impl PgExecutor<'_>,
    key: &ThrottleKey,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let query = sqlx::query_scalar("select empty_at from throttles where key = $1");
    Ok(query.bind(key.as_str()).fetch_optional(db).await?)
}

/// Decides as `Charge::decide` does and counts what is admitted, in one statement: callers of one
/// key side by side follow each other under the lock of its row. Who is plainly refused neither
/// waits for that lock nor writes, so that a flood costs reads alone.
///
/// The commit does not wait for the disk. It would do so under the row's lock, which makes one key as
/// slow as the disk; and a crash of Postgres may forget the calls of the last second.
pub(crate) async fn charge(
    pool: &PgPool,
    key: &ThrottleKey,
    charge: &Charge,
    now: DateTime<Utc>,
) -> Result<Decision, StoreError> {
    let (counted, seen, _): (Option<DateTime<Utc>>, Option<DateTime<Utc>>, String) = sqlx::query_as(
        "with seen as materialized (
             select empty_at from throttles where key = $1
         ), counted as (
             insert into throttles as t (key, empty_at, spacing, expires_at)
             select $1, $2 + $3, $5, date_trunc('minute', $2 + $3, 'UTC') + interval '2 minutes'
             where not exists (select from seen where empty_at > $4)
             on conflict (key) do update set
                 empty_at = greatest(t.empty_at, $2) + $3,
                 spacing = $5,
                 expires_at =
                     date_trunc('minute', greatest(t.empty_at, $2) + $3, 'UTC') + interval '2 minutes'
             where t.empty_at <= $4
             returning t.empty_at
         )
         select (select empty_at from counted), (select empty_at from seen),
             set_config('synchronous_commit', 'off', true)",
    )
    .bind(key.as_str())
    .bind(now)
    .bind(charge.delay())
    .bind(charge.admitted_until(now))
    .bind(charge.rate().spacing())
    .fetch_one(pool)
    .await?;
    if let Some(empty_at) = counted {
        return Ok(Decision::Admitted { empty_at });
    }
    // Another caller took the room between the look and the lock: what it left is not in `seen`.
    let full = match seen.filter(|empty_at| *empty_at > charge.admitted_until(now)) {
        Some(empty_at) => empty_at,
        None => empty_at(pool, key).await?.unwrap_or(now),
    };
    Ok(Decision::Refused { empty_at: full })
}

/// Takes calls off, at most all there are.
pub(crate) async fn give_back(
    pool: &PgPool,
    key: &ThrottleKey,
    returned: Returned,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // `expires_at` stays: too late does no harm.
    sqlx::query(
        "update throttles set empty_at = greatest(empty_at - spacing * $2::float8, $3)
         where key = $1 and empty_at > $3",
    )
    .bind(key.as_str())
    .bind(f64::from(returned.calls()))
    .bind(now)
    .execute(pool)
    .await?;
    Ok(())
}

/// Removes up to `limit` keys that have run out and returns how many those were. Several replicas
/// may do it at once; a row that is being counted on is left to the next time.
pub(crate) async fn purge(pool: &PgPool, now: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    let removed = sqlx::query(
        "with expired as materialized (
             select key from throttles where expires_at <= $1
             order by expires_at limit $2 for update skip locked
         )
         delete from throttles t using expired e where t.key = e.key",
    )
    .bind(now)
    .bind(i64::from(limit))
    .execute(pool)
    .await?;
    Ok(removed.rows_affected())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use testkit::TestDb;

    use super::*;
    use crate::domain::throttle::Rate;

    const NOON: DateTime<Utc> = DateTime::from_timestamp_nanos(1_767_614_400_000_000_000);

    #[derive(Debug, Clone)]
    enum Step {
        Charge(u32),
        Return(u32),
        /// Milliseconds; backwards, as another replica's clock may be.
        Pass(i64),
    }

    async fn database() -> (TestDb, PgPool) {
        let db = testkit::database(&[(crate::SCHEMA, &[&crate::MIGRATOR])]).await;
        let pool = db.pool(crate::SCHEMA);
        (db, pool)
    }

    fn key(text: &str) -> ThrottleKey {
        ThrottleKey::parse(text.to_owned()).unwrap()
    }

    async fn keys(pool: &PgPool) -> Vec<String> {
        sqlx::query_scalar("select key from throttles order by key").fetch_all(pool).await.unwrap()
    }

    async fn use_once(pool: &PgPool, name: &str, window_seconds: u32, at: DateTime<Utc>) {
        let once = Rate::new(1, window_seconds).unwrap().charge(1).unwrap();
        let decision = charge(pool, &key(name), &once, at).await.unwrap();
        assert!(matches!(decision, Decision::Admitted { .. }));
    }

    #[tokio::test]
    async fn the_statement_decides_as_the_rule_does() {
        let (_db, pool) = database().await;
        let step = prop_oneof![
            5 => (1..6_u32).prop_map(Step::Charge),
            1 => (1..4_u32).prop_map(Step::Return),
            3 => (-2_000..9_000_i64).prop_map(Step::Pass),
        ];
        let story = (5..20_u32, 1..90_u32, prop::collection::vec(step, 40));
        let mut runner = TestRunner::deterministic();
        let (mut admitted, mut refused) = (0, 0);
        for n in 0..25 {
            let (limit, window, steps) = story.new_tree(&mut runner).unwrap().current();
            let (rate, key) = (Rate::new(limit, window).unwrap(), key(&format!("story-{n}")));
            let (mut model, mut now) = (None, NOON);
            for step in steps {
                match step {
                    Step::Pass(millis) => now += TimeDelta::milliseconds(millis),
                    Step::Return(calls) => {
                        give_back(&pool, &key, Returned::new(calls).unwrap(), now).await.unwrap();
                        let back = rate.charge(calls).unwrap().delay();
                        model = model.map(|at: DateTime<Utc>| if at > now { now.max(at - back) } else { at });
                    }
                    Step::Charge(cost) => {
                        let call = rate.charge(cost.min(limit)).unwrap();
                        let expected = call.decide(model, now);
                        assert_eq!(charge(&pool, &key, &call, now).await.unwrap(), expected);
                        match expected {
                            Decision::Admitted { empty_at } => {
                                model = Some(empty_at);
                                admitted += 1;
                            }
                            Decision::Refused { .. } => refused += 1,
                        }
                    }
                }
                assert_eq!(empty_at(&pool, &key).await.unwrap(), model);
            }
        }
        assert!(admitted > 100 && refused > 100, "{admitted} admitted, {refused} refused");
    }

    #[tokio::test]
    async fn who_is_refused_does_not_wait_for_who_is_counting() {
        let (db, pool) = database().await;
        use_once(&pool, "full", 60, NOON).await;
        let mut counting = db.pool(crate::SCHEMA).begin().await.unwrap();
        sqlx::query("select from throttles for update").execute(&mut *counting).await.unwrap();
        let before: String = version(&pool).await;
        let once = Rate::new(1, 60).unwrap().charge(1).unwrap();
        let decision = charge(&pool, &key("full"), &once, NOON).await.unwrap();
        assert!(matches!(decision, Decision::Refused { .. }));
        counting.rollback().await.unwrap();
        assert_eq!(version(&pool).await, before, "nothing is written");
    }

    /// Which version of its row the one key has.
    async fn version(pool: &PgPool) -> String {
        sqlx::query_scalar("select ctid::text || ' ' || xmin from throttles").fetch_one(pool).await.unwrap()
    }

    #[tokio::test]
    async fn a_key_stays_at_least_a_minute_after_it_ran_out_and_at_most_two() {
        let (_db, pool) = database().await;
        use_once(&pool, "minute", 60, NOON).await;
        use_once(&pool, "minute-and-a-half", 90, NOON).await;
        let after = |seconds| NOON + TimeDelta::seconds(seconds);
        assert_eq!(purge(&pool, after(60 + 60), 10).await.unwrap(), 0);
        assert_eq!(purge(&pool, after(60 + 120), 10).await.unwrap(), 2);
        assert!(keys(&pool).await.is_empty());
    }

    #[tokio::test]
    async fn keys_are_removed_in_batches_and_one_that_is_being_counted_on_is_left() {
        let (db, pool) = database().await;
        for n in 0..5 {
            use_once(&pool, &format!("old-{n}"), 60, NOON).await;
        }
        let later = NOON + TimeDelta::minutes(10);
        use_once(&pool, "young", 600, later).await;
        let mut counting = db.pool(crate::SCHEMA).begin().await.unwrap();
        let hold = "select from throttles where key = 'old-1' for update";
        sqlx::query(hold).execute(&mut *counting).await.unwrap();
        // Another replica is at work, too.
        let mut other = db.pool(crate::SCHEMA).begin().await.unwrap();
        let hold = "select from throttles where key = 'old-2' for update";
        sqlx::query(hold).execute(&mut *other).await.unwrap();
        assert_eq!(purge(&pool, later, 2).await.unwrap(), 2);
        assert_eq!(purge(&pool, later, 2).await.unwrap(), 1);
        assert_eq!(keys(&pool).await, ["old-1", "old-2", "young"]);
        counting.rollback().await.unwrap();
        other.rollback().await.unwrap();
        assert_eq!(purge(&pool, later, 10).await.unwrap(), 2);
        assert_eq!(keys(&pool).await, ["young"]);
    }
}
