use api::identity::User;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Error, UserId};
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{CODE_LENGTH, ID_LENGTH, consents, hash, person, push};
use crate::commands::Cx;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::decision::{Answer, Circumstances, Decision, Person, decide};
use crate::domain::oauth::error::{Code, OAuthError};
use crate::domain::oauth::params::Params;
use crate::domain::oauth::request::{AuthorizationRequest, ReplyTo, ResponseMode};
use crate::domain::oauth::scope;
use crate::domain::session::{Origin, Session};
use crate::keys::JWT;
use crate::postgres::oauth::codes::StoredCode;
use crate::postgres::oauth::{clients, codes, consents as given, once};

/// A code is fetched within seconds (RFC 6749, section 4.1.2, allows ten minutes).
const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug)]
pub(crate) struct Authorize {
    pub(crate) params: Vec<(String, String)>,
    pub(crate) session_token: Option<SecretString>,
    /// When the request came first; none: now.
    pub(crate) requested_at: Option<DateTime<Utc>>,
    /// What the person answered, and to which scopes.
    pub(crate) decision: Option<(bool, Vec<String>)>,
    pub(crate) origin: Origin,
}

pub(crate) enum Outcome {
    Redirect(String),
    FormPost {
        action: String,
        parameters: Vec<(String, String)>,
    },
    SignIn {
        create_account: bool,
    },
    AskConsent,
    /// For the person alone.
    ErrorPage(OAuthError),
}

/// What a person is asked to agree to.
pub(crate) struct Described {
    pub(crate) client: Client,
    /// Each with whether it was agreed to before.
    pub(crate) scopes: Vec<(String, bool)>,
    pub(crate) redirect_host: String,
    pub(crate) user: Option<User>,
}

/// A request as far as it is read, with what was pushed beforehand in its place.
struct Read {
    client: Client,
    params: Params,
    reply: ReplyTo,
    /// Hash of its reference.
    pushed: Option<[u8; 32]>,
}

/// The authorization endpoint (RFC 6749, section 3.1; OpenID Connect Core 1.0, section 3.1.2).
///
/// # Errors
/// Unavailable when it cannot be told who is there. Whatever is wrong with the request is an
/// [`Outcome`].
pub(crate) async fn authorize(cx: &Cx, command: Authorize) -> Result<Outcome, Error> {
    let read = match read(cx, command.params).await? {
        Ok(read) => read,
        Err(error) => return Ok(Outcome::ErrorPage(error)),
    };
    let request = match AuthorizationRequest::read(&read.params, &read.client) {
        Ok(request) => request,
        Err(error) => return reply_error(cx, &read.reply, &error),
    };
    let found = person(cx, command.session_token.as_ref()).await?;
    let expected = match expected_user(cx, &request).await? {
        Ok(expected) => expected,
        Err(error) => return reply_error(cx, &read.reply, &error),
    };
    let here = found.as_ref().map(|(session, user)| of_session(session, user));
    let agreed = match &here {
        Some(person) => agreed(cx, person, &read.client).await?,
        None => Vec::new(),
    };
    let now = cx.clock.now();
    let answer = command.decision.as_ref().map(|(accepted, scopes)| match accepted {
        true => Answer::Agreed(scopes),
        false => Answer::Denied,
    });
    let decision = decide(
        &request,
        &Circumstances {
            person: here.as_ref(),
            expected_user: expected.as_deref(),
            agreed: &agreed,
            answer,
            trusted: read.client.metadata.skip_consent,
            admitted: here.as_ref().is_none_or(|person| read.client.admits(&person.role)),
            requested_at: command.requested_at.unwrap_or(now),
            now,
        },
    );
    match (decision, found) {
        (Decision::SignIn { create_account }, _) => Ok(Outcome::SignIn { create_account }),
        (Decision::AskConsent, _) => Ok(Outcome::AskConsent),
        (Decision::Refuse(error), _) => reply_error(cx, &read.reply, &error),
        (Decision::Grant { .. }, None) => Err(Error::internal()),
        (Decision::Grant { scopes, note }, Some((session, _))) => {
            if note {
                let who = (&session.user_id, read.client.id.as_str());
                consents::note(cx, who, (&request.to_agree(), &scopes), &command.origin).await?;
            }
            grant(cx, read, request, (&session, &scopes)).await
        }
    }
}

/// What the page that asks for consent shows; without a session only the client.
///
/// # Errors
/// The protocol's, by reason.
pub(crate) async fn describe(
    cx: &Cx,
    params: Vec<(String, String)>,
    session_token: Option<&SecretString>,
) -> Result<Described, Error> {
    let read = read(cx, params).await??;
    let request = AuthorizationRequest::read(&read.params, &read.client)?;
    let found = person(cx, session_token).await?;
    let agreed = match &found {
        Some((session, user)) => agreed(cx, &of_session(session, user), &read.client).await?,
        None => Vec::new(),
    };
    let asked = request.to_agree().into_iter();
    let scopes = asked.map(|scope| (scope.clone(), scope::contains(&agreed, &scope))).collect();
    let url = Url::parse(&read.reply.redirect_uri).ok();
    let host = url
        .as_ref()
        .and_then(|url| url.host_str().map(str::to_owned).or_else(|| Some(url.scheme().to_owned())));
    Ok(Described {
        client: read.client,
        scopes,
        redirect_host: host.unwrap_or_default(),
        user: found.map(|(_, user)| user),
    })
}

/// Client and redirect URI come first: until both are known to belong together, nothing is sent
/// anywhere (RFC 6749, section 4.1.2.1).
async fn read(cx: &Cx, pairs: Vec<(String, String)>) -> Result<Result<Read, OAuthError>, Error> {
    let outer = match Params::read(pairs) {
        Ok(params) => params,
        Err(error) => return Ok(Err(error)),
    };
    let client = match outer.get("client_id") {
        Some(id) => clients::find(cx.store.pool(), id).await?,
        None => None,
    };
    let Some(client) = client.filter(|client| !client.metadata.disabled) else {
        return Ok(Err(OAuthError::new(Code::InvalidClient, "The client is unknown")));
    };
    let reference = outer.get("request_uri").filter(|uri| uri.starts_with(push::PREFIX)).map(hash);
    let params = match &reference {
        None if client.metadata.require_pushed_authorization_requests => {
            return Ok(Err(OAuthError::request("The client has to push its requests")));
        }
        None => outer,
        Some(reference) => match once::pushed(cx.store.pool(), reference, cx.clock.now()).await? {
            Some((owner, pairs)) if owner == client.id => match Params::read(pairs) {
                Ok(params) => params,
                Err(error) => return Ok(Err(error)),
            },
            _ => return Ok(Err(OAuthError::request("The request_uri is unknown, expired or used"))),
        },
    };
    let reply = ReplyTo::read(&params, &client);
    Ok(reply.map(|reply| Read { client, params, reply, pushed: reference }))
}

fn of_session(session: &Session, user: &User) -> Person {
    Person {
        user_id: user.id.clone(),
        signed_in_at: session.created_at,
        role: user.role().to_kernel().as_str().to_owned(),
        impersonated: session.impersonation.is_some(),
    }
}

async fn agreed(cx: &Cx, person: &Person, client: &Client) -> Result<Vec<String>, Error> {
    let user = UserId::from(person.user_id.as_str());
    let found = given::find(cx.store.pool(), &user, &client.id).await?;
    Ok(found.map(|consent| consent.scopes).unwrap_or_default())
}

/// Whom the client expects (`id_token_hint`, or `sub` in `claims`).
async fn expected_user(
    cx: &Cx,
    request: &AuthorizationRequest,
) -> Result<Result<Option<String>, OAuthError>, Error> {
    let Some(hint) = &request.id_token_hint else { return Ok(Ok(request.bound.claims.sub.clone())) };
    let ring = cx.keys.published().await?;
    let subject = ring.open_token(hint, JWT).and_then(|claims| hinted(&claims, cx.issuer.issuer()));
    Ok(match (subject, &request.bound.claims.sub) {
        (Some(subject), Some(other)) if subject != *other => {
            Err(OAuthError::request("Two people are expected at once"))
        }
        (Some(subject), _) => Ok(Some(subject)),
        (None, _) => Err(OAuthError::request("The id_token_hint is none of ours")),
    })
}

fn hinted(claims: &Map<String, Value>, issuer: &str) -> Option<String> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    (text("iss") == Some(issuer)).then(|| text("sub").map(str::to_owned))?
}

async fn grant(
    cx: &Cx,
    read: Read,
    request: AuthorizationRequest,
    (session, agreed): (&Session, &[String]),
) -> Result<Outcome, Error> {
    if let Some(reference) = &read.pushed
        && !once::take_pushed(cx.store.pool(), reference).await?
    {
        return Ok(Outcome::ErrorPage(OAuthError::request("The request_uri is unknown, expired or used")));
    }
    let mut bound = request.bound;
    bound.scopes = request.scopes.into_iter().filter(|scope| agreed.contains(scope)).collect();
    bound.claims = bound.claims.limited(agreed);
    let code = cx.entropy.alphanumeric(CODE_LENGTH);
    let stored = StoredCode {
        hash: hash(&code),
        grant_id: cx.entropy.alphanumeric(ID_LENGTH),
        client_id: read.client.id,
        bound,
        user_id: session.user_id.clone(),
        session_id: session.id.clone(),
        epoch: session.epoch,
        auth_time: session.created_at,
        expires_at: cx.clock.now() + CODE_LIFETIME,
        used_at: None,
    };
    codes::insert(cx.store.pool(), &stored).await?;
    reply(cx, &read.reply, &[("code", &code)])
}

fn reply_error(cx: &Cx, to: &ReplyTo, error: &OAuthError) -> Result<Outcome, Error> {
    reply(cx, to, &[("error", &error.code.wire()), ("error_description", &error.description)])
}

fn reply(cx: &Cx, to: &ReplyTo, answer: &[(&str, &str)]) -> Result<Outcome, Error> {
    let parameters = to.parameters(cx.issuer.issuer(), answer);
    Ok(match to.mode {
        ResponseMode::Query => Outcome::Redirect(to.url(&parameters).ok_or_else(Error::internal)?),
        ResponseMode::FormPost => Outcome::FormPost { action: to.redirect_uri.clone(), parameters },
    })
}
