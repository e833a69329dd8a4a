use api::session as wire;
use api::session::authorize_response::Outcome as WireOutcome;
use api::session::end_session_response::Outcome as WireEnded;
use api::session::open_id_provider_server::OpenIdProvider;
use async_trait::async_trait;
use kernel::{Error, UserId};
use secrecy::SecretString;
use tonic::{Request, Status};

use super::clients::metadata;
use super::{Answer, Grpc, origin, some, status};
use crate::commands::oauth::{self, Authorize, Call, EndSession, Ended, Outcome, Tokens, UserInfo};
use crate::domain::oauth::error::OAuthError;
use crate::domain::oauth::params::Params;
use crate::postgres::oauth::consents;

#[async_trait]
impl OpenIdProvider for Grpc {
    async fn authorize(&self, request: Request<wire::AuthorizeRequest>) -> Answer<wire::AuthorizeResponse> {
        let request = request.into_inner();
        let command = Authorize {
            params: pairs(request.parameters),
            session_token: some(request.session_token).map(SecretString::from),
            requested_at: api::time_opt(request.requested_at.as_ref()).map_err(status)?,
            decision: request.decision.map(|decision| (decision.accepted, decision.scopes)),
            origin: origin(request.client),
        };
        let outcome = match oauth::authorize(&self.0, command).await.map_err(status)? {
            Outcome::Redirect(url) => WireOutcome::RedirectTo(url),
            Outcome::FormPost { action, parameters } => {
                let parameters = parameters.into_iter();
                let parameters = parameters.map(|(name, value)| wire::Parameter { name, value }).collect();
                WireOutcome::FormPost(wire::FormPost { action, parameters })
            }
            Outcome::SignIn { create_account } => WireOutcome::SignIn(wire::SignIn { create_account }),
            Outcome::AskConsent => WireOutcome::Consent(wire::Consent {}),
            Outcome::ErrorPage(error) => WireOutcome::ErrorPage(error_page(&error)),
        };
        Ok(wire::AuthorizeResponse { outcome: Some(outcome) }.into())
    }

    async fn describe_request(
        &self,
        request: Request<wire::DescribeRequestRequest>,
    ) -> Answer<wire::DescribeRequestResponse> {
        let request = request.into_inner();
        let token = some(request.session_token).map(SecretString::from);
        let described = oauth::describe(&self.0, pairs(request.parameters), token.as_ref()).await;
        let described = described.map_err(status)?;
        let asked = |(scope, granted)| wire::AskedScope { scope, granted };
        let (user_name, user_email) = described.user.map(|user| (user.name, user.email)).unwrap_or_default();
        Ok(wire::DescribeRequestResponse {
            client_metadata_json: metadata(&described.client)?,
            client_id: described.client.id,
            scopes: described.scopes.into_iter().map(asked).collect(),
            redirect_host: described.redirect_host,
            user_name,
            user_email,
        }
        .into())
    }

    async fn push_authorization(
        &self,
        request: Request<wire::PushAuthorizationRequest>,
    ) -> Answer<wire::PushAuthorizationResponse> {
        let call = call(request.into_inner().call)?;
        let (request_uri, expires_in) = oauth::push(&self.0, &call).await.map_err(status)?;
        Ok(wire::PushAuthorizationResponse { request_uri, expires_in: seconds(expires_in) }.into())
    }

    async fn token(&self, request: Request<wire::TokenRequest>) -> Answer<wire::TokenResponse> {
        let request = request.into_inner();
        let call = call(request.call)?;
        let tokens = oauth::token(&self.0, &call, &origin(request.client)).await.map_err(status)?;
        Ok(to_wire(tokens).into())
    }

    async fn authorize_device(
        &self,
        request: Request<wire::AuthorizeDeviceRequest>,
    ) -> Answer<wire::AuthorizeDeviceResponse> {
        let call = call(request.into_inner().call)?;
        let started = oauth::start_device(&self.0, &call).await.map_err(status)?;
        Ok(wire::AuthorizeDeviceResponse {
            device_code: started.device_code,
            user_code: started.user_code,
            expires_in: seconds(started.expires_in),
            interval: seconds(started.interval.into()),
        }
        .into())
    }

    async fn find_device(
        &self,
        request: Request<wire::FindDeviceRequest>,
    ) -> Answer<wire::FindDeviceResponse> {
        let found = oauth::describe_device(&self.0, &request.get_ref().user_code).await;
        let (client, scopes, user_code) = found.map_err(status)?;
        let client_metadata_json = metadata(&client)?;
        Ok(wire::FindDeviceResponse { client_id: client.id, client_metadata_json, scopes, user_code }.into())
    }

    async fn decide_device(
        &self,
        request: Request<wire::DecideDeviceRequest>,
    ) -> Answer<wire::DecideDeviceResponse> {
        let request = request.into_inner();
        let token = SecretString::from(request.session_token);
        let decided = oauth::decide_device(&self.0, &request.user_code, &token, request.accepted).await;
        decided.map_err(status)?;
        Ok(wire::DecideDeviceResponse {}.into())
    }

    async fn authenticate_client(
        &self,
        request: Request<wire::AuthenticateClientRequest>,
    ) -> Answer<wire::AuthenticateClientResponse> {
        let call = call(request.into_inner().call)?;
        let client = oauth::authenticate(&self.0, &call).await.map_err(status)?;
        let confidential = !client.is_public();
        Ok(wire::AuthenticateClientResponse { client_id: client.id, confidential }.into())
    }

    async fn introspect(
        &self,
        request: Request<wire::IntrospectRequest>,
    ) -> Answer<wire::IntrospectResponse> {
        let request = request.into_inner();
        let found = oauth::introspect(&self.0, &request.client_id, &request.token).await.map_err(status)?;
        Ok(wire::IntrospectResponse { claims_json: found.to_string() }.into())
    }

    async fn revoke_token(
        &self,
        request: Request<wire::RevokeTokenRequest>,
    ) -> Answer<wire::RevokeTokenResponse> {
        let call = call(request.into_inner().call)?;
        oauth::revoke_token(&self.0, &call).await.map_err(status)?;
        Ok(wire::RevokeTokenResponse {}.into())
    }

    async fn user_info(&self, request: Request<wire::UserInfoRequest>) -> Answer<wire::UserInfoResponse> {
        let request = request.into_inner();
        let query = UserInfo {
            access_token: request.access_token,
            bound: request.bound,
            proofs: request.dpop_proofs,
            method: request.method,
            url: request.url,
        };
        let claims = oauth::userinfo(&self.0, &query).await.map_err(status)?;
        Ok(wire::UserInfoResponse { claims_json: claims.to_string() }.into())
    }

    async fn end_session(
        &self,
        request: Request<wire::EndSessionRequest>,
    ) -> Answer<wire::EndSessionResponse> {
        let request = request.into_inner();
        let command = EndSession {
            params: pairs(request.parameters),
            session_token: some(request.session_token).map(SecretString::from),
            confirmed: request.confirmed,
            origin: origin(request.client),
        };
        let outcome = match oauth::end_session(&self.0, command).await.map_err(status)? {
            Ended::Redirect(url) => WireEnded::RedirectTo(url.unwrap_or_default()),
            Ended::Confirm => WireEnded::Confirm(wire::Confirm {}),
            Ended::ErrorPage(error) => WireEnded::ErrorPage(error_page(&error)),
        };
        Ok(wire::EndSessionResponse { outcome: Some(outcome) }.into())
    }

    async fn list_consents(
        &self,
        request: Request<wire::ListConsentsRequest>,
    ) -> Answer<wire::ListConsentsResponse> {
        let user = UserId::from(request.into_inner().user_id);
        let found = consents::of(self.0.store.pool(), &user).await.map_err(|error| status(error.into()))?;
        let consent = |(consent, client_name): (consents::Consent, String)| wire::GivenConsent {
            id: consent.id,
            client_id: consent.client_id,
            client_name,
            scopes: consent.scopes,
            created_at: Some(api::timestamp(consent.created_at)),
            updated_at: Some(api::timestamp(consent.updated_at)),
        };
        Ok(wire::ListConsentsResponse { consents: found.into_iter().map(consent).collect() }.into())
    }

    async fn withdraw_consent(
        &self,
        request: Request<wire::WithdrawConsentRequest>,
    ) -> Answer<wire::WithdrawConsentResponse> {
        let request = request.into_inner();
        let (user, from) = (UserId::from(request.user_id), origin(request.client));
        oauth::withdraw_consent(&self.0, &user, &request.consent_id, &from).await.map_err(status)?;
        Ok(wire::WithdrawConsentResponse {}.into())
    }
}

fn pairs(parameters: Vec<wire::Parameter>) -> Vec<(String, String)> {
    parameters.into_iter().map(|parameter| (parameter.name, parameter.value)).collect()
}

fn call(call: Option<wire::ClientCall>) -> Result<Call, Status> {
    let call = call.ok_or_else(|| status(Error::internal()))?;
    let params = Params::read(pairs(call.parameters)).map_err(|error| status(error.into()))?;
    let basic = call.basic.map(|basic| (basic.id, SecretString::from(basic.secret)));
    Ok(Call { params, basic, proofs: call.dpop_proofs, method: call.method, url: call.url })
}

fn error_page(error: &OAuthError) -> wire::ErrorPage {
    wire::ErrorPage { error: error.code.wire(), description: error.description.clone().into_owned() }
}

fn seconds(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

fn to_wire(tokens: Tokens) -> wire::TokenResponse {
    wire::TokenResponse {
        access_token: tokens.access_token,
        token_type: tokens.token_type,
        expires_in: seconds((tokens.expires_at - tokens.issued_at).num_seconds()),
        expires_at: Some(api::timestamp(tokens.expires_at)),
        scope: tokens.scopes.join(" "),
        refresh_token: tokens.refresh_token.unwrap_or_default(),
        id_token: tokens.id_token.unwrap_or_default(),
    }
}
