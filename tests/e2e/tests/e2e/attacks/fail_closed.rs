//! Whatever is away, nobody is let in who was shut out, and nobody is taken for somebody else (30).

use std::time::{Duration, Instant};

use intellistack_e2e::{Answer, Api, PASSWORD, Student, System};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::people::{administrator, text, verified};
use super::revocation::Copy;
use super::visitor::Visitor;

/// Longer than what gateways know is believed, and than they try to hear more.
const WATCHED: Duration = Duration::from_secs(6);

/// A machine that is busy with other tests may hold up a question to the bus.
const HICCUP: Duration = Duration::from_secs(2);

/// The two of a service.
fn kill(system: &mut System, names: &[&'static str]) {
    for name in names {
        system.kill(name);
    }
}

async fn restart(system: &mut System, names: &[&'static str]) {
    for name in names {
        system.restart(name).await;
    }
}

/// For a while, at both gateways: none of the ways leads in.
async fn assert_stays_out(copy: &Copy, gateways: [&Api; 2], when: &str) {
    let begun = Instant::now();
    while begun.elapsed() < WATCHED {
        let open = copy.open(gateways).await;
        assert!(open.is_empty(), "{when}, after {:?}: {open:?}", begun.elapsed());
    }
}

/// A session that cannot be checked is neither nobody's nor somebody's: 503, or its own user.
async fn assert_nobody_is_anonymous(visitor: &Visitor, gateways: [&Api; 2], when: &str) {
    let begun = Instant::now();
    while begun.elapsed() < WATCHED / 2 {
        let asked = gateways.into_iter().flat_map(|gateway| {
            let visitor = visitor.at(gateway);
            [
                "/api/auth/get-session",
                "/api/auth/list-sessions",
                "/api/auth/list-accounts",
                "/api/auth/token",
                "/api/v1/me/quota",
            ]
            .map(|path| (path, visitor.request(Method::GET, path)))
        });
        let asked = asked.map(|(path, request)| async move { (path, Answer::of(request).await) });
        for (path, answer) in futures::future::join_all(asked).await {
            let status = answer.status.as_u16();
            assert!(matches!(status, 200 | 503), "{when}: {path} {status} {}", answer.text());
            let said = answer.json();
            let empty = said == Value::Null
                || said == json!([])
                || said["user"] == Value::Null && path.ends_with("get-session");
            assert!(status == 503 || !empty, "{when}: {path} {said}");
        }
    }
}

/// Nobody gets in or is told to have got out.
async fn assert_nothing_is_pretended(system: &System, visitor: &Visitor, when: &str) {
    let mut student = Student::new(&system.api, "ada@school.example");
    let answer = student.sign_in().await;
    assert_eq!(answer.status.as_u16(), 503, "{when}: {}", answer.text());
    assert!(answer.cookie("better-auth.session_token").is_none());
    // Signing out needs the session service only.
    let paths = if when == "identity" { &["revoke-sessions"][..] } else { &["sign-out", "revoke-sessions"] };
    for path in paths {
        let answer =
            Answer::of(visitor.request(Method::POST, &format!("/api/auth/{path}")).json(&json!({}))).await;
        assert_eq!(answer.status.as_u16(), 503, "{when}: {path} {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_30_without_the_session_or_the_identity_service_nobody_gets_in_anew() {
    let mut system = System::plan("line_30_services").replicas().start().await;
    let mut ada = verified(&system, "ada@school.example").await;
    let mut eve = verified(&system, "eve@school.example").await;
    let mut unseen = Visitor::new(&system);
    unseen.sign_in("ada@school.example", PASSWORD).await.expect(200);
    let (live, ended) = (Copy::of(&mut ada).await, Copy::of(&mut eve).await);
    live.assert_open(system.gateways()).await;
    ended.assert_open(system.gateways()).await;
    eve.post("/api/auth/sign-out", &json!({})).await.expect(200);
    ended.assert_ends(system.gateways(), "sign-out").await;

    for away in [["session", "session-2"], ["identity", "identity-2"]] {
        kill(&mut system, &away);
        let when = away[0];
        assert_stays_out(&ended, system.gateways(), when).await;
        assert_nobody_is_anonymous(&ada, system.gateways(), when).await;
        // No gateway has heard of this session yet, so none vouches for it.
        let answer = Answer::of(unseen.request(Method::GET, "/api/v1/me/quota")).await;
        assert_eq!(answer.status.as_u16(), 503, "{when}: {}", answer.text());
        assert_nothing_is_pretended(&system, &ada, when).await;
        restart(&mut system, &away).await;
        intellistack_e2e::eventually("the session works again", || async {
            (live.open(system.gateways()).await.len() == 10).then_some(())
        })
        .await;
    }
    assert_stays_out(&ended, system.gateways(), "all are back").await;
    system.assert_no_panic();
}

/// Whose tokens are good goes on working: what gateways know stays fresh by the bus.
#[tokio::test(flavor = "multi_thread")]
async fn line_30_access_tokens_go_on_while_their_owners_are_killed() {
    let mut system = System::plan("line_30_tokens").replicas().start().await;
    let mut ada = verified(&system, "ada@school.example").await;
    let live = Copy::of(&mut ada).await;
    live.assert_open(system.gateways()).await;
    for gateway in system.gateways() {
        Answer::of(gateway.request(Method::GET, "/api/auth/jwks")).await.expect(200);
    }
    // Of what changed in the last moment the owners are asked.
    tokio::time::sleep(Duration::from_secs(3)).await;
    for away in [["session", "session-2"], ["identity", "identity-2"]] {
        kill(&mut system, &away);
        for gateway in system.gateways() {
            let keys = Answer::of(gateway.request(Method::GET, "/api/auth/jwks")).await;
            assert_eq!(keys.status, 200, "{}: resource servers find the keys", away[0]);
            let begun = Instant::now();
            let mut good_at = begun;
            while begun.elapsed() < WATCHED / 2 {
                let answer = Answer::of(live.bearer(gateway)).await;
                if answer.status == 200 {
                    good_at = Instant::now();
                }
                assert!(good_at.elapsed() < HICCUP, "{}, {:?}: {}", away[0], begun.elapsed(), answer.text());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        restart(&mut system, &away).await;
    }
    system.assert_no_panic();
}

/// What nobody had heard of when its owner died is in the database only.
#[tokio::test(flavor = "multi_thread")]
async fn line_30_an_end_that_no_gateway_heard_of_is_not_undone_by_an_outage() {
    let mut system = System::plan("line_30_unheard").replicas().start().await;
    let mut admin = administrator(&system).await;
    for (store, away) in [("session", ["session", "session-2"]), ("identity", ["identity", "identity-2"])] {
        let email = format!("ada-{store}@school.example");
        let mut ada = verified(&system, &email).await;
        let copy = Copy::of(&mut ada).await;
        copy.assert_open(system.gateways()).await;
        let held = hold_the_log(&system, store).await;
        if store == "session" {
            ada.post("/api/auth/sign-out", &json!({})).await.expect(200);
        } else {
            let body = json!({ "userId": text(&ada.user().await, "id") });
            admin.post("/api/auth/admin/ban-user", &body).await.expect(200);
        }
        copy.assert_ends(system.gateways(), store).await;
        kill(&mut system, &away);
        assert_stays_out(&copy, system.gateways(), store).await;
        held.rollback().await.expect("let go of the log");
        restart(&mut system, &away).await;
        assert_stays_out(&copy, system.gateways(), store).await;
    }
    system.assert_no_panic();
}

/// Each gateway asks one of two, whichever of them publishes what is recorded. Where that one is away,
/// what was ended at the other is known as soon.
#[tokio::test(flavor = "multi_thread")]
async fn line_30_where_one_of_two_is_away_ends_are_known_as_soon() {
    let mut system = System::plan("line_30_one_of_two").replicas().start().await;
    let admin = administrator(&system).await;
    for (nth, away) in ["session", "session-2", "identity", "identity-2"].into_iter().enumerate() {
        let mut ada = verified(&system, &format!("ada{nth}@school.example")).await;
        let body = json!({ "userId": text(&ada.user().await, "id") });
        let copy = Copy::of(&mut ada).await;
        copy.assert_open(system.gateways()).await;
        system.kill(away);
        // At the gateway whose services are there.
        let there = system.gateways()[usize::from(!away.ends_with("-2"))].clone();
        let done = if away.starts_with("session") {
            ada.at(&there).post("/api/auth/sign-out", &json!({})).await
        } else {
            admin.at(&there).post("/api/auth/admin/ban-user", &body).await
        };
        done.expect(200);
        copy.assert_ends(system.gateways(), away).await;
        system.restart(away).await;
        assert_stays_out_briefly(&copy, system.gateways(), away).await;
        intellistack_e2e::eventually("all is well", || async {
            (admin.clone().user().await["role"] == "admin").then_some(())
        })
        .await;
    }
    system.assert_no_panic();
}

/// As if the one who numbers the events of a store were stuck: what is recorded reaches nobody.
async fn hold_the_log(system: &System, store: &str) -> Transaction<'static, Postgres> {
    let mut held = system.postgres.pool().begin().await.expect("a transaction");
    let query = format!("select gpos from {store}.sequencer for update");
    sqlx::query(AssertSqlSafe(query)).execute(&mut *held).await.expect("hold the log");
    held
}

/// Gateways hold nothing durable: what ended is learned at each start, before anybody is let in.
#[tokio::test(flavor = "multi_thread")]
async fn line_30_a_restart_of_a_gateway_loses_no_end_of_a_session() {
    let mut system = System::plan("line_30_restart").replicas().start().await;
    let mut admin = administrator(&system).await;
    let mut copies = Vec::new();
    for how in ["sign-out", "ban-user", "remove-user", "set-role"] {
        let mut ada = verified(&system, &format!("ada-{how}@school.example")).await;
        let copy = Copy::of(&mut ada).await;
        copy.assert_open(system.gateways()).await;
        let body = json!({ "userId": text(&ada.user().await, "id"), "role": "instructor" });
        match how {
            "sign-out" => ada.post("/api/auth/sign-out", &json!({})).await.expect(200),
            _ => admin.post(&format!("/api/auth/admin/{how}"), &body).await.expect(200),
        };
        copy.assert_ends(system.gateways(), how).await;
        copies.push((how, copy));
    }
    let mut ada = verified(&system, "ada@school.example").await;
    let live = Copy::of(&mut ada).await;
    live.assert_open(system.gateways()).await;

    let both = ["gateway", "gateway-2"];
    kill(&mut system, &both);
    for name in both {
        system.spawn(name);
    }
    // From the first answer on.
    for gateway in system.gateways() {
        intellistack_e2e::eventually("the gateway answers", || async {
            Answer::try_of(gateway.request(Method::GET, "/healthz")).await.ok()
        })
        .await;
    }
    for (how, copy) in &copies {
        let open = copy.open(system.gateways()).await;
        assert!(open.is_empty(), "{how}: {open:?}");
    }

    // And where nobody can be asked at the start.
    let asked = ["session", "session-2", "identity", "identity-2"];
    kill(&mut system, &both);
    kill(&mut system, &asked);
    for name in both {
        system.spawn(name);
    }
    for gateway in system.gateways() {
        intellistack_e2e::eventually("the gateway answers", || async {
            Answer::try_of(gateway.request(Method::GET, "/healthz")).await.ok()
        })
        .await;
    }
    for (how, copy) in copies.iter().chain([&("nothing, but nobody can tell", live)]) {
        assert_stays_out_briefly(copy, system.gateways(), how).await;
    }
    assert_nobody_is_anonymous(&ada, system.gateways(), "a start alone").await;
    restart(&mut system, &asked).await;
    for (how, copy) in &copies {
        assert_stays_out_briefly(copy, system.gateways(), how).await;
    }
    intellistack_e2e::eventually("who was in is in again", || async {
        (ada.clone().user().await["email"] == "ada@school.example").then_some(())
    })
    .await;
    system.assert_no_panic();
}

async fn assert_stays_out_briefly(copy: &Copy, gateways: [&Api; 2], how: &str) {
    for _ in 0..5 {
        let open = copy.open(gateways).await;
        assert!(open.is_empty(), "{how}: {open:?}");
    }
}

/// The bus makes things quick; without it the owners are asked, within the same second.
#[tokio::test(flavor = "multi_thread")]
async fn line_30_without_the_bus_the_end_of_a_session_is_known_as_soon() {
    let mut system = System::plan("line_30_bus").replicas().start().await;
    let mut admin = administrator(&system).await;
    let mut ada = verified(&system, "ada@school.example").await;
    let mut eve = verified(&system, "eve@school.example").await;
    let (of_ada, of_eve) = (Copy::of(&mut ada).await, Copy::of(&mut eve).await);
    of_ada.assert_open(system.gateways()).await;
    of_eve.assert_open(system.gateways()).await;
    system.nats.kill();
    ada.post("/api/auth/sign-out", &json!({})).await.expect(200);
    of_ada.assert_ends(system.gateways(), "sign-out without the bus").await;
    let body = json!({ "userId": text(&eve.user().await, "id") });
    admin.post("/api/auth/admin/ban-user", &body).await.expect(200);
    of_eve.assert_ends(system.gateways(), "a ban without the bus").await;
    system.nats.restart().await;
    for copy in [&of_ada, &of_eve] {
        assert_stays_out(copy, system.gateways(), "the bus is back").await;
    }
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn line_30_without_the_database_nobody_is_let_in_or_taken_for_nobody() {
    let mut system = System::plan("line_30_postgres").own_postgres().replicas().start().await;
    let mut ada = verified(&system, "ada@school.example").await;
    let mut eve = verified(&system, "eve@school.example").await;
    let (live, ended) = (Copy::of(&mut ada).await, Copy::of(&mut eve).await);
    live.assert_open(system.gateways()).await;
    eve.post("/api/auth/sign-out", &json!({})).await.expect(200);
    ended.assert_ends(system.gateways(), "sign-out").await;
    system.postgres.stop().await;
    assert_stays_out(&ended, system.gateways(), "without Postgres").await;
    assert_nobody_is_anonymous(&ada, system.gateways(), "without Postgres").await;
    assert_nothing_is_pretended(&system, &ada, "without Postgres").await;
    let body = json!({ "name": "M", "email": "m@school.example", "password": PASSWORD });
    let refused = system.api.post("/api/auth/sign-up/email", &body).await;
    assert_eq!(refused.status.as_u16(), 503, "{}", refused.text());
    let reset =
        system.api.post("/api/auth/request-password-reset", &json!({ "email": "ada@school.example" })).await;
    assert_eq!(reset.status.as_u16(), 503, "no mail is promised: {}", reset.text());
    // The key set is public and in memory; nothing else is answered as if it were known.
    system.postgres.restart().await;
    intellistack_e2e::eventually("the session works again", || async {
        (live.open(system.gateways()).await.len() == 10).then_some(())
    })
    .await;
    assert_stays_out(&ended, system.gateways(), "Postgres is back").await;
    system.assert_no_panic();
}
