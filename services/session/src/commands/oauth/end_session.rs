use kernel::Error;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::person;
use crate::commands::{Actor, Cx, revoke_session};
use crate::domain::oauth::client::Client;
use crate::domain::oauth::error::{Code, OAuthError};
use crate::domain::oauth::params::Params;
use crate::domain::session::{Origin, SIGN_OUT};
use crate::keys::JWT;
use crate::postgres::oauth::clients;

#[derive(Debug)]
pub(crate) struct EndSession {
    pub(crate) params: Vec<(String, String)>,
    pub(crate) session_token: Option<SecretString>,
    /// The person said so on our page.
    pub(crate) confirmed: bool,
    pub(crate) origin: Origin,
}

pub(crate) enum Ended {
    /// To the client's address, or to a page of ours.
    Redirect(Option<String>),
    Confirm,
    ErrorPage(OAuthError),
}

/// OpenID Connect RP-Initiated Logout 1.0. Nobody is signed out by a link alone: either the ID token
/// of this very session says that its holder asks, or the person says so.
///
/// # Errors
/// Unavailable when the session cannot be looked at.
pub(crate) async fn end_session(cx: &Cx, command: EndSession) -> Result<Ended, Error> {
    let params = match Params::read(command.params) {
        Ok(params) => params,
        Err(error) => return Ok(Ended::ErrorPage(error)),
    };
    let hint = match hint(cx, &params).await? {
        Ok(hint) => hint,
        Err(error) => return Ok(Ended::ErrorPage(error)),
    };
    let client = match client(cx, &params, hint.as_ref()).await? {
        Ok(client) => client,
        Err(error) => return Ok(Ended::ErrorPage(error)),
    };
    let target = match target(&params, client.as_ref()) {
        Ok(target) => target,
        Err(error) => return Ok(Ended::ErrorPage(error)),
    };
    let Some((session, _)) = person(cx, command.session_token.as_ref()).await? else {
        return Ok(Ended::Redirect(target));
    };
    let text = |name: &str| hint.as_ref().and_then(|claims| claims.get(name)).and_then(Value::as_str);
    let of_this_session =
        text("sid") == Some(session.id.as_str()) && text("sub") == Some(session.user_id.as_str());
    if !of_this_session && !command.confirmed {
        return Ok(Ended::Confirm);
    }
    let actor = Actor::at(cx, session.person(), &command.origin).await?;
    revoke_session::revoke(cx, &session.id, SIGN_OUT, &actor).await?;
    Ok(Ended::Redirect(target))
}

/// The claims of the ID token that was given, however old it is.
async fn hint(cx: &Cx, params: &Params) -> Result<Result<Option<Map<String, Value>>, OAuthError>, Error> {
    let Some(hint) = params.get("id_token_hint") else { return Ok(Ok(None)) };
    let ring = cx.keys.published().await?;
    let claims = ring.open_token(hint, JWT);
    let ours = claims.filter(|claims| claims.get("iss").and_then(Value::as_str) == Some(cx.issuer.issuer()));
    let wrong = || OAuthError::new(Code::InvalidIdTokenHint, "The id_token_hint is no ID token of ours");
    Ok(ours.map(Some).ok_or_else(wrong))
}

/// Who asks: by the audience of the hint, by its name, or both alike.
async fn client(
    cx: &Cx,
    params: &Params,
    hint: Option<&Map<String, Value>>,
) -> Result<Result<Option<Client>, OAuthError>, Error> {
    let audience = hint.and_then(|claims| claims.get("aud")).and_then(Value::as_str);
    let named = params.get("client_id");
    if let (Some(audience), Some(named)) = (audience, named)
        && audience != named
    {
        return Ok(Err(OAuthError::new(Code::InvalidIdTokenHint, "The id_token_hint is for another client")));
    }
    let Some(id) = audience.or(named) else { return Ok(Ok(None)) };
    let found = clients::find(cx.store.pool(), id).await?;
    Ok(match (found, named) {
        (None, Some(_)) => Err(OAuthError::new(Code::InvalidClient, "The client is unknown")),
        (found, _) => Ok(found),
    })
}

fn target(params: &Params, client: Option<&Client>) -> Result<Option<String>, OAuthError> {
    let Some(uri) = params.get("post_logout_redirect_uri") else { return Ok(None) };
    let registered = client.is_some_and(|client| client.registered_after_logout(uri));
    let wrong =
        || OAuthError::new(Code::InvalidRedirectUri, "The post_logout_redirect_uri is not registered");
    let mut url = Url::parse(uri).ok().filter(|_| registered).ok_or_else(wrong)?;
    if let Some(state) = params.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(Some(url.into()))
}
