use api::common::{Caller, Personal, Role};
use api::events::identity::UserLocked;
use api::events::session::{AccessTokenIssued, ImpersonationStarted, SessionRevoked, SigningKeyCreated};
use api::usage_metrics::{AuthEvent, ListAuthEventsRequest};
use chrono::TimeDelta;
use kernel::ErrorCode;

use crate::env::{BROWSER, Env, TRACE, caller, personal};

const DUMP: &str = "select line::text from auth_event_log as line order by row";
const ROWS: &str =
    "select store || ' ' || position || ' ' || type from auth_event_log order by store, position";

fn all() -> ListAuthEventsRequest {
    ListAuthEventsRequest::default()
}

#[expect(clippy::unnecessary_wraps, reason = "what fields are made of")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// One of each, and a type that this build does not know.
async fn a_day(env: &Env) {
    env.registered("ada").await;
    env.session_started("s1", "ada").await;
    let locked = UserLocked {
        user_id: "ada".to_owned(),
        until: Some(api::timestamp(env.now() + TimeDelta::minutes(15))),
        failures: 5,
        ..UserLocked::default()
    };
    let about = || ("ada", personal("ada", "192.0.2.7"));
    env.append_about(("identity", "user-ada"), "user.locked", &locked, about()).await;
    env.append_about(("identity", "user-ada"), "user.teleported", &locked, about()).await;
    let key = SigningKeyCreated { key_id: "k1".to_owned(), algorithm: "RS256".to_owned(), signs_from: None };
    env.append("session", "key-k1", "key.created", &key).await;
    let token = AccessTokenIssued {
        session_id: "s1".to_owned(),
        user_id: "ada".to_owned(),
        key_id: "k1".to_owned(),
        expires_at: None,
    };
    env.append("session", "session-s1", "session.access_token_issued", &token).await;
    let revoked = SessionRevoked {
        session_id: "s1".to_owned(),
        user_id: "ada".to_owned(),
        reason: "sign_out".to_owned(),
    };
    let origin = Personal { ip: "192.0.2.9".to_owned(), ..Personal::default() };
    env.append_about(("session", "session-s1"), "session.revoked", &revoked, ("ada", origin)).await;
}

#[tokio::test]
async fn every_event_is_one_row_whoever_projects_and_however_often() {
    let env = Env::start().await;
    let replicas = [env.run(), env.run()];
    a_day(&env).await;
    env.settled().await;
    let expected = [
        "identity 1 user.registered",
        "identity 2 user.locked",
        "identity 3 user.teleported",
        "session 1 session.started",
        "session 2 key.created",
        "session 3 session.access_token_issued",
        "session 4 session.revoked",
    ];
    assert_eq!(env.dump(ROWS).await, expected);
    let before = env.dump(DUMP).await;
    for replica in replicas {
        replica.stop().await;
    }
    env.execute("delete from checkpoints").await;
    let replica = env.run();
    env.settled().await;
    assert_eq!(env.dump(DUMP).await, before, "a replay changes nothing");
    replica.stop().await;

    env.execute("delete from checkpoints; truncate auth_event_log").await;
    let _replica = env.run();
    env.settled().await;
    assert_eq!(env.dump(ROWS).await, expected, "a rebuild from nothing brings all of it back");
    assert!(usage_metrics::verify(&env.pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_tells_who_from_where_and_what() {
    let env = Env::start().await;
    let _replica = env.run();
    a_day(&env).await;
    env.settled().await;
    let page = env.auth_events(all()).await.unwrap();
    assert_eq!(page.away, Vec::<String>::new());
    let of = |kind: &str| page.events.iter().find(|event| event.r#type == kind).unwrap().clone();
    let detail = |event: &AuthEvent| serde_json::from_str::<serde_json::Value>(&event.detail_json).unwrap();

    let registered = of("user.registered");
    assert_eq!((registered.user_id.as_deref(), registered.actor.as_deref()), (Some("ada"), Some("ada")));
    assert_eq!(registered.email.as_deref(), Some("ada@example.com"));
    assert_eq!(
        (registered.ip.as_deref(), registered.user_agent.as_deref()),
        (Some("192.0.2.7"), Some(BROWSER))
    );
    assert_eq!((registered.trace_id.as_str(), registered.at), (TRACE, Some(api::timestamp(env.now()))));
    let role = serde_json::json!({ "role": "student", "method": "password", "email_verified": false });
    assert_eq!(detail(&registered), role, "no name, no address");
    assert_eq!(
        detail(&of("user.locked")),
        serde_json::json!({ "until": "2026-01-05T09:15:00.000Z", "failures": 5, "known_device": false })
    );
    let unknown = of("user.teleported");
    assert_eq!((unknown.user_id.as_deref(), &*unknown.detail_json), (Some("ada"), "{}"));
    assert_eq!(unknown.email.as_deref(), Some("ada@example.com"));
    let revoked = of("session.revoked");
    assert_eq!(
        (revoked.email.as_deref(), revoked.ip.as_deref()),
        (Some("ada@example.com"), Some("192.0.2.9"))
    );
    assert_eq!(revoked.user_agent, None);
    assert_eq!(detail(&revoked), serde_json::json!({ "session_id": "s1", "reason": "sign_out" }));
    let key = of("key.created");
    assert_eq!((key.user_id, key.email, key.ip), (None, None, None));
    assert_eq!(detail(&of("session.access_token_issued"))["key_id"], "k1");
}

#[tokio::test]
async fn an_event_of_a_session_is_shown_with_the_address_the_user_had_then() {
    let env = Env::start().await;
    let _replica = env.run();
    env.session_started("s1", "ada").await;
    env.session_started("s2", "bob").await;
    env.clock.advance(TimeDelta::seconds(1));
    env.settled().await;
    let emails = async || -> Vec<Option<String>> {
        let mut events = env.auth_events(all()).await.unwrap().events;
        events.retain(|event| event.store == "session");
        events.sort_by_key(|event| event.position);
        events.into_iter().map(|event| event.email).collect()
    };
    assert_eq!(emails().await, [None, None]);
    env.registered("ada").await;
    env.settled().await;
    assert_eq!(emails().await, [text("ada@example.com"), None], "identity was late");

    env.session_started("s3", "ada").await;
    env.clock.advance(TimeDelta::seconds(1));
    env.email_changed("ada", "ada@example.org").await;
    env.clock.advance(TimeDelta::seconds(1));
    env.session_started("s4", "ada").await;
    env.settled().await;
    let old = || text("ada@example.com");
    assert_eq!(emails().await, [old(), None, old(), text("ada@example.org")]);

    // Found by both addresses: whoever took an account over changed its address.
    let found = async |email: &str| -> Vec<String> {
        let page = env.auth_events(ListAuthEventsRequest { email: text(email), ..all() }).await.unwrap();
        page.events.iter().rev().map(|event| format!("{} {}", event.store, event.position)).collect()
    };
    let of_ada = ["session 1", "identity 1", "session 3", "identity 2", "session 4"];
    assert_eq!(found("ada@example.com").await, of_ada);
    let of_new = ["session 1", "session 3", "identity 2", "session 4"];
    assert_eq!(found("ada@example.org").await, of_new);
}

#[tokio::test]
async fn while_an_owner_is_away_the_log_is_listed_without_what_is_sealed() {
    let env = Env::start().await;
    let _replica = env.run();
    env.registered("ada").await;
    env.session_started("s1", "ada").await;
    env.settled().await;
    env.set_away("identity", true);
    let request = || ListAuthEventsRequest { email: text("ada@example.com"), ..all() };
    let page = env.auth_events(request()).await.unwrap();
    assert_eq!(page.away, ["identity"]);
    let of = |store: &str| page.events.iter().find(|event| event.store == store).unwrap();
    assert_eq!((&of("identity").email, &of("identity").ip), (&None, &None));
    assert_eq!((&of("session").email, &of("session").ip), (&None, &text("2001:db8:0:1::5")));

    // What happens meanwhile waits: without its hashes it would never be found.
    env.signed_in("ada").await;
    env.session_started("s2", "ada").await;
    let rows = "select count(*)::text from auth_event_log where store = 'session'";
    testkit::eventually("the other store is followed", || async {
        (env.dump(rows).await == ["2"]).then_some(())
    })
    .await;
    assert_eq!(
        env.dump("select type from auth_event_log where store = 'identity'").await,
        ["user.registered"]
    );
    env.set_away("identity", false);
    env.settled().await;
    let page = env.auth_events(request()).await.unwrap();
    assert_eq!((page.events.len(), page.away), (4, Vec::new()));
    assert!(page.events.iter().all(|event| event.email.is_some()));
}

#[tokio::test]
async fn events_in_which_an_administrator_acts_show_the_users_address_and_the_administrators_network() {
    let env = Env::start().await;
    let _replica = env.run();
    env.registered("ada").await;
    env.registered("root").await;
    let started = ImpersonationStarted {
        session_id: "s1".to_owned(),
        user_id: "ada".to_owned(),
        admin_id: "root".to_owned(),
        admin_session_id: "s0".to_owned(),
    };
    let origin = Personal { email: String::new(), ..personal("root", "203.0.113.1") };
    env.append_about(("session", "session-s1"), "session.impersonation_started", &started, ("root", origin))
        .await;
    env.settled().await;
    let request = || ListAuthEventsRequest { ip: text("203.0.113.1"), ..all() };
    let event = &env.auth_events(request()).await.unwrap().events[0];
    assert_eq!((&event.email, &event.actor), (&text("ada@example.com"), &text("root")));
    env.erased("ada").await;
    env.settled().await;
    let event = &env.auth_events(request()).await.unwrap().events[0];
    assert_eq!((&event.email, &event.ip), (&None, &text("203.0.113.1")), "is not the user's");
    env.erased("root").await;
    env.settled().await;
    assert_eq!(env.auth_events(request()).await.unwrap().events, Vec::new());
}

#[tokio::test]
async fn only_an_admin_reads_the_log() {
    let env = Env::start().await;
    for role in [Role::Unspecified, Role::Student, Role::Instructor] {
        let error =
            env.auth_events(ListAuthEventsRequest { caller: Some(caller(role)), ..all() }).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::PermissionDenied, "FORBIDDEN"), "{role:?}");
    }
    let nobody = Some(Caller { role: Role::Admin.into(), ..Caller::default() });
    let error = env.auth_events(ListAuthEventsRequest { caller: nobody, ..all() }).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::Unauthenticated, "UNAUTHENTICATED"));
    assert_eq!(env.auth_events(all()).await.unwrap().events, Vec::new());
}

#[tokio::test]
async fn pages_are_newest_first_and_nothing_is_left_out_or_shown_twice() {
    let env = Env::start().await;
    let _replica = env.run();
    env.registered("ada").await;
    for n in 0..12 {
        // Three at the same instant, then a later one.
        if n % 3 == 0 {
            env.clock.advance(TimeDelta::seconds(1));
        }
        env.signed_in("ada").await;
    }
    env.settled().await;
    let (mut seen, mut before, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = env.auth_events(ListAuthEventsRequest { limit: 5, before, ..all() }).await.unwrap();
        sizes.push(page.events.len());
        seen.extend(page.events.iter().map(|event| event.position));
        before = page.before;
        if before.is_none() {
            break;
        }
        // What arrives meanwhile belongs in front of the first page.
        env.clock.advance(TimeDelta::seconds(1));
        env.signed_in("ada").await;
        env.settled().await;
    }
    assert_eq!(sizes, [5, 5, 3]);
    assert_eq!(seen, (1..=13).rev().collect::<Vec<u64>>());

    let exact = env.auth_events(ListAuthEventsRequest { limit: 15, ..all() }).await.unwrap();
    assert_eq!((exact.events.len(), exact.before), (15, None), "a full last page has no next one");
    let beyond = ListAuthEventsRequest { before: Some(u64::MAX), limit: u32::MAX, ..all() };
    assert_eq!(env.auth_events(beyond).await.unwrap().events.len(), 15);
    let first = ListAuthEventsRequest { before: Some(0), ..all() };
    assert_eq!(env.auth_events(first).await.unwrap().events.len(), 0);
}

#[tokio::test]
async fn events_are_found_by_user_address_ip_type_and_time() {
    let env = Env::start().await;
    let _replica = env.run();
    env.registered("ada").await;
    env.registered("bob").await;
    env.clock.advance(TimeDelta::hours(1));
    env.signed_in("ada").await;
    env.sign_in_failed("eve").await;
    env.settled().await;
    let positions = async |request| -> Vec<u64> {
        env.auth_events(request).await.unwrap().events.iter().map(|event| event.position).collect()
    };
    let later = Some(api::timestamp(env.now()));
    assert_eq!(positions(ListAuthEventsRequest { user_id: text("ada"), ..all() }).await, [3, 1]);
    assert_eq!(positions(ListAuthEventsRequest { email: text(" Bob@Example.COM "), ..all() }).await, [2]);
    assert_eq!(positions(ListAuthEventsRequest { email: text("eve@example.com"), ..all() }).await, [4]);
    assert_eq!(positions(ListAuthEventsRequest { ip: text("192.0.2.8"), ..all() }).await, [3]);
    assert_eq!(positions(ListAuthEventsRequest { ip: text("::ffff:192.0.2.7"), ..all() }).await, [2, 1]);
    assert_eq!(positions(ListAuthEventsRequest { r#type: text("user.registered"), ..all() }).await, [2, 1]);
    assert_eq!(positions(ListAuthEventsRequest { from: later, ..all() }).await, [4, 3], "inclusive");
    assert_eq!(positions(ListAuthEventsRequest { to: later, ..all() }).await, [2, 1], "exclusive");
    let both =
        ListAuthEventsRequest { user_id: text("ada"), r#type: text("user.signed_in"), from: later, ..all() };
    assert_eq!(positions(both).await, [3]);
    assert_eq!(positions(ListAuthEventsRequest { user_id: text(""), ..all() }).await, [4, 3, 2, 1]);
    let here = ListAuthEventsRequest { email: text("ada@example.com"), ip: text("192.0.2.8"), ..all() };
    assert_eq!(positions(here).await, [3]);
    for nothing in ["nobody@example.com", "no address"] {
        assert_eq!(
            positions(ListAuthEventsRequest { email: text(nothing), ..all() }).await,
            Vec::<u64>::new()
        );
        assert_eq!(positions(ListAuthEventsRequest { ip: text(nothing), ..all() }).await, Vec::<u64>::new());
    }

    env.session_started("s1", "ada").await;
    env.settled().await;
    for ip in ["2001:DB8:0:1:0::5", "2001:db8:0:1::/64", "2001:db8:0:1::99/64"] {
        assert_eq!(positions(ListAuthEventsRequest { ip: text(ip), ..all() }).await, [1], "{ip}");
    }
    for ip in ["2001:db8:0:1::6", "2001:db8:0:2::/64", "192.0.2.0/24"] {
        assert_eq!(
            positions(ListAuthEventsRequest { ip: text(ip), ..all() }).await,
            Vec::<u64>::new(),
            "{ip}"
        );
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_is_refused_as_such() {
    let env = Env::start().await;
    for nul in [
        ListAuthEventsRequest { email: text("\0"), ..all() },
        ListAuthEventsRequest { ip: text("\0"), ..all() },
        ListAuthEventsRequest { user_id: text("\0"), ..all() },
    ] {
        let error = env.auth_events(nul).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_ARGUMENT"));
    }
    let from = api::timestamp(env.now() - TimeDelta::days(3_000 * 365));
    let error = env.auth_events(ListAuthEventsRequest { from: Some(from), ..all() }).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_TIMESTAMP"));
}
