//! The adapter against an HTTP server of our own.

use std::collections::VecDeque;
use std::sync::PoisonError;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::mail::{MailOptions, MailTransport, mailer};

const API_KEY: &str = "re_123_secret";
const FROM: &str = "IntelliStack <no-reply@example.com>";

#[derive(Debug, Clone)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: Value,
}

/// What it received, and what it answers next; 200 once that is used up.
#[derive(Debug, Default)]
struct Script {
    received: Vec<Received>,
    answers: VecDeque<(u16, String)>,
}

type Shared = Arc<Mutex<Script>>;

struct Api {
    script: Shared,
    url: Url,
    stop: tokio_util::sync::DropGuard,
}

impl Api {
    async fn start(answers: &[(u16, &str)]) -> Self {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let script: Shared = Arc::new(Mutex::new(Script { answers, ..Script::default() }));
        let app = Router::new().fallback(receive).with_state(Arc::clone(&script));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url(&format!("http://{}/base/", listener.local_addr().unwrap()));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        runtime::spawn("mail API of the test", async move {
            axum::serve(listener, app).with_graceful_shutdown(stopped).await.unwrap();
        });
        Self { script, url, stop: stop.drop_guard() }
    }

    fn effect(&self) -> MailEffect {
        effect(resend(&self.url).unwrap(), known())
    }

    fn received(&self) -> Vec<Received> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).received.clone()
    }
}

async fn receive(State(script): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let mut script = script.lock().unwrap();
    script.received.push(Received { path: uri.path().to_owned(), headers, body });
    let (status, answer) = script.answers.pop_front().unwrap_or((200, json!({ "id": "x" }).to_string()));
    let location = [("location", "/elsewhere")];
    (StatusCode::from_u16(status).unwrap(), location, answer).into_response()
}

fn resend(base_url: &Url) -> Result<Arc<dyn Mailer>, Error> {
    let transport =
        MailTransport::Resend { api_key: SecretString::from(API_KEY), base_url: base_url.clone() };
    mailer(&MailOptions { transport, from: FROM.to_owned() })
}

fn refusal(name: &str) -> String {
    json!({ "statusCode": 1, "name": name, "message": "ada@example.com has no mailbox" }).to_string()
}

#[tokio::test]
async fn a_mail_is_posted_as_the_api_wants_it() {
    let api = Api::start(&[]).await;
    perform(&api.effect(), MailKind::VerifyEmail).await.unwrap();
    let sent = mail(MailKind::VerifyEmail, known()).await;
    let [Received { path, headers, body }] = api.received().try_into().unwrap();
    assert_eq!(path, "/base/emails");
    assert_eq!(headers["authorization"], format!("Bearer {API_KEY}"));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], sent.id);
    assert!(headers["user-agent"].to_str().unwrap().starts_with("IntelliStack/"));
    let expected = json!({
        "from": FROM,
        "to": ["ada@example.com"],
        "subject": "Confirm your e-mail address",
        "html": sent.html,
        "text": sent.text,
        "headers": { "Auto-Submitted": "auto-generated", "X-Entity-Ref-ID": sent.id },
    });
    assert_eq!(body, expected);
    drop(api.stop);
}

#[tokio::test]
async fn a_mail_tried_again_keeps_its_idempotency_key_and_another_has_its_own() {
    let api = Api::start(&[(500, ""), (200, "")]).await;
    let effect = api.effect();
    assert!(matches!(perform(&effect, MailKind::VerifyEmail).await, Err(EffectError::Retry(_))));
    perform(&effect, MailKind::VerifyEmail).await.unwrap();
    let other = serde_json::to_value(request(MailKind::VerifyEmail)).unwrap();
    effect.perform("user-u1/3/verify_email", &other).await.unwrap();
    let keys: Vec<_> =
        api.received().iter().map(|received| received.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
}

#[tokio::test]
async fn an_answer_says_whether_trying_again_can_help() {
    let cases = [
        (200, "", "sent"),
        (202, "", "sent"),
        // The answer to a former attempt was lost; that one carries another token.
        (409, "invalid_idempotent_request", "sent"),
        (409, "concurrent_idempotent_requests", "later (409, concurrent_idempotent_requests)"),
        (429, "rate_limit_exceeded", "later (429, rate_limit_exceeded)"),
        (429, "daily_quota_exceeded", "later (429, daily_quota_exceeded)"),
        (408, "", "later (408)"),
        (500, "application_error", "later (500, application_error)"),
        (503, "", "later (503)"),
        (302, "", "later (302)"),
        (400, "validation_error", "never (400, validation_error)"),
        (401, "missing_api_key", "never (401, missing_api_key)"),
        (403, "invalid_api_key", "never (403, invalid_api_key)"),
        (409, "", "never (409)"),
        (422, "invalid_from_address", "never (422, invalid_from_address)"),
        (422, "ada@example.com", "never (422)"),
    ];
    let bodies: Vec<(u16, String)> = cases.iter().map(|(status, name, _)| (*status, refusal(name))).collect();
    let answers: Vec<(u16, &str)> = bodies.iter().map(|(status, body)| (*status, body.as_str())).collect();
    let api = Api::start(&answers).await;
    let effect = api.effect();
    for (status, name, expected) in cases {
        let outcome = match perform(&effect, MailKind::VerifyEmail).await {
            Ok(()) => "sent".to_owned(),
            Err(EffectError::Retry(detail)) => detail.replace("the mail API did not take the mail", "later"),
            Err(EffectError::GiveUp(detail)) => {
                detail.replace("the mail API refused the mail for good", "never")
            }
        };
        assert_eq!(outcome, expected, "{status} {name}");
    }
    assert_eq!(api.received().len(), cases.len(), "no redirect is followed");
}

#[tokio::test]
async fn a_refusal_that_is_no_short_json_is_known_by_its_status() {
    let long = format!("{{\"name\":\"not_found\",\"message\":\"{}\"}}", "x".repeat(20_000));
    let api = Api::start(&[(404, "<html>"), (404, &long)]).await;
    for _ in 0..2 {
        let outcome = perform(&api.effect(), MailKind::VerifyEmail).await;
        assert_eq!(
            outcome,
            Err(EffectError::GiveUp("the mail API refused the mail for good (404)".to_owned()))
        );
    }
}

#[tokio::test]
async fn an_api_that_is_away_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = url(&format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let outcome = perform(&effect(resend(&base).unwrap(), known()), MailKind::VerifyEmail).await;
    assert_eq!(outcome, Err(EffectError::Retry("the mail API cannot be reached".to_owned())));
}

#[tokio::test]
async fn an_address_that_is_none_is_not_handed_over() {
    let api = Api::start(&[]).await;
    let recipient = Recipient { email: "a@example.com, b@example.com".to_owned(), ..ada() };
    let context = Known { recipient: Ok(Some(recipient)), ..known() };
    let outcome = perform(&effect(resend(&api.url).unwrap(), context), MailKind::VerifyEmail).await;
    assert!(matches!(outcome, Err(EffectError::GiveUp(_))), "{outcome:?}");
    assert!(api.received().is_empty());
}

#[tokio::test]
async fn the_key_is_sent_over_tls_only_and_never_printed() {
    for bad in ["http://api.resend.com", "ftp://127.0.0.1", "http://localhost.evil.example", "data:x"] {
        let error = resend(&url(bad)).map(drop).unwrap_err();
        assert!(error.message.contains("RESEND_BASE_URL"), "{bad}: {error}");
    }
    for good in ["https://api.resend.com", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
        let printed = format!("{:?}", resend(&url(good)).unwrap());
        assert!(!printed.contains(API_KEY), "{printed}");
    }
    let transport = MailTransport::Resend {
        api_key: SecretString::from("re_\n"),
        base_url: url("https://api.resend.com"),
    };
    let error = mailer(&MailOptions { transport, from: FROM.to_owned() }).map(drop).unwrap_err();
    assert_eq!(error.message, "RESEND_API_KEY cannot be sent in a header");
}
