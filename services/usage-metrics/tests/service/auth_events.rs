use api::common::{Caller, Role};
use api::events::identity::{SignInFailed, UserLocked};
use api::events::session::{AccessTokenIssued, SessionRevoked, SigningKeyCreated};
use api::usage_metrics::{AuthEvent, ListAuthEventsRequest};
use chrono::TimeDelta;
use kernel::ErrorCode;

use crate::env::{Env, TRACE, caller};

const DUMP: &str = "select line::text from auth_event_log as line order by row";
const ROWS: &str =
    "select store || ' ' || position || ' ' || type from auth_event_log order by store, position";

fn all() -> ListAuthEventsRequest {
    ListAuthEventsRequest::default()
}

/// One of each, and a type that this build does not know.
async fn a_day(env: &Env) {
    env.registered("ada").await;
    env.session_started("s1", "ada").await;
    let locked = UserLocked {
        user_id: "ada".to_owned(),
        email: "ada@example.com".to_owned(),
        until: Some(api::timestamp(env.now() + TimeDelta::minutes(15))),
        failures: 5,
        ..UserLocked::default()
    };
    env.append("identity", "user-ada", "user.locked", &locked).await;
    env.append("identity", "user-ada", "user.teleported", &locked).await;
    let key = SigningKeyCreated { key_id: "k1".to_owned(), algorithm: "RS256".to_owned() };
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
        ip: "192.0.2.9".to_owned(),
        user_agent: String::new(),
    };
    env.append("session", "session-s1", "session.revoked", &revoked).await;
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

    env.execute("delete from checkpoints; truncate auth_event_log, known_emails").await;
    let _replica = env.run();
    env.settled().await;
    assert_eq!(env.dump(ROWS).await, expected, "a rebuild from nothing brings all of it back");
    assert!(usage_metrics::verify(&env.pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_row_tells_who_from_where_and_what_without_repeating_personal_data() {
    let env = Env::start().await;
    let _replica = env.run();
    a_day(&env).await;
    env.settled().await;
    let events = env.auth_events(all()).await.unwrap().events;
    let of = |kind: &str| events.iter().find(|event| event.r#type == kind).unwrap().clone();
    let detail = |event: &AuthEvent| serde_json::from_str::<serde_json::Value>(&event.detail_json).unwrap();

    let registered = of("user.registered");
    assert_eq!(registered.email.as_deref(), Some("ada@example.com"));
    assert_eq!(
        (registered.ip.as_deref(), registered.user_agent.as_deref()),
        (Some("192.0.2.7"), Some("a browser"))
    );
    assert_eq!((registered.trace_id.as_str(), registered.at), (TRACE, Some(api::timestamp(env.now()))));
    let role = serde_json::json!({ "role": "student", "method": "password", "email_verified": false });
    assert_eq!(detail(&registered), role, "no name, no address");
    assert_eq!(
        detail(&of("user.locked")),
        serde_json::json!({ "until": "2026-01-05T09:15:00.000Z", "failures": 5 })
    );
    let unknown = of("user.teleported");
    assert_eq!((unknown.user_id, unknown.email, &*unknown.detail_json), (None, None, "{}"));
    let revoked = of("session.revoked");
    assert_eq!(
        (revoked.email.as_deref(), revoked.ip.as_deref()),
        (Some("ada@example.com"), Some("192.0.2.9"))
    );
    assert_eq!(detail(&revoked), serde_json::json!({ "session_id": "s1", "reason": "sign_out" }));
    assert_eq!(of("key.created").user_id, None);
    assert_eq!(detail(&of("session.access_token_issued"))["key_id"], "k1");
}

#[tokio::test]
async fn a_session_that_comes_before_its_user_gets_the_address_when_identity_tells_it() {
    let env = Env::start().await;
    let _replica = env.run();
    env.session_started("s1", "ada").await;
    env.session_started("s2", "bob").await;
    env.settled().await;
    let emails =
        "select coalesce(email, 'nobody') from auth_event_log where store = 'session' order by position";
    assert_eq!(env.dump(emails).await, ["nobody", "nobody"]);
    env.registered("ada").await;
    env.settled().await;
    assert_eq!(env.dump(emails).await, ["ada@example.com", "nobody"]);
    env.session_started("s3", "ada").await;
    env.settled().await;
    assert_eq!(env.dump(emails).await, ["ada@example.com", "nobody", "ada@example.com"]);
}

#[tokio::test]
async fn no_address_is_missed_when_both_stores_are_read_at_once() {
    let env = Env::start().await;
    let replicas = [env.run(), env.run()];
    for n in 0..150 {
        let (user, session) = (format!("user{n}"), format!("s{n}"));
        tokio::join!(env.registered(&user), env.session_started(&session, &user));
    }
    env.settled().await;
    let nameless = "select store || ' ' || position from auth_event_log where email is null";
    assert_eq!(env.dump(nameless).await, Vec::<String>::new());
    assert_eq!(env.dump(ROWS).await.len(), 300);
    for replica in replicas {
        replica.stop().await;
    }
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
    let unknown = SignInFailed {
        email: "eve@example.com".to_owned(),
        reason: "unknown_user".to_owned(),
        ip: "198.51.100.1".to_owned(),
        ..SignInFailed::default()
    };
    env.append("identity", "unknown-1f", "user.sign_in_failed", &unknown).await;
    env.settled().await;
    let positions = async |request| -> Vec<u64> {
        env.auth_events(request).await.unwrap().events.iter().map(|event| event.position).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    let later = Some(api::timestamp(env.now()));
    assert_eq!(positions(ListAuthEventsRequest { user_id: text("ada"), ..all() }).await, [3, 1]);
    assert_eq!(positions(ListAuthEventsRequest { email: text(" Bob@Example.COM "), ..all() }).await, [2]);
    assert_eq!(positions(ListAuthEventsRequest { email: text("eve@example.com"), ..all() }).await, [4]);
    assert_eq!(positions(ListAuthEventsRequest { ip: text("192.0.2.8"), ..all() }).await, [3]);
    assert_eq!(positions(ListAuthEventsRequest { r#type: text("user.registered"), ..all() }).await, [2, 1]);
    assert_eq!(positions(ListAuthEventsRequest { from: later, ..all() }).await, [4, 3], "inclusive");
    assert_eq!(positions(ListAuthEventsRequest { to: later, ..all() }).await, [2, 1], "exclusive");
    let both =
        ListAuthEventsRequest { user_id: text("ada"), r#type: text("user.signed_in"), from: later, ..all() };
    assert_eq!(positions(both).await, [3]);
    assert_eq!(positions(ListAuthEventsRequest { user_id: text(""), ..all() }).await, [4, 3, 2, 1]);
}

#[tokio::test]
async fn a_filter_that_cannot_be_is_refused_as_such() {
    let env = Env::start().await;
    let nul = ListAuthEventsRequest { email: Some("\0".to_owned()), ..all() };
    let error = env.auth_events(nul).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_ARGUMENT"));
    let from = api::timestamp(env.now() - TimeDelta::days(3_000 * 365));
    let error = env.auth_events(ListAuthEventsRequest { from: Some(from), ..all() }).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::InvalidArgument, "INVALID_TIMESTAMP"));
}
