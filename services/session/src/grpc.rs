//! Translate, call, translate.

use api::common::Client;
use api::session::sessions_server::Sessions;
use api::session::{
    CheckSessionRequest, CheckSessionResponse, CreateSessionRequest, CreateSessionResponse, GetJwksRequest,
    GetJwksResponse, GetSessionRequest, GetSessionResponse, MintAccessTokenRequest, MintAccessTokenResponse,
    RevokeSessionRequest, RevokeSessionResponse,
};
use async_trait::async_trait;
use kernel::{SessionId, UserId};
use secrecy::{ExposeSecret, SecretString};
use tonic::{Request, Response, Status};

use crate::commands::{
    CreateSession, Cx, GetSession, RevokeSession, create_session, get_session, mint_access_token,
    revoke_session,
};
use crate::domain::session::{Origin, Session};
use crate::postgres::sessions;

#[derive(Debug)]
pub(crate) struct Grpc(pub(crate) Cx);

#[async_trait]
impl Sessions for Grpc {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let request = request.into_inner();
        let command = CreateSession {
            user_id: UserId::from(request.user_id),
            origin: origin(request.client),
            remember: request.remember,
        };
        let (session, token, user) = create_session(&self.0, command).await.map_err(status)?;
        Ok(Response::new(CreateSessionResponse {
            session: Some(to_wire(session)),
            token: token.expose_secret().to_owned(),
            user: Some(user),
        }))
    }

    async fn get_session(
        &self,
        request: Request<GetSessionRequest>,
    ) -> Result<Response<GetSessionResponse>, Status> {
        let request = request.into_inner();
        let query =
            GetSession { token: SecretString::from(request.token), disable_refresh: request.disable_refresh };
        let (session, user, refreshed) = get_session(&self.0, query).await.map_err(status)?;
        Ok(Response::new(GetSessionResponse { session: Some(to_wire(session)), user: Some(user), refreshed }))
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        let request = request.into_inner();
        let command =
            RevokeSession { token: SecretString::from(request.token), origin: origin(request.client) };
        revoke_session(&self.0, command).await.map_err(status)?;
        Ok(Response::new(RevokeSessionResponse {}))
    }

    async fn check_session(
        &self,
        request: Request<CheckSessionRequest>,
    ) -> Result<Response<CheckSessionResponse>, Status> {
        let id = SessionId::from(request.into_inner().session_id);
        let found = sessions::find(self.0.store.pool(), &id).await.map_err(|error| status(error.into()))?;
        let live = found.is_some_and(|session| session.is_live(self.0.clock.now()));
        Ok(Response::new(CheckSessionResponse { live }))
    }

    async fn mint_access_token(
        &self,
        request: Request<MintAccessTokenRequest>,
    ) -> Result<Response<MintAccessTokenResponse>, Status> {
        let token = SecretString::from(request.into_inner().session_token);
        let minted = mint_access_token(&self.0, &token).await.map_err(status)?;
        Ok(Response::new(MintAccessTokenResponse {
            access_token: minted.token,
            expires_at: Some(api::timestamp(minted.expires_at)),
        }))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        let ring = self.0.keys.ring().await.map_err(|error| status(error.into()))?;
        Ok(Response::new(GetJwksResponse { jwks_json: ring.jwks().to_owned() }))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn status(error: kernel::Error) -> Status {
    api::to_status(&error)
}

fn origin(client: Option<Client>) -> Origin {
    client.map(|client| Origin::new(&client.ip, &client.user_agent)).unwrap_or_default()
}

fn to_wire(session: Session) -> api::session::Session {
    api::session::Session {
        id: session.id.into_string(),
        user_id: session.user_id.into_string(),
        expires_at: Some(api::timestamp(session.expires_at)),
        created_at: Some(api::timestamp(session.created_at)),
        updated_at: Some(api::timestamp(session.updated_at)),
        ip_address: session.origin.ip,
        user_agent: session.origin.user_agent,
        remember: session.remember,
    }
}
