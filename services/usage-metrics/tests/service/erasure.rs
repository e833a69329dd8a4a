use std::borrow::Cow;

use api::events::identity::UserErased;
use api::usage_metrics::ListAuthEventsRequest;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use usage_metrics::SCHEMA;

use crate::env::Env;

const HASHED: &str = "select store || ' ' || position from auth_event_log
     where num_nonnulls(email_hash, new_email_hash, ip_hash, network_hash) > 0 order by store, position";
const ROWS: &str = "select concat_ws(' ', store, position, type, user_id, subject, email_hash, ip_hash)
      from auth_event_log order by store, position";
/// What events say of ada, wherever they are sealed.
const PERSONAL: [&str; 7] =
    ["ada@example", "192.0.2.7", "192.0.2.8", "198.51.100.1", "2001:db8:0:1", "a browser", "A Name"];

async fn a_life(env: &Env) {
    env.sign_in_failed("ada").await;
    env.registered("ada").await;
    env.registered("bob").await;
    env.sign_in_failed("eve").await;
    env.session_started("s1", "ada").await;
    env.session_started("s2", "bob").await;
    env.signed_in("ada").await;
    env.turn_started("t1", "ada").await;
}

/// Every row of every table of the schema as text, bytes in hexadecimal.
async fn everything(env: &Env) -> Vec<String> {
    let superuser = env.db.superuser();
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', table_schema, table_name) from information_schema.tables
          where table_schema = $1 and table_type = 'BASE TABLE'",
    )
    .bind(SCHEMA)
    .fetch_all(&superuser)
    .await
    .unwrap();
    assert!(tables.len() >= 4, "{tables:?}");
    let mut rows = Vec::new();
    for table in tables {
        let query = format!("select content::text from {table} as content");
        let found: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&superuser).await.unwrap();
        rows.extend(found.into_iter().map(|row| format!("{table}: {row}")));
    }
    rows
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

async fn assert_nothing_personal(env: &Env) {
    for row in everything(env).await {
        for personal in PERSONAL {
            assert!(!row.contains(personal) && !row.contains(&hex(personal)), "{personal} stands in {row}");
        }
    }
}

#[tokio::test]
async fn no_table_holds_what_events_say_of_a_person_and_of_the_erased_not_even_its_hashes() {
    let env = Env::start().await;
    let _replica = env.run();
    a_life(&env).await;
    env.settled().await;
    assert_nothing_personal(&env).await;
    let before =
        ["identity 1", "identity 2", "identity 3", "identity 4", "identity 5", "session 1", "session 2"];
    assert_eq!(env.dump(HASHED).await, before);
    let hashes: Vec<String> =
        env.dump("select encode(email_hash, 'hex') from auth_event_log where user_id = 'ada' and store = 'identity'")
            .await;

    env.erased("ada").await;
    env.settled().await;
    assert_nothing_personal(&env).await;
    let others = ["identity 3", "identity 4", "session 2"];
    assert_eq!(env.dump(HASHED).await, others, "the guess before there was an account goes, too");
    for row in everything(&env).await {
        assert!(!row.contains(&hashes[0]), "{row}");
    }
    let rows = "select store || ' ' || count(*) from auth_event_log group by store order by 1";
    assert_eq!(env.dump(rows).await, ["identity 6", "session 2"], "rows stay");
    assert_eq!(env.dump("select user_id from fact_turn").await, ["ada"]);

    for found_by in [
        ListAuthEventsRequest { email: Some("ada@example.com".to_owned()), ..Default::default() },
        ListAuthEventsRequest { ip: Some("192.0.2.8".to_owned()), ..Default::default() },
    ] {
        assert_eq!(env.auth_events(found_by).await.unwrap().events, Vec::new());
    }
    let of_ada = ListAuthEventsRequest { user_id: Some("ada".to_owned()), ..Default::default() };
    let events = env.auth_events(of_ada).await.unwrap().events;
    assert_eq!(events.len(), 4);
    for event in events {
        // Session has its key still: what is erased is not shown all the same.
        assert_eq!((event.email, event.ip, event.user_agent), (None, None, None), "{}", event.r#type);
    }
    assert_eq!(usage_metrics::verify(&env.pool).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_session_tells_of_an_erased_person_later_leaves_no_hash() {
    let env = Env::start().await;
    env.registered("ada").await;
    env.erased("ada").await;
    let replica = env.run();
    env.settled().await;
    replica.stop().await;
    // Session has not heard of it yet and seals as before.
    env.session_started("s1", "ada").await;
    let replica = env.run();
    env.settled().await;
    assert_eq!(env.dump(HASHED).await, Vec::<String>::new());
    replica.stop().await;
    env.erased_by_session("ada").await;
    env.execute("delete from checkpoints; truncate auth_event_log").await;
    let replica = env.run();
    env.settled().await;
    replica.stop().await;
    assert_eq!(env.dump(HASHED).await, Vec::<String>::new());
    assert_eq!(env.auth_events(ListAuthEventsRequest::default()).await.unwrap().events.len(), 3);
}

#[tokio::test]
async fn no_hash_is_left_when_both_stores_are_read_at_once() {
    let env = Env::start().await;
    let replicas = [env.run(), env.run()];
    for n in 0..60 {
        let (user, session) = (format!("user{n}"), format!("s{n}"));
        env.registered(&user).await;
        tokio::join!(env.erased(&user), env.session_started(&session, &user));
    }
    env.settled().await;
    assert_eq!(env.dump(HASHED).await, Vec::<String>::new());
    assert_eq!(env.dump(ROWS).await.len(), 180);
    for replica in replicas {
        replica.stop().await;
    }
}

#[tokio::test]
async fn erasing_is_the_same_in_any_order_again_and_in_a_rebuild() {
    let env = Env::start().await;
    let replica = env.run();
    a_life(&env).await;
    env.settled().await;
    env.erased("ada").await;
    // A stranger of the same address, later: theirs stays.
    env.sign_in_failed("ada").await;
    env.settled().await;
    let erased = UserErased { user_id: "ada".to_owned(), ..UserErased::default() };
    env.append("identity", "user-ada", "user.erased", &erased).await;
    env.settled().await;
    replica.stop().await;
    let rows = env.dump(ROWS).await;
    let hashed = env.dump(HASHED).await;
    assert_eq!(hashed, ["identity 3", "identity 4", "identity 7", "session 2"]);

    env.execute("delete from checkpoints").await;
    let replica = env.run();
    env.settled().await;
    replica.stop().await;
    assert_eq!(env.dump(ROWS).await, rows, "a replay");

    env.execute("delete from checkpoints; truncate auth_event_log").await;
    let replica = env.run();
    env.settled().await;
    replica.stop().await;
    assert_eq!(env.dump(ROWS).await, rows, "a rebuild");

    // Session's events first, while session still has its key.
    env.execute(
        "update checkpoints set gpos = 0 where projection = 'auth_event_log'; truncate auth_event_log",
    )
    .await;
    env.set_away("identity", true);
    let replica = env.run();
    testkit::eventually("session is projected", || async {
        (env.dump("select type from auth_event_log where store = 'session'").await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(env.dump(HASHED).await, ["session 1", "session 2"]);
    env.set_away("identity", false);
    env.settled().await;
    replica.stop().await;
    assert_eq!(env.dump(ROWS).await, rows, "session before identity");
}

#[tokio::test]
async fn rows_of_former_releases_with_addresses_in_clear_are_built_anew() {
    let former = Migrator {
        migrations: Cow::Owned(
            usage_metrics::MIGRATOR.iter().filter(|migration| migration.version < 1003).cloned().collect(),
        ),
        ignore_missing: true,
        ..Migrator::DEFAULT
    };
    let former: &'static Migrator = Box::leak(Box::new(former));
    let db = testkit::database(&[(SCHEMA, &[&projection::MIGRATOR, former])]).await;
    let pool = db.pool(SCHEMA);
    sqlx::raw_sql(
        "insert into auth_event_log (store, position, at, type, email, detail)
           values ('identity', 1, '2026-01-05T09:00:00Z', 'user.registered', 'ada@example.com', '{}');
         insert into known_emails values ('ada', 'ada@example.com');
         insert into checkpoints values ('auth_event_log', 'identity', 1, '2026-01-05T09:00:00Z'),
           ('fact_turn', 'tutor_agent', 7, '2026-01-05T09:00:00Z')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut connection = PgConnection::connect(db.url()).await.unwrap();
    let all = [&projection::MIGRATOR, &usage_metrics::MIGRATOR];
    runtime::migrate::migrate_schema(&mut connection, SCHEMA, &all).await.unwrap();
    let checkpoints: Vec<String> =
        sqlx::query_scalar("select projection || ' ' || gpos from checkpoints order by 1")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(checkpoints, ["auth_event_log 0", "fact_turn 7"]);
    let rows: i64 = sqlx::query_scalar("select count(*) from auth_event_log").fetch_one(&pool).await.unwrap();
    let names: Option<String> =
        sqlx::query_scalar("select to_regclass('known_emails')::text").fetch_one(&pool).await.unwrap();
    assert_eq!((rows, names), (0, None));
}
