use std::time::Duration;

use async_trait::async_trait;
use kernel::Error;
use lettre::message::Mailbox;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Mail, MailError, Mailer, message};
use crate::error;

/// Below the 30 s that the effect worker waits.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The API asks every caller for its name.
const USER_AGENT: &str = concat!("IntelliStack/", env!("CARGO_PKG_VERSION"));
/// A refusal is one short JSON object.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;

/// The names of refusals as documented. Any other text of the answer may quote the recipient and
/// is not repeated.
const REFUSALS: &[&str] = &[
    "application_error",
    CONCURRENT,
    "daily_quota_exceeded",
    "internal_server_error",
    "invalid_api_key",
    "invalid_from_address",
    "invalid_idempotency_key",
    ALREADY_TAKEN,
    "method_not_allowed",
    "missing_api_key",
    "missing_required_field",
    "monthly_quota_exceeded",
    "not_found",
    "rate_limit_exceeded",
    "restricted_api_key",
    "security_error",
    "validation_error",
];
const CONCURRENT: &str = "concurrent_idempotent_requests";
const ALREADY_TAKEN: &str = "invalid_idempotent_request";

/// Sends through Resend's HTTP API.
#[derive(Debug)]
pub(super) struct ResendMailer {
    http: Client,
    emails: Url,
    from: Mailbox,
}

/// <https://resend.com/docs/api-reference/emails/send-email>
#[derive(Serialize)]
struct Email<'a> {
    from: String,
    to: [&'a str; 1],
    subject: &'a str,
    html: &'a str,
    text: &'a str,
    headers: Headers<'a>,
}

#[derive(Serialize)]
struct Headers<'a> {
    #[serde(rename = "Auto-Submitted")]
    auto_submitted: &'a str,
    /// Keeps mails with the same subject from being shown as one conversation.
    #[serde(rename = "X-Entity-Ref-ID")]
    entity: &'a str,
}

#[derive(Deserialize)]
struct Refusal {
    name: String,
}

impl ResendMailer {
    pub(super) fn new(api_key: &SecretString, base_url: &Url, from: Mailbox) -> Result<Self, Error> {
        let loopback = match base_url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if base_url.scheme() != "https" && !(base_url.scheme() == "http" && loopback) {
            return Err(error::invalid_options("RESEND_BASE_URL is no https URL".to_owned()));
        }
        let emails =
            format!("{}/emails", base_url.as_str().trim_end_matches('/')).parse().map_err(|error| {
                error::invalid_options(format!("RESEND_BASE_URL cannot be extended by a path: {error}"))
            })?;
        // The key is not quoted.
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", api_key.expose_secret()))
            .map_err(|_| error::invalid_options("RESEND_API_KEY cannot be sent in a header".to_owned()))?;
        bearer.set_sensitive(true);
        let http = Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .user_agent(USER_AGENT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| {
                tracing::error!(%error, "the HTTP client for mail cannot be made");
                Error::internal()
            })?;
        Ok(Self { http, emails, from })
    }
}

#[async_trait]
impl Mailer for ResendMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        message::address(&mail.to)?;
        let email = Email {
            from: self.from.to_string(),
            to: [&mail.to],
            subject: mail.subject,
            html: &mail.html,
            text: &mail.text,
            headers: Headers { auto_submitted: message::AUTO_GENERATED, entity: &mail.id },
        };
        let request = self.http.post(self.emails.clone()).header("Idempotency-Key", &mail.id).json(&email);
        let answer = request.send().await.map_err(|error| no_answer(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status();
        judge(status, refusal(answer).await)
    }
}

/// The error's own text names the URL, and may name more: what went wrong is enough.
fn no_answer(error: &reqwest::Error) -> MailError {
    let what = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off the exchange"
    };
    MailError::Temporary(format!("the mail API {what}"))
}

async fn refusal(mut answer: Response) -> Option<&'static str> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_REFUSAL_BYTES {
            return None;
        }
    }
    let refusal: Refusal = serde_json::from_slice(&body).ok()?;
    REFUSALS.iter().find(|known| **known == refusal.name).copied()
}

fn judge(status: StatusCode, refusal: Option<&'static str>) -> Result<(), MailError> {
    let code = status.as_u16();
    let detail = match refusal {
        Some(name) => format!("{code}, {name}"),
        None => code.to_string(),
    };
    let temporary = || MailError::Temporary(format!("the mail API did not take the mail ({detail})"));
    match (status, refusal) {
        // A mail with this id was taken before and its answer lost. The text differs, since each
        // attempt mints a token of its own; the former one works.
        (StatusCode::CONFLICT, Some(ALREADY_TAKEN)) => Ok(()),
        (StatusCode::CONFLICT, Some(CONCURRENT))
        | (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => Err(temporary()),
        _ if status.is_client_error() => {
            Err(MailError::Permanent(format!("the mail API refused the mail for good ({detail})")))
        }
        _ => Err(temporary()),
    }
}
