use api::common::Role;
use api::usage_metrics::{AiUsageDay, ListAiUsageRequest};
use chrono::TimeDelta;
use kernel::ErrorCode;

use crate::env::{Env, TRACE, caller};

const DUMP: &str = "select fact::text from fact_turn as fact order by turn_id";

fn all() -> ListAiUsageRequest {
    ListAiUsageRequest::default()
}

/// Interpolation leaves dust in the last digits.
fn rounded(day: AiUsageDay) -> AiUsageDay {
    let round = |value: Option<f64>| value.map(|value| (value * 1e6).round() / 1e6);
    AiUsageDay { p95_response_ms: round(day.p95_response_ms), p95_ttft_ms: round(day.p95_ttft_ms), ..day }
}

#[tokio::test]
async fn a_day_is_counted_and_its_percentiles_are_interpolated() {
    let env = Env::start().await;
    let _replica = env.run();
    for n in 1..=10_u32 {
        env.turn_started(&format!("ok{n}"), "ada").await;
        env.turn_completed(&format!("ok{n}"), "ada", u64::from(n) * 100, u64::from(n) * 10).await;
    }
    for n in 1..=2 {
        env.turn_started(&format!("bad{n}"), "ada").await;
        env.turn_failed(&format!("bad{n}"), "ada").await;
    }
    env.turn_started("open", "ada").await;
    env.settled().await;
    let days = env.ai_usage(all()).await.unwrap();
    // 0.95 of the way from the 1st to the 10th value is position 9.55: 900 + 0.55 * 100.
    let expected = AiUsageDay {
        day: "2026-01-05".to_owned(),
        user_id: "ada".to_owned(),
        messages: 13,
        completed: 10,
        failed: 2,
        error_rate: 2.0 / 12.0,
        mean_response_ms: Some(550.0),
        p95_response_ms: Some(955.0),
        mean_ttft_ms: Some(55.0),
        p95_ttft_ms: Some(95.5),
        tokens_in: 3_000,
        tokens_out: 400,
    };
    let rounded: Vec<_> = days.into_iter().map(rounded).collect();
    assert_eq!(rounded, [expected]);
}

#[tokio::test]
async fn days_are_utc_and_belong_to_the_start_of_the_turn() {
    let env = Env::start().await;
    let _replica = env.run();
    env.clock.advance(TimeDelta::hours(15) - TimeDelta::milliseconds(1));
    env.turn_started("late", "ada").await;
    env.clock.advance(TimeDelta::milliseconds(1));
    env.turn_completed("late", "ada", 100, 10).await;
    env.turn_started("early", "ada").await;
    env.turn_started("bobs", "bob").await;
    env.settled().await;
    let list = async |request| -> Vec<String> {
        let days = env.ai_usage(request).await.unwrap();
        days.iter().map(|day| format!("{} {} {}", day.day, day.user_id, day.completed)).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    let (first, ada, bob) = ("2026-01-05 ada 1", "2026-01-06 ada 0", "2026-01-06 bob 0");
    assert_eq!(list(all()).await, [ada, bob, first]);
    assert_eq!(list(ListAiUsageRequest { to: text("2026-01-05"), ..all() }).await, [first]);
    assert_eq!(list(ListAiUsageRequest { from: text("2026-01-06"), ..all() }).await, [ada, bob]);
    assert_eq!(list(ListAiUsageRequest { user_id: text("ada"), ..all() }).await, [ada, first]);
    assert_eq!(list(ListAiUsageRequest { limit: 1, ..all() }).await, [ada]);
    assert_eq!(list(ListAiUsageRequest { limit: u32::MAX, ..all() }).await.len(), 3);

    let running = &env.ai_usage(ListAiUsageRequest { user_id: text("bob"), ..all() }).await.unwrap()[0];
    assert_eq!((running.messages, running.mean_response_ms, running.p95_ttft_ms), (1, None, None));
    assert!(running.error_rate.abs() < f64::EPSILON, "nothing has ended: {}", running.error_rate);
}

#[tokio::test]
async fn a_turn_is_one_row_and_a_replay_changes_nothing() {
    let env = Env::start().await;
    let replicas = [env.run(), env.run()];
    env.turn_started("t1", "ada").await;
    env.turn_started("t2", "ada").await;
    env.append("tutor_agent", "turn-t2", "turn.paused", &()).await;
    env.clock.advance(TimeDelta::seconds(2));
    env.turn_completed("t1", "ada", 1_900, 150).await;
    env.turn_failed("t2", "ada").await;
    env.turn_started("t3", "bob").await;
    env.settled().await;
    let facts = env.dump(DUMP).await;
    let expected = [
        format!(
            r#"(t1,thr_1,ada,student,crs_1,,a-model,"2026-01-05 09:00:00+00","2026-01-05 09:00:02+00",completed,,1900,150,300,40,t,2,6,1,{TRACE})"#
        ),
        format!(
            r#"(t2,thr_1,ada,student,crs_1,,a-model,"2026-01-05 09:00:00+00","2026-01-05 09:00:02+00",failed,MODEL_UNAVAILABLE,60000,,,,,,,,{TRACE})"#
        ),
        format!(
            r#"(t3,thr_1,bob,student,crs_1,,offline,"2026-01-05 09:00:02+00",,running,,,,,,,,,,{TRACE})"#
        ),
    ];
    assert_eq!(facts, expected);
    for replica in replicas {
        replica.stop().await;
    }
    env.execute("delete from checkpoints; delete from fact_turn where turn_id = 't1'").await;
    let _replica = env.run();
    env.settled().await;
    assert_eq!(env.dump(DUMP).await, facts);
}

#[tokio::test]
async fn only_an_admin_sees_the_use_of_others() {
    let env = Env::start().await;
    for role in [Role::Unspecified, Role::Student, Role::Instructor] {
        let error =
            env.ai_usage(ListAiUsageRequest { caller: Some(caller(role)), ..all() }).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::PermissionDenied, "FORBIDDEN"), "{role:?}");
    }
    assert_eq!(env.ai_usage(all()).await.unwrap(), []);
}

#[tokio::test]
async fn a_day_that_is_none_is_refused() {
    let env = Env::start().await;
    for bad in ["yesterday", "2026-02-30", "2026-01-05T00:00:00Z", "\0"] {
        let bad = Some(bad.to_owned());
        for request in [
            ListAiUsageRequest { from: bad.clone(), ..all() },
            ListAiUsageRequest { to: bad.clone(), ..all() },
        ] {
            let error = env.ai_usage(request).await.unwrap_err();
            assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_DATE"), "{bad:?}");
        }
    }
}

#[tokio::test]
async fn every_table_view_and_column_says_what_it_is() {
    let env = Env::start().await;
    let silent = "select class.relname || '.' || coalesce(attribute.attname, '')
         from pg_class as class
         join (select oid as relation, 0 as number, null::name as attname from pg_class
               union all select attrelid, attnum, attname from pg_attribute where attnum > 0 and not attisdropped
              ) as attribute on attribute.relation = class.oid
        where class.relname in ('auth_event_log', 'fact_turn', 'ai_usage_daily')
          and class.relnamespace = 'usage_metrics'::regnamespace
          and col_description(class.oid, attribute.number) is null
          and not (attribute.number = 0 and obj_description(class.oid, 'pg_class') is not null)";
    assert_eq!(env.dump(silent).await, Vec::<String>::new());
}
