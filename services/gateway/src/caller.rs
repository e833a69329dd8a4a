use api::common;
use api::session::CheckSessionRequest;
use auth::{BoundError, Claims, TokenError};
use axum::extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use kernel::{Error, ErrorCode};

use crate::error::{Problem, from_peer};
use crate::live_sessions::Touch;
use crate::state::App;

const MAX_USER_AGENT: usize = 512;

/// A signed-in caller: by access token (`Authorization: Bearer`), else by session cookie. Nothing
/// a client claims about itself in other headers is believed.
#[derive(Debug)]
pub struct SignedIn(pub common::Caller);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        identify(app, Call::of(parts)).await?.map(Self).ok_or_else(|| Problem::from(unauthenticated()))
    }
}

impl OptionalFromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        Ok(identify(app, Call::of(parts)).await?.map(Self))
    }
}

/// What of a request says who asks, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub headers: &'a HeaderMap,
    pub method: &'a Method,
    /// Whole path, as the client has called it.
    pub path: &'a str,
}

impl<'a> Call<'a> {
    fn of(parts: &'a Parts) -> Self {
        let whole = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        Self { headers: &parts.headers, method: &parts.method, path: whole.path() }
    }

    /// What an application must have been given for this; none where no application has a place.
    fn scope(&self) -> Option<&'static str> {
        match self.path {
            "/api/v1/chatkit" | "/api/v1/me/quota" => Some("tutor:chat"),
            path if path.starts_with("/api/v1/courses") => {
                Some(if *self.method == Method::GET { "courses:read" } else { "courses:write" })
            }
            _ => None,
        }
    }
}

/// Who is asking; `None` without any proof. A proof that is given and bad is an error, never an
/// anonymous caller.
pub async fn identify(app: &App, call: Call<'_>) -> Result<Option<common::Caller>, Error> {
    let headers = call.headers;
    if let Some((scheme, token)) = credentials(headers) {
        let claims = match scheme {
            Scheme::Bearer => app.verifier.verify(token).await,
            Scheme::Dpop => by_proof(app, call, token).await,
        };
        return by_claims(app, call, claims).await.map(Some);
    }
    let Some(token) = app.cookies.session_token(headers) else { return Ok(None) };
    let found = app.live_session(&token, Touch::Look).await?;
    Ok(found.map(|found| common::Caller {
        user_id: found.live.user.id.clone(),
        role: found.live.user.role,
        email_verified: found.live.user.email_verified,
    }))
}

/// A token that is bound to a key, with the proof of it (RFC 9449, section 7.1).
async fn by_proof(app: &App, call: Call<'_>, token: &str) -> Result<Claims, TokenError> {
    let mut proofs = call.headers.get_all("dpop").iter();
    let (Some(proof), None) = (proofs.next(), proofs.next()) else { return Err(TokenError::Invalid) };
    let proof = proof.to_str().map_err(|_| TokenError::Invalid)?;
    let url = format!("{}{}", app.public_origin, call.path);
    let verified = app.verifier.verify_bound(token, proof, call.method.as_str(), &url).await;
    verified.map_err(|error| match error {
        BoundError::Token(error) => error,
        BoundError::Proof(_) => TokenError::Invalid,
    })
}

async fn by_claims(
    app: &App,
    call: Call<'_>,
    verified: Result<Claims, TokenError>,
) -> Result<common::Caller, Error> {
    let claims = verified.map_err(|error| match error {
        TokenError::Invalid => {
            Error::new(ErrorCode::Unauthenticated, "INVALID_TOKEN", "The access token is not valid.")
        }
        TokenError::Expired => {
            Error::new(ErrorCode::Unauthenticated, "TOKEN_EXPIRED", "The access token has expired.")
        }
        TokenError::Unavailable => Error::unavailable("Access tokens cannot be checked right now."),
    })?;
    if is_revoked(app, &claims).await? {
        return Err(Error::new(ErrorCode::Unauthenticated, "SESSION_REVOKED", "The session has ended."));
    }
    if !claims.is_first_party() && !call.scope().is_some_and(|scope| claims.has_scope(scope)) {
        let error = Error::denied("INSUFFICIENT_SCOPE", "The application was not given access to this.");
        return Err(error.with("scope", call.scope().unwrap_or_default()));
    }
    // An application that acts for itself is nobody here.
    if !claims.is_user() {
        return Err(Error::denied("INSUFFICIENT_SCOPE", "The token is not of a person."));
    }
    Ok(common::Caller {
        user_id: claims.sub,
        role: common::Role::from(claims.role).into(),
        email_verified: claims.email_verified,
    })
}

/// Known here while the feed is fresh, so that access tokens go on working while the session service
/// is away; else it must be asked, and without its answer there is none.
async fn is_revoked(app: &App, claims: &Claims) -> Result<bool, Error> {
    let Claims { sid, sub, .. } = claims;
    if app.revocation.has_ended(claims) {
        return Ok(true);
    }
    // One in which an administrator acts ends with the administrator's own.
    if claims.act.is_none() && app.revocation.may_tell(sid, sub) {
        return Ok(false);
    }
    let request = CheckSessionRequest { session_id: sid.clone() };
    let answer = app.sessions().check_session(request).await.map_err(|status| from_peer(&status))?;
    Ok(!answer.into_inner().live)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The credentials of `Authorization`; the scheme's case does not matter (RFC 9110, 11.1).
fn credentials(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Scheme::Bearer,
        "dpop" => Scheme::Dpop,
        _ => return None,
    };
    Some((scheme, credentials.trim()))
}

/// Those of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers).filter(|(scheme, _)| *scheme == Scheme::Bearer).map(|(_, token)| token)
}

pub fn unauthenticated() -> Error {
    Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Please sign in.")
}

/// The client's address and user agent, for the auth-event log.
#[derive(Debug)]
pub struct RequestClient(pub common::Client);

impl FromRequestParts<App> for RequestClient {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let ip = app.proxies.client(&parts.extensions, &parts.headers).map(|ip| ip.to_string());
        let agent =
            parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let user_agent = agent.chars().take(MAX_USER_AGENT).collect();
        Ok(Self(common::Client { ip: ip.unwrap_or_default(), user_agent }))
    }
}
