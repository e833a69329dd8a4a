//! The routes of administrators.

mod impersonation;
mod list;
mod users;

use super::*;
use api::common::Role;
use serde_json::json;

const JSON: (&str, &str) = ("content-type", "application/json");

const ROUTES: [(&str, &str, &str); 15] = [
    ("GET", "/admin/list-users?limit=2", "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS"),
    ("GET", "/admin/get-user?id=eve", "YOU_ARE_NOT_ALLOWED_TO_GET_USER"),
    ("POST", "/admin/create-user", "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS"),
    ("POST", "/admin/update-user", "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS"),
    ("POST", "/admin/set-role", "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE"),
    ("POST", "/admin/ban-user", "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
    ("POST", "/admin/unban-user", "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
    ("POST", "/admin/list-user-sessions", "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS"),
    ("POST", "/admin/revoke-user-session", "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"),
    ("POST", "/admin/revoke-user-sessions", "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"),
    ("POST", "/admin/impersonate-user", "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS"),
    ("POST", "/admin/remove-user", "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS"),
    ("POST", "/admin/set-user-password", "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD"),
    ("POST", "/admin/stop-impersonating", ""),
    ("POST", "/admin/has-permission", ""),
];

/// All that any of the routes asks for.
fn everything() -> Value {
    json!({
        "userId": "eve", "email": "eve@b.co", "name": "Eve", "data": { "name": "Eve" }, "role": "student",
        "sessionToken": "s", "newPassword": "Correct-Horse-42!", "permissions": { "user": ["list"] },
    })
}

async fn administration() -> Gateway {
    let gateway = Gateway::new().await;
    gateway.double.appoint(Role::Admin);
    gateway
}

async fn ask(gateway: &Gateway, method: &str, path: &str) -> Answer {
    if method == "GET" { gateway.get(path).await } else { gateway.post(path, &everything()).await }
}

#[tokio::test]
async fn without_a_session_every_route_is_401_without_a_body() {
    let gateway = administration().await;
    gateway.refuse("get_session", ErrorCode::NotFound, "SESSION_NOT_FOUND");
    for (method, path, _) in ROUTES {
        let answer = ask(&gateway, method, path).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, ""), "{path}");
        let bare = gateway.send(method.parse().unwrap(), path, &[JSON], &everything().to_string()).await;
        assert_eq!((bare.status, bare.text.as_str()), (401, ""), "{path}");
    }
}

#[tokio::test]
async fn each_route_refuses_whoever_is_no_administrator_in_its_own_words() {
    let gateway = Gateway::new().await;
    let refused = async |what: &str| {
        for (method, path, reason) in ROUTES.into_iter().filter(|(.., reason)| !reason.is_empty()) {
            let answer = ask(&gateway, method, path).await;
            assert_eq!((answer.status, answer.code()), (403, reason), "{path} as {what}");
        }
        let may = gateway.post("/admin/has-permission", &everything()).await;
        assert_eq!(may.body, json!({ "error": null, "success": false }), "{what}");
    };
    refused("student").await;
    gateway.double.appoint(Role::Instructor);
    refused("instructor").await;
    gateway.double.appoint(Role::Admin);
    gateway.double.impersonate();
    refused("an administrator who acts as another one").await;
    assert!(gateway.double.methods().iter().all(|method| method == "get_session"));
}

#[tokio::test]
async fn schemas_are_judged_before_anybody_is_asked_for() {
    let gateway = Gateway::new().await;
    for (path, members) in [
        ("/admin/create-user", &["email", "name"][..]),
        ("/admin/update-user", &["userId", "data"]),
        ("/admin/set-role", &["userId", "role"]),
        ("/admin/ban-user", &["userId"]),
        ("/admin/unban-user", &["userId"]),
        ("/admin/list-user-sessions", &["userId"]),
        ("/admin/revoke-user-session", &["sessionToken"]),
        ("/admin/revoke-user-sessions", &["userId"]),
        ("/admin/impersonate-user", &["userId"]),
        ("/admin/remove-user", &["userId"]),
        ("/admin/set-user-password", &["newPassword", "userId"]),
        ("/admin/has-permission", &["permissions"]),
    ] {
        let answer = gateway.post(path, &json!({})).await;
        assert_eq!((answer.status, answer.code()), (400, "VALIDATION_ERROR"), "{path}");
        let message = answer.body["message"].as_str().unwrap();
        let named: Vec<&str> =
            message.split("; ").map(|problem| problem.split(']').next().unwrap()).collect();
        let expected: Vec<String> = members.iter().map(|name| format!("[body.{name}")).collect();
        assert_eq!(named, expected, "{path}");
    }
    for (path, body) in [
        ("/admin/ban-user", json!({ "userId": "eve", "banExpiresIn": "60" })),
        ("/admin/ban-user", json!({ "userId": "eve", "banReason": null })),
        ("/admin/unban-user", json!({ "userId": null })),
        ("/admin/set-role", json!({ "userId": "eve", "role": 7 })),
        ("/admin/create-user", json!({ "email": "a@b.co", "name": "A", "role": [7] })),
        ("/admin/create-user", json!({ "email": "a@b.co", "name": "A", "data": [] })),
        ("/admin/update-user", json!({ "userId": "eve", "data": "x" })),
        ("/admin/set-user-password", json!({ "userId": "", "newPassword": "p" })),
        ("/admin/set-user-password", json!({ "userId": "eve", "newPassword": "" })),
        ("/admin/has-permission", json!({ "permissions": { "user": "list" } })),
        ("/admin/stop-impersonating", json!([])),
    ] {
        let answer = gateway.post(path, &body).await;
        assert_eq!((answer.status, answer.code()), (400, "VALIDATION_ERROR"), "{path} {body}");
    }
    for query in [
        "list-users?searchField=password",
        "list-users?searchOperator=matches",
        "list-users?filterOperator=like",
        "list-users?sortDirection=up",
        "list-users?limit=1&limit=2",
        "get-user",
    ] {
        assert_eq!(gateway.get(&format!("/admin/{query}")).await.code(), "VALIDATION_ERROR", "{query}");
    }
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn who_loses_the_role_meanwhile_is_told_as_who_never_had_it() {
    let gateway = administration().await;
    for method in ["set_role", "revoke_any_session", "list_users"] {
        gateway.refuse(method, ErrorCode::PermissionDenied, "FORBIDDEN");
    }
    for (method, path, code) in [
        ("POST", "/admin/set-role", "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE"),
        ("POST", "/admin/revoke-user-session", "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"),
        ("GET", "/admin/list-users", "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS"),
    ] {
        let answer = ask(&gateway, method, path).await;
        assert_eq!((answer.status, answer.code()), (403, code), "{path}");
    }
}

#[tokio::test]
async fn the_sessions_of_somebody_are_shown_by_handles_and_ended() {
    let gateway = administration().await;
    let listed = gateway.post("/admin/list-user-sessions", &json!({ "userId": "eve" })).await;
    let sessions = listed.body["sessions"].as_array().unwrap();
    let tokens: Vec<&Value> = sessions.iter().map(|session| &session["token"]).collect();
    assert_eq!(tokens, ["own", "phone", "acted"], "not even the administrator's own token");
    assert_eq!(sessions[2]["impersonatedBy"], json!("an-admin"));
    assert!(!listed.text.contains(TOKEN));
    assert!(gateway.double.call("list_sessions").contains("\"eve\""));

    let done = json!({ "success": true });
    for named in ["phone", "no such session"] {
        let answer = gateway.post("/admin/revoke-user-session", &json!({ "sessionToken": named })).await;
        assert_eq!((answer.status, &answer.body), (200, &done));
        let asked = gateway.double.call("revoke_any_session");
        assert!(asked.contains(&format!("session: \"{named}\", actor: \"ada\"")), "{asked}");
    }
    let all = gateway.post("/admin/revoke-user-sessions", &json!({ "userId": "eve" })).await;
    assert_eq!((all.status, &all.body), (200, &done));
    assert!(gateway.double.call("end_sessions").contains("user_id: \"eve\""));
    for method in ["get_user", "end_sessions"] {
        gateway.refuse(method, ErrorCode::NotFound, "USER_NOT_FOUND");
    }
    for path in ["/admin/list-user-sessions", "/admin/revoke-user-sessions"] {
        let unknown = gateway.post(path, &everything()).await;
        assert_eq!((unknown.status, unknown.code()), (404, "USER_NOT_FOUND"), "{path}");
    }
}

#[tokio::test]
async fn permissions_follow_from_the_role_of_whoever_asks() {
    let gateway = administration().await;
    for (body, success) in [
        (json!({ "permissions": { "user": ["create", "ban"], "session": ["list", "revoke"] } }), true),
        (json!({ "permission": { "user": ["list"] } }), true),
        (json!({ "permissions": { "user": ["list"] }, "userId": 7, "role": "student" }), true),
        (json!({ "permissions": { "user": ["impersonate-admins"] } }), false),
        (json!({ "permissions": { "planet": ["list"] } }), false),
        (json!({ "permissions": {} }), false),
    ] {
        let answer = gateway.post("/admin/has-permission", &body).await;
        let expected = json!({ "error": null, "success": success });
        assert_eq!((answer.status, answer.body), (200, expected), "{body}");
    }
    gateway.double.appoint(Role::Student);
    let body = json!({ "permissions": { "user": ["list"] }, "role": "admin" });
    assert_eq!(gateway.post("/admin/has-permission", &body).await.body["success"], json!(false));
}
