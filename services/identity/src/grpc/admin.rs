use api::common::Role as WireRole;
use api::identity as wire;
use api::identity::identity_admin_server::IdentityAdmin;
use async_trait::async_trait;
use kernel::{Error, Role, UserId};
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use super::{origin, status};
use crate::commands::admin::{self, Actor};
use crate::commands::{Changes, Cx};
use crate::domain::account::Account;

type Answer<T> = Result<Response<T>, Status>;

#[derive(Debug)]
pub(crate) struct AdminGrpc(pub(crate) Cx);

impl AdminGrpc {
    fn answer(&self, outcome: Result<Account, Error>) -> Answer<wire::AdminUserResponse> {
        let user = self.0.user(outcome.map_err(status)?);
        Ok(Response::new(wire::AdminUserResponse { user: Some(user) }))
    }
}

#[async_trait]
impl IdentityAdmin for AdminGrpc {
    async fn list_users(&self, request: Request<wire::ListUsersRequest>) -> Answer<wire::ListUsersResponse> {
        let request = request.into_inner();
        let query = admin::ListUsers {
            search_value: request.search_value,
            search_field: request.search_field,
            search_operator: request.search_operator,
            limit: request.limit,
            offset: request.offset,
            sort_by: request.sort_by,
            descending: request.descending,
            filter_field: request.filter_field,
            filter_operator: request.filter_operator,
            filter_values: request.filter_values,
        };
        let found = admin::list_users(&self.0, &actor(request.actor), query).await;
        let (accounts, total) = found.map_err(status)?;
        let users = accounts.into_iter().map(|account| self.0.user(account)).collect();
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        Ok(Response::new(wire::ListUsersResponse { users, total }))
    }

    async fn create_user(
        &self,
        request: Request<wire::CreateUserRequest>,
    ) -> Answer<wire::AdminUserResponse> {
        let request = request.into_inner();
        let role = role(request.role()).unwrap_or(Role::Student);
        let command = admin::CreateUser {
            email: request.email,
            name: request.name,
            password: request.password.map(SecretString::from),
            role,
            image: request.image,
            email_verified: request.email_verified,
        };
        self.answer(admin::create_user(&self.0, &actor(request.actor), command).await)
    }

    async fn edit_user(&self, request: Request<wire::EditUserRequest>) -> Answer<wire::AdminUserResponse> {
        let request = request.into_inner();
        let command = admin::EditUser {
            role: role(request.role()),
            user: UserId::from(request.user_id),
            changes: Changes::new(request.name, request.image, request.clear_image),
            email: request.email,
            email_verified: request.email_verified,
        };
        self.answer(admin::edit_user(&self.0, &actor(request.actor), command).await)
    }

    async fn set_role(&self, request: Request<wire::SetRoleRequest>) -> Answer<wire::AdminUserResponse> {
        let request = request.into_inner();
        let role = role(request.role()).ok_or_else(|| status(crate::error::invalid_query("role")))?;
        let user = UserId::from(request.user_id);
        self.answer(admin::set_role(&self.0, &actor(request.actor), &user, role).await)
    }

    async fn ban_user(&self, request: Request<wire::BanUserRequest>) -> Answer<wire::AdminUserResponse> {
        let request = request.into_inner();
        let expires = api::time_opt(request.expires_at.as_ref())
            .map_err(|_| status(crate::error::invalid_query("expires_at")))?;
        let ban = admin::Ban { reason: request.reason, expires };
        let user = UserId::from(request.user_id);
        self.answer(admin::ban_user(&self.0, &actor(request.actor), &user, ban).await)
    }

    async fn unban_user(&self, request: Request<wire::UnbanUserRequest>) -> Answer<wire::AdminUserResponse> {
        let request = request.into_inner();
        let user = UserId::from(request.user_id);
        self.answer(admin::unban_user(&self.0, &actor(request.actor), &user).await)
    }

    async fn set_user_password(
        &self,
        request: Request<wire::SetUserPasswordRequest>,
    ) -> Answer<wire::AdminUserResponse> {
        let request = request.into_inner();
        let (user, password) = (UserId::from(request.user_id), SecretString::from(request.new_password));
        self.answer(admin::set_user_password(&self.0, &actor(request.actor), &user, password).await)
    }

    async fn remove_user(
        &self,
        request: Request<wire::RemoveUserRequest>,
    ) -> Answer<wire::RemoveUserResponse> {
        let request = request.into_inner();
        let user = UserId::from(request.user_id);
        admin::remove_user(&self.0, &actor(request.actor), &user).await.map_err(status)?;
        Ok(Response::new(wire::RemoveUserResponse {}))
    }

    async fn end_sessions(
        &self,
        request: Request<wire::EndSessionsRequest>,
    ) -> Answer<wire::AdminUserResponse> {
        let request = request.into_inner();
        let user = UserId::from(request.user_id);
        self.answer(admin::end_sessions(&self.0, &actor(request.actor), &user).await)
    }
}

fn actor(actor: Option<wire::Actor>) -> Actor {
    let actor = actor.unwrap_or_default();
    Actor { user: UserId::from(actor.user_id), origin: origin(actor.client) }
}

/// None where the message leaves it open.
fn role(role: WireRole) -> Option<Role> {
    (role != WireRole::Unspecified).then(|| role.to_kernel())
}
