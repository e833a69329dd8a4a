use api::common::Role;
use api::identity::{
    Actor, AdminUserResponse, BanUserRequest, CreateUserRequest, EditUserRequest, EndSessionsRequest,
    ListUsersRequest, ListUsersResponse, RemoveUserRequest, SetRoleRequest, SetUserPasswordRequest,
    UnbanUserRequest, User,
};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, Error, ErrorCode};
use tonic::{Response, Status};

use crate::env::{Env, PASSWORD, from_browser};

const ADA: &str = "ada@example.com";

fn done(answer: Result<Response<AdminUserResponse>, Status>) -> Result<User, Error> {
    answer.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| api::from_status(&status))
}

async fn set_role(env: &Env, actor: &Actor, user: &str, role: Role) -> Result<User, Error> {
    let request = SetRoleRequest { actor: Some(actor.clone()), user_id: user.to_owned(), role: role.into() };
    done(env.admin.clone().set_role(request).await)
}

async fn ban(env: &Env, actor: &Actor, user: &str, seconds: Option<i64>) -> Result<User, Error> {
    let expires = seconds.map(|seconds| api::timestamp(env.clock.now() + TimeDelta::seconds(seconds)));
    let request = BanUserRequest {
        actor: Some(actor.clone()),
        user_id: user.to_owned(),
        reason: "spam".to_owned(),
        expires_at: expires,
    };
    done(env.admin.clone().ban_user(request).await)
}

async fn list(env: &Env, request: ListUsersRequest) -> Result<ListUsersResponse, Error> {
    let answer = env.admin.clone().list_users(request).await;
    answer.map(Response::into_inner).map_err(|status| api::from_status(&status))
}

/// Restored in part, or damaged: an administrator sees that there is something, and removes it.
#[tokio::test]
async fn an_account_that_cannot_be_read_is_listed_and_can_be_removed() {
    let env = Env::start().await;
    let grace = env.admin("grace@example.com").await;
    let ada = env.sign_up("ada@example.com").await.unwrap();
    sqlx::query("update subject_keys set wrapped = sha256('damage') where subject = $1")
        .bind(&ada.id)
        .execute(&env.pool())
        .await
        .unwrap();
    let request = ListUsersRequest { actor: Some(grace.clone()), ..ListUsersRequest::default() };
    let listed = env.admin.clone().list_users(request.clone()).await.unwrap().into_inner();
    let damaged = listed.users.iter().find(|user| user.id == ada.id).unwrap();
    assert_eq!((listed.total, damaged.email.as_str(), damaged.name.as_str()), (2, "", ""));
    let remove = RemoveUserRequest { actor: Some(grace), user_id: ada.id.clone() };
    env.admin.clone().remove_user(remove).await.unwrap();
    assert_eq!(env.admin.clone().list_users(request).await.unwrap().into_inner().total, 1);
}

#[tokio::test]
async fn nobody_but_an_administrator_administers() {
    let env = Env::start().await;
    let grace = env.admin("grace@example.com").await;
    let ada = env.sign_up(ADA).await.unwrap();
    let as_ada = Actor { user_id: ada.id.clone(), client: Some(from_browser()) };
    let nobody = Actor { user_id: "nobody".to_owned(), client: None };
    for actor in [as_ada, nobody, Actor::default()] {
        let refused = [
            set_role(&env, &actor, &ada.id, Role::Admin).await.map(drop),
            ban(&env, &actor, &grace.user_id, None).await.map(drop),
            list(&env, ListUsersRequest { actor: Some(actor.clone()), ..ListUsersRequest::default() })
                .await
                .map(drop),
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert_eq!((error.code, &*error.reason), (ErrorCode::PermissionDenied, "FORBIDDEN"));
        }
    }
    assert_eq!(env.user(&ada.id).await.unwrap().role(), Role::Student);
}

#[tokio::test]
async fn a_role_changes_with_a_new_epoch_and_the_last_administrator_keeps_it() {
    let env = Env::start().await;
    let grace = env.admin("grace@example.com").await;
    let ada = env.sign_up(ADA).await.unwrap();
    let promoted = set_role(&env, &grace, &ada.id, Role::Instructor).await.unwrap();
    assert_eq!((promoted.role(), promoted.session_epoch), (Role::Instructor, ada.session_epoch + 1));
    let again = set_role(&env, &grace, &ada.id, Role::Instructor).await.unwrap();
    assert_eq!(again.session_epoch, promoted.session_epoch, "nothing changed");

    let error = set_role(&env, &grace, &grace.user_id, Role::Student).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::FailedPrecondition, "LAST_ADMIN"));
    let alan = env.admin("alan@example.com").await;
    let both = [
        set_role(&env, &grace, &alan.user_id, Role::Student),
        set_role(&env, &alan, &grace.user_id, Role::Student),
    ];
    let outcomes = join_all(both).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_ban_shuts_out_until_it_ends() {
    let env = Env::start().await;
    let grace = env.admin("grace@example.com").await;
    let ada = env.sign_up(ADA).await.unwrap();
    let banned = ban(&env, &grace, &ada.id, Some(3600)).await.unwrap();
    assert!(banned.banned && banned.session_epoch == ada.session_epoch + 1);
    assert_eq!(banned.ban_reason.as_deref(), Some("spam"));
    let error = env.sign_in(ADA, PASSWORD).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::PermissionDenied, "BANNED_USER"));
    let error = env.sign_in(ADA, "Wrong-Horse-99").await.unwrap_err();
    assert_eq!(error.reason, "INVALID_EMAIL_OR_PASSWORD", "a stranger does not learn of the ban");

    env.clock.advance(TimeDelta::seconds(3600));
    assert!(!env.sign_in(ADA, PASSWORD).await.unwrap().banned);
    let types = env.event_types(&format!("user-{}", ada.id)).await;
    assert!(types.iter().any(|kind| kind == "user.unbanned"), "{types:?}");

    ban(&env, &grace, &ada.id, None).await.unwrap();
    let request = UnbanUserRequest { actor: Some(grace.clone()), user_id: ada.id.clone() };
    assert!(!done(env.admin.clone().unban_user(request).await).unwrap().banned);
    env.sign_in(ADA, PASSWORD).await.unwrap();

    let own = ban(&env, &grace, &grace.user_id, None).await.unwrap_err();
    assert_eq!(own.reason, "YOU_CANNOT_BAN_YOURSELF");
    assert_eq!(ban(&env, &grace, &ada.id, Some(0)).await.unwrap_err().reason, "INVALID_BAN");
    assert_eq!(ban(&env, &grace, "nobody", None).await.unwrap_err().reason, "USER_NOT_FOUND");
}

#[tokio::test]
async fn users_are_searched_filtered_sorted_and_paged() {
    let env = Env::start().await;
    let grace = env.admin("grace@example.com").await;
    for n in 0..5 {
        env.clock.advance(TimeDelta::seconds(1));
        env.sign_up(&format!("student{n}@school.example")).await.unwrap();
    }
    let ask =
        |request: ListUsersRequest| list(&env, ListUsersRequest { actor: Some(grace.clone()), ..request });
    let emails = |answer: ListUsersResponse| -> (Vec<String>, u32) {
        (answer.users.into_iter().map(|user| user.email).collect(), answer.total)
    };
    let (all, total) = emails(ask(ListUsersRequest::default()).await.unwrap());
    assert_eq!((all.len(), total, all[0].as_str()), (6, 6, "grace@example.com"));
    let page = ListUsersRequest {
        search_value: "SCHOOL".to_owned(),
        sort_by: "email".to_owned(),
        descending: true,
        limit: 2,
        offset: 1,
        ..ListUsersRequest::default()
    };
    let (page, total) = emails(ask(page).await.unwrap());
    assert_eq!((page, total), (vec!["student3@school.example".into(), "student2@school.example".into()], 5));
    let admins = ListUsersRequest {
        filter_field: "role".to_owned(),
        filter_values: vec!["admin".to_owned()],
        ..ListUsersRequest::default()
    };
    assert_eq!(emails(ask(admins).await.unwrap()).1, 1);
    let bad = ListUsersRequest { sort_by: "password".to_owned(), ..ListUsersRequest::default() };
    assert_eq!(ask(bad).await.unwrap_err().code, ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn an_administrator_makes_edits_and_removes_users() {
    let env = Env::start().await;
    let grace = env.admin("grace@example.com").await;
    let create = |email: &str| CreateUserRequest {
        actor: Some(grace.clone()),
        email: email.to_owned(),
        name: "Alan".to_owned(),
        password: Some(PASSWORD.to_owned()),
        role: Role::Instructor.into(),
        image: None,
        email_verified: true,
    };
    let alan = done(env.admin.clone().create_user(create("alan@example.com")).await).unwrap();
    assert_eq!((alan.role(), alan.email_verified), (Role::Instructor, true));
    env.sign_in("alan@example.com", PASSWORD).await.unwrap();
    let taken = done(env.admin.clone().create_user(create("ALAN@example.com")).await).unwrap_err();
    assert_eq!(taken.reason, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");

    let edit = EditUserRequest {
        actor: Some(grace.clone()),
        user_id: alan.id.clone(),
        name: Some("Alan T.".to_owned()),
        email: Some("turing@example.com".to_owned()),
        ..EditUserRequest::default()
    };
    let edited = done(env.admin.clone().edit_user(edit.clone()).await).unwrap();
    assert_eq!(
        (edited.name.as_str(), edited.email.as_str(), edited.email_verified),
        ("Alan T.", "turing@example.com", false)
    );
    assert_eq!(edited.session_epoch, 2, "tokens that say otherwise end");
    let taken = EditUserRequest { email: Some("grace@example.com".to_owned()), ..edit };
    let taken = done(env.admin.clone().edit_user(taken).await).unwrap_err();
    assert_eq!(taken.reason, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");

    let set = SetUserPasswordRequest {
        actor: Some(grace.clone()),
        user_id: alan.id.clone(),
        new_password: "Another-Pony-88".to_owned(),
    };
    assert_eq!(done(env.admin.clone().set_user_password(set).await).unwrap().session_epoch, 3);
    env.sign_in("turing@example.com", "Another-Pony-88").await.unwrap();
    let end = EndSessionsRequest { actor: Some(grace.clone()), user_id: alan.id.clone() };
    assert_eq!(done(env.admin.clone().end_sessions(end).await).unwrap().session_epoch, 4);

    let remove = |user: &str| RemoveUserRequest { actor: Some(grace.clone()), user_id: user.to_owned() };
    env.admin.clone().remove_user(remove(&alan.id)).await.unwrap();
    assert_eq!(env.user(&alan.id).await.unwrap_err().reason, "USER_NOT_FOUND");
    let own = env.admin.clone().remove_user(remove(&grace.user_id)).await.unwrap_err();
    assert_eq!(api::from_status(&own).reason, "YOU_CANNOT_REMOVE_YOURSELF");
}
