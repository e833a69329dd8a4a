use api::identity::{
    GetAccessTokenRequest, GetAccessTokenResponse, GetAccountInfoRequest, ListAccountsRequest,
    UnlinkAccountRequest,
};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use kernel::Error;
use serde_json::{Map, Value, json};

use super::current::{Current, Level};
use super::error::AuthError;
use super::input::{Fields, Query};
use super::output::{self, filled};
use super::social::patient;
use crate::caller::RequestClient;
use crate::state::App;

/// `GET /list-accounts`: the ways to sign in.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>, AuthError> {
    let current = Current::require(&app, &headers, Level::Live).await?;
    let request = ListAccountsRequest { user_id: current.user.id };
    let accounts = app.identity().list_accounts(request).await?.into_inner().accounts;
    Ok(Json(accounts.iter().map(output::account).collect()))
}

/// `POST /unlink-account`.
pub async fn unlink(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let selection = Selection::read(&mut fields);
    fields.check()?;
    let current = Current::require(&app, &headers, Level::FreshOwn).await?;
    let Selection { account_id, provider_id } = selection;
    let request =
        UnlinkAccountRequest { user_id: current.user.id, account_id, provider_id, client: Some(client) };
    app.identity().unlink_account(request).await?;
    Ok(Json(json!({ "status": true })))
}

/// `POST /get-access-token`: the provider's, renewed when it is about to expire.
pub async fn access_token(
    State(app): State<App>,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let selection = Selection::read_strict(&mut fields)?;
    let tokens = selection.tokens(&app, &headers, false).await?;
    Ok(Json(without_null(json!({
        "accessToken": tokens.access_token,
        "accessTokenExpiresAt": api::millis_opt(tokens.access_token_expires_at.as_ref()),
        "scopes": tokens.scopes,
        "idToken": filled(&tokens.id_token),
    }))))
}

/// `POST /refresh-token`: renewed in any case.
pub async fn refresh_token(
    State(app): State<App>,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let selection = Selection::read_strict(&mut fields)?;
    let tokens = selection.tokens(&app, &headers, true).await?;
    let account = tokens.account.ok_or_else(Error::internal)?;
    // Clients up to 1.6 know accounts by the provider's id.
    let account_id = if selection.provider_id.is_empty() { account.id } else { account.account_id };
    Ok(Json(without_null(json!({
        "accessToken": tokens.access_token,
        "refreshToken": filled(&tokens.refresh_token),
        "accessTokenExpiresAt": api::millis_opt(tokens.access_token_expires_at.as_ref()),
        "refreshTokenExpiresAt": api::millis_opt(tokens.refresh_token_expires_at.as_ref()),
        "scope": tokens.scopes.join(","),
        "idToken": filled(&tokens.id_token),
        "providerId": account.provider_id,
        "accountId": account_id,
    }))))
}

/// `GET /account-info`: what the provider says of the user now.
pub async fn info(
    State(app): State<App>,
    headers: HeaderMap,
    Query(mut query): Query,
) -> Result<Json<Value>, AuthError> {
    let selection = Selection::read_strict(&mut query)?;
    let user_id = selection.user(&app, &headers).await?;
    let Selection { account_id, provider_id } = selection.by_row(&app, &user_id).await?;
    let request = GetAccountInfoRequest { user_id, account_id, provider_id };
    let info = app.social().get_account_info(patient(request)).await?.into_inner();
    let account = info.account.ok_or_else(Error::internal)?;
    let data: Value = serde_json::from_str(&info.data_json).unwrap_or_else(|_| json!({}));
    Ok(Json(json!({
        "user": without_null(json!({
            "id": info.subject,
            "name": filled(&info.name),
            "email": filled(&info.email),
            "image": filled(&info.image),
            "emailVerified": info.email_verified,
        })),
        "data": data,
        "account": {
            "id": account.id,
            "providerId": account.provider_id,
            "accountId": account.account_id,
        },
    })))
}

/// Which account is meant: by its row's id; or, up to 1.6, by provider, with or without the
/// provider's id.
#[derive(Debug)]
struct Selection {
    account_id: String,
    provider_id: String,
}

impl Selection {
    fn read(fields: &mut Fields) -> Self {
        let provider_id = fields.filled("providerId").unwrap_or_default();
        let account_id = if provider_id.is_empty() {
            fields.string("accountId")
        } else {
            fields.optional_string("accountId").unwrap_or_default()
        };
        Self { account_id, provider_id }
    }

    /// `userId` is for trusted servers: over HTTP the session says who asks, whatever it names.
    fn read_strict(fields: &mut Fields) -> Result<Self, AuthError> {
        fields.only(&["accountId", "providerId", "userId", "useAccountCookie"]);
        fields.optional_string("userId");
        let by_cookie = fields.raw("useAccountCookie").is_some() && fields.raw("accountId").is_none();
        let selection = if by_cookie {
            // Nothing of an account is kept in cookies.
            fields.optional_bool("useAccountCookie", true);
            Self { account_id: String::new(), provider_id: String::new() }
        } else {
            Self::read(fields)
        };
        fields.check()?;
        Ok(selection)
    }

    /// `account-info` up to 1.6 named the provider's id alone. Two providers may know different
    /// people by the same one, so it counts only where it is the only one.
    async fn by_row(self, app: &App, user_id: &str) -> Result<Self, AuthError> {
        let request = ListAccountsRequest { user_id: user_id.to_owned() };
        let mut accounts = app.identity().list_accounts(request).await?.into_inner().accounts;
        if !self.provider_id.is_empty() || accounts.iter().any(|account| account.id == self.account_id) {
            return Ok(self);
        }
        accounts.retain(|account| account.account_id == self.account_id);
        match accounts.as_slice() {
            [account] => Ok(Self { account_id: account.id.clone(), ..self }),
            _ => Err(not_found()),
        }
    }

    /// The user of the session, a missing one without a body.
    async fn user(&self, app: &App, headers: &HeaderMap) -> Result<String, AuthError> {
        let current = Current::require(app, headers, Level::Own)
            .await
            .map_err(AuthError::without_body_if_unauthorized)?;
        let named = !(self.account_id.is_empty() && self.provider_id.is_empty());
        if named { Ok(current.user.id) } else { Err(not_found()) }
    }

    async fn tokens(
        &self,
        app: &App,
        headers: &HeaderMap,
        refresh: bool,
    ) -> Result<GetAccessTokenResponse, AuthError> {
        let user_id = self.user(app, headers).await?;
        let (account_id, provider_id) = (self.account_id.clone(), self.provider_id.clone());
        let request = GetAccessTokenRequest { user_id, account_id, provider_id, refresh };
        Ok(app.social().get_access_token(patient(request)).await?.into_inner())
    }
}

fn not_found() -> AuthError {
    AuthError::bad_request("ACCOUNT_NOT_FOUND", "Account not found")
}

/// Absent members are left out.
fn without_null(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
        }
        other => other,
    }
}
