use api::identity::VerifyEmailResponse;
use api::identity::verify_email_response::Outcome;

use super::doubles::NEW_TOKEN;
use super::*;
use serde_json::json;

#[tokio::test]
async fn a_reset_is_asked_for_without_saying_who_exists() {
    let gateway = Gateway::new().await;
    let body = json!({ "email": "a@b.co", "redirectTo": "/new-password" });
    for path in ["/request-password-reset", "/forget-password"] {
        let answer = gateway.bare_post(path, &body).await;
        let message = "If this email exists in our system, check your email for the reset link";
        assert_eq!((answer.status, answer.body), (200, json!({ "status": true, "message": message })));
        let asked = gateway.double.call("request_password_reset");
        assert!(asked.contains("redirect_to: \"/new-password\""), "{asked}");
    }
}

#[tokio::test]
async fn the_reset_link_leads_to_the_page_that_asks_for_the_password() {
    let gateway = Gateway::new().await;
    let open = async |callback: &str| {
        let answer = gateway.bare_get(&format!("/reset-password/TheToken?callbackURL={callback}")).await;
        assert_eq!((answer.status, answer.text.as_str()), (302, ""), "{callback}");
        assert_eq!(
            (answer.header("referrer-policy"), answer.header("cache-control")),
            ("no-referrer", "no-store")
        );
        answer.header("location").to_owned()
    };
    assert_eq!(open("/new").await, "https://school.example/new?token=TheToken");
    assert_eq!(
        open("%2Fnew%3Fa%3Db%26token%3Dx%23y").await,
        "https://school.example/new?a=b&token=TheToken#y"
    );
    assert_eq!(open("https://a.pages.example/new").await, "https://a.pages.example/new?token=TheToken");
    assert_eq!(open("tutor://reset").await, "tutor://reset?token=TheToken");
    assert_eq!(open("").await, "https://school.example/api/auth/error?error=INVALID_TOKEN");
    gateway.refuse("check_reset_token", ErrorCode::InvalidArgument, "INVALID_TOKEN");
    assert_eq!(open("/new").await, "https://school.example/new?error=INVALID_TOKEN");
    gateway.refuse("check_reset_token", ErrorCode::Unavailable, "SERVICE_UNAVAILABLE");
    assert_eq!(gateway.bare_get("/reset-password/t?callbackURL=/new").await.status, 503);
}

#[tokio::test]
async fn a_password_is_reset_with_the_token_of_the_body_or_the_query() {
    let gateway = Gateway::new().await;
    for (path, body) in [
        ("/reset-password?token=other", json!({ "newPassword": "p", "token": "T" })),
        ("/reset-password?token=T", json!({ "newPassword": "p" })),
    ] {
        let answer = gateway.bare_post(path, &body).await;
        assert_eq!((answer.status, answer.body), (200, json!({ "status": true })));
        assert!(gateway.double.call("reset_password").contains("token: \"T\""));
    }
    let none = gateway.bare_post("/reset-password", &json!({ "newPassword": "p" })).await;
    assert_eq!((none.status, none.code()), (400, "INVALID_TOKEN"));
    gateway.refuse("reset_password", ErrorCode::InvalidArgument, "INVALID_TOKEN");
    let used = gateway.bare_post("/reset-password?token=T", &json!({ "newPassword": "p" })).await;
    assert_eq!((used.status, used.body), (400, json!({ "message": "why", "code": "INVALID_TOKEN" })));
}

#[tokio::test]
async fn the_device_is_shown_wherever_a_password_is_proved() {
    let gateway = Gateway::new().await;
    let cookies =
        format!("{}; {}", gateway.cookie("session_token", TOKEN), gateway.cookie("known_device", "a-device"));
    let headers = [("content-type", "application/json"), ("origin", ORIGIN), ("cookie", cookies.as_str())];
    let body = json!({ "password": "p", "currentPassword": "p", "newPassword": "q" }).to_string();
    for (path, method) in [
        ("/verify-password", "verify_password"),
        ("/change-password", "change_password"),
        ("/delete-user", "delete_user"),
    ] {
        assert_eq!(gateway.send(Method::POST, path, &headers, &body).await.status, 200, "{path}");
        let asked = gateway.double.call(method);
        assert!(
            asked.contains("user_id: \"ada\"") && asked.contains("device_token: \"a-device\""),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_lock_are_told_as_they_are() {
    let gateway = Gateway::new().await;
    gateway.refuse("verify_password", ErrorCode::InvalidArgument, "INVALID_PASSWORD");
    let wrong = gateway.post("/verify-password", &json!({ "password": "p" })).await;
    assert_eq!((wrong.status, wrong.code()), (400, "INVALID_PASSWORD"));
    let locked = Error::new(ErrorCode::ResourceExhausted, "ACCOUNT_LOCKED", "Locked")
        .with("locked_until", "2026-01-05T09:30:00.000Z")
        .with("retry_after", "1800")
        .retry_after(std::time::Duration::from_mins(30));
    gateway.double.refuse("verify_password", locked);
    let locked = gateway.post("/verify-password", &json!({ "password": "p" })).await;
    assert_eq!((locked.status, &locked.body["retryAfter"]), (429, &json!(1800)));
    assert_eq!((locked.header("retry-after"), locked.header("x-retry-after")), ("1800", "1800"));
}

#[tokio::test]
async fn changing_the_password_spares_this_session_or_replaces_it() {
    let gateway = Gateway::new().await;
    let mut body = json!({ "currentPassword": "p", "newPassword": "q" });
    let kept = gateway.post("/change-password", &body).await;
    assert_eq!((kept.status, &kept.body["token"], kept.cookies().len()), (200, &json!(null), 1));
    assert_eq!(kept.body["user"]["id"], "ada");
    assert!(gateway.double.call("change_password").contains("spared_session_id: \"own\""));
    assert!(gateway.double.calls("create_session").is_empty());
    body["revokeOtherSessions"] = json!(true);
    let replaced = gateway.post("/change-password", &body).await;
    assert_eq!(
        (&replaced.body["token"], replaced.sets()),
        (&json!(NEW_TOKEN), vec!["session_token", "known_device"])
    );
    assert!(gateway.double.call("change_password").contains("spared_session_id: \"\""));
    assert!(gateway.double.call("create_session").contains("impersonator_session_id: \"\""));
}

#[tokio::test]
async fn the_address_is_changed_by_mail() {
    let gateway = Gateway::new().await;
    let answer = gateway.post("/change-email", &json!({ "newEmail": "New@b.co" })).await;
    assert_eq!((answer.status, answer.body), (200, json!({ "status": true })));
    assert!(gateway.double.call("change_email").contains("new_email: \"New@b.co\", callback_url: \"/\""));
    gateway.refuse("change_email", ErrorCode::InvalidArgument, "EMAIL_IS_THE_SAME");
    let same = gateway.post("/change-email", &json!({ "newEmail": "ada@school.example" })).await;
    assert_eq!((same.status, same.body), (400, json!({ "message": "Email is the same" })));
}

#[tokio::test]
async fn name_and_image_are_updated_and_the_cookie_set_again() {
    let gateway = Gateway::new().await;
    for (body, expected) in [
        (json!({ "name": "A" }), "name: Some(\"A\"), image: None, clear_image: false"),
        (
            json!({ "image": "https://x.example/i" }),
            "name: None, image: Some(\"https://x.example/i\"), clear_image: false",
        ),
        (json!({ "image": null, "id": "x" }), "name: None, image: None, clear_image: true"),
    ] {
        let answer = gateway.post("/update-user", &body).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({ "status": true })));
        assert_eq!(answer.sets(), ["session_token"]);
        let asked = gateway.double.call("update_user");
        assert!(asked.contains(expected), "{asked}");
    }
    let none = gateway.post("/update-user", &json!({ "id": "x" })).await;
    assert_eq!((none.status, none.body), (400, json!({ "message": "No fields to update" })));
    let email = gateway.post("/update-user", &json!({ "email": "b@b.co", "name": "A" })).await;
    assert_eq!((email.status, email.code()), (400, "EMAIL_CAN_NOT_BE_UPDATED"));
    assert!(gateway.double.calls("update_user").is_empty());
}

#[tokio::test]
async fn an_account_is_deleted_by_password_or_token_and_else_a_mail_asks() {
    let gateway = Gateway::new().await;
    let deleted = json!({ "success": true, "message": "User deleted" });
    for (body, proof) in [
        (json!({ "password": "p" }), "Some(Password(\"p\"))"),
        (json!({ "token": "t" }), "Some(Token(\"t\"))"),
        (json!({ "password": "p", "token": "t" }), "Some(Password(\"p\"))"),
    ] {
        let answer = gateway.post("/delete-user", &body).await;
        assert_eq!((answer.status, &answer.body), (200, &deleted));
        assert_eq!(answer.expires(), ["session_token", "session_data", "dont_remember", "known_device"]);
        let asked = gateway.double.call("delete_user");
        assert!(asked.contains(proof), "{asked}");
    }
    let mailed = gateway.post("/delete-user", &json!({ "callbackURL": "/bye", "password": "" })).await;
    assert_eq!(mailed.body, json!({ "success": true, "message": "Verification email sent" }));
    assert_eq!((mailed.cookies().len(), gateway.double.calls("delete_user").len()), (0, 0));
    assert!(gateway.double.call("request_deletion").contains("callback_url: \"/bye\""));
    gateway.refuse("delete_user", ErrorCode::FailedPrecondition, "LAST_ADMIN");
    let last = gateway.post("/delete-user", &json!({ "password": "p" })).await;
    assert_eq!((last.status, last.code(), last.cookies().len()), (400, "LAST_ADMIN", 0));
}

#[tokio::test]
async fn the_mailed_link_deletes_in_the_users_session() {
    let gateway = Gateway::new().await;
    let answer = gateway.get("/delete-user/callback?token=t").await;
    assert_eq!(answer.body, json!({ "success": true, "message": "User deleted" }));
    let led = gateway.get("/delete-user/callback?token=t&callbackURL=/bye").await;
    assert_eq!((led.status, led.header("location"), led.text.as_str()), (302, "/bye", ""));
    assert_eq!(led.expires(), ["session_token", "session_data", "dont_remember", "known_device"]);
    gateway.refuse("delete_user", ErrorCode::NotFound, "INVALID_TOKEN");
    let used = gateway.get("/delete-user/callback?token=t&callbackURL=/bye").await;
    assert_eq!((used.status, used.code(), used.cookies().len()), (404, "INVALID_TOKEN", 0));
    let page = [("accept", "text/html,*/*;q=0.8"), ("cookie", "")];
    let seen = gateway.send(Method::GET, "/delete-user/callback?token=t&callbackURL=/bye", &page, "").await;
    assert_eq!((seen.status, seen.header("location")), (302, "/bye?error=FAILED_TO_GET_USER_INFO"));
}

#[tokio::test]
async fn a_verification_mail_is_for_the_users_own_address() {
    let gateway = Gateway::new().await;
    let sent = json!({ "status": true });
    let anonymous = gateway.bare_post("/send-verification-email", &json!({ "email": "x@y.co" })).await;
    assert_eq!(anonymous.body, sent);
    let own = gateway.post("/send-verification-email", &json!({ "email": "Ada@school.example" })).await;
    assert_eq!(own.body, sent);
    let other = gateway.post("/send-verification-email", &json!({ "email": "x@y.co" })).await;
    assert_eq!((other.status, other.code()), (400, "EMAIL_MISMATCH"));
}

#[tokio::test]
async fn a_verification_link_has_three_outcomes() {
    let gateway = Gateway::new().await;
    for (outcome, body) in [
        (Outcome::Verified, json!({ "status": true, "user": null })),
        (Outcome::ChangeConfirmed, json!({ "status": true })),
        (Outcome::EmailChanged, json!("user")),
    ] {
        let mut answer =
            VerifyEmailResponse { user: Some(gateway.double.user()), ..VerifyEmailResponse::default() };
        answer.set_outcome(outcome);
        *gateway.double.verified.lock().unwrap() = answer;
        let answer = gateway.bare_get("/verify-email?token=t").await;
        if outcome == Outcome::EmailChanged {
            assert_eq!((&answer.body["status"], &answer.body["user"]["id"]), (&json!(true), &json!("ada")));
        } else {
            assert_eq!(answer.body, body);
        }
        let led = gateway.bare_get("/verify-email?token=t&callbackURL=%2Fdone%3Fx%3D1").await;
        assert_eq!((led.status, led.header("location")), (302, "/done?x=1"));
        assert_eq!(led.header("referrer-policy"), "no-referrer");
    }
    for reason in ["INVALID_TOKEN", "TOKEN_EXPIRED", "USER_NOT_FOUND", "INVALID_USER"] {
        gateway.refuse("verify_email", ErrorCode::Unauthenticated, reason);
        let refused = gateway.bare_get("/verify-email?token=t").await;
        assert_eq!((refused.status, refused.code()), (401, reason));
        let led = gateway.bare_get("/verify-email?token=t&callbackURL=/done").await;
        assert_eq!((led.status, led.header("location")), (302, &*format!("/done?error={reason}")));
    }
}
