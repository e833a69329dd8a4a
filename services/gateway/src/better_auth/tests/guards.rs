use super::*;
use serde_json::json;

const POSTS: [&str; 37] = [
    "/sign-up/email",
    "/sign-in/email",
    "/sign-in/social",
    "/sign-in/oauth2",
    "/link-social",
    "/oauth2/link",
    "/sign-out",
    "/revoke-session",
    "/revoke-sessions",
    "/revoke-other-sessions",
    "/update-session",
    "/request-password-reset",
    "/forget-password",
    "/reset-password",
    "/verify-password",
    "/change-password",
    "/send-verification-email",
    "/change-email",
    "/update-user",
    "/delete-user",
    "/unlink-account",
    "/get-access-token",
    "/refresh-token",
    "/get-session",
    "/admin/create-user",
    "/admin/update-user",
    "/admin/set-role",
    "/admin/ban-user",
    "/admin/unban-user",
    "/admin/set-user-password",
    "/admin/remove-user",
    "/admin/list-user-sessions",
    "/admin/revoke-user-session",
    "/admin/revoke-user-sessions",
    "/admin/impersonate-user",
    "/admin/stop-impersonating",
    "/admin/has-permission",
];

#[tokio::test]
async fn every_post_with_cookies_must_come_from_a_trusted_page() {
    let gateway = Gateway::new().await;
    let cookie = gateway.cookie("session_token", TOKEN);
    for path in POSTS {
        for (headers, code) in [
            (&[][..], "MISSING_OR_NULL_ORIGIN"),
            (&[("origin", "null")], "MISSING_OR_NULL_ORIGIN"),
            (&[("origin", "https://evil.example")], "INVALID_ORIGIN"),
            (&[("origin", "https://school.example.evil.example")], "INVALID_ORIGIN"),
            (&[("origin", "https://evil-pages.example")], "INVALID_ORIGIN"),
            (&[("referer", "https://evil.example/https://school.example")], "INVALID_ORIGIN"),
        ] {
            let mut all = vec![("content-type", "application/json"), ("cookie", cookie.as_str())];
            all.extend_from_slice(headers);
            let answer = gateway.send(Method::POST, path, &all, "{}").await;
            assert_eq!((answer.status, answer.code()), (403, code), "{path} {headers:?}");
        }
    }
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn a_first_sign_in_is_guarded_without_cookies() {
    let gateway = Gateway::new().await;
    let body = json!({ "email": "a@b.co", "password": "p", "name": "Ada" }).to_string();
    let same = ("sec-fetch-site", "same-origin");
    for path in ["/sign-in/email", "/sign-up/email"] {
        for (headers, status, code) in [
            (&[][..], 200, ""),
            (&[("origin", ORIGIN)], 200, ""),
            (&[("origin", "https://a.pages.example")], 200, ""),
            (&[("origin", ORIGIN), same], 200, ""),
            (&[("origin", "null"), same], 200, ""),
            (&[("origin", "https://evil.example")], 403, "INVALID_ORIGIN"),
            (&[("referer", "https://evil.example/")], 403, "INVALID_ORIGIN"),
            (&[("sec-fetch-mode", "cors")], 403, "MISSING_OR_NULL_ORIGIN"),
            (
                &[("origin", ORIGIN), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
                403,
                "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
            ),
        ] {
            for media in ["application/json", "application/x-www-form-urlencoded"] {
                let body = if media.ends_with("json") { &body } else { "email=a%40b.co&password=p&name=Ada" };
                let mut all = vec![("content-type", media)];
                all.extend_from_slice(headers);
                let answer = gateway.send(Method::POST, path, &all, body).await;
                assert_eq!((answer.status, answer.code()), (status, code), "{path} {media} {headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn redirect_targets_must_be_ours() {
    let gateway = Gateway::new().await;
    for (member, code, label) in [
        ("callbackURL", "INVALID_CALLBACK_URL", "callbackURL"),
        ("redirectTo", "INVALID_REDIRECT_URL", "redirectURL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL", "errorCallbackURL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL", "newUserCallbackURL"),
    ] {
        for path in POSTS {
            for bad in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
                let answer = gateway.post(path, &json!({ member: bad })).await;
                assert_eq!((answer.status, answer.code()), (403, code), "{path} {member} {bad}");
            }
            let answer = gateway.post(path, &json!({ member: ["/"] })).await;
            let expected = json!({ "message": format!("Invalid {label}: expected a string") });
            assert_eq!((answer.status, answer.body), (400, expected), "{path} {member}");
        }
    }
    let query = gateway.post("/sign-out?callbackURL=https%3A%2F%2Fevil.example", &json!({})).await;
    assert_eq!((query.status, query.code()), (403, "INVALID_CALLBACK_URL"));
    for path in ["/verify-email?token=t", "/reset-password/t?x=1", "/delete-user/callback?token=t"] {
        let answer = gateway.get(&format!("{path}&callbackURL=https://evil.example")).await;
        assert_eq!((answer.status, answer.code()), (403, "INVALID_CALLBACK_URL"), "{path}");
    }
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn what_is_no_route_is_404_without_a_body() {
    let gateway = Gateway::new().await;
    for (method, path) in [
        (Method::GET, "/nowhere"),
        (Method::POST, "/nowhere"),
        (Method::GET, "/sign-in/email"),
        (Method::PUT, "/sign-in/email"),
        (Method::DELETE, "/update-user"),
        (Method::POST, "/sign-in/email/"),
        (Method::POST, "//sign-in/email"),
        (Method::POST, "/list-sessions"),
        (Method::POST, "/verify-email"),
        (Method::GET, "/reset-password/"),
        (Method::OPTIONS, "/sign-in/email"),
        (Method::HEAD, "/verify-email?token=t"),
        (Method::HEAD, "/delete-user/callback?token=t"),
        (Method::HEAD, "/callback/github?state=s"),
        (Method::HEAD, "/reset-password/t?callbackURL=/"),
    ] {
        let answer = gateway.send(method.clone(), path, &[("content-type", "text/plain")], "x").await;
        assert_eq!((answer.status, answer.text.as_str()), (404, ""), "{method} {path}");
    }
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn a_page_that_nobody_asked_for_yet_uses_no_link_up() {
    let gateway = Gateway::new().await;
    let cookie = gateway.cookie("session_token", TOKEN);
    for purpose in [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")] {
        let path = "/delete-user/callback?token=t";
        let answer = gateway.send(Method::GET, path, &[purpose, ("cookie", &cookie)], "").await;
        assert_eq!((answer.status, answer.text.as_str()), (503, ""), "{purpose:?}");
    }
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn a_bad_body_is_told_before_a_bad_origin_and_that_before_a_bad_schema() {
    let gateway = Gateway::new().await;
    let cookie = gateway.cookie("session_token", TOKEN);
    let send = async |media: &str, origin: &str, body: &str| {
        let headers = [("content-type", media), ("origin", origin), ("cookie", &cookie)];
        let answer = gateway.send(Method::POST, "/change-password", &headers, body).await;
        (answer.status, answer.code().to_owned())
    };
    let evil = "https://evil.example";
    assert_eq!(send("text/plain", evil, "{}").await, (415, "UNSUPPORTED_MEDIA_TYPE".into()));
    assert_eq!(
        send("application/x-www-form-urlencoded", evil, "a=b").await,
        (415, "UNSUPPORTED_MEDIA_TYPE".into())
    );
    assert_eq!(send("application/json", evil, "{").await, (400, "BAD_REQUEST".into()));
    assert_eq!(send("application/json", evil, "{\"a\":1,\"a\":1}").await, (400, "BAD_REQUEST".into()));
    assert_eq!(send("application/json", evil, "{}").await, (403, "INVALID_ORIGIN".into()));
    gateway.refuse("get_session", ErrorCode::NotFound, "SESSION_NOT_FOUND");
    assert_eq!(send("application/json", ORIGIN, "{}").await, (400, "VALIDATION_ERROR".into()));
    let whole = json!({ "currentPassword": "a", "newPassword": "b" }).to_string();
    assert_eq!(send("application/json", ORIGIN, &whole).await, (401, "UNAUTHORIZED".into()));
    let huge = json!({ "currentPassword": "a".repeat(300 * 1024) }).to_string();
    assert_eq!(send("application/json", ORIGIN, &huge).await, (413, "BODY_TOO_LARGE".into()));
}

#[tokio::test]
async fn pages_of_trusted_origins_may_read_answers_and_others_may_not() {
    let gateway = Gateway::new().await;
    let preflight = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        gateway.send(Method::OPTIONS, "/sign-in/email", &headers, "").await
    };
    for origin in [ORIGIN, "https://a.pages.example"] {
        let answer = preflight(origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, origin));
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(answer.header("access-control-allow-headers"), "content-type, authorization");
        assert_eq!(answer.header("vary"), "Origin");
    }
    for origin in ["https://evil.example", "null", "https://school.example.evil.example"] {
        let answer = preflight(origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (404, ""), "{origin}");
        let answer = gateway.send(Method::GET, "/ok", &[("origin", origin)], "").await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin"), answer.header("vary")),
            (200, "", "Origin"),
            "{origin}"
        );
    }
    let answer = gateway.send(Method::GET, "/ok", &[("origin", "https://a.pages.example")], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.pages.example");
    assert!(answer.header("access-control-expose-headers").starts_with("set-auth-jwt, set-auth-token"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn levels_of_sessions_are_kept_everywhere() {
    let gateway = Gateway::new().await;
    let filled = json!({
        "token": "t", "accountId": "row-2", "password": "p", "currentPassword": "p", "newPassword": "q",
        "newEmail": "b@b.co", "name": "Ada", "provider": "github", "providerId": "github",
    });
    let strict = json!({ "accountId": "row-2" });
    let body = |path: &str| if path.ends_with("-token") { &strict } else { &filled };
    let live = ["/revoke-session", "/revoke-sessions", "/revoke-other-sessions", "/update-user"];
    let own = [
        "/verify-password",
        "/change-password",
        "/change-email",
        "/delete-user",
        "/link-social",
        "/oauth2/link",
    ];
    let tokens = ["/get-access-token", "/refresh-token"];

    gateway.double.age_session(chrono::TimeDelta::days(1));
    for path in live.iter().chain(&own).chain(&tokens) {
        assert_eq!(gateway.post(path, body(path)).await.status, 200, "{path}");
    }
    let stale = gateway.post("/unlink-account", &filled).await;
    assert_eq!((stale.status, stale.code()), (403, "SESSION_NOT_FRESH"));
    assert_eq!(gateway.get("/list-sessions").await.code(), "SESSION_NOT_FRESH");
    gateway.double.age_session(chrono::TimeDelta::days(1) - chrono::TimeDelta::milliseconds(1));
    assert_eq!(gateway.post("/unlink-account", &filled).await.status, 200);
    assert_eq!(gateway.get("/list-sessions").await.status, 200);

    gateway.double.impersonate();
    for path in live {
        assert_eq!(gateway.post(path, body(path)).await.status, 200, "{path}");
    }
    for path in own.iter().chain(&tokens).chain(&["/unlink-account"]) {
        let answer = gateway.post(path, body(path)).await;
        assert_eq!((answer.status, answer.code()), (403, "NOT_WHILE_IMPERSONATING"), "{path}");
    }
    for path in ["/delete-user/callback?token=t", "/account-info?accountId=row-2"] {
        assert_eq!(gateway.get(path).await.code(), "NOT_WHILE_IMPERSONATING", "{path}");
    }

    gateway.refuse("get_session", ErrorCode::NotFound, "SESSION_NOT_FOUND");
    let unauthorized = json!({ "message": "Unauthorized", "code": "UNAUTHORIZED" });
    for path in live.iter().chain(&own).chain(&["/unlink-account", "/update-session"]) {
        let answer = gateway.post(path, body(path)).await;
        assert_eq!((answer.status, &answer.body), (401, &unauthorized), "{path}");
    }
    for path in tokens {
        let answer = gateway.post(path, body(path)).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, ""), "{path}");
    }
    let info = gateway.get("/account-info?accountId=row-2").await;
    assert_eq!((info.status, info.text.as_str()), (401, ""));
    for path in ["/list-sessions", "/list-accounts"] {
        assert_eq!(gateway.get(path).await.body, unauthorized, "{path}");
    }
    let callback = gateway.get("/delete-user/callback?token=t").await;
    assert_eq!((callback.status, callback.code()), (404, "FAILED_TO_GET_USER_INFO"));
}

#[tokio::test]
async fn without_the_session_service_nothing_is_allowed() {
    let gateway = Gateway::new().await;
    gateway.refuse("get_session", ErrorCode::Unavailable, "SERVICE_UNAVAILABLE");
    let body = json!({ "name": "Ada" });
    let answer = gateway.post("/update-user", &body).await;
    assert_eq!((answer.status, answer.code()), (503, "SERVICE_UNAVAILABLE"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(gateway.get("/get-session").await.status, 503);
}
