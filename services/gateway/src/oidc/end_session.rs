use api::session::EndSessionRequest;
use api::session::end_session_response::Outcome;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::Error;

use super::authorize::{Visit, error_page, to_wire, waited};
use super::error::OAuthProblem;
use super::signed_query::{Purpose, Waited};
use super::{lead, lead_script};
use crate::better_auth::{AuthError, Fields};
use crate::caller::RequestClient;
use crate::state::App;

/// `GET|POST /oauth2/end-session` (OpenID Connect RP-Initiated Logout 1.0, section 2).
pub async fn show(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    Visit { headers, query }: Visit,
) -> Result<Response, OAuthProblem> {
    let Some(waited) = waited(&app, Purpose::EndSession, &query) else {
        return Ok(lead(&headers, &error_page(&app, "expired_request", "")));
    };
    let outcome = ask(&app, &headers, &waited, (false, client)).await?;
    let mut response = lead(&headers, &target(&app, &waited, &outcome));
    forget(&app, &headers, &outcome, &mut response);
    Ok(response)
}

/// `POST /oauth2/end-session/confirm`, from our own page.
pub async fn confirm(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let query = fields.string("oauth_query");
    fields.check()?;
    let waited = app.queries.open(Purpose::EndSession, &query, app.clock.now()).ok_or_else(|| {
        AuthError::bad_request("INVALID_SIGNATURE", "The request is too old, or was changed.")
    })?;
    let outcome = ask(&app, &headers, &waited, (true, client)).await?;
    let mut response = lead_script(&target(&app, &waited, &outcome));
    forget(&app, &headers, &outcome, &mut response);
    Ok(response)
}

async fn ask(
    app: &App,
    headers: &HeaderMap,
    waited: &Waited,
    (confirmed, client): (bool, api::common::Client),
) -> Result<Outcome, tonic::Status> {
    let request = EndSessionRequest {
        parameters: to_wire(&waited.parameters),
        session_token: app.cookies.session_token(headers).unwrap_or_default(),
        confirmed,
        client: Some(client),
    };
    let answer = app.provider().end_session(request).await?.into_inner();
    answer.outcome.ok_or_else(|| api::to_status(&Error::internal()))
}

/// The session is no more: neither this gateway nor the browser remembers it.
fn forget(app: &App, headers: &HeaderMap, outcome: &Outcome, response: &mut Response) {
    if !matches!(outcome, Outcome::RedirectTo(_)) {
        return;
    }
    if let Some(token) = app.cookies.session_token(headers) {
        app.forget_session(&token);
    }
    app.cookies.expire_session(response.headers_mut());
}

fn target(app: &App, waited: &Waited, outcome: &Outcome) -> String {
    match outcome {
        Outcome::RedirectTo(url) if url.is_empty() => format!("{}/signed-out", app.public_origin),
        Outcome::RedirectTo(url) => url.clone(),
        Outcome::Confirm(_) => {
            let (purpose, now) = (Purpose::EndSession, app.clock.now());
            let query = app.queries.sign(purpose, &waited.parameters, waited.requested_at, now);
            format!("{}/oauth/logout?{query}", app.public_origin)
        }
        Outcome::ErrorPage(error) => error_page(app, &error.error, &error.description),
    }
}
