use sqlx::postgres::PgPoolOptions;

use crate::env::Env;

/// Everything projected, nothing running.
async fn projected() -> Env {
    let env = Env::start().await;
    let replica = env.run();
    env.registered("ada").await;
    env.signed_in("ada").await;
    env.session_started("s1", "ada").await;
    env.turn_started("t1", "ada").await;
    env.turn_completed("t1", "ada", 100, 10).await;
    env.turn_started("t2", "ada").await;
    env.settled().await;
    replica.stop().await;
    assert_eq!(findings(&env).await, Vec::<String>::new());
    env
}

/// Through a pool as the audit has it, which took on the role of this service.
async fn findings(env: &Env) -> Vec<String> {
    usage_metrics::verify(&env.pool).await.unwrap()
}

#[tokio::test]
async fn what_is_not_projected_yet_is_no_difference() {
    let env = projected().await;
    env.signed_in("ada").await;
    env.turn_failed("t2", "ada").await;
    assert_eq!(findings(&env).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_row_is_found() {
    let env = projected().await;
    env.execute("delete from auth_event_log where type = 'user.signed_in'; delete from fact_turn where turn_id = 't2'")
        .await;
    assert_eq!(
        findings(&env).await,
        [
            "usage_metrics.auth_event_log: identity position 2 has no row (user.signed_in)",
            "usage_metrics.fact_turn: turn t2 has no row (running)",
        ]
    );
}

#[tokio::test]
async fn a_doubled_row_is_found() {
    let env = projected().await;
    env.execute(
        "alter table auth_event_log drop constraint auth_event_log_store_position;
         alter table fact_turn drop constraint fact_turn_pkey;
         insert into auth_event_log (store, position, at, type, user_id, subject, actor, detail, trace_id)
           select store, position, at, type, user_id, subject, actor, detail, trace_id
             from auth_event_log where store = 'session';
         insert into fact_turn select * from fact_turn where turn_id = 't1'",
    )
    .await;
    assert_eq!(
        findings(&env).await,
        [
            "usage_metrics.auth_event_log: session position 1 has 2 rows",
            "usage_metrics.fact_turn: turn t1 has 2 rows",
        ]
    );
}

#[tokio::test]
async fn a_forged_row_is_found() {
    let env = projected().await;
    env.execute(
        "insert into auth_event_log (store, position, at, type, detail)
           values ('identity', 99, '2026-01-05T09:00:00Z', 'user.signed_in', '{}');
         insert into fact_turn (turn_id, thread_id, user_id, role, model, started_at)
           values ('t99', 'thr_1', 'ada', 'student', 'offline', '2026-01-05T09:00:00Z')",
    )
    .await;
    assert_eq!(
        findings(&env).await,
        [
            "usage_metrics.auth_event_log: identity position 99 has a row (user.signed_in) but no event up to the checkpoint",
            "usage_metrics.fact_turn: turn t99 has a row (running) but no event up to the checkpoint",
        ]
    );
}

#[tokio::test]
async fn a_changed_row_is_found() {
    let env = projected().await;
    let replica = env.run();
    env.signed_in("ada").await;
    env.session_started("s2", "ada").await;
    env.settled().await;
    replica.stop().await;
    env.execute(
        "update auth_event_log set type = 'user.sign_in_failed' where store = 'identity' and position = 2;
         update auth_event_log set user_id = 'bob' where store = 'identity' and position = 1;
         update auth_event_log set trace_id = null where store = 'session' and position = 1;
         update auth_event_log set actor = 'eve' where store = 'session' and position = 2;
         update auth_event_log set subject = 'eve' where store = 'identity' and position = 3;
         update fact_turn set outcome = 'failed' where turn_id = 't1';
         update fact_turn set started_at = started_at - interval '1 day' where turn_id = 't2'",
    )
    .await;
    assert_eq!(
        findings(&env).await,
        [
            "usage_metrics.auth_event_log: identity position 1 is about user ada, the row says bob",
            "usage_metrics.auth_event_log: identity position 2 is user.signed_in, the row says user.sign_in_failed",
            "usage_metrics.auth_event_log: identity position 3 is sealed for ada, the row says eve",
            "usage_metrics.auth_event_log: session position 1 has another trace than its row",
            "usage_metrics.auth_event_log: session position 2 was done by ada, the row says eve",
            "usage_metrics.fact_turn: turn t1 is completed, the row says failed",
            "usage_metrics.fact_turn: turn t2 began or ended at another time than its row says",
        ]
    );
}

#[tokio::test]
async fn hashes_that_were_put_back_after_the_person_was_erased_are_found() {
    let env = projected().await;
    env.erased("ada").await;
    let replica = env.run();
    env.settled().await;
    replica.stop().await;
    assert_eq!(findings(&env).await, Vec::<String>::new());
    env.execute(
        "update auth_event_log set ip_hash = decode(repeat('00', 16), 'hex')
          where store = 'identity' and position = 2",
    )
    .await;
    assert_eq!(
        findings(&env).await,
        ["usage_metrics.auth_event_log: identity position 2 has hashes of a person who was erased"]
    );
}

#[tokio::test]
async fn many_differences_are_counted_and_not_listed() {
    let env = projected().await;
    env.execute(
        "insert into auth_event_log (store, position, at, type, detail)
           select 'session', n, '2026-01-05T09:00:00Z', 'session.started', '{}' from generate_series(101, 150) as n",
    )
    .await;
    let findings = findings(&env).await;
    assert_eq!(findings.len(), 21, "{findings:#?}");
    assert_eq!(findings[20], "usage_metrics.auth_event_log: 30 more of this kind");
}

#[tokio::test]
async fn an_audit_leaves_the_connection_in_the_services_role() {
    let env = projected().await;
    let role = "select current_role::text";
    let before = env.dump(role).await;
    findings(&env).await;
    assert_eq!(env.dump(role).await, before);
    // An operator's own login, without a role and a search path, serves as well.
    let superuser = PgPoolOptions::new().connect(env.db.url()).await.unwrap();
    assert_eq!(usage_metrics::verify(&superuser).await.unwrap(), Vec::<String>::new());
}
