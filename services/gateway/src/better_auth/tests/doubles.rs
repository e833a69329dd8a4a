//! Identity and session as the gateway sees them: they note what they are asked and answer what a
//! test lays down.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use api::common::Role;
use api::identity::identity_admin_server::{IdentityAdmin, IdentityAdminServer};
use api::identity::identity_server::{Identity, IdentityServer};
use api::identity::social_server::{Social, SocialServer};
use api::identity::*;
use api::session::sessions_server::{Sessions, SessionsServer};
use api::session::*;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::Error;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::log::Log;

pub const TOKEN: &str = "uCyDs60rKxMs1p9dvDHLngJwHpLCapLk";
/// Of the administrator who acts as the user of [`TOKEN`].
pub const ADMIN_TOKEN: &str = "AdminAdminAdminAdminAdminAdminAd";
pub const NEW_TOKEN: &str = "NewTokenNewTokenNewTokenNewToken";
pub const STATE: &str = "StateStateStateStateStateStateSt";

#[derive(Debug)]
pub struct Double {
    pub now: DateTime<Utc>,
    pub identity_log: Log,
    pub session_log: Log,
    calls: Mutex<Vec<String>>,
    refusals: Mutex<HashMap<&'static str, Error>>,
    pub session: Mutex<Session>,
    pub user: Mutex<User>,
    pub refreshed: Mutex<bool>,
    pub verified: Mutex<VerifyEmailResponse>,
    pub completed: Mutex<CompleteResponse>,
}

#[derive(Debug, Clone)]
pub struct Peer(pub Arc<Double>);

impl Double {
    pub fn new(now: DateTime<Utc>) -> Self {
        let double = Self {
            now,
            identity_log: Log::default(),
            session_log: Log::default(),
            calls: Mutex::default(),
            refusals: Mutex::default(),
            session: Mutex::default(),
            user: Mutex::default(),
            refreshed: Mutex::default(),
            verified: Mutex::default(),
            completed: Mutex::default(),
        };
        *double.session.lock().unwrap() = double.session_named("own");
        *double.user.lock().unwrap() = double.student();
        double
    }

    pub fn routes(self: &Arc<Self>) -> [(&'static str, Routes); 2] {
        let peer = Peer(Arc::clone(self));
        let identity =
            Routes::new(IdentityServer::new(peer.clone())).add_service(SocialServer::new(peer.clone()));
        let identity = identity
            .add_service(IdentityAdminServer::new(peer.clone()))
            .add_service(self.identity_log.service());
        let session = Routes::new(SessionsServer::new(peer)).add_service(self.session_log.service());
        [("identity", identity), ("session", session)]
    }

    /// The calls of one method since the last look, as text.
    pub fn calls(&self, method: &str) -> Vec<String> {
        let mut calls = self.calls.lock().unwrap();
        let named = |call: &String| call.split(' ').next() == Some(method);
        let (taken, left) = calls.drain(..).partition(named);
        *calls = left;
        taken
    }

    pub fn call(&self, method: &str) -> String {
        let calls = self.calls(method);
        assert_eq!(calls.len(), 1, "{method}: {calls:?}");
        calls[0].clone()
    }

    pub fn methods(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap().split_off(0);
        calls.iter().map(|call| call.split(' ').next().unwrap().to_owned()).collect()
    }

    pub fn refuse(&self, method: &'static str, error: Error) {
        self.refusals.lock().unwrap().insert(method, error);
    }

    pub fn age_session(&self, age: TimeDelta) {
        self.session.lock().unwrap().created_at = Some(api::timestamp(self.now - age));
    }

    pub fn impersonate(&self) {
        self.session.lock().unwrap().impersonated_by = "an-admin".to_owned();
    }

    pub fn appoint(&self, role: Role) {
        self.user.lock().unwrap().role = role.into();
    }

    /// Whether the call that is being answered named this.
    fn names(&self, what: &str) -> bool {
        self.calls.lock().unwrap().last().is_some_and(|call| call.contains(what))
    }

    fn called(&self, method: &'static str, request: &impl Debug) -> Result<(), Status> {
        self.calls.lock().unwrap().push(format!("{method} {request:?}"));
        match self.refusals.lock().unwrap().get(method) {
            Some(error) => Err(api::to_status(error)),
            None => Ok(()),
        }
    }

    pub fn user(&self) -> User {
        self.user.lock().unwrap().clone()
    }

    fn student(&self) -> User {
        User {
            id: "ada".to_owned(),
            name: "Ada".to_owned(),
            email: "ada@school.example".to_owned(),
            created_at: Some(api::timestamp(self.now)),
            updated_at: Some(api::timestamp(self.now)),
            ..User::default()
        }
    }

    fn session_named(&self, id: &str) -> Session {
        Session {
            id: id.to_owned(),
            user_id: "ada".to_owned(),
            created_at: Some(api::timestamp(self.now)),
            updated_at: Some(api::timestamp(self.now)),
            expires_at: Some(api::timestamp(self.now + TimeDelta::days(7))),
            remember: true,
            ..Session::default()
        }
    }

    fn found_session(&self) -> GetSessionResponse {
        let refreshed = *self.refreshed.lock().unwrap();
        if !self.names(ADMIN_TOKEN) {
            let session = self.session.lock().unwrap().clone();
            return GetSessionResponse { session: Some(session), user: Some(self.user()), refreshed };
        }
        let session = Session { user_id: "an-admin".to_owned(), ..self.session_named("waiting") };
        let user = User { id: "an-admin".to_owned(), role: Role::Admin.into(), ..self.student() };
        GetSessionResponse { session: Some(session), user: Some(user), refreshed }
    }

    fn changed(&self) -> AdminUserResponse {
        AdminUserResponse { user: Some(self.user()) }
    }

    fn sessions(&self) -> Vec<Session> {
        let impersonated = Session { impersonated_by: "an-admin".to_owned(), ..self.session_named("acted") };
        vec![self.session.lock().unwrap().clone(), self.session_named("phone"), impersonated]
    }

    fn accounts(&self) -> Vec<Account> {
        let account = |id: &str, provider: &str, subject: &str| Account {
            id: id.to_owned(),
            provider_id: provider.to_owned(),
            account_id: subject.to_owned(),
            user_id: "ada".to_owned(),
            created_at: Some(api::timestamp(self.now)),
            updated_at: Some(api::timestamp(self.now)),
            scopes: vec!["email".to_owned()],
        };
        vec![account("row-1", "credential", "ada"), account("row-2", "github", "4711")]
    }
}

macro_rules! double {
    ($service:ident: $($method:ident($request:ty) -> $response:ty = $answer:expr;)+) => {
        #[tonic::async_trait]
        impl $service for Peer {
            $(async fn $method(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                self.0.called(stringify!($method), request.get_ref())?;
                let answer: fn(&Double) -> $response = $answer;
                Ok(Response::new(answer(&self.0)))
            })+
        }
    };
}

double! { Identity:
    sign_up(SignUpRequest) -> SignUpResponse =
        |double| SignUpResponse { user: Some(double.user()), device_token: "a-device".to_owned() };
    sign_in(SignInRequest) -> SignInResponse =
        |double| SignInResponse { user: Some(double.user()), device_token: "a-device".to_owned() };
    get_user(GetUserRequest) -> GetUserResponse = |double| GetUserResponse { user: Some(double.user()) };
    request_email_verification(RequestEmailVerificationRequest) -> RequestEmailVerificationResponse =
        |_| RequestEmailVerificationResponse {};
    verify_email(VerifyEmailRequest) -> VerifyEmailResponse = |double| double.verified.lock().unwrap().clone();
    request_password_reset(RequestPasswordResetRequest) -> RequestPasswordResetResponse =
        |_| RequestPasswordResetResponse {};
    check_reset_token(CheckResetTokenRequest) -> CheckResetTokenResponse = |_| CheckResetTokenResponse {};
    reset_password(ResetPasswordRequest) -> ResetPasswordResponse =
        |double| ResetPasswordResponse { user: Some(double.user()), device_token: "a-device".to_owned() };
    verify_password(VerifyPasswordRequest) -> VerifyPasswordResponse = |_| VerifyPasswordResponse {};
    change_password(ChangePasswordRequest) -> ChangePasswordResponse =
        |double| ChangePasswordResponse { user: Some(double.user()), device_token: "a-device".to_owned() };
    change_email(ChangeEmailRequest) -> ChangeEmailResponse = |_| ChangeEmailResponse {};
    update_user(UpdateUserRequest) -> UpdateUserResponse =
        |double| UpdateUserResponse { user: Some(double.user()) };
    request_deletion(RequestDeletionRequest) -> RequestDeletionResponse = |_| RequestDeletionResponse {};
    delete_user(DeleteUserRequest) -> DeleteUserResponse = |_| DeleteUserResponse {};
    list_accounts(ListAccountsRequest) -> ListAccountsResponse =
        |double| ListAccountsResponse { accounts: double.accounts() };
    unlink_account(UnlinkAccountRequest) -> UnlinkAccountResponse = |_| UnlinkAccountResponse {};
    end_own_sessions(EndOwnSessionsRequest) -> EndOwnSessionsResponse = |_| EndOwnSessionsResponse {};
    list_epochs(ListEpochsRequest) -> ListEpochsResponse = |_| ListEpochsResponse::default();
    find_subjects(FindSubjectsRequest) -> FindSubjectsResponse = |_| FindSubjectsResponse::default();
}

double! { IdentityAdmin:
    list_users(ListUsersRequest) -> ListUsersResponse =
        |double| ListUsersResponse { users: vec![double.user()], total: 7 };
    create_user(CreateUserRequest) -> AdminUserResponse = Double::changed;
    edit_user(EditUserRequest) -> AdminUserResponse = Double::changed;
    set_role(SetRoleRequest) -> AdminUserResponse = Double::changed;
    ban_user(BanUserRequest) -> AdminUserResponse = Double::changed;
    unban_user(UnbanUserRequest) -> AdminUserResponse = Double::changed;
    set_user_password(SetUserPasswordRequest) -> AdminUserResponse = Double::changed;
    remove_user(RemoveUserRequest) -> RemoveUserResponse = |_| RemoveUserResponse {};
    end_sessions(EndSessionsRequest) -> AdminUserResponse = Double::changed;
}

double! { Social:
    list_providers(ListProvidersRequest) -> ListProvidersResponse = |_| ListProvidersResponse {
        providers: vec![Provider { id: "github".to_owned(), name: "GitHub".to_owned() }],
    };
    begin(BeginRequest) -> BeginResponse =
        |_| BeginResponse { url: "https://provider.example/authorize?x=1".to_owned(), state: STATE.to_owned() };
    complete(CompleteRequest) -> CompleteResponse = |double| double.completed.lock().unwrap().clone();
    sign_in_with_id_token(SignInWithIdTokenRequest) -> SocialUserResponse =
        |double| SocialUserResponse { user: Some(double.user()), device_token: "a-device".to_owned(), new_user: false };
    get_access_token(GetAccessTokenRequest) -> GetAccessTokenResponse = |double| GetAccessTokenResponse {
        access_token: "access".to_owned(),
        scopes: vec!["email".to_owned(), "repo".to_owned()],
        account: double.accounts().pop(),
        ..GetAccessTokenResponse::default()
    };
    get_account_info(GetAccountInfoRequest) -> GetAccountInfoResponse = |double| GetAccountInfoResponse {
        account: double.accounts().pop(),
        subject: "4711".to_owned(),
        data_json: r#"{"login":"ada"}"#.to_owned(),
        ..GetAccountInfoResponse::default()
    };
}

double! { Sessions:
    create_session(CreateSessionRequest) -> CreateSessionResponse = |double| CreateSessionResponse {
        session: Some(double.session_named("new")),
        token: NEW_TOKEN.to_owned(),
        user: Some(double.user()),
    };
    get_session(GetSessionRequest) -> GetSessionResponse = Double::found_session;
    list_sessions(ListSessionsRequest) -> ListSessionsResponse =
        |double| ListSessionsResponse { sessions: double.sessions() };
    revoke_session(RevokeSessionRequest) -> RevokeSessionResponse = |_| RevokeSessionResponse {};
    revoke_sessions(RevokeSessionsRequest) -> RevokeSessionsResponse = |_| RevokeSessionsResponse::default();
    revoke_any_session(RevokeAnySessionRequest) -> RevokeAnySessionResponse = |_| RevokeAnySessionResponse {};
    check_session(CheckSessionRequest) -> CheckSessionResponse = |_| CheckSessionResponse { live: true };
    mint_access_token(MintAccessTokenRequest) -> MintAccessTokenResponse =
        |_| MintAccessTokenResponse { access_token: "a.b.c".to_owned(), ..MintAccessTokenResponse::default() };
    get_jwks(GetJwksRequest) -> GetJwksResponse =
        |_| GetJwksResponse { jwks_json: r#"{"keys":[]}"#.to_owned() };
    list_revocations(ListRevocationsRequest) -> ListRevocationsResponse = |_| ListRevocationsResponse::default();
}
