use std::sync::{Arc, Mutex};

use api::common::Role;
use api::identity as wire;
use api::identity::User;
use api::identity::identity_server::Identity;
use kernel::{Clock, Error};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

pub const ADA: &str = "AdaAdaAdaAdaAdaAdaAdaAdaAdaAda01";
pub const EVE: &str = "EveEveEveEveEveEveEveEveEveEve02";
pub const ROOT: &str = "RootRootRootRootRootRootRootRo03";

/// Stands in for the identity service: its users, or nobody answering.
#[derive(Debug, Clone, Default)]
pub struct Directory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    users: Vec<User>,
    away: bool,
    asked: u64,
    holds: Vec<Hold>,
}

#[derive(Debug)]
struct Hold {
    call: u64,
    arrived: oneshot::Sender<()>,
    go: oneshot::Receiver<()>,
}

/// An answer that is on its way and does not arrive yet.
#[derive(Debug)]
pub struct Held {
    arrived: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl Held {
    /// Waits until identity was asked, lets the world change, and then lets the answer through.
    pub async fn meanwhile(self, change: impl Future<Output = ()>) {
        self.arrived.await.unwrap();
        change.await;
        self.go.send(()).unwrap();
    }
}

impl Directory {
    pub fn put(&self, user: User) {
        let mut state = self.0.lock().unwrap();
        state.users.retain(|known| known.id != user.id);
        state.users.push(user);
    }

    pub fn remove(&self, id: &str) {
        self.0.lock().unwrap().users.retain(|known| known.id != id);
    }

    pub fn change(&self, id: &str, change: impl FnOnce(&mut User)) {
        let mut state = self.0.lock().unwrap();
        change(state.users.iter_mut().find(|user| user.id == id).unwrap());
    }

    /// Ends the user's sessions, as a reset of the password does.
    pub fn end_epoch(&self, id: &str, spared: &str) -> u64 {
        let mut epoch = 0;
        self.change(id, |user| {
            user.session_epoch += 1;
            spared.clone_into(&mut user.spared_session_id);
            epoch = user.session_epoch;
        });
        epoch
    }

    /// The epoch in which a sign-in of the user is proven now.
    pub fn epoch(&self, id: &str) -> u64 {
        let state = self.0.lock().unwrap();
        state.users.iter().find(|user| user.id == id).map_or(1, |user| user.session_epoch)
    }

    pub fn go_away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
    }

    /// Holds the answer of the `nth` question from now on, from 1.
    pub fn hold(&self, nth: u64) -> Held {
        let (arrived, arriving) = oneshot::channel();
        let (going, go) = oneshot::channel();
        let mut state = self.0.lock().unwrap();
        let call = state.asked + nth;
        state.holds.push(Hold { call, arrived, go });
        Held { arrived: arriving, go: going }
    }

    async fn answer(&self, id: &str) -> Result<User, Status> {
        let (answer, held) = {
            let mut state = self.0.lock().unwrap();
            state.asked += 1;
            let asked = state.asked;
            let held = state.holds.iter().position(|hold| hold.call == asked);
            let held = held.map(|index| state.holds.remove(index));
            let found = state.users.iter().find(|user| user.id == id).cloned();
            let missing = || api::to_status(&Error::not_found("USER_NOT_FOUND", "User not found"));
            let answer =
                if state.away { Err(Status::unavailable("away")) } else { found.ok_or_else(missing) };
            (answer, held)
        };
        if let Some(held) = held {
            held.arrived.send(()).unwrap();
            held.go.await.unwrap();
        }
        answer
    }
}

pub fn ada() -> User {
    let at = testkit::clock().now();
    User {
        id: ADA.to_owned(),
        name: "Ada Lovelace".to_owned(),
        email: "ada@example.com".to_owned(),
        email_verified: true,
        role: Role::Instructor.into(),
        created_at: Some(api::timestamp(at)),
        updated_at: Some(api::timestamp(at)),
        session_epoch: 1,
        ..User::default()
    }
}

pub fn eve() -> User {
    User { id: EVE.to_owned(), email: "eve@example.com".to_owned(), role: Role::Student.into(), ..ada() }
}

pub fn root() -> User {
    User { id: ROOT.to_owned(), email: "root@example.com".to_owned(), role: Role::Admin.into(), ..ada() }
}

macro_rules! identity {
    ($($name:ident($request:ident) -> $response:ident;)+) => {
        #[tonic::async_trait]
        impl Identity for Directory {
            async fn get_user(
                &self,
                request: Request<wire::GetUserRequest>,
            ) -> Result<Response<wire::GetUserResponse>, Status> {
                let user = self.answer(&request.get_ref().user_id).await?;
                Ok(Response::new(wire::GetUserResponse { user: Some(user) }))
            }

            $(async fn $name(&self, _: Request<wire::$request>) -> Result<Response<wire::$response>, Status> {
                Err(Status::unimplemented("not asked for"))
            })+
        }
    };
}

identity! {
    sign_up(SignUpRequest) -> SignUpResponse;
    sign_in(SignInRequest) -> SignInResponse;
    request_email_verification(RequestEmailVerificationRequest) -> RequestEmailVerificationResponse;
    verify_email(VerifyEmailRequest) -> VerifyEmailResponse;
    request_password_reset(RequestPasswordResetRequest) -> RequestPasswordResetResponse;
    check_reset_token(CheckResetTokenRequest) -> CheckResetTokenResponse;
    reset_password(ResetPasswordRequest) -> ResetPasswordResponse;
    verify_password(VerifyPasswordRequest) -> VerifyPasswordResponse;
    change_password(ChangePasswordRequest) -> ChangePasswordResponse;
    change_email(ChangeEmailRequest) -> ChangeEmailResponse;
    update_user(UpdateUserRequest) -> UpdateUserResponse;
    request_deletion(RequestDeletionRequest) -> RequestDeletionResponse;
    delete_user(DeleteUserRequest) -> DeleteUserResponse;
    list_accounts(ListAccountsRequest) -> ListAccountsResponse;
    unlink_account(UnlinkAccountRequest) -> UnlinkAccountResponse;
    end_own_sessions(EndOwnSessionsRequest) -> EndOwnSessionsResponse;
    list_epochs(ListEpochsRequest) -> ListEpochsResponse;
    find_subjects(FindSubjectsRequest) -> FindSubjectsResponse;
}
