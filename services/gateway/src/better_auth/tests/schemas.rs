use super::*;
use serde_json::json;

#[tokio::test]
async fn each_schema_names_what_it_misses() {
    let gateway = Gateway::new().await;
    let missing = "Invalid input: expected string, received undefined";
    for (path, members) in [
        ("/sign-up/email", &["name", "email", "password"][..]),
        ("/sign-in/email", &["email", "password"]),
        ("/sign-in/social", &["provider"]),
        ("/sign-in/oauth2", &["provider"]),
        ("/link-social", &["provider"]),
        ("/oauth2/link", &["provider"]),
        ("/revoke-session", &["token"]),
        ("/request-password-reset", &["email"]),
        ("/forget-password", &["email"]),
        ("/reset-password", &["newPassword"]),
        ("/verify-password", &["password"]),
        ("/change-password", &["currentPassword", "newPassword"]),
        ("/send-verification-email", &["email"]),
        ("/change-email", &["newEmail"]),
        ("/unlink-account", &["accountId"]),
        ("/get-access-token", &["accountId"]),
        ("/refresh-token", &["accountId"]),
    ] {
        let answer = gateway.post(path, &json!({})).await;
        let message: Vec<String> = members.iter().map(|name| format!("[body.{name}] {missing}")).collect();
        let expected = json!({ "message": message.join("; "), "code": "VALIDATION_ERROR" });
        assert_eq!((answer.status, answer.body), (400, expected), "{path}");
        let none = gateway.send(Method::POST, path, &[], "").await;
        let whole = "[body] Invalid input: expected object, received undefined";
        assert_eq!((none.status, &none.body["message"]), (400, &json!(whole)), "{path}");
    }
    for (path, name) in [
        ("/verify-email", "token"),
        ("/reset-password/t", "callbackURL"),
        ("/delete-user/callback", "token"),
        ("/account-info", "accountId"),
    ] {
        let answer = gateway.get(path).await;
        assert_eq!(
            (answer.status, &answer.body["message"]),
            (400, &json!(format!("[query.{name}] {missing}")))
        );
    }
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn wrong_kinds_of_members_are_refused() {
    let gateway = Gateway::new().await;
    let signing_in = |name: &str, value: Value| {
        let mut body = json!({ "email": "a@b.co", "password": "p", "name": "A" });
        body[name] = value;
        body
    };
    for (path, body) in [
        ("/sign-in/email", signing_in("rememberMe", json!("true"))),
        ("/sign-in/email", signing_in("callbackURL", json!(null))),
        ("/sign-in/email", signing_in("password", json!({ "$ne": "" }))),
        ("/sign-up/email", signing_in("image", json!(null))),
        ("/sign-up/email", signing_in("name", json!(["a"]))),
        ("/request-password-reset", json!({ "email": "no address" })),
        ("/change-email", json!({ "newEmail": "a@b" })),
        ("/send-verification-email", json!({ "email": "a@b.co\n" })),
        ("/update-user", json!({ "name": 7 })),
        ("/update-user", json!({ "name": null })),
        ("/update-user", json!({ "image": 7 })),
        ("/delete-user", json!({ "password": 7 })),
        ("/sign-out", json!({ "disableRedirect": "yes" })),
        ("/get-access-token", json!({ "accountId": "a", "role": "admin" })),
        ("/refresh-token", json!({ "accountId": "a", "__proto__": "x" })),
        ("/sign-in/social", json!({ "provider": "github", "scopes": "email" })),
        ("/sign-in/social", json!({ "provider": "github", "scopes": vec!["s"; 51] })),
        ("/sign-in/social", json!({ "provider": "github", "additionalParams": { "a": 1 } })),
        ("/sign-in/social", json!({ "provider": "github", "idToken": {} })),
        ("/sign-in/social", json!({ "provider": "github", "idToken": "t" })),
        ("/verify-password", json!({ "password": "a\0b" })),
        ("/update-user", json!([])),
        ("/update-session", json!("x")),
    ] {
        let answer = gateway.post(path, &body).await;
        assert_eq!((answer.status, answer.code()), (400, "VALIDATION_ERROR"), "{path} {body}");
    }
    for path in ["/verify-email?token=a&token=b", "/get-session?disableRefresh=a&disableRefresh=b"] {
        assert_eq!(gateway.get(path).await.code(), "VALIDATION_ERROR", "{path}");
    }
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn unknown_members_are_ignored_and_those_of_the_system_refused() {
    let gateway = Gateway::new().await;
    let mut body = json!({
        "email": "a@b.co", "password": "p", "name": "A", "id": "x", "userId": "x", "createdAt": "x",
        "constructor": { "prototype": {} }, "toString": 1,
    });
    assert_eq!(gateway.bare_post("/sign-up/email", &body).await.status, 200);
    let asked = gateway.double.call("sign_up");
    assert!(!asked.contains("\"x\""), "{asked}");
    for nothing in [json!(""), json!(0), json!(false), Value::Null] {
        body["role"] = nothing;
        assert_eq!(gateway.bare_post("/sign-up/email", &body).await.status, 200, "{body}");
    }
    body["role"] = json!("admin");
    let refused = gateway.bare_post("/sign-up/email", &body).await;
    let expected = json!({ "message": "role is not allowed to be set", "code": "FIELD_NOT_ALLOWED" });
    assert_eq!((refused.status, refused.body), (400, expected));
    assert_eq!(
        gateway.post("/update-user", &json!({ "name": "A", "banned": true })).await.code(),
        "FIELD_NOT_ALLOWED"
    );
}

#[tokio::test]
async fn bodies_may_be_left_out_where_the_contract_says_so() {
    let gateway = Gateway::new().await;
    let headers = [("origin", ORIGIN), ("cookie", &*gateway.cookie("session_token", TOKEN))];
    for path in ["/sign-out", "/revoke-sessions", "/revoke-other-sessions"] {
        assert_eq!(gateway.send(Method::POST, path, &headers, "").await.status, 200, "{path}");
    }
}
