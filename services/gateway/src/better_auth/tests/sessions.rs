use super::doubles::NEW_TOKEN;
use super::*;
use serde_json::json;

fn user() -> Value {
    json!({
        "id": "ada", "name": "Ada", "email": "ada@school.example", "emailVerified": false, "image": null,
        "createdAt": "2026-01-05T09:00:00.000Z", "updatedAt": "2026-01-05T09:00:00.000Z",
        "role": "student", "banned": false, "banReason": null, "banExpires": null,
    })
}

fn session(id: &str, token: &str) -> Value {
    json!({
        "id": id, "token": token, "userId": "ada", "expiresAt": "2026-01-12T09:00:00.000Z",
        "createdAt": "2026-01-05T09:00:00.000Z", "updatedAt": "2026-01-05T09:00:00.000Z",
        "ipAddress": "", "userAgent": "", "impersonatedBy": null,
    })
}

#[tokio::test]
async fn signing_in_answers_token_user_and_cookies() {
    let gateway = Gateway::new().await;
    let body = json!({ "email": "ada@school.example", "password": "p", "callbackURL": "/courses" });
    let answer = gateway.bare_post("/sign-in/email", &body).await;
    let expected = json!({ "redirect": true, "url": "/courses", "token": NEW_TOKEN, "user": user() });
    assert_eq!((answer.status, &answer.body), (200, &expected));
    assert_eq!(answer.sets(), ["session_token", "known_device"]);
    assert_eq!((answer.expires(), answer.header("location")), (vec!["dont_remember"], "/courses"));
    assert!(answer.header("set-auth-token").starts_with(&format!("{NEW_TOKEN}.")));
    assert_eq!(answer.header("access-control-expose-headers"), "set-auth-token");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(gateway.double.call("sign_in").contains("device_token: \"\""));
    let device = answer.cookies().into_iter().find(|cookie| cookie.contains("known_device")).unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/api/auth", "Max-Age=31536000"] {
        assert!(device.contains(attribute), "{device}");
    }
}

#[tokio::test]
async fn a_known_device_is_shown_to_identity_and_a_forged_one_is_not() {
    let gateway = Gateway::new().await;
    let body = json!({ "email": "a@b.co", "password": "p", "rememberMe": false }).to_string();
    let good = gateway.cookie("known_device", "a-device");
    let forged = good.replace("=a-device", "=another");
    for (cookie, expected) in [(good, "\"a-device\""), (forged, "\"\"")] {
        let headers = [("content-type", "application/json"), ("origin", ORIGIN), ("cookie", cookie.as_str())];
        let answer = gateway.send(Method::POST, "/sign-in/email", &headers, &body).await;
        assert_eq!(answer.sets(), ["session_token", "dont_remember", "known_device"]);
        let asked = gateway.double.call("sign_in");
        assert!(asked.contains(&format!("device_token: {expected}")), "{asked}");
    }
}

#[tokio::test]
async fn without_a_callback_signing_in_redirects_nowhere() {
    let gateway = Gateway::new().await;
    let answer = gateway
        .bare_post("/sign-in/email", &json!({ "email": "a@b.co", "password": "p", "callbackURL": "" }))
        .await;
    assert_eq!(answer.body, json!({ "redirect": false, "token": NEW_TOKEN, "user": user() }));
    assert_eq!(answer.header("location"), "");
}

#[tokio::test]
async fn signing_up_signs_in() {
    let gateway = Gateway::new().await;
    let answer = gateway
        .bare_post("/sign-up/email", &json!({ "name": "Ada", "email": "a@b.co", "password": "p" }))
        .await;
    assert_eq!((answer.status, answer.body.clone()), (200, json!({ "token": NEW_TOKEN, "user": user() })));
    assert_eq!(answer.sets(), ["session_token", "known_device"]);
    gateway.refuse("create_session", ErrorCode::PermissionDenied, "BANNED_USER");
    let banned = gateway.bare_post("/sign-in/email", &json!({ "email": "a@b.co", "password": "p" })).await;
    assert_eq!((banned.status, banned.code(), banned.cookies().len()), (403, "BANNED_USER", 0));
}

#[tokio::test]
async fn a_session_is_shown_with_an_access_token() {
    let gateway = Gateway::new().await;
    let answer = gateway.get("/get-session").await;
    assert_eq!(answer.body, json!({ "session": session("own", TOKEN), "user": user() }));
    assert_eq!((answer.header("set-auth-jwt"), answer.cookies().len()), ("a.b.c", 0));
    assert_eq!(answer.header("access-control-expose-headers"), "set-auth-jwt");
    assert!(gateway.double.call("get_session").contains("disable_refresh: false"));
    *gateway.double.refreshed.lock().unwrap() = true;
    let answer = gateway.get("/get-session?disableCookieCache=true&disableRefresh=true").await;
    assert_eq!(answer.sets(), ["session_token"]);
    assert!(gateway.double.call("get_session").contains("disable_refresh: true"));
    gateway.refuse("mint_access_token", ErrorCode::Unavailable, "SERVICE_UNAVAILABLE");
    let answer = gateway.get("/get-session").await;
    assert_eq!((answer.status, answer.header("set-auth-jwt")), (200, ""));
}

#[tokio::test]
async fn no_session_is_null() {
    let gateway = Gateway::new().await;
    let anonymous = gateway.bare_get("/get-session").await;
    assert_eq!((anonymous.status, anonymous.text.as_str(), anonymous.cookies().len()), (200, "null", 0));
    gateway.refuse("get_session", ErrorCode::NotFound, "SESSION_NOT_FOUND");
    let expired = gateway.get("/get-session").await;
    assert_eq!((expired.status, expired.text.as_str()), (200, "null"));
    assert_eq!(expired.expires(), ["session_token", "session_data", "dont_remember"]);
    let posted = gateway.post("/get-session", &json!({})).await;
    assert_eq!((posted.status, posted.code()), (405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"));
}

#[tokio::test]
async fn a_bearer_wins_over_the_cookie() {
    let gateway = Gateway::new().await;
    let cookie = gateway.cookie("session_token", "CookieCookie");
    let headers = [("authorization", "Bearer BareBareBare"), ("cookie", cookie.as_str())];
    gateway.send(Method::GET, "/get-session", &headers, "").await;
    assert!(gateway.double.call("get_session").contains("BareBareBare"));
}

#[tokio::test]
async fn signing_out_works_with_and_without_a_session() {
    let gateway = Gateway::new().await;
    let gone = ["session_token", "session_data", "dont_remember"];
    let body = json!({ "callbackURL": "/", "disableRedirect": true, "state": "s" });
    let answer = gateway.post("/sign-out", &body).await;
    assert_eq!((answer.body.clone(), answer.expires()), (json!({ "success": true }), gone.to_vec()));
    assert!(gateway.double.call("revoke_session").contains(TOKEN));
    let answer = gateway.bare_post("/sign-out", &json!({})).await;
    assert_eq!((answer.status, answer.expires()), (200, gone.to_vec()));
    assert!(gateway.double.calls("revoke_session").is_empty());
}

#[tokio::test]
async fn other_sessions_are_listed_by_a_handle_and_acted_ones_not_at_all() {
    let gateway = Gateway::new().await;
    let answer = gateway.get("/list-sessions").await;
    assert_eq!(answer.body, json!([session("own", TOKEN), session("phone", "phone")]));
}

#[tokio::test]
async fn sessions_are_revoked_by_token_or_handle_and_only_the_users() {
    let gateway = Gateway::new().await;
    let revoked = json!({ "status": true });
    for (named, own) in [(TOKEN, true), ("own", true), ("phone", false)] {
        let answer = gateway.post("/revoke-session", &json!({ "token": named })).await;
        assert_eq!(
            (answer.status, &answer.body, answer.expires().is_empty()),
            (200, &revoked, !own),
            "{named}"
        );
        let asked = gateway.double.call("revoke_sessions");
        assert!(asked.contains(&format!("user_id: \"ada\", session: \"{named}\"")), "{asked}");
    }
    let none = gateway.post("/revoke-session", &json!({ "token": "" })).await;
    assert_eq!((none.status, gateway.double.calls("revoke_sessions").len()), (200, 0));
    let all = gateway.post("/revoke-sessions", &json!({})).await;
    assert_eq!((&all.body, all.expires().len()), (&revoked, 3));
    assert!(gateway.double.call("revoke_sessions").contains("session: \"\", except_session_id: \"\""));
    let others = gateway.post("/revoke-other-sessions", &json!({})).await;
    assert_eq!((&others.body, others.cookies().len()), (&revoked, 0));
    assert!(gateway.double.call("revoke_sessions").contains("session: \"\", except_session_id: \"own\""));
}

#[tokio::test]
async fn sessions_have_no_fields_to_update() {
    let gateway = Gateway::new().await;
    let answer = gateway.post("/update-session", &json!({ "userId": "x" })).await;
    assert_eq!((answer.status, answer.body), (400, json!({ "message": "No fields to update" })));
}

#[tokio::test]
async fn access_tokens_and_keys_are_handed_out() {
    let gateway = Gateway::new().await;
    assert_eq!(gateway.get("/token").await.body, json!({ "token": "a.b.c" }));
    assert_eq!(gateway.bare_get("/token").await.status, 401);
    let keys = gateway.bare_get("/jwks").await;
    assert_eq!(
        (keys.body.clone(), keys.header("cache-control")),
        (json!({ "keys": [] }), "public, max-age=300")
    );
    assert_eq!(gateway.bare_get("/ok").await.body, json!({ "ok": true }));
}
