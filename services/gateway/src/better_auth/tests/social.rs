use api::identity::CompleteResponse;

use super::doubles::{NEW_TOKEN, STATE};
use super::*;
use serde_json::json;

const ERROR: &str = "https://school.example/api/auth/error";

#[tokio::test]
async fn a_social_sign_in_begins_with_a_state_bound_to_the_browser() {
    let gateway = Gateway::new().await;
    let url = "https://provider.example/authorize?x=1";
    for (path, provider) in [("/sign-in/social", "provider"), ("/sign-in/oauth2", "providerId")] {
        let body = json!({
            provider: "github", "callbackURL": "/in", "errorCallbackURL": "/oops", "newUserCallbackURL": "/new",
            "scopes": ["repo"], "loginHint": "ada", "requestSignUp": true, "additionalData": { "a": { "b": 1 } },
            "additionalParams": { "hd": "school.example", "__proto__": "x" },
        });
        let answer = gateway.bare_post(path, &body).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({ "url": url, "redirect": true })));
        assert_eq!((answer.sets(), answer.header("location")), (vec!["state"], url));
        assert!(answer.cookies()[0].contains(&format!("state={STATE}.")));
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=300"] {
            assert!(answer.cookies()[0].contains(attribute), "{:?}", answer.cookies());
        }
        let asked = gateway.double.call("begin");
        for part in [
            "provider_id: \"github\"",
            "callback_url: \"/in\", error_callback_url: \"/oops\", new_user_callback_url: \"/new\"",
            "scopes: [\"repo\"], login_hint: \"ada\", link_user_id: \"\", link_session_id: \"\"",
            "additional_params: {\"hd\": \"school.example\"}",
        ] {
            assert!(asked.contains(part), "{part} in {asked}");
        }
    }
    let answer =
        gateway.bare_post("/sign-in/social", &json!({ "provider": "github", "disableRedirect": true })).await;
    assert_eq!((answer.body["redirect"].clone(), answer.header("location")), (json!(false), ""));
    assert!(gateway.double.call("begin").contains("callback_url: \"https://school.example\""));
    gateway.refuse("begin", ErrorCode::NotFound, "PROVIDER_NOT_FOUND");
    let unknown = gateway.bare_post("/sign-in/social", &json!({ "provider": "nobody" })).await;
    assert_eq!((unknown.status, unknown.code(), unknown.cookies().len()), (404, "PROVIDER_NOT_FOUND", 0));
}

#[tokio::test]
async fn linking_is_bound_to_the_session() {
    let gateway = Gateway::new().await;
    for (path, provider) in [("/link-social", "provider"), ("/oauth2/link", "providerId")] {
        let answer = gateway.post(path, &json!({ provider: "github" })).await;
        assert_eq!((answer.status, answer.sets()), (200, vec!["state"]), "{path}");
        assert!(gateway.double.call("begin").contains("link_user_id: \"ada\", link_session_id: \"own\""));
    }
}

#[tokio::test]
async fn an_id_token_signs_in_or_links_at_once() {
    let gateway = Gateway::new().await;
    let body = json!({ "provider": "google", "idToken": { "token": "i", "nonce": "n", "accessToken": "a", "user": {} } });
    let answer = gateway.bare_post("/sign-in/social", &body).await;
    assert_eq!((&answer.body["redirect"], &answer.body["token"]), (&json!(false), &json!(NEW_TOKEN)));
    assert_eq!(
        (answer.sets(), answer.body["user"]["id"].clone()),
        (vec!["session_token", "known_device"], json!("ada"))
    );
    let asked = gateway.double.call("sign_in_with_id_token");
    assert!(
        asked.contains("id_token: \"i\", nonce: \"n\", access_token: \"a\"")
            && asked.contains("link_user_id: \"\"")
    );
    let linked = gateway.post("/link-social", &body).await;
    assert_eq!(linked.body, json!({ "url": "", "status": true, "redirect": false }));
    assert!(gateway.double.call("sign_in_with_id_token").contains("link_user_id: \"ada\""));
    for (code, reason, status) in [
        (ErrorCode::NotFound, "ID_TOKEN_NOT_SUPPORTED", 404),
        (ErrorCode::Unauthenticated, "INVALID_TOKEN", 401),
        (ErrorCode::AlreadyExists, "SOCIAL_ACCOUNT_ALREADY_LINKED", 409),
        (ErrorCode::Unauthenticated, "LINKING_NOT_ALLOWED", 401),
    ] {
        gateway.refuse("sign_in_with_id_token", code, reason);
        let refused = gateway.post("/link-social", &body).await;
        assert_eq!((refused.status, refused.code()), (status, reason));
    }
}

async fn come_back(gateway: &Gateway, query: &str) -> Answer {
    let cookies = format!("{}; {}", gateway.cookie("session_token", TOKEN), gateway.cookie("state", "bound"));
    let path = format!("/callback/github?{query}");
    let answer = gateway.send(Method::GET, &path, &[("cookie", &cookies)], "").await;
    assert_eq!((answer.status, answer.text.as_str()), (302, ""), "{query}");
    assert_eq!(
        (answer.header("referrer-policy"), answer.header("cache-control")),
        ("no-referrer", "no-store")
    );
    assert!(answer.expires().contains(&"state"), "{:?}", answer.cookies());
    answer
}

#[tokio::test]
async fn the_callback_signs_in_and_leads_where_identity_says() {
    let gateway = Gateway::new().await;
    *gateway.double.completed.lock().unwrap() = CompleteResponse {
        redirect_to: "/in?x=1".to_owned(),
        user: Some(gateway.double.user()),
        ..CompleteResponse::default()
    };
    let query = "code=c&state=s&iss=https%3A%2F%2Fprovider.example&callbackURL=/elsewhere";
    let answer = come_back(&gateway, query).await;
    assert_eq!((answer.header("location"), answer.sets()), ("/in?x=1", vec!["session_token"]));
    let asked = gateway.double.call("complete");
    for part in [
        "provider_id: \"github\", state: \"s\", browser_state: \"bound\", code: \"c\"",
        "iss: Some(\"https://provider.example\"), session_id: \"own\"",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    let older = gateway.bare_get("/oauth2/callback/school?code=c&state=s").await;
    assert_eq!(older.header("location"), "/in?x=1");
    assert!(
        gateway
            .double
            .call("complete")
            .contains("provider_id: \"school\", state: \"s\", browser_state: \"\"")
    );
    gateway.double.impersonate();
    come_back(&gateway, "code=c&state=s").await;
    assert!(gateway.double.call("complete").contains("session_id: \"\""));
}

#[tokio::test]
async fn linking_leads_back_without_a_new_session() {
    let gateway = Gateway::new().await;
    *gateway.double.completed.lock().unwrap() =
        CompleteResponse { redirect_to: "/profile".to_owned(), linked: true, ..CompleteResponse::default() };
    let answer = come_back(&gateway, "code=c&state=s").await;
    assert_eq!((answer.header("location"), answer.sets().len()), ("/profile", 0));
}

#[tokio::test]
async fn what_fails_is_told_to_the_error_page() {
    let gateway = Gateway::new().await;
    let fail = |redirect_to: &str, error: &str, description: &str| {
        *gateway.double.completed.lock().unwrap() = CompleteResponse {
            redirect_to: redirect_to.to_owned(),
            error: error.to_owned(),
            error_description: description.to_owned(),
            ..CompleteResponse::default()
        };
    };
    for (page, error, description, expected) in [
        ("", "state_mismatch", "", format!("{ERROR}?error=state_mismatch")),
        (
            "/oops?a=b#c",
            "access_denied",
            "No & no",
            "/oops?a=b&error=access_denied&error_description=No+%26+no#c".into(),
        ),
        ("https://evil.example", "no_code", "", format!("{ERROR}?error=no_code")),
        ("/oops", "x\r\nSet-Cookie: a=b", "", "/oops?error=x%0D%0ASet-Cookie%3A+a%3Db".into()),
    ] {
        fail(page, error, description);
        let answer = come_back(&gateway, "error=e&state=s").await;
        assert_eq!((answer.header("location"), answer.sets().len()), (&*expected, 0), "{error}");
    }
    for query in ["code=c", "error=access_denied", ""] {
        gateway.double.methods();
        let answer = come_back(&gateway, query).await;
        assert_eq!(answer.header("location"), format!("{ERROR}?error=state_not_found"));
    }
    let odd = come_back(&gateway, "code=c&code=d&state=s").await;
    assert_eq!(odd.header("location"), format!("{ERROR}?error=invalid_callback_request"));
    assert!(gateway.double.methods().is_empty());

    // Nobody to sign in, nothing linked, or a place that is not trusted: a defect, and no redirect.
    for redirect_to in ["/in", "https://evil.example", ""] {
        fail(redirect_to, "", "");
        let answer = come_back(&gateway, "code=c&state=s").await;
        assert_eq!(answer.header("location"), format!("{ERROR}?error=internal_server_error"));
    }
    gateway.refuse("complete", ErrorCode::Unavailable, "SERVICE_UNAVAILABLE");
    let away = come_back(&gateway, "code=c&state=s").await;
    assert_eq!(away.header("location"), format!("{ERROR}?error=internal_server_error"));
}

#[tokio::test]
async fn a_session_that_is_refused_after_the_callback_is_told_too() {
    let gateway = Gateway::new().await;
    *gateway.double.completed.lock().unwrap() = CompleteResponse {
        redirect_to: "/in".to_owned(),
        user: Some(gateway.double.user()),
        ..CompleteResponse::default()
    };
    for (code, reason, told) in [
        (ErrorCode::PermissionDenied, "BANNED_USER", "BANNED_USER"),
        (ErrorCode::Unavailable, "SERVICE_UNAVAILABLE", "unable_to_create_session"),
    ] {
        gateway.refuse("create_session", code, reason);
        let answer = come_back(&gateway, "code=c&state=s").await;
        assert_eq!((answer.header("location"), answer.sets().len()), (&*format!("{ERROR}?error={told}"), 0));
    }
}

#[tokio::test]
async fn a_posted_answer_comes_again_by_get() {
    let gateway = Gateway::new().await;
    let form =
        [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://provider.example")];
    let answer =
        gateway.send(Method::POST, "/callback/my%2Fown?state=s", &form, "code=c%26d&state=x&other=y").await;
    let expected = "https://school.example/api/auth/callback/my%2Fown?code=c%26d&state=s";
    assert_eq!((answer.status, answer.header("location"), answer.cookies().len()), (302, expected, 0));
    assert!(gateway.double.methods().is_empty());
}

#[tokio::test]
async fn the_error_page_is_plain_html_that_runs_nothing() {
    let gateway = Gateway::new().await;
    let answer = gateway.bare_get("/error?error=state_mismatch&error_description=%3Cscript%3E").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(
        answer.text.contains("state_mismatch") && answer.text.contains("&lt;script&gt;"),
        "{}",
        answer.text
    );
    assert!(gateway.bare_get("/error?error=%3Cb%3E").await.text.contains("UNKNOWN"));
}

#[tokio::test]
async fn the_sign_in_methods_are_public_and_empty_while_identity_is_away() {
    let gateway = Gateway::new().await;
    let answer = gateway.bare_get("/api/v1/sign-in-methods").await;
    assert_eq!(answer.body, json!({ "providers": [{ "id": "github", "name": "GitHub" }] }));
    gateway.refuse("list_providers", ErrorCode::Unavailable, "SERVICE_UNAVAILABLE");
    assert_eq!(gateway.bare_get("/api/v1/sign-in-methods").await.body, json!({ "providers": [] }));
}
