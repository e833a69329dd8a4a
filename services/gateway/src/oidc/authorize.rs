use api::session::authorize_response::Outcome;
use api::session::{AuthorizeRequest, AuthorizeResponse, Decision, Parameter};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use kernel::Error;
use url::form_urlencoded;

use super::error::OAuthProblem;
use super::signed_query::{Purpose, Waited};
use super::{form_post, lead};
use crate::better_auth::redirect;
use crate::body;
use crate::caller::RequestClient;
use crate::state::App;

/// `GET|POST /oauth2/authorize` (RFC 6749, section 3.1). A signed query of ours is a request that
/// comes again after its person was on a page of ours.
pub async fn show(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    Visit { headers, query }: Visit,
) -> Result<Response, OAuthProblem> {
    let Some(waited) = waited(&app, Purpose::Authorize, &query) else {
        return Ok(lead(&headers, &error_page(&app, "expired_request", "")));
    };
    let session_token = app.cookies.session_token(&headers).unwrap_or_default();
    let asked = Asked { session_token, decision: None, client };
    let outcome = ask(&app, &waited, asked).await?;
    Ok(match target(&app, &waited, outcome) {
        Target::Url(url) => lead(&headers, &url),
        Target::Form(action, parameters) => form_post::page(&action, &parameters),
    })
}

/// Who asks, and what they have decided.
pub struct Asked {
    pub session_token: String,
    pub decision: Option<Decision>,
    pub client: api::common::Client,
}

/// Where the browser goes next.
pub enum Target {
    Url(String),
    Form(String, Vec<(String, String)>),
}

pub async fn ask(app: &App, waited: &Waited, asked: Asked) -> Result<Outcome, tonic::Status> {
    let request = AuthorizeRequest {
        parameters: to_wire(&waited.parameters),
        session_token: asked.session_token,
        requested_at: Some(api::timestamp(waited.requested_at)),
        decision: asked.decision,
        client: Some(asked.client),
    };
    let AuthorizeResponse { outcome } = app.provider().authorize(request).await?.into_inner();
    outcome.ok_or_else(|| api::to_status(&Error::internal()))
}

pub fn target(app: &App, waited: &Waited, outcome: Outcome) -> Target {
    let now = app.clock.now();
    let page = |path: &str| {
        let query = app.queries.sign(Purpose::Authorize, &waited.parameters, waited.requested_at, now);
        Target::Url(format!("{}{path}?{query}", app.public_origin))
    };
    match outcome {
        Outcome::RedirectTo(url) => Target::Url(url),
        Outcome::FormPost(form) => {
            let parameters = form.parameters.into_iter().map(|one| (one.name, one.value)).collect();
            Target::Form(form.action, parameters)
        }
        Outcome::SignIn(sign_in) if sign_in.create_account => page("/sign-up"),
        Outcome::SignIn(_) => page("/sign-in"),
        Outcome::Consent(_) => page("/oauth/consent"),
        Outcome::ErrorPage(error) => Target::Url(error_page(app, &error.error, &error.description)),
    }
}

/// The page for those whom no client may be told.
pub fn error_page(app: &App, error: &str, description: &str) -> String {
    let page = format!("{}/oauth/error", app.public_origin);
    redirect::with_params(&page, &[("error", error), ("error_description", description)])
}

/// The request as it came now, or as it came first; none for one whose signature does not hold.
pub fn waited(app: &App, purpose: Purpose, query: &str) -> Option<Waited> {
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let now: DateTime<Utc> = app.clock.now();
    if parameters.iter().any(|(name, _)| name == "sig") {
        return app.queries.open(purpose, query, now);
    }
    Some(Waited { parameters, requested_at: now })
}

/// A person's browser comes with a request: by the query of a GET, or the form of a POST (OpenID
/// Connect Core 1.0, section 3.1.2.1).
pub struct Visit {
    pub headers: HeaderMap,
    pub query: String,
}

impl FromRequest<App> for Visit {
    type Rejection = OAuthProblem;

    async fn from_request(request: Request, app: &App) -> Result<Self, OAuthProblem> {
        let headers = request.headers().clone();
        if *request.method() != Method::POST {
            return Ok(Self { headers, query: request.uri().query().unwrap_or_default().to_owned() });
        }
        let bytes = body::read(Bytes::from_request(request, app).await)?;
        if body::media_type(&headers) != "application/x-www-form-urlencoded" {
            return Err(OAuthProblem::from(Error::invalid("UNSUPPORTED_MEDIA_TYPE", "A form is expected")));
        }
        let query = String::from_utf8(bytes.to_vec());
        Ok(Self { headers, query: query.map_err(|_| OAuthProblem::request("The form is no UTF-8"))? })
    }
}

pub fn to_wire(parameters: &[(String, String)]) -> Vec<Parameter> {
    let one = |(name, value): &(String, String)| Parameter { name: name.clone(), value: value.clone() };
    parameters.iter().map(one).collect()
}

impl IntoResponse for Target {
    fn into_response(self) -> Response {
        match self {
            Self::Url(url) => super::lead_script(&url),
            Self::Form(action, parameters) => form_post::page(&action, &parameters),
        }
    }
}
