use super::*;
use serde_json::json;

#[tokio::test]
async fn accounts_are_listed_without_secrets() {
    let gateway = Gateway::new().await;
    let answer = gateway.get("/list-accounts").await;
    let account = json!({
        "id": "row-2", "providerId": "github", "accountId": "4711", "userId": "ada",
        "createdAt": "2026-01-05T09:00:00.000Z", "updatedAt": "2026-01-05T09:00:00.000Z", "scopes": ["email"],
    });
    assert_eq!(answer.body[1], account);
}

#[tokio::test]
async fn an_account_is_named_by_its_row_or_as_older_clients_do() {
    let gateway = Gateway::new().await;
    for (body, expected) in [
        (json!({ "accountId": "row-2" }), "account_id: \"row-2\", provider_id: \"\""),
        (json!({ "providerId": "github" }), "account_id: \"\", provider_id: \"github\""),
        (
            json!({ "providerId": "github", "accountId": "4711" }),
            "account_id: \"4711\", provider_id: \"github\"",
        ),
    ] {
        for (path, method) in [
            ("/unlink-account", "unlink_account"),
            ("/get-access-token", "get_access_token"),
            ("/refresh-token", "get_access_token"),
        ] {
            let answer = gateway.post(path, &body).await;
            assert_eq!(answer.status, 200, "{path} {body} {}", answer.text);
            let asked = gateway.double.call(method);
            assert!(asked.contains(&format!("user_id: \"ada\", {expected}")), "{asked}");
        }
    }
    let nothing = gateway.post("/get-access-token", &json!({ "accountId": "" })).await;
    assert_eq!((nothing.status, nothing.code()), (400, "ACCOUNT_NOT_FOUND"));
    let unknown = gateway.get("/account-info?accountId=nobody").await;
    assert_eq!((unknown.status, unknown.code()), (400, "ACCOUNT_NOT_FOUND"));
}

#[tokio::test]
async fn another_user_cannot_be_named() {
    let gateway = Gateway::new().await;
    let body = json!({ "accountId": "row-2", "userId": "bob" });
    assert_eq!(gateway.post("/get-access-token", &body).await.status, 200);
    assert!(gateway.double.call("get_access_token").contains("user_id: \"ada\""));
    let nobody = gateway.bare_post("/get-access-token", &body).await;
    assert_eq!((nobody.status, nobody.text.as_str()), (401, ""));
    let cookie = gateway.post("/get-access-token", &json!({ "useAccountCookie": true })).await;
    assert_eq!((cookie.status, cookie.code()), (400, "ACCOUNT_NOT_FOUND"));
}

#[tokio::test]
async fn tokens_of_the_provider_have_the_form_of_the_contract() {
    let gateway = Gateway::new().await;
    let token = gateway.post("/get-access-token", &json!({ "accountId": "row-2" })).await;
    assert_eq!(token.body, json!({ "accessToken": "access", "scopes": ["email", "repo"] }));
    assert!(gateway.double.call("get_access_token").contains("refresh: false"));
    let renewed = gateway.post("/refresh-token", &json!({ "accountId": "row-2" })).await;
    let expected = json!({ "accessToken": "access", "scope": "email,repo", "providerId": "github", "accountId": "row-2" });
    assert_eq!(renewed.body, expected);
    assert!(gateway.double.call("get_access_token").contains("refresh: true"));
    let older = gateway.post("/refresh-token", &json!({ "providerId": "github", "accountId": "4711" })).await;
    assert_eq!(older.body["accountId"], "4711");
    for reason in ["PROVIDER_NOT_SUPPORTED", "REFRESH_TOKEN_NOT_FOUND", "FAILED_TO_REFRESH_ACCESS_TOKEN"] {
        gateway.refuse("get_access_token", ErrorCode::InvalidArgument, reason);
        let refused = gateway.post("/refresh-token", &json!({ "accountId": "row-2" })).await;
        assert_eq!((refused.status, refused.code()), (400, reason));
    }
}

#[tokio::test]
async fn what_the_provider_says_is_passed_on() {
    let gateway = Gateway::new().await;
    for (query, named) in [
        ("accountId=row-2", "account_id: \"row-2\", provider_id: \"\""),
        ("accountId=4711", "account_id: \"row-2\", provider_id: \"\""),
        ("providerId=github&accountId=4711", "account_id: \"4711\", provider_id: \"github\""),
    ] {
        let answer = gateway.get(&format!("/account-info?{query}")).await;
        let expected = json!({
            "user": { "id": "4711", "emailVerified": false },
            "data": { "login": "ada" },
            "account": { "id": "row-2", "providerId": "github", "accountId": "4711" },
        });
        assert_eq!((answer.status, answer.body), (200, expected), "{query}");
        let asked = gateway.double.call("get_account_info");
        assert!(asked.contains(named), "{asked}");
    }
}

#[tokio::test]
async fn the_last_way_to_sign_in_stays() {
    let gateway = Gateway::new().await;
    gateway.refuse("unlink_account", ErrorCode::InvalidArgument, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    let answer = gateway.post("/unlink-account", &json!({ "accountId": "row-1" })).await;
    assert_eq!((answer.status, answer.code()), (400, "FAILED_TO_UNLINK_LAST_ACCOUNT"));
}
