use api::identity as wire;
use api::identity::social_server::Social;
use async_trait::async_trait;
use kernel::UserId;
use tonic::{Request, Response, Status};

use super::{account, origin, status};
use crate::commands::Which;
use crate::commands::social::{
    Answer as Brought, Begin, SocialCx, Wanted, WithIdToken, account_info, begin, complete, provider_tokens,
    sign_in_with_id_token,
};

type Answer<T> = Result<Response<T>, Status>;

#[derive(Debug)]
pub(crate) struct SocialGrpc(pub(crate) SocialCx);

#[async_trait]
impl Social for SocialGrpc {
    async fn list_providers(
        &self,
        _: Request<wire::ListProvidersRequest>,
    ) -> Answer<wire::ListProvidersResponse> {
        let providers = self.0.providers.all().iter();
        let providers = providers
            .map(|provider| wire::Provider { id: provider.id.clone(), name: provider.name.clone() })
            .collect();
        Ok(Response::new(wire::ListProvidersResponse { providers }))
    }

    async fn begin(&self, request: Request<wire::BeginRequest>) -> Answer<wire::BeginResponse> {
        let request = request.into_inner();
        let command = Begin {
            provider_id: request.provider_id,
            callback_url: request.callback_url,
            error_url: request.error_callback_url,
            new_user_url: request.new_user_callback_url,
            scopes: request.scopes,
            login_hint: request.login_hint,
            link_user_id: request.link_user_id,
            link_session_id: request.link_session_id,
            further: request.additional_params.into_iter().collect(),
        };
        let (url, state) = begin(&self.0, command).await.map_err(status)?;
        Ok(Response::new(wire::BeginResponse { url, state }))
    }

    async fn complete(&self, request: Request<wire::CompleteRequest>) -> Answer<wire::CompleteResponse> {
        let request = request.into_inner();
        let answer = Brought {
            provider_id: request.provider_id,
            state: request.state,
            browser_state: request.browser_state,
            code: request.code,
            error: request.error,
            error_description: request.error_description,
            iss: request.iss,
            session_id: request.session_id,
            origin: origin(request.client),
        };
        let completed = complete(&self.0, answer).await.map_err(status)?;
        let account = completed.account;
        let device = account.as_ref().map(|account| self.0.cx.device_token(request.device_token, account));
        Ok(Response::new(wire::CompleteResponse {
            redirect_to: completed.redirect_to,
            error: completed.error,
            error_description: completed.error_description,
            user: account.map(|account| self.0.cx.user(account)),
            linked: completed.linked,
            error_url: completed.error_url,
            device_token: device.unwrap_or_default(),
        }))
    }

    async fn sign_in_with_id_token(
        &self,
        request: Request<wire::SignInWithIdTokenRequest>,
    ) -> Answer<wire::SocialUserResponse> {
        let request = request.into_inner();
        let command = WithIdToken {
            provider_id: request.provider_id,
            id_token: request.id_token,
            nonce: request.nonce,
            access_token: request.access_token,
            refresh_token: request.refresh_token,
            link_user_id: request.link_user_id,
            origin: origin(request.client),
        };
        let (account, new_user) = sign_in_with_id_token(&self.0, command).await.map_err(status)?;
        let device_token = self.0.cx.device_token(request.device_token, &account);
        let user = Some(self.0.cx.user(account));
        Ok(Response::new(wire::SocialUserResponse { user, new_user, device_token }))
    }

    async fn get_access_token(
        &self,
        request: Request<wire::GetAccessTokenRequest>,
    ) -> Answer<wire::GetAccessTokenResponse> {
        let request = request.into_inner();
        let wanted = Wanted {
            user: UserId::from(request.user_id),
            which: Which { account_id: request.account_id, provider_id: request.provider_id },
            refresh: request.refresh,
        };
        let (link, tokens) = provider_tokens(&self.0, wanted).await.map_err(status)?;
        Ok(Response::new(wire::GetAccessTokenResponse {
            access_token: tokens.access,
            refresh_token: tokens.refresh.unwrap_or_default(),
            access_token_expires_at: tokens.access_expires_at.map(api::timestamp),
            refresh_token_expires_at: link.refresh_expires_at.map(api::timestamp),
            scopes: link.scopes.clone(),
            id_token: tokens.id.unwrap_or_default(),
            account: Some(account(link)),
        }))
    }

    async fn get_account_info(
        &self,
        request: Request<wire::GetAccountInfoRequest>,
    ) -> Answer<wire::GetAccountInfoResponse> {
        let request = request.into_inner();
        let wanted = Wanted {
            user: UserId::from(request.user_id),
            which: Which { account_id: request.account_id, provider_id: request.provider_id },
            refresh: false,
        };
        let (link, profile) = account_info(&self.0, wanted).await.map_err(status)?;
        Ok(Response::new(wire::GetAccountInfoResponse {
            account: Some(account(link)),
            subject: profile.subject,
            name: profile.name,
            email: profile.email.unwrap_or_default(),
            email_verified: profile.email_verified,
            image: profile.image.unwrap_or_default(),
            data_json: profile.raw.to_string(),
        }))
    }
}
