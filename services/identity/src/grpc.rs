//! Translate, call, translate.

use api::common::{Client, Role};
use api::identity::identity_server::Identity;
use api::identity::{
    GetUserRequest, GetUserResponse, RequestEmailVerificationRequest, RequestEmailVerificationResponse,
    SignInRequest, SignInResponse, SignUpRequest, SignUpResponse, User, VerifyEmailRequest,
    VerifyEmailResponse,
};
use async_trait::async_trait;
use kernel::UserId;
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use crate::commands::{
    Cx, RequestEmailVerification, SignIn, SignUp, VerifyEmail, request_email_verification, sign_in, sign_up,
    verify_email,
};
use crate::domain::account::Account;
use crate::domain::profile::Origin;
use crate::error;
use crate::postgres::users;

#[derive(Debug)]
pub(crate) struct Grpc(pub(crate) Cx);

#[async_trait]
impl Identity for Grpc {
    async fn sign_up(&self, request: Request<SignUpRequest>) -> Result<Response<SignUpResponse>, Status> {
        let request = request.into_inner();
        let command = SignUp {
            name: request.name,
            email: request.email,
            password: SecretString::from(request.password),
            image: request.image,
            callback_url: request.callback_url,
            origin: origin(request.client),
        };
        let account = sign_up(&self.0, command).await.map_err(status)?;
        Ok(Response::new(SignUpResponse { user: Some(user(account)) }))
    }

    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        let request = request.into_inner();
        let command = SignIn {
            email: request.email,
            password: SecretString::from(request.password),
            origin: origin(request.client),
        };
        let account = sign_in(&self.0, command).await.map_err(status)?;
        Ok(Response::new(SignInResponse { user: Some(user(account)) }))
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        let id = UserId::from(request.into_inner().user_id);
        let found = users::find(self.0.store.pool(), &id).await.map_err(|error| status(error.into()))?;
        let account = found.ok_or_else(|| status(error::user_not_found()))?;
        Ok(Response::new(GetUserResponse { user: Some(user(account)) }))
    }

    async fn request_email_verification(
        &self,
        request: Request<RequestEmailVerificationRequest>,
    ) -> Result<Response<RequestEmailVerificationResponse>, Status> {
        let request = request.into_inner();
        let command = RequestEmailVerification {
            email: request.email,
            callback_url: request.callback_url,
            origin: origin(request.client),
        };
        request_email_verification(&self.0, command).await.map_err(status)?;
        Ok(Response::new(RequestEmailVerificationResponse {}))
    }

    async fn verify_email(
        &self,
        request: Request<VerifyEmailRequest>,
    ) -> Result<Response<VerifyEmailResponse>, Status> {
        let request = request.into_inner();
        let command = VerifyEmail { token: request.token, origin: origin(request.client) };
        let (account, already_verified) = verify_email(&self.0, command).await.map_err(status)?;
        Ok(Response::new(VerifyEmailResponse { user: Some(user(account)), already_verified }))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn status(error: kernel::Error) -> Status {
    api::to_status(&error)
}

fn origin(client: Option<Client>) -> Origin {
    client.map(|client| Origin::new(&client.ip, &client.user_agent)).unwrap_or_default()
}

fn user(account: Account) -> User {
    User {
        id: account.id.into_string(),
        name: account.name,
        email: account.email,
        email_verified: account.email_verified,
        image: account.image,
        role: Role::from(account.role).into(),
        created_at: Some(api::timestamp(account.created_at)),
        updated_at: Some(api::timestamp(account.updated_at)),
    }
}
