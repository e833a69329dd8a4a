use kernel::Error;

use super::issue::Tokens;
use super::{Call, authenticate, code, credentials, device, refresh, refused};
use crate::commands::Cx;
use crate::domain::oauth::client::GrantType;
use crate::domain::oauth::error::Code;
use crate::domain::session::Origin;

/// The token endpoint (RFC 6749, section 3.2).
///
/// # Errors
/// The protocol's, by reason.
pub(crate) async fn token(cx: &Cx, call: &Call, origin: &Origin) -> Result<Tokens, Error> {
    let grant = match call.params.require("grant_type")? {
        "authorization_code" => GrantType::AuthorizationCode,
        "refresh_token" => GrantType::RefreshToken,
        "client_credentials" => GrantType::ClientCredentials,
        "urn:ietf:params:oauth:grant-type:device_code" => GrantType::DeviceCode,
        _ => return Err(refused(Code::UnsupportedGrantType, "The grant_type is unknown")),
    };
    let client = authenticate(cx, call).await?;
    if !client.may(grant) {
        return Err(refused(Code::UnauthorizedClient, "The client may not use this grant_type"));
    }
    match grant {
        GrantType::AuthorizationCode => code::redeem_code(cx, &client, call, origin).await,
        GrantType::RefreshToken => refresh::refresh(cx, &client, call).await,
        GrantType::ClientCredentials => credentials::for_itself(cx, &client, call).await,
        GrantType::DeviceCode => device::redeem_device(cx, &client, call, origin).await,
    }
}
