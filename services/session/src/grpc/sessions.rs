use api::session as wire;
use api::session::revocation::Of;
use api::session::sessions_server::Sessions;
use async_trait::async_trait;
use kernel::{SessionId, UserId};
use secrecy::{ExposeSecret, SecretString};
use tonic::{Request, Response};

use super::{Answer, Grpc, origin, some, status};
use crate::commands::{
    CreateSession, GetSession, RevokeAnySession, RevokeSession, RevokeSessions, check_session,
    create_session, get_session, list_sessions, mint_access_token, revoke_any_session, revoke_session,
    revoke_sessions,
};
use crate::domain::session::{Origin, Session};
use crate::postgres::oauth::grants;
use crate::postgres::sessions;

#[async_trait]
impl Sessions for Grpc {
    async fn create_session(
        &self,
        request: Request<wire::CreateSessionRequest>,
    ) -> Answer<wire::CreateSessionResponse> {
        let request = request.into_inner();
        let origin = origin(request.client);
        let command = CreateSession {
            user_id: UserId::from(request.user_id),
            origin: origin.clone(),
            remember: request.remember,
            impersonator_session: some(request.impersonator_session_id).map(SessionId::from),
            epoch: request.epoch,
        };
        let created = create_session(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::CreateSessionResponse {
            session: Some(to_wire(created.session, origin)),
            token: created.token.expose_secret().to_owned(),
            user: Some(created.user),
        }))
    }

    async fn get_session(
        &self,
        request: Request<wire::GetSessionRequest>,
    ) -> Answer<wire::GetSessionResponse> {
        let request = request.into_inner();
        let query =
            GetSession { token: SecretString::from(request.token), disable_refresh: request.disable_refresh };
        let found = get_session(&self.0, query).await.map_err(status)?;
        Ok(Response::new(wire::GetSessionResponse {
            session: Some(to_wire(found.session, found.origin)),
            user: Some(found.user),
            refreshed: found.refreshed,
        }))
    }

    async fn list_sessions(
        &self,
        request: Request<wire::ListSessionsRequest>,
    ) -> Answer<wire::ListSessionsResponse> {
        let user_id = UserId::from(request.into_inner().user_id);
        let live = list_sessions(&self.0, &user_id).await.map_err(status)?;
        let sessions = live.into_iter().map(|(session, origin)| to_wire(session, origin)).collect();
        Ok(Response::new(wire::ListSessionsResponse { sessions }))
    }

    async fn revoke_session(
        &self,
        request: Request<wire::RevokeSessionRequest>,
    ) -> Answer<wire::RevokeSessionResponse> {
        let request = request.into_inner();
        let command = RevokeSession {
            token: SecretString::from(request.token),
            reason: request.reason,
            origin: origin(request.client),
        };
        revoke_session(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::RevokeSessionResponse {}))
    }

    async fn revoke_sessions(
        &self,
        request: Request<wire::RevokeSessionsRequest>,
    ) -> Answer<wire::RevokeSessionsResponse> {
        let request = request.into_inner();
        let command = RevokeSessions {
            user_id: UserId::from(request.user_id),
            session: some(request.session).map(SecretString::from),
            except: SessionId::from(request.except_session_id),
            reason: request.reason,
            actor: some(request.actor).map(UserId::from),
            origin: origin(request.client),
        };
        let revoked = revoke_sessions(&self.0, command).await.map_err(status)?;
        let session_ids = revoked.into_iter().map(SessionId::into_string).collect();
        Ok(Response::new(wire::RevokeSessionsResponse { session_ids }))
    }

    async fn revoke_any_session(
        &self,
        request: Request<wire::RevokeAnySessionRequest>,
    ) -> Answer<wire::RevokeAnySessionResponse> {
        let request = request.into_inner();
        let command = RevokeAnySession {
            session: SecretString::from(request.session),
            admin_id: UserId::from(request.actor),
            origin: origin(request.client),
        };
        revoke_any_session(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::RevokeAnySessionResponse {}))
    }

    async fn check_session(
        &self,
        request: Request<wire::CheckSessionRequest>,
    ) -> Answer<wire::CheckSessionResponse> {
        let id = SessionId::from(request.into_inner().session_id);
        let live = check_session(&self.0, &id).await.map_err(status)?;
        Ok(Response::new(wire::CheckSessionResponse { live }))
    }

    async fn mint_access_token(
        &self,
        request: Request<wire::MintAccessTokenRequest>,
    ) -> Answer<wire::MintAccessTokenResponse> {
        let token = SecretString::from(request.into_inner().session_token);
        let minted = mint_access_token(&self.0, &token).await.map_err(status)?;
        Ok(Response::new(wire::MintAccessTokenResponse {
            access_token: minted.token,
            expires_at: Some(api::timestamp(minted.expires_at)),
        }))
    }

    async fn get_jwks(&self, _: Request<wire::GetJwksRequest>) -> Answer<wire::GetJwksResponse> {
        let ring = self.0.keys.published().await.map_err(|error| status(error.into()))?;
        Ok(Response::new(wire::GetJwksResponse { jwks_json: ring.jwks(self.0.clock.now()) }))
    }

    async fn list_revocations(
        &self,
        request: Request<wire::ListRevocationsRequest>,
    ) -> Answer<wire::ListRevocationsResponse> {
        let since = api::time_opt(request.get_ref().since.as_ref()).map_err(status)?.unwrap_or_default();
        let found = sessions::revoked_since(self.0.store.pool(), since, self.0.clock.now()).await;
        let revocation = |(id, at): (SessionId, _)| wire::Revocation {
            of: Some(Of::SessionId(id.into_string())),
            revoked_at: Some(api::timestamp(at)),
        };
        let mut revocations: Vec<_> =
            found.map_err(|error| status(error.into()))?.into_iter().map(revocation).collect();
        let grants = grants::revoked_since(self.0.store.pool(), since).await;
        let grants = grants.map_err(|error| status(error.into()))?.into_iter();
        revocations.extend(grants.map(|(id, at)| wire::Revocation {
            of: Some(Of::GrantId(id)),
            revoked_at: Some(api::timestamp(at)),
        }));
        Ok(Response::new(wire::ListRevocationsResponse { revocations }))
    }
}

fn to_wire(session: Session, origin: Origin) -> wire::Session {
    wire::Session {
        id: session.id.into_string(),
        user_id: session.user_id.into_string(),
        expires_at: Some(api::timestamp(session.expires_at)),
        created_at: Some(api::timestamp(session.created_at)),
        updated_at: Some(api::timestamp(session.updated_at)),
        ip_address: origin.ip,
        user_agent: origin.user_agent,
        remember: session.remember,
        impersonated_by: session.impersonation.map(|by| by.admin_id.into_string()).unwrap_or_default(),
        epoch: session.epoch,
    }
}
