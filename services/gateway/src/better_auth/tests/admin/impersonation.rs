use super::super::doubles::{ADMIN_TOKEN, NEW_TOKEN};
use super::*;

const STOP: &str = "/admin/stop-impersonating";

#[tokio::test]
async fn an_administrator_acts_as_a_user_while_their_own_session_waits_in_a_cookie() {
    for (remember, flag) in [(true, ""), (false, "true")] {
        let gateway = administration().await;
        gateway.double.session.lock().unwrap().remember = remember;
        let answer = gateway.post("/admin/impersonate-user", &json!({ "userId": "eve" })).await;
        assert_eq!((answer.status, &answer.body["session"]["token"]), (200, &json!(NEW_TOKEN)));
        assert_eq!(answer.body["user"]["id"], json!("ada"));
        let asked = gateway.double.call("create_session");
        assert!(asked.contains("user_id: \"eve\"") && asked.contains("impersonator_session_id: \"own\""));
        assert_eq!(answer.sets(), ["admin_session", "session_token", "dont_remember"]);
        let cookies = answer.cookies();
        assert!(cookies[0].contains(&format!("={TOKEN}%3A{flag}.")), "{cookies:?}");
        assert_eq!(cookies[0].contains("Max-Age=604800"), remember, "{cookies:?}");
        assert!(cookies[1].contains(&format!("={NEW_TOKEN}.")) && !cookies[1].contains("Max-Age"));
        assert!(cookies.iter().all(|cookie| cookie.contains("HttpOnly") && !cookie.contains("Path=/api")));
    }
    let gateway = administration().await;
    for (code, reason, status, told) in [
        (ErrorCode::PermissionDenied, "YOU_CANNOT_IMPERSONATE_ADMINS", 403, "YOU_CANNOT_IMPERSONATE_ADMINS"),
        (ErrorCode::PermissionDenied, "BANNED_USER", 403, "BANNED_USER"),
        (ErrorCode::NotFound, "USER_NOT_FOUND", 404, "USER_NOT_FOUND"),
        (ErrorCode::NotFound, "SESSION_NOT_FOUND", 401, ""),
    ] {
        gateway.refuse("create_session", code, reason);
        let answer = gateway.post("/admin/impersonate-user", &everything()).await;
        assert_eq!((answer.status, answer.code(), answer.cookies().len()), (status, told, 0), "{reason}");
    }
}

/// The browser of an administrator who acts as a user.
async fn stop(gateway: &Gateway, path: &str, admin_session: &str) -> Answer {
    let mut headers = HeaderMap::new();
    gateway.app.cookies.set_admin_session(&mut headers, admin_session, true);
    let kept = headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    let cookie = format!("{}; {kept}", gateway.cookie("session_token", TOKEN));
    let headers = [("origin", ORIGIN), ("cookie", cookie.as_str())];
    gateway.send(Method::POST, path, &headers, "").await
}

#[tokio::test]
async fn who_stops_acting_as_a_user_is_the_administrator_again() {
    let gateway = Gateway::new().await;
    gateway.double.impersonate();
    let back = stop(&gateway, STOP, ADMIN_TOKEN).await;
    assert_eq!((back.status, &back.body["session"]["token"]), (200, &json!(ADMIN_TOKEN)));
    assert_eq!(
        (&back.body["session"]["id"], &back.body["user"]["id"]),
        (&json!("waiting"), &json!("an-admin"))
    );
    assert_eq!(
        (back.sets(), back.expires()),
        (vec!["session_token"], vec!["dont_remember", "admin_session"])
    );
    assert!(back.cookies()[0].contains(ADMIN_TOKEN), "{:?}", back.cookies());
    let ended = gateway.double.call("revoke_session");
    assert!(ended.contains(TOKEN) && ended.contains("reason: \"impersonation_ended\""), "{ended}");
}

#[tokio::test]
async fn nobody_gets_an_administrators_session_who_does_not_act_for_that_one() {
    let gateway = Gateway::new().await;
    let none = stop(&gateway, STOP, ADMIN_TOKEN).await;
    assert_eq!((none.status, none.body), (400, json!({ "message": "You are not impersonating anyone" })));
    gateway.double.impersonate();
    let lost = json!({ "message": "Failed to find admin session" });
    let without = gateway.post(STOP, &json!({})).await;
    assert_eq!((without.status, &without.body), (400, &lost), "no cookie");
    gateway.double.session.lock().unwrap().impersonated_by = "another-admin".to_owned();
    let foreign = stop(&gateway, STOP, ADMIN_TOKEN).await;
    assert_eq!((foreign.status, &foreign.body, foreign.cookies().len()), (400, &lost, 0));
    let own = stop(&gateway, STOP, TOKEN).await;
    assert_eq!((own.status, &own.body), (400, &lost), "an impersonated session is nobody's own");
    assert!(gateway.double.calls("revoke_session").is_empty());
}

#[tokio::test]
async fn who_signs_out_while_acting_as_a_user_signs_out_as_administrator_too() {
    let gateway = Gateway::new().await;
    let answer = stop(&gateway, "/sign-out", ADMIN_TOKEN).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "success": true })));
    assert_eq!(answer.expires(), ["session_token", "session_data", "dont_remember", "admin_session"]);
    let revoked = gateway.double.calls("revoke_session");
    assert!(revoked[0].contains(TOKEN) && revoked[1].contains(ADMIN_TOKEN), "{revoked:?}");
}
