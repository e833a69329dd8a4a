use super::*;
use chrono::TimeDelta;

#[tokio::test]
async fn one_user_is_answered_bare() {
    let gateway = administration().await;
    let answer = gateway.get("/admin/get-user?id=eve").await;
    assert_eq!(
        (answer.status, &answer.body["id"], &answer.body["role"]),
        (200, &json!("ada"), &json!("admin"))
    );
    assert!(gateway.double.call("get_user").contains("\"eve\""));
    gateway.refuse("get_user", ErrorCode::NotFound, "USER_NOT_FOUND");
    let unknown = gateway.get("/admin/get-user?id=nobody").await;
    assert_eq!((unknown.status, unknown.code()), (404, "USER_NOT_FOUND"));
}

#[tokio::test]
async fn users_are_made_with_role_picture_and_a_verified_address() {
    let gateway = administration().await;
    let mut body = json!({ "email": "A@b.co", "name": "A" });
    let made = gateway.post("/admin/create-user", &body).await;
    assert_eq!((made.status, &made.body["user"]["id"]), (200, &json!("ada")));
    let asked = gateway.double.call("create_user");
    assert!(
        asked.contains("password: None, role: Unspecified, image: None, email_verified: false"),
        "{asked}"
    );
    body["password"] = json!("");
    body["data"] = json!({ "role": ["instructor"], "emailVerified": true, "image": "https://a.b/c", "x": 1 });
    gateway.post("/admin/create-user", &body).await;
    let asked = gateway.double.call("create_user");
    assert!(asked.contains("password: None, role: Instructor"), "{asked}");
    assert!(asked.contains("image: Some(\"https://a.b/c\"), email_verified: true"), "{asked}");
    body["role"] = json!("admin");
    body["password"] = json!("p");
    gateway.post("/admin/create-user", &body).await;
    let asked = gateway.double.call("create_user");
    assert!(asked.contains("password: Some(\"p\"), role: Admin"), "{asked}");
    assert!(gateway.double.calls("ban_user").is_empty());
    body["data"] = json!({ "banned": true, "banReason": "spam" });
    gateway.post("/admin/create-user", &body).await;
    assert!(gateway.double.call("ban_user").contains("reason: \"spam\""));

    gateway.refuse("create_user", ErrorCode::AlreadyExists, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    let taken = gateway.post("/admin/create-user", &body).await;
    assert_eq!((taken.status, taken.code()), (400, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"));
}

#[tokio::test]
async fn a_role_is_one_that_there_is_and_one_only() {
    let gateway = administration().await;
    let unknown = "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE";
    let roles = [json!("emperor"), json!("Admin"), json!(""), json!([]), json!(["student", "admin"])];
    for role in roles {
        for (path, body) in [
            ("/admin/set-role", json!({ "userId": "eve", "role": role })),
            ("/admin/create-user", json!({ "email": "a@b.co", "name": "A", "role": role })),
            ("/admin/create-user", json!({ "email": "a@b.co", "name": "A", "data": { "role": role } })),
            ("/admin/update-user", json!({ "userId": "eve", "data": { "role": role, "banned": true } })),
        ] {
            let answer = gateway.post(path, &body).await;
            assert_eq!((answer.status, answer.code()), (400, unknown), "{path} {body}");
        }
    }
    for role in [json!(7), json!(null), json!([7]), json!({})] {
        let answer =
            gateway.post("/admin/update-user", &json!({ "userId": "eve", "data": { "role": role } })).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_ROLE_TYPE"), "{role}");
    }
    assert!(gateway.double.methods().iter().all(|method| method == "get_session"));
    for (role, expected) in [(json!("instructor"), "Instructor"), (json!(["admin"]), "Admin")] {
        let answer = gateway.post("/admin/set-role", &json!({ "userId": 7, "role": role })).await;
        assert_eq!((answer.status, &answer.body["user"]["id"]), (200, &json!("ada")));
        let asked = gateway.double.call("set_role");
        assert!(asked.contains(&format!("user_id: \"7\", role: {expected}")), "{asked}");
    }
}

#[tokio::test]
async fn what_is_named_of_a_user_changes_and_the_rest_stays() {
    let gateway = administration().await;
    let data = json!({
        "name": "E", "email": "E@b.co", "emailVerified": false, "image": null, "role": "student", "x": 1,
    });
    let answer = gateway.post("/admin/update-user", &json!({ "userId": "eve", "data": data })).await;
    assert_eq!((answer.status, &answer.body["id"]), (200, &json!("ada")));
    let asked = gateway.double.call("edit_user");
    for part in [
        "user_id: \"eve\", name: Some(\"E\"), image: None, clear_image: true",
        "email: Some(\"E@b.co\"), email_verified: Some(false), role: Student",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    gateway
        .post("/admin/update-user", &json!({ "userId": "eve", "data": { "image": "https://a.b/c" } }))
        .await;
    let asked = gateway.double.call("edit_user");
    assert!(asked.contains("name: None, image: Some(\"https://a.b/c\"), clear_image: false"), "{asked}");
    assert!(asked.contains("email: None, email_verified: None, role: Unspecified"), "{asked}");
    assert!(gateway.double.calls("ban_user").is_empty() && gateway.double.calls("unban_user").is_empty());
    gateway.refuse("edit_user", ErrorCode::AlreadyExists, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    let taken = gateway.post("/admin/update-user", &everything()).await;
    assert_eq!((taken.status, taken.code()), (400, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"));
}

#[tokio::test]
async fn what_cannot_be_changed_of_a_user_is_said_before_anything_changes() {
    let gateway = administration().await;
    for (data, code) in [
        (json!({}), "NO_DATA_TO_UPDATE"),
        (json!({ "password": "p", "id": "x", "role": 7 }), "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER"),
        (json!({ "id": null, "role": 7 }), "USER_ID_CANNOT_BE_UPDATED"),
        (json!({ "name": 7 }), "VALIDATION_ERROR"),
        (json!({ "emailVerified": "yes" }), "VALIDATION_ERROR"),
        (json!({ "banned": "yes" }), "VALIDATION_ERROR"),
        (json!({ "banned": true, "banExpires": "soon" }), "VALIDATION_ERROR"),
        (json!({ "banned": true, "banExpires": "2026-01-05T09:00:00.000Z" }), "INVALID_BAN"),
        (json!({ "banned": true, "banExpires": "+12026-01-05T09:00:00.000Z" }), "INVALID_BAN"),
    ] {
        let answer = gateway.post("/admin/update-user", &json!({ "userId": "eve", "data": data })).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{data}");
    }
    let own = json!({ "userId": "ada", "data": { "name": "A", "banned": true } });
    let answer = gateway.post("/admin/update-user", &own).await;
    assert_eq!((answer.status, answer.code()), (400, "YOU_CANNOT_BAN_YOURSELF"));
    assert!(gateway.double.methods().iter().all(|method| method == "get_session"));
}

#[tokio::test]
async fn an_update_pronounces_changes_and_lifts_a_ban() {
    let gateway = administration().await;
    let update = async |data: Value| {
        let answer = gateway.post("/admin/update-user", &json!({ "userId": "eve", "data": data })).await;
        assert_eq!(answer.status, 200, "{data}: {}", answer.text);
        (gateway.double.calls("ban_user").pop(), gateway.double.calls("unban_user").pop())
    };
    let (ban, _) = update(json!({ "banned": true, "banReason": "spam" })).await;
    let ban = ban.unwrap();
    assert!(ban.contains("reason: \"spam\", expires_at: None"), "{ban}");
    assert_eq!(update(json!({ "banned": false })).await, (None, None), "there is none");
    assert_eq!(update(json!({ "banReason": "x", "banExpires": null })).await, (None, None), "nor here");
    {
        let mut user = gateway.double.user.lock().unwrap();
        (user.banned, user.ban_reason) = (true, Some("spam".to_owned()));
        user.ban_expires = Some(api::timestamp(gateway.double.now + TimeDelta::days(1)));
    }
    let day = |days| format!("seconds: {}", (gateway.double.now + TimeDelta::days(days)).timestamp());
    let ban = update(json!({ "banReason": "worse" })).await.0.unwrap();
    assert!(ban.contains("\"worse\"") && ban.contains(&day(1)), "{ban}");
    let ban = update(json!({ "banExpires": "2026-01-07T09:00:00.000Z" })).await.0.unwrap();
    assert!(ban.contains("\"spam\"") && ban.contains(&day(2)), "{ban}");
    let ban = update(json!({ "banned": true, "banReason": null, "banExpires": null })).await.0.unwrap();
    assert!(ban.contains("reason: \"\", expires_at: None"), "{ban}");
    assert_eq!(update(json!({ "name": "E" })).await, (None, None));
    assert!(update(json!({ "banned": null })).await.1.is_some());
}

#[tokio::test]
async fn a_ban_lasts_for_good_or_for_seconds() {
    let gateway = administration().await;
    let ban = async |seconds: Value| {
        let body = json!({ "userId": "eve", "banReason": "spam", "banExpiresIn": seconds });
        gateway.post("/admin/ban-user", &body).await
    };
    gateway.post("/admin/ban-user", &json!({ "userId": "eve" })).await;
    let asked = gateway.double.call("ban_user");
    assert!(asked.contains("user_id: \"eve\", reason: \"\", expires_at: None"), "{asked}");
    assert_eq!(ban(json!(0)).await.status, 200);
    assert!(gateway.double.call("ban_user").contains("reason: \"spam\", expires_at: None"));
    let answer = ban(json!(1.5)).await;
    assert_eq!((answer.status, &answer.body["user"]["id"]), (200, &json!("ada")));
    let asked = gateway.double.call("ban_user");
    let end = format!("seconds: {}, nanos: 500000000", gateway.double.now.timestamp() + 1);
    assert!(asked.contains(&end), "{asked}");
    for never in [json!(-1), json!(1e12), json!(1e300)] {
        let answer = ban(never).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_BAN"));
    }
    for (code, reason, status) in [
        (ErrorCode::InvalidArgument, "YOU_CANNOT_BAN_YOURSELF", 400),
        (ErrorCode::NotFound, "USER_NOT_FOUND", 404),
        (ErrorCode::FailedPrecondition, "LAST_ADMIN", 400),
        (ErrorCode::Unavailable, "SERVICE_UNAVAILABLE", 503),
    ] {
        gateway.refuse("ban_user", code, reason);
        let answer = ban(json!(60)).await;
        assert_eq!((answer.status, answer.code()), (status, reason));
    }
    let lifted = gateway.post("/admin/unban-user", &json!({ "userId": "eve" })).await;
    assert_eq!((lifted.status, &lifted.body["user"]["id"]), (200, &json!("ada")));
    assert!(gateway.double.call("unban_user").contains("user_id: \"eve\""));
}

#[tokio::test]
async fn passwords_are_set_and_users_removed() {
    let gateway = administration().await;
    let set = gateway.post("/admin/set-user-password", &everything()).await;
    assert_eq!((set.status, set.body), (200, json!({ "status": true })));
    assert!(gateway.double.call("set_user_password").contains("user_id: \"eve\""));
    gateway.refuse("set_user_password", ErrorCode::InvalidArgument, "PASSWORD_TOO_SHORT");
    let short = gateway.post("/admin/set-user-password", &everything()).await;
    assert_eq!((short.status, short.code()), (400, "PASSWORD_TOO_SHORT"));
    let removed = gateway.post("/admin/remove-user", &everything()).await;
    assert_eq!((removed.status, removed.body), (200, json!({ "success": true })));
    assert!(gateway.double.call("remove_user").contains("user_id: \"eve\""));
    gateway.refuse("remove_user", ErrorCode::InvalidArgument, "YOU_CANNOT_REMOVE_YOURSELF");
    let own = gateway.post("/admin/remove-user", &everything()).await;
    assert_eq!((own.status, own.code()), (400, "YOU_CANNOT_REMOVE_YOURSELF"));
}
