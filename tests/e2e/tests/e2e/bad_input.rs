//! Everything a client can get wrong, on purpose or not: a typed refusal, no panic, nothing written.

use intellistack_e2e::{Answer, PASSWORD, Student, System, ledger, raw};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{assert_code, assert_problem, enrol_and_read, lesson_path, lessons, outline, question};

const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_IN: &str = "/api/auth/sign-in/email";
const CHATKIT: &str = "/api/v1/chatkit";
/// More than the gateway reads: 256 KiB.
const TOO_LARGE: usize = 300 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_to_the_auth_api_are_refused_in_better_auths_shape() {
    let system = System::plan("bad_auth").start().await;
    let before = ledger::total(&system).await;
    let send = |path: &str, kind: &str, body: Vec<u8>| {
        Answer::of(system.api.request(Method::POST, path).header("content-type", kind).body(body))
    };
    let json_kind = "application/json";
    for path in [SIGN_UP, SIGN_IN, "/api/auth/send-verification-email", "/api/auth/sign-out"] {
        assert_code(&send(path, json_kind, b"{\"email\":".to_vec()).await, 400, "BAD_REQUEST");
        assert_code(&send(path, json_kind, b"\xff\xfe{}".to_vec()).await, 400, "BAD_REQUEST");
        assert_code(&send(path, json_kind, b"[1]".to_vec()).await, 400, "VALIDATION_ERROR");
        assert_code(&send(path, json_kind, b"null".to_vec()).await, 400, "VALIDATION_ERROR");
        assert_code(&send(path, "text/plain", b"{}".to_vec()).await, 415, "UNSUPPORTED_MEDIA_TYPE");
        assert_code(&send(path, "multipart/form-data", b"{}".to_vec()).await, 415, "UNSUPPORTED_MEDIA_TYPE");
        assert_code(&send(path, json_kind, vec![b' '; TOO_LARGE]).await, 413, "BODY_TOO_LARGE");
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert_code(&send(path, json_kind, deep).await, 400, "BAD_REQUEST");
    }
    let good = json!({ "name": "Ada", "email": "ada@school.example", "password": PASSWORD });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, code) in [
        (json!({}), "VALIDATION_ERROR"),
        (with("email", json!(7)), "VALIDATION_ERROR"),
        (with("password", json!(["x"])), "VALIDATION_ERROR"),
        (with("rememberMe", json!("maybe")), "VALIDATION_ERROR"),
        (with("email", json!("no-address")), "INVALID_EMAIL"),
        (with("email", json!("a@b@c.example")), "INVALID_EMAIL"),
        (with("email", json!("ada@school.example\u{0}")), "VALIDATION_ERROR"),
        (with("password", json!("short")), "PASSWORD_TOO_WEAK"),
        (with("password", json!("Short-1")), "PASSWORD_TOO_SHORT"),
        (with("password", json!(format!("Aa1!{}", "x".repeat(10_000)))), "PASSWORD_TOO_LONG"),
        (with("role", json!("admin")), "FIELD_NOT_ALLOWED"),
        (with("emailVerified", json!(true)), "FIELD_NOT_ALLOWED"),
    ] {
        assert_code(&system.api.post(SIGN_UP, &body).await, 400, code);
    }
    for callback in
        ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%2fevil"]
    {
        assert_code(
            &system.api.post(SIGN_UP, &with("callbackURL", json!(callback))).await,
            403,
            "INVALID_CALLBACK_URL",
        );
    }
    for (method, path) in [
        (Method::GET, SIGN_UP),
        (Method::PUT, SIGN_IN),
        (Method::GET, "/api/auth/no-such-thing"),
        (Method::GET, "/api/auth/ok/"),
    ] {
        let answer = Answer::of(system.api.request(method, path)).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0), "{path}");
    }
    let deferred =
        Answer::of(system.api.request(Method::POST, "/api/auth/get-session").json(&json!({}))).await;
    assert_code(&deferred, 405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED");
    for query in ["get-session?disableRefresh=a&disableRefresh=b", "verify-email?token=a&token=b"] {
        assert_code(&system.api.get(&format!("/api/auth/{query}")).await, 400, "VALIDATION_ERROR");
    }
    assert_eq!(ledger::total(&system).await, before, "a refused request leaves no event");
    still_works(&system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_can_do_nothing_with_the_cookie() {
    let system = System::plan("origins").start().await;
    let student = system.student("ada@school.example").await;
    let before = ledger::total(&system).await;
    let foreign = ["https://evil.example", "null", "http://127.0.0.1:1", ""];
    let enrolment = format!("/api/v1/courses/{}/enrolment", system.course());
    for origin in foreign {
        let send = |path: &str| {
            let request =
                system.api.request(Method::POST, path).header("cookie", &student.cookie).json(&json!({}));
            Answer::of(if origin.is_empty() { request } else { request.header("origin", origin) })
        };
        let code = if matches!(origin, "" | "null") { "MISSING_OR_NULL_ORIGIN" } else { "INVALID_ORIGIN" };
        assert_code(&send("/api/auth/sign-out").await, 403, code);
        assert_problem(&send(&enrolment).await, 403, "ORIGIN_NOT_TRUSTED");
        assert_code(&send(CHATKIT).await, 403, "ORIGIN_NOT_TRUSTED");
    }
    // A first sign-in from a foreign page, without any cookie.
    let body = json!({ "email": student.email, "password": PASSWORD });
    let request =
        system.api.request(Method::POST, SIGN_IN).header("origin", "https://evil.example").json(&body);
    assert_code(&Answer::of(request).await, 403, "INVALID_ORIGIN");
    let request = system.api.request(Method::POST, SIGN_IN).json(&body);
    let request = request.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
    assert_code(&Answer::of(request).await, 403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
    assert_eq!(ledger::total(&system).await, before, "a refused request leaves no event");
    still_works(&system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_to_chatkit_are_refused_before_a_stream_begins() {
    let system = System::plan("bad_chatkit").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    let before = ledger::total(&system).await;
    let send = |kind: &str, body: Vec<u8>| {
        Answer::of(student.request(Method::POST, CHATKIT).header("content-type", kind).body(body))
    };
    let json_kind = "application/json";
    assert_code(&send(json_kind, b"{\"type\":".to_vec()).await, 400, "INVALID_JSON");
    assert_code(&send(json_kind, b"".to_vec()).await, 400, "INVALID_JSON");
    assert_code(
        &send(json_kind, b"{\"type\":\"threads.list\xff\",\"params\":{}}".to_vec()).await,
        400,
        "INVALID_JSON",
    );
    assert_code(&send("text/plain", b"{}".to_vec()).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    assert_code(&send(json_kind, vec![b' '; TOO_LARGE]).await, 413, "BODY_TOO_LARGE");
    assert_code(&send(json_kind, vec![b'['; 100_000]).await, 400, "INVALID_JSON");
    assert_code(&Answer::of(student.request(Method::GET, CHATKIT)).await, 405, "METHOD_NOT_ALLOWED");

    let input = |text: &str| {
        json!({
            "content": [{ "type": "input_text", "text": text }], "attachments": [], "inference_options": {},
        })
    };
    let create = |input: Value| json!({ "type": "threads.create", "params": { "input": input }, "metadata": lesson.page });
    let on_page = |metadata: Value| json!({ "type": "threads.create", "params": { "input": input("Why?") }, "metadata": metadata });
    let with = |member: &str, value: Value| {
        let mut input = input("Why?");
        input[member] = value;
        create(input)
    };
    for (body, status, code) in [
        (json!({}), 400, "INVALID_REQUEST"),
        (json!([]), 400, "INVALID_REQUEST"),
        (json!({ "type": 7, "params": {} }), 400, "INVALID_REQUEST"),
        (json!({ "type": "threads.list" }), 400, "INVALID_REQUEST"),
        (json!({ "type": "threads.explode", "params": {} }), 400, "UNKNOWN_REQUEST_TYPE"),
        (json!({ "type": "THREADS.LIST", "params": {} }), 400, "UNKNOWN_REQUEST_TYPE"),
        (json!({ "type": "threads.list", "params": { "order": "sideways" } }), 400, "INVALID_REQUEST"),
        (json!({ "type": "threads.list", "params": { "limit": "many" } }), 400, "INVALID_REQUEST"),
        (json!({ "type": "threads.list", "params": {}, "metadata": null }), 400, "INVALID_REQUEST"),
        (json!({ "type": "threads.create", "params": {} }), 400, "INVALID_REQUEST"),
        (create(input("   ")), 400, "EMPTY_MESSAGE"),
        (create(input(&"x".repeat(8_001))), 400, "MESSAGE_TOO_LONG"),
        (with("content", json!([])), 400, "EMPTY_MESSAGE"),
        (with("content", json!([{ "type": "input_video", "text": "x" }])), 400, "INVALID_REQUEST"),
        (with("attachments", json!(["atc_1"])), 400, "ATTACHMENTS_NOT_OFFERED"),
        (with("attachments", Value::Null), 400, "INVALID_REQUEST"),
        (with("quoted_text", json!("x".repeat(4_001))), 400, "QUOTE_TOO_LONG"),
        (on_page(json!({ "course": 7 })), 400, "INVALID_REQUEST"),
        (on_page(json!({ "course": "no-such-course", "lesson": "x" })), 404, "COURSE_NOT_FOUND"),
        (
            json!({ "type": "threads.get_by_id", "params": { "thread_id": "thr_nobody" } }),
            404,
            "THREAD_NOT_FOUND",
        ),
        (json!({ "type": "threads.get_by_id", "params": { "thread_id": "" } }), 404, "THREAD_NOT_FOUND"),
        (
            json!({ "type": "items.list", "params": { "thread_id": "thr_'; drop table threads" } }),
            404,
            "THREAD_NOT_FOUND",
        ),
        (
            json!({ "type": "threads.add_user_message", "params": { "thread_id": "thr_nobody", "input": input("Why?") } }),
            404,
            "THREAD_NOT_FOUND",
        ),
    ] {
        let answer = student.post(CHATKIT, &body).await;
        assert_code(&answer, status, code);
    }
    // Nothing was counted, stored or told to the bus.
    assert_eq!(ledger::total(&system).await, before, "a refused request leaves no event");
    assert_eq!(student.remaining().await, Some(20));
    let threads = student.chatkit("threads.list", json!({})).await.expect(200);
    assert_eq!(threads["data"], json!([]));
    assert!(system.model.requests().is_empty(), "the model was not asked");
    still_works(&system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_another_user_is_as_good_as_none() {
    let system = System::plan("other_threads").start().await;
    let owner = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &owner).await;
    let thread = owner.ask(None, &question(&lesson), &lesson.page).await.thread_id();
    let before = owner.items(&thread).await;
    for (email, role) in [("mallory@school.example", "student"), ("boss@school.example", "admin")] {
        let other = system.signed_in(email, role).await;
        enrol_and_read(&system, &other).await;
        for (kind, params) in [
            ("threads.get_by_id", json!({ "thread_id": thread })),
            ("items.list", json!({ "thread_id": thread })),
        ] {
            let foreign = other.chatkit(kind, params).await;
            assert_code(&foreign, 404, "THREAD_NOT_FOUND");
            let unknown = other.chatkit(kind, json!({ "thread_id": "thr_aaaaaaaaaaaaaaaaaaaaaaaa" })).await;
            assert_eq!(unknown.json()["message"], foreign.json()["message"], "existence is not told");
        }
        let turn = other.ask(Some(&thread), "May I read along?", &lesson.page).await;
        assert_eq!(
            (turn.status, turn.refusal.expect("a typed refusal")["code"].as_str()),
            (404, Some("THREAD_NOT_FOUND"))
        );
        let listed = other.chatkit("threads.list", json!({})).await.expect(200);
        assert_eq!(listed["data"], json!([]));
        // A header that names the owner is not believed.
        let owner_id =
            owner.get("/api/auth/get-session").await.json()["user"]["id"].as_str().map(str::to_owned);
        let request = other.request(Method::POST, CHATKIT).header("x-user-id", owner_id.expect("an id"));
        let request =
            request.json(&json!({ "type": "threads.get_by_id", "params": { "thread_id": thread } }));
        assert_code(&Answer::of(request).await, 404, "THREAD_NOT_FOUND");
    }
    assert_eq!(owner.items(&thread).await, before);
    ledger::assert_nothing_lost_or_doubled(&system).await;
    still_works(&system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_student_may_not_see_is_refused_with_its_reason() {
    let system = System::plan("refusals").start().await;
    let course = system.course();
    let nobody = Student::new(&system.api, "nobody@school.example");
    let mut unverified = Student::new(&system.api, "new@school.example");
    unverified.sign_up().await.expect(200);
    let student = system.student("ada@school.example").await;

    // Everyone sees the outline, and only that.
    let seen = outline(&nobody, course).await;
    let first = lessons(&seen).first().expect("a lesson").0.clone();
    let enrolment = format!("/api/v1/courses/{course}/enrolment");
    for path in
        [lesson_path(course, &first), "/api/v1/me/quota".to_owned(), "/api/v1/admin/auth-events".to_owned()]
    {
        assert_problem(&nobody.get(&path).await, 401, "UNAUTHENTICATED");
    }
    assert_problem(&nobody.post(&enrolment, &json!({})).await, 401, "UNAUTHENTICATED");
    assert_code(&nobody.chatkit("threads.list", json!({})).await, 401, "UNAUTHENTICATED");
    assert_problem(&unverified.post(&enrolment, &json!({})).await, 403, "EMAIL_NOT_VERIFIED");
    assert_problem(&unverified.get(&lesson_path(course, &first)).await, 403, "EMAIL_NOT_VERIFIED");
    assert_code(&unverified.chatkit("threads.list", json!({})).await, 403, "EMAIL_NOT_VERIFIED");
    let asked = unverified.ask(None, "Why?", &json!({ "course": course, "lesson": first })).await;
    assert_eq!(
        (asked.status, asked.refusal.expect("a refusal")["code"].as_str()),
        (403, Some("EMAIL_NOT_VERIFIED"))
    );

    assert_problem(&student.get(&lesson_path(course, &first)).await, 403, "NOT_ENROLLED");
    let asked = student.ask(None, "Why?", &json!({ "course": course, "lesson": first })).await;
    assert_eq!(
        (asked.status, asked.refusal.expect("a refusal")["code"].as_str()),
        (403, Some("NOT_ENROLLED"))
    );
    student.enrol(course).await.expect(201);
    student.enrol(course).await.expect(200);
    let seen = outline(&student, course).await;
    let locked = lessons(&seen).into_iter().find(|(_, locked)| *locked).expect("a locked lesson").0;
    let refused = student.get(&lesson_path(course, &locked)).await;
    assert_problem(&refused, 403, "STAGE_LOCKED");
    assert!(
        refused.json()["stage_title"].is_string() && refused.json()["unlocks_when"].is_string(),
        "{}",
        refused.text()
    );
    assert_problem(
        &student.post(&format!("{}/completion", lesson_path(course, &locked)), &json!({})).await,
        403,
        "STAGE_LOCKED",
    );

    for (path, reason) in [
        ("/api/v1/courses/no-such-course".to_owned(), "COURSE_NOT_FOUND"),
        (lesson_path("no-such-course", "x"), "COURSE_NOT_FOUND"),
        (lesson_path(course, "no-such-lesson"), "LESSON_NOT_FOUND"),
        (lesson_path(course, &"x".repeat(5_000)), "LESSON_NOT_FOUND"),
    ] {
        assert_problem(&student.get(&path).await, 404, reason);
    }
    // NUL is a character that Postgres cannot hold.
    for path in [lesson_path("%00", "x"), "/api/v1/courses/a%00b".to_owned()] {
        assert_problem(&student.get(&path).await, 400, "INVALID_ARGUMENT");
    }
    assert_problem(&student.get(&lesson_path(course, "%00")).await, 404, "LESSON_NOT_FOUND");
    assert_problem(&student.enrol("no-such-course").await, 404, "COURSE_NOT_FOUND");
    assert_problem(&student.get("/api/v1/no-such-thing").await, 404, "NOT_FOUND");
    assert_problem(
        &Answer::of(student.request(Method::DELETE, "/api/v1/courses")).await,
        405,
        "METHOD_NOT_ALLOWED",
    );

    ledger::assert_nothing_lost_or_doubled(&system).await;
    still_works(&system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_see_the_read_models_and_their_filters_are_checked() {
    let system = System::plan("admin_routes").start().await;
    let student = system.student("ada@school.example").await;
    let instructor = system.signed_in("eve@school.example", "instructor").await;
    let admin = system.admin().await;
    for path in ["/api/v1/admin/auth-events", "/api/v1/admin/ai-usage"] {
        assert_problem(&student.get(path).await, 403, "FORBIDDEN");
        assert_problem(&instructor.get(path).await, 403, "FORBIDDEN");
        admin.get(path).await.expect(200);
        for query in ["limit=many", "limit=-1"] {
            assert_problem(&admin.get(&format!("{path}?{query}")).await, 400, "INVALID_ARGUMENT");
        }
        admin.get(&format!("{path}?limit=100000")).await.expect(200);
    }
    // A point in time here, a day there.
    assert_problem(&admin.get("/api/v1/admin/auth-events?from=yesterday").await, 400, "INVALID_ARGUMENT");
    for day in ["yesterday", "2026-02-30"] {
        let path = format!("/api/v1/admin/ai-usage?from={day}");
        assert_problem(&admin.get(&path).await, 400, "INVALID_DATE");
    }
    assert_problem(&admin.get("/api/v1/admin/auth-events?before=x").await, 400, "INVALID_ARGUMENT");
    assert_problem(&admin.get("/api/v1/admin/auth-events?email=%00").await, 400, "INVALID_ARGUMENT");
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_no_browser_sends_are_survived() {
    let system = System::plan("raw_http").start().await;
    let origin = system.api.origin();
    let course = system.course();
    let assets = format!("/api/v1/courses/{course}/assets");
    for path in [
        format!("{assets}/../../../../etc/passwd"),
        format!("{assets}/..%2f..%2f..%2fetc%2fpasswd"),
        format!("{assets}/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        format!("{assets}//etc/passwd"),
        format!("{assets}/..\\..\\book.toml"),
        format!("{assets}/src/SUMMARY.md"),
        format!("{assets}/%00"),
        format!("{assets}/%ff%fe"),
        "/assets/../../Cargo.toml".to_owned(),
        "/assets/%2e%2e/%2e%2e/Cargo.toml".to_owned(),
        "/api/v1/courses/%ff".to_owned(),
    ] {
        let (status, head, body) = raw::get(origin, &path, "").await;
        assert!(matches!(status, 400 | 404), "{path}: {head}");
        assert!(head.contains("application/problem+json"), "{path}: {head}");
        assert!(!body.contains("root:") && !body.contains("[workspace]"), "{path}: {body}");
    }
    let huge = format!("x-huge: {}\r\n", "h".repeat(2 * 1024 * 1024));
    let many = (0..5_000).fold(String::new(), |lines, nth| format!("{lines}x-{nth}: y\r\n"));
    let cookie = format!("cookie: better-auth.session_token={}\r\n", "c".repeat(100_000));
    for headers in [&huge, &many] {
        let (status, head, _) = raw::get(origin, "/api/v1/courses", headers).await;
        assert!(matches!(status, 0 | 400 | 431), "{head:.200}");
    }
    let (status, head, _) = raw::get(origin, "/api/v1/courses", &cookie).await;
    assert!(matches!(status, 200 | 431), "{head:.200}");

    let host = origin.trim_start_matches("http://");
    let odd: [(&[u8], &[u16]); 9] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[0, 400]),
        (b"NONSENSE\r\n\r\n", &[0, 400]),
        (b"GET / HTTP/9.9\r\n\r\n", &[0, 400, 505]),
        (b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", &[0, 200, 400, 404]),
        (b"GET /api/v1/courses HTTP/1.1\r\nhost: x\r\ncookie: \xff\xfe=\x80\r\nconnection: close\r\n\r\n", &[200, 400]),
        (b"GET /api/v1/me/quota HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \xff\xfe\r\nconnection: close\r\n\r\n", &[400, 401]),
        (b"GET /api/v1/me/quota HTTP/1.1\r\nhost: x\r\nauthorization: Basic eDp5\r\nconnection: close\r\n\r\n", &[401]),
        (b"POST /api/auth/sign-in/email HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: -5\r\n\r\n{}", &[0, 400]),
        (b"POST /api/auth/sign-in/email HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n", &[0, 400]),
    ];
    for (bytes, allowed) in odd {
        let (status, head, _) = raw::send(origin, bytes).await;
        assert!(allowed.contains(&status), "{:?}: {head}", String::from_utf8_lossy(bytes));
    }
    // A body that is larger than it says, or never comes, holds nobody else up.
    let announced = format!(
        "POST {SIGN_IN} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{{"
    );
    let (status, head, _) = raw::send(origin, announced.as_bytes()).await;
    assert!(matches!(status, 0 | 400 | 413), "{head}");
    still_works(&system).await;
}

/// The process answers as if nothing had happened, and nothing in it has panicked.
async fn still_works(system: &System) {
    let mut student = Student::new(&system.api, "after@school.example");
    student.sign_up().await.expect(200);
    assert_eq!(student.get("/api/auth/get-session").await.expect(200)["user"]["email"], student.email);
    assert_eq!(system.api.get("/readyz").await.expect(200)["status"], "ready");
    system.assert_no_panic();
}
