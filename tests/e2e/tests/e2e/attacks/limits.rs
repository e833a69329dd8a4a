//! Floods of passwords to hash (25), and what an error tells (34).

use std::time::{Duration, Instant};

use intellistack_e2e::{Answer, PASSWORD, Student, System, within};
use reqwest::Method;
use serde_json::{Value, json};

use super::people::WRONG_PASSWORD;
use super::visitor::Visitor;
use crate::support::{assert_code, enrol_and_read, lesson_path, lessons};

/// Longer than any answer takes that waits for no hash, on a machine whose cores all hash.
const PROMPT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn line_25_a_flood_of_sign_ins_is_turned_away_and_holds_nobody_else_up() {
    let plan = System::plan("line_25").variable("AUTH_LIMITS", "off");
    let system = plan.start().await;
    let student = system.student("ada@school.example").await;
    enrol_and_read(&system, &student).await;
    let outline = student.get(&format!("/api/v1/courses/{}", system.course())).await.expect(200);
    let lesson = lesson_path(system.course(), &lessons(&outline).first().expect("a lesson").0);

    // More than the queue holds, whatever the number of cores.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let flood = futures::future::join_all((0..cores * 100).map(|nth| {
        let body = json!({ "email": format!("nobody{nth}@evil.example"), "password": WRONG_PASSWORD });
        Answer::of(system.api.request(Method::POST, "/api/auth/sign-in/email").json(&body))
    }));
    let mut answered = 0;
    let others = async {
        loop {
            for path in ["/api/auth/get-session", &lesson, "/api/auth/ok"] {
                let started = Instant::now();
                let answer = student.get(path).await;
                assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text());
                assert!(started.elapsed() < PROMPT, "{path} took {:?}", started.elapsed());
                answered += 1;
            }
        }
    };
    let flooded =
        tokio::select! { flooded = flood => flooded, () = others => unreachable!("it goes on for ever") };
    assert!(answered > 5, "others were answered meanwhile: {answered}");
    let refused: Vec<&Answer> = flooded.iter().filter(|answer| answer.status.as_u16() == 503).collect();
    for answer in &refused {
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds <= 60));
    }
    // The others are of a machine so slow that the gateway waited for no answer any more.
    let full = refused.iter().filter(|answer| answer.json()["code"] == "HASH_QUEUE_FULL").count();
    assert!(full * 2 > refused.len(), "{full} of {} for the full queue", refused.len());
    let hashed = flooded.iter().filter(|answer| answer.status.as_u16() == 401).count();
    assert_eq!(refused.len() + hashed, flooded.len(), "nothing but these two answers");
    assert!(refused.len() > flooded.len() / 4, "{} of {} were turned away", refused.len(), flooded.len());
    assert!(hashed >= cores * 8, "the queue was used: {hashed}");

    // What was turned away cost nobody a guess, and there is room again once the queue is hashed.
    let visitor = Visitor::new(&system);
    within(Duration::from_mins(1), "there is room for a sign-in again", || async {
        let answer = visitor.clone().sign_in("ada@school.example", PASSWORD).await;
        (answer.status.as_u16() == 200).then_some(())
    })
    .await;
    system.assert_no_panic();
}

/// Words of our own workings.
const INNARDS: [&str; 22] = [
    "sqlx",
    "postgres",
    "relation",
    "column",
    "constraint",
    "duplicate key",
    "select ",
    "insert ",
    "panicked",
    "unwrap",
    ".rs:",
    "src/",
    "stack backtrace",
    "backtrace",
    "tonic",
    "grpc",
    "127.0.0.1:",
    "tcp connect",
    "nats",
    "identity.",
    "hyper",
    "argon2",
];

#[track_caller]
fn assert_silent(what: &str, answer: &Answer) {
    if answer.status.is_success() {
        return;
    }
    // Our own address is public.
    let own = what.split("/api/").next().filter(|origin| !origin.is_empty()).unwrap_or("-");
    let mut said = answer.text().to_lowercase();
    for (name, value) in &answer.headers {
        said.push_str(&format!("\n{name}: {}", value.to_str().unwrap_or_default().to_lowercase()));
    }
    let said = said.replace(own, "");
    for word in INNARDS {
        assert!(!said.contains(word), "{what} says {word:?}: {said}");
    }
    assert!(answer.headers.get("server").is_none() && answer.headers.get("x-powered-by").is_none());
}

/// Neither where the input is wrong, nor where we are.
#[tokio::test(flavor = "multi_thread")]
async fn line_34_no_error_tells_how_we_work() {
    let system = System::plan("line_34").start().await;
    let mut ada = Visitor::new(&system);
    ada.sign_up("ada@school.example").await.expect(200);
    let admin = super::people::administrator(&system).await;
    let quoted = "x' or '1'='1\"; drop table users; -- $1 \\ %s {}";
    let asks = || {
        let post =
            |path: &str, body: Value| ada.request(Method::POST, &format!("/api/auth/{path}")).json(&body);
        let get = |path: &str| ada.request(Method::GET, path);
        vec![
            post("sign-in/email", json!({ "email": "ada@school.example", "password": quoted })),
            post("sign-in/email", json!({ "email": quoted, "password": quoted })),
            post("sign-up/email", json!({ "name": quoted, "email": "b@school.example", "password": PASSWORD, "image": quoted })),
            post("reset-password", json!({ "token": quoted, "newPassword": PASSWORD })),
            post("revoke-session", json!({ "token": quoted })),
            post("unlink-account", json!({ "accountId": quoted })),
            post("get-access-token", json!({ "accountId": quoted })),
            post("change-email", json!({ "newEmail": "c@school.example" })),
            post("verify-password", json!({ "password": quoted })),
            post("sign-in/social", json!({ "provider": quoted })),
            get("/api/auth/get-session"),
            get("/api/auth/token"),
            get("/api/auth/list-accounts"),
            get("/api/auth/verify-email?token=%27%22"),
            get("/api/auth/callback/%27?state=%27&code=%27"),
            get("/api/auth/error?error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%3Cimg%20src=x%3E"),
            get("/api/v1/courses/%27%22"),
            get("/api/v1/me/quota"),
            admin.request(Method::GET, "/api/auth/admin/list-users?sortBy=%27%22&filterField=password&filterValue=%27&searchValue=%25%27"),
            admin.request(Method::GET, "/api/auth/admin/get-user?id=%27%22"),
            admin.request(Method::GET, "/api/v1/admin/auth-events?email=%27%22"),
            admin.request(Method::POST, "/api/auth/admin/set-role").json(&json!({ "userId": quoted, "role": quoted })),
        ]
    };
    for request in asks() {
        let what = request
            .try_clone()
            .and_then(|request| request.build().ok())
            .expect("a request")
            .url()
            .to_string();
        let answer = Answer::of(request).await;
        assert!(answer.status.as_u16() < 500, "{what}: {} {}", answer.status, answer.text());
        assert_silent(&what, &answer);
        assert!(
            !answer.text().contains("<script>") && !answer.text().contains("<img"),
            "{what}: {}",
            answer.text()
        );
    }
    // A defect of ours: a table is not there.
    let pool = system.postgres.pool();
    for (from, to) in [("identity.users", "gone"), ("session.sessions", "gone")] {
        let rename = |from: &str, to: &str| {
            sqlx::query(sqlx::AssertSqlSafe(format!("alter table {from} rename to {to}")))
        };
        rename(from, to).execute(&pool).await.expect("take a table away");
        let mut failed = 0;
        for request in asks() {
            let answer = Answer::of(request).await;
            failed += usize::from(answer.status.is_server_error());
            assert_silent(system.api.origin(), &answer);
        }
        assert!(failed > 3, "without {from} things fail: {failed}");
        let (schema, table) = from.split_once('.').expect("a schema");
        rename(&format!("{schema}.{to}"), table).execute(&pool).await.expect("put it back");
    }
    let mut student = Student::new(&system.api, "after@school.example");
    student.sign_up().await.expect(200);
    system.assert_no_panic();
}

/// What one request said does not come back to another, however many there are at once.
#[tokio::test(flavor = "multi_thread")]
async fn line_34_no_error_tells_of_another_request() {
    let system = System::plan("line_34_mixed").variable("AUTH_LIMITS", "off").start().await;
    let marker = |nth: usize| format!("marker{nth:04}end");
    let asks = (0..200).map(|nth| {
        let mark = marker(nth);
        let (path, body) = match nth % 5 {
            0 => ("sign-in/email", json!({ "email": format!("{mark}@school.example"), "password": [mark] })),
            1 => ("sign-up/email", json!({ "name": mark, "email": mark, "password": PASSWORD })),
            2 => ("reset-password", json!({ "token": mark, "newPassword": PASSWORD })),
            3 => ("sign-in/social", json!({ "provider": mark })),
            _ => (
                "sign-in/email",
                json!({ "email": "a@school.example", "password": "x", "callbackURL": mark }),
            ),
        };
        Answer::of(system.api.request(Method::POST, &format!("/api/auth/{path}")).json(&body))
    });
    let answers = futures::future::join_all(asks).await;
    let mut traces = std::collections::BTreeSet::new();
    for (nth, answer) in answers.iter().enumerate() {
        assert!(answer.status.is_client_error(), "{}", answer.text());
        let foreign = answer.text().replace(&marker(nth), "");
        assert!(!foreign.contains("marker"), "{nth} was told of another: {foreign}");
        assert!(traces.insert(answer.header("x-trace-id")), "an answer of its own");
    }
    let wrong = json!({ "email": "a@school.example", "password": "x" });
    assert_code(&system.api.post("/api/auth/sign-in/email", &wrong).await, 401, "INVALID_EMAIL_OR_PASSWORD");
    system.assert_no_panic();
}
