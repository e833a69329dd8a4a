//! Nothing is left of whom is deleted (31).

use std::path::Path;

use intellistack_e2e::{Answer, System, ledger};
use reqwest::Method;
use serde_json::{Value, json};

use super::life::{LAST_PASSWORD, Life, lived, plan};
use super::people::{administrator, text};
use super::traces::{Needles, in_files, in_tables};
use super::visitor::Visitor;
use crate::forge::with_bearer;

/// One leaves by themselves, one is removed by an administrator.
///
/// What is personal is sealed before it reaches Postgres, so no file of its may ever hold it: tables, dead
/// rows, its write-ahead log. The person's keys are rows that are deleted: dead rows hold them until a
/// vacuum, the log until its segments are past two checkpoints, a backup as long as it is kept. So the
/// keys are looked for after a vacuum, a switch of the log and checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn line_31_nothing_of_whom_is_deleted_is_left_anywhere() {
    let system = plan("line_31").own_postgres().start().await;
    let mut admin = administrator(&system).await;
    let mut left = lived(&system, &mut admin, "qvortle", 81).await;
    let removed = lived(&system, &mut admin, "wexmund", 82).await;
    ledger::settled(&system).await;
    let mut keys = Needles::default();
    for life in [&left, &removed] {
        add_keys(&system, life, &mut keys).await;
    }
    assert!(!in_tables(&system, &keys).await.is_empty(), "the keys are there before");
    // Whoever is deleted still holds these.
    let tokens = [left.visitor.access_token().await, removed.visitor.clone().access_token().await];
    let (mut left_copy, mut removed_copy) = (left.visitor.clone(), removed.visitor.clone());

    left.visitor.post("/api/auth/delete-user", &json!({ "password": LAST_PASSWORD })).await.expect(200);
    admin.post("/api/auth/admin/remove-user", &json!({ "userId": removed.id })).await.expect(200);
    ledger::settled(&system).await;
    for copy in [&mut left_copy, &mut removed_copy] {
        assert_eq!(copy.user().await, Value::Null, "the session is gone");
    }
    for token in &tokens {
        assert_eq!(with_bearer(&system, token).await.status.as_u16(), 401);
    }
    // Readers of events forget, too, a moment later.
    intellistack_e2e::eventually("every service forgot the keys", || async {
        in_tables(&system, &keys).await.is_empty().then_some(())
    })
    .await;
    for life in [&left, &removed] {
        forgotten(&system, &mut admin, life).await;
    }
    nothing_is_left(&system, &[&left, &removed], &keys).await;

    // The address is free, for somebody else.
    let mut again = Visitor::new(&system);
    again.sign_up(&left.email).await.expect(200);
    let user = again.user().await;
    assert!(user["id"] != json!(left.id) && user["emailVerified"] == false, "{user}");
    assert_eq!(left_copy.user().await, Value::Null);
    system.assert_no_panic();
}

/// The person's key of each service.
async fn add_keys(system: &System, life: &Life, keys: &mut Needles) {
    let mut sealers = 0;
    for service in ledger::STORES {
        let query = format!("select wrapped from {service}.subject_keys where subject = $1");
        let found: Vec<Vec<u8>> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .bind(&life.id)
            .fetch_all(&system.postgres.pool())
            .await
            .expect("the keys");
        for key in &found {
            keys.add(&format!("the key of {service}"), key);
        }
        sealers += found.len();
    }
    assert!(sealers >= 2, "identity and session have a key of {}", life.email);
}

/// What interfaces say of somebody who was.
async fn forgotten(system: &System, admin: &mut Visitor, life: &Life) {
    let id = &life.id;
    let query = format!("/api/auth/admin/get-user?id={id}");
    assert_eq!(admin.get(&query).await.status.as_u16(), 404);
    let query = format!("/api/auth/admin/list-users?searchField=email&searchValue={}", life.email);
    assert_eq!(admin.get(&query).await.expect(200)["total"], 0);
    let rows = admin.get("/api/v1/admin/auth-events?limit=500").await.expect(200);
    assert_eq!(life.personal.found_in(rows.to_string().as_bytes()), [""; 0], "the audit forgot");
    let erased = rows["events"].as_array().expect("rows").iter().find(|row| row["type"] == "user.erased");
    assert!(erased.is_some(), "that somebody was deleted is kept");
    let by_address = admin.get(&format!("/api/v1/admin/auth-events?email={}", life.email)).await.expect(200);
    assert_eq!(by_address["events"], json!([]));
    let unknown = Visitor::new(system).sign_in(&life.email, LAST_PASSWORD).await;
    assert_eq!(text(&unknown.json(), "code"), "INVALID_EMAIL_OR_PASSWORD");
}

async fn nothing_is_left(system: &System, lives: &[&Life], keys: &Needles) {
    let pool = system.postgres.pool();
    let subjects: Vec<String> = sqlx::query_scalar(
        "select subject from identity.subject_keys where subject not in (select id from identity.users)",
    )
    .fetch_all(&pool)
    .await
    .expect("the keys");
    // Of the sign-ins just tried at addresses that nobody has any more.
    assert!(subjects.iter().all(|subject| subject.starts_with("address-")), "{subjects:?}");
    assert!(subjects.len() <= lives.len(), "guesses of before the sign-up are forgotten: {subjects:?}");

    // The search finds what is there.
    let canary = "create table public.canary as select 'qvortle.second@personal-school.example' as plain";
    sqlx::query(canary).execute(&pool).await.expect("a canary");
    sqlx::query("checkpoint").execute(&pool).await.expect("the canary is on the disk");
    assert_eq!(in_tables(system, &lives[0].personal).await.len(), 1);
    assert!(!in_files(&system.postgres.data_folder(), &lives[0].personal, &|_| false).is_empty());
    sqlx::query("drop table public.canary").execute(&pool).await.expect("no canary");

    for statement in
        ["vacuum full", "select pg_switch_wal()", "checkpoint", "select pg_switch_wal()", "checkpoint"]
    {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&pool).await.expect(statement);
    }
    let mut found = in_tables(system, keys).await;
    let data = system.postgres.data_folder();
    found.extend(in_files(&data, keys, &|_| false));
    for life in lives {
        found.extend(in_tables(system, &life.personal).await);
        // The canary was logged, and then the log was past two checkpoints.
        found.extend(in_files(&data, &life.personal, &|_| false));
        // What others wrote down (the mailbox, the provider) is theirs.
        let others = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            ["mail.log", "openid-provider.log", "github-double.log"].contains(&name)
        };
        found.extend(in_files(system.folder(), &life.personal, &others));
        found.extend(in_files(system.folder(), &life.secret, &others));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Deleting asks for proof, and goes through as a whole or not at all, however often it is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn line_31_of_many_deletions_at_once_one_deletes() {
    let system = System::plan("line_31_race").start().await;
    let mut ada = super::people::verified(&system, "ada@school.example").await;
    let id = text(&ada.user().await, "id");
    let ask = || {
        let body = json!({ "password": intellistack_e2e::PASSWORD });
        Answer::of(ada.request(Method::POST, "/api/auth/delete-user").json(&body))
    };
    let answers = futures::future::join_all((0..5).map(|_| ask())).await;
    let deleted = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!(deleted, 1, "{:?}", answers.iter().map(Answer::text).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer.status.as_u16() < 500), "{answers:?}");
    assert_eq!(ledger::count(&system.postgres.pool(), "identity", "user.erased").await, 1);
    // The id is used up: no account, no session and no event follow.
    let rows: i64 = sqlx::query_scalar("select count(*) from identity.users where id = $1")
        .bind(&id)
        .fetch_one(&system.postgres.pool())
        .await
        .expect("a number");
    assert_eq!(rows, 0);
    ada.sign_up("ada@school.example").await.expect(200);
    assert_ne!(text(&ada.user().await, "id"), id);
    system.assert_no_panic();
}
