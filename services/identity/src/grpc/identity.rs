use api::identity as wire;
use api::identity::identity_server::Identity;
use async_trait::async_trait;
use kernel::UserId;
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use super::{origin, status};
use crate::commands::{self, Changes, Cx, Outcome, Proof, Which};
use crate::domain::email::EmailAddress;
use crate::postgres::{credentials, links, users};

type Answer<T> = Result<Response<T>, Status>;

#[derive(Debug)]
pub(crate) struct IdentityGrpc(pub(crate) Cx);

#[async_trait]
impl Identity for IdentityGrpc {
    async fn sign_up(&self, request: Request<wire::SignUpRequest>) -> Answer<wire::SignUpResponse> {
        let request = request.into_inner();
        let command = commands::SignUp {
            name: request.name,
            email: request.email,
            password: SecretString::from(request.password),
            image: request.image,
            callback_url: request.callback_url,
            origin: origin(request.client),
        };
        let account = commands::sign_up(&self.0, command).await.map_err(status)?;
        let device_token = self.0.device_token(String::new(), &account);
        Ok(Response::new(wire::SignUpResponse { user: Some(self.0.user(account)), device_token }))
    }

    async fn sign_in(&self, request: Request<wire::SignInRequest>) -> Answer<wire::SignInResponse> {
        let request = request.into_inner();
        let command = commands::SignIn {
            email: request.email,
            password: SecretString::from(request.password),
            device_token: request.device_token,
            origin: origin(request.client),
        };
        let (person, device_token) = commands::sign_in(&self.0, command).await.map_err(status)?;
        let user = Some(self.0.user(person.account));
        Ok(Response::new(wire::SignInResponse { user, device_token }))
    }

    async fn get_user(&self, request: Request<wire::GetUserRequest>) -> Answer<wire::GetUserResponse> {
        let id = UserId::from(request.into_inner().user_id);
        let person = self.0.person(&id).await.map_err(status)?;
        Ok(Response::new(wire::GetUserResponse { user: Some(self.0.user(person.account)) }))
    }

    async fn request_email_verification(
        &self,
        request: Request<wire::RequestEmailVerificationRequest>,
    ) -> Answer<wire::RequestEmailVerificationResponse> {
        let request = request.into_inner();
        let command = commands::RequestEmailVerification {
            email: request.email,
            callback_url: request.callback_url,
            origin: origin(request.client),
        };
        commands::request_email_verification(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::RequestEmailVerificationResponse {}))
    }

    async fn verify_email(
        &self,
        request: Request<wire::VerifyEmailRequest>,
    ) -> Answer<wire::VerifyEmailResponse> {
        use wire::verify_email_response::Outcome as On;
        let request = request.into_inner();
        let command = commands::VerifyEmail {
            token: request.token,
            callback_url: request.callback_url,
            session_user: request.session_user_id,
            origin: origin(request.client),
        };
        let (account, outcome) = commands::verify_email(&self.0, command).await.map_err(status)?;
        let on_wire = match outcome {
            Outcome::Verified | Outcome::AlreadyVerified => On::Verified,
            Outcome::ChangeConfirmed => On::ChangeConfirmed,
            Outcome::EmailChanged => On::EmailChanged,
        };
        Ok(Response::new(wire::VerifyEmailResponse {
            user: Some(self.0.user(account)),
            already_verified: outcome == Outcome::AlreadyVerified,
            outcome: on_wire.into(),
        }))
    }

    async fn request_password_reset(
        &self,
        request: Request<wire::RequestPasswordResetRequest>,
    ) -> Answer<wire::RequestPasswordResetResponse> {
        let request = request.into_inner();
        let command = commands::RequestPasswordReset {
            email: request.email,
            redirect_to: request.redirect_to,
            origin: origin(request.client),
        };
        commands::request_password_reset(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::RequestPasswordResetResponse {}))
    }

    async fn check_reset_token(
        &self,
        request: Request<wire::CheckResetTokenRequest>,
    ) -> Answer<wire::CheckResetTokenResponse> {
        commands::check_reset_token(&self.0, &request.into_inner().token).await.map_err(status)?;
        Ok(Response::new(wire::CheckResetTokenResponse {}))
    }

    async fn reset_password(
        &self,
        request: Request<wire::ResetPasswordRequest>,
    ) -> Answer<wire::ResetPasswordResponse> {
        let request = request.into_inner();
        let command = commands::ResetPassword {
            token: request.token,
            new_password: SecretString::from(request.new_password),
            origin: origin(request.client),
        };
        let account = commands::reset_password(&self.0, command).await.map_err(status)?;
        let device_token = self.0.device_token(String::new(), &account);
        Ok(Response::new(wire::ResetPasswordResponse { user: Some(self.0.user(account)), device_token }))
    }

    async fn verify_password(
        &self,
        request: Request<wire::VerifyPasswordRequest>,
    ) -> Answer<wire::VerifyPasswordResponse> {
        let request = request.into_inner();
        let command = commands::VerifyPassword {
            user: UserId::from(request.user_id),
            password: SecretString::from(request.password),
            device_token: request.device_token,
            origin: origin(request.client),
        };
        commands::verify_password(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::VerifyPasswordResponse {}))
    }

    async fn change_password(
        &self,
        request: Request<wire::ChangePasswordRequest>,
    ) -> Answer<wire::ChangePasswordResponse> {
        let request = request.into_inner();
        let command = commands::ChangePassword {
            current: commands::VerifyPassword {
                user: UserId::from(request.user_id),
                password: SecretString::from(request.current_password),
                device_token: request.device_token,
                origin: origin(request.client),
            },
            new_password: SecretString::from(request.new_password),
            spared_session: Some(request.spared_session_id).filter(|id| !id.is_empty()),
        };
        let account = commands::change_password(&self.0, command).await.map_err(status)?;
        let device_token = self.0.device_token(String::new(), &account);
        Ok(Response::new(wire::ChangePasswordResponse { user: Some(self.0.user(account)), device_token }))
    }

    async fn end_own_sessions(
        &self,
        request: Request<wire::EndOwnSessionsRequest>,
    ) -> Answer<wire::EndOwnSessionsResponse> {
        let request = request.into_inner();
        let command = commands::EndOwnSessions {
            user: UserId::from(request.user_id),
            spared_session: Some(request.spared_session_id).filter(|id| !id.is_empty()),
            actor: request.actor,
            origin: origin(request.client),
        };
        commands::end_own_sessions(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::EndOwnSessionsResponse {}))
    }

    async fn change_email(
        &self,
        request: Request<wire::ChangeEmailRequest>,
    ) -> Answer<wire::ChangeEmailResponse> {
        let request = request.into_inner();
        let command = commands::ChangeEmail {
            user: UserId::from(request.user_id),
            new_email: request.new_email,
            callback_url: request.callback_url,
            origin: origin(request.client),
        };
        commands::change_email(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::ChangeEmailResponse {}))
    }

    async fn update_user(
        &self,
        request: Request<wire::UpdateUserRequest>,
    ) -> Answer<wire::UpdateUserResponse> {
        let request = request.into_inner();
        let command = commands::UpdateUser {
            user: UserId::from(request.user_id),
            changes: Changes::new(request.name, request.image, request.clear_image),
            origin: origin(request.client),
        };
        let account = commands::update_user(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::UpdateUserResponse { user: Some(self.0.user(account)) }))
    }

    async fn request_deletion(
        &self,
        request: Request<wire::RequestDeletionRequest>,
    ) -> Answer<wire::RequestDeletionResponse> {
        let request = request.into_inner();
        let command = commands::RequestDeletion {
            user: UserId::from(request.user_id),
            callback_url: request.callback_url,
            origin: origin(request.client),
        };
        commands::request_deletion(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::RequestDeletionResponse {}))
    }

    async fn delete_user(
        &self,
        request: Request<wire::DeleteUserRequest>,
    ) -> Answer<wire::DeleteUserResponse> {
        use wire::delete_user_request::Proof as On;
        let request = request.into_inner();
        let proof = match request.proof {
            Some(On::Password(password)) => Proof::Password(SecretString::from(password)),
            Some(On::Token(token)) => Proof::Token(token),
            Some(On::FreshSession(true)) => Proof::FreshSession,
            Some(On::FreshSession(false)) | None => {
                return Err(status(crate::error::invalid_password()));
            }
        };
        let command = commands::DeleteUser {
            user: UserId::from(request.user_id),
            proof,
            device_token: request.device_token,
            origin: origin(request.client),
        };
        commands::delete_user(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::DeleteUserResponse {}))
    }

    async fn list_accounts(
        &self,
        request: Request<wire::ListAccountsRequest>,
    ) -> Answer<wire::ListAccountsResponse> {
        let user = UserId::from(request.into_inner().user_id);
        let pool = self.0.store.pool();
        let password = credentials::find(pool, &user).await.map_err(|error| status(error.into()))?;
        let linked = links::of_user(pool, &user).await.map_err(|error| status(error.into()))?;
        let password = password.map(|credential| wire::Account {
            id: credential.id,
            provider_id: "credential".to_owned(),
            account_id: user.to_string(),
            user_id: user.to_string(),
            created_at: Some(api::timestamp(credential.created_at)),
            updated_at: Some(api::timestamp(credential.changed_at)),
            scopes: Vec::new(),
        });
        let accounts = password.into_iter().chain(linked.into_iter().map(account)).collect();
        Ok(Response::new(wire::ListAccountsResponse { accounts }))
    }

    async fn unlink_account(
        &self,
        request: Request<wire::UnlinkAccountRequest>,
    ) -> Answer<wire::UnlinkAccountResponse> {
        let request = request.into_inner();
        let command = commands::UnlinkAccount {
            user: UserId::from(request.user_id),
            which: Which { account_id: request.account_id, provider_id: request.provider_id },
            origin: origin(request.client),
        };
        commands::unlink_account(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::UnlinkAccountResponse {}))
    }

    async fn list_epochs(
        &self,
        request: Request<wire::ListEpochsRequest>,
    ) -> Answer<wire::ListEpochsResponse> {
        let since = api::time(request.into_inner().changed_since.as_ref())
            .map_err(|_| status(kernel::Error::invalid("INVALID_ARGUMENT", "changed_since is no time")))?;
        let epochs = users::epochs_since(self.0.store.pool(), since).await;
        let epochs = epochs.map_err(|error| status(error.into()))?;
        let to_wire = |(user_id, session_epoch, spared_session_id, erased)| wire::Epoch {
            user_id,
            session_epoch,
            spared_session_id,
            erased,
        };
        Ok(Response::new(wire::ListEpochsResponse { epochs: epochs.into_iter().map(to_wire).collect() }))
    }

    async fn find_subjects(
        &self,
        request: Request<wire::FindSubjectsRequest>,
    ) -> Answer<wire::FindSubjectsResponse> {
        // What is no address has no subjects.
        let Ok(email) = EmailAddress::parse(&request.into_inner().email) else {
            return Ok(Response::new(wire::FindSubjectsResponse::default()));
        };
        let person = self.0.by_email(&email).await.map_err(|error| status(error.into()))?;
        let of_address = commands::subject_of_address(&self.0.secrets.address_key(&email));
        let of_user = person.map(|person| person.account.id.into_string());
        let subjects = of_user.into_iter().chain([of_address]).collect();
        Ok(Response::new(wire::FindSubjectsResponse { subjects }))
    }
}

pub(crate) fn account(link: links::Link) -> wire::Account {
    wire::Account {
        id: link.id,
        provider_id: link.provider_id,
        account_id: link.subject,
        user_id: link.user_id.into_string(),
        created_at: Some(api::timestamp(link.created_at)),
        updated_at: Some(api::timestamp(link.updated_at)),
        scopes: link.scopes,
    }
}
