use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use eventstore::effects::{Effect, EffectError};
use kernel::Clock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::{Mail, MailError, Mailer};
use crate::secrets::Secrets;

pub(crate) const KIND: &str = "mail.verify_email";

/// What the effect needs. No token: it is minted when the mail leaves, so none is ever stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) callback_url: String,
    pub(crate) requested_at: DateTime<Utc>,
}

/// Sends the link that proves an address.
#[derive(Debug)]
pub(crate) struct VerifyEmailMail {
    mailer: Arc<dyn Mailer>,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    /// `<PUBLIC_URL>/api/auth/verify-email`: from configuration, never from a request's headers.
    endpoint: Url,
}

impl VerifyEmailMail {
    pub(crate) fn new(
        mailer: Arc<dyn Mailer>,
        secrets: Secrets,
        clock: Arc<dyn Clock>,
        endpoint: Url,
    ) -> Self {
        Self { mailer, secrets, clock, endpoint }
    }

    fn compose(&self, key: &str, request: &Request) -> Result<Mail, kernel::Error> {
        let token = self.secrets.mint_link_token(&request.user_id, &request.email, self.clock.now())?;
        let mut link = self.endpoint.clone();
        link.query_pairs_mut().append_pair("token", &token).append_pair("callbackURL", &request.callback_url);
        let hello = greeting(&request.name);
        Ok(Mail {
            id: hex::encode(&Sha256::digest(key)[..12]),
            at: request.requested_at,
            to: request.email.clone(),
            subject: "Confirm your e-mail address",
            text: format!(
                "{hello}\n\nplease confirm your e-mail address by opening this link:\n\n{link}\n\n\
                 The link works for one hour. If you did not ask for it, ignore this mail.\n"
            ),
            html: format!(
                "<!doctype html><html lang=\"en\"><body style=\"font-family:sans-serif\">\
                 <p>{hello}</p><p>please confirm your e-mail address:</p>\
                 <p><a href=\"{link}\">Confirm e-mail address</a></p>\
                 <p>The link works for one hour. If you did not ask for it, ignore this mail.</p>\
                 </body></html>\n",
                hello = escape(&hello),
                link = escape(link.as_str()),
            ),
        })
    }
}

#[async_trait]
impl Effect for VerifyEmailMail {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn perform(&self, key: &str, payload: &serde_json::Value) -> Result<(), EffectError> {
        let request = Request::deserialize(payload)
            .map_err(|error| EffectError::GiveUp(format!("the payload is no mail request: {error}")))?;
        let mail = self.compose(key, &request).map_err(|error| EffectError::Retry(error.to_string()))?;
        self.mailer.send(&mail).await.map_err(|error| match error {
            MailError::Temporary(detail) => EffectError::Retry(detail),
            MailError::Permanent(detail) => EffectError::GiveUp(detail),
        })
    }
}

/// Anyone may sign up with anyone's address: a name that reads like a link would make us carry
/// advertisements, so it is left out.
fn greeting(name: &str) -> String {
    if name.contains(['/', '@', ':']) || name.to_lowercase().contains("www.") {
        "Hello,".to_owned()
    } else {
        format!("Hello {name},")
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Outbox(Mutex<Vec<Mail>>);

    #[async_trait]
    impl Mailer for Outbox {
        async fn send(&self, mail: &Mail) -> Result<(), MailError> {
            self.0.lock().unwrap().push(mail.clone());
            Ok(())
        }
    }

    async fn sent(name: &str, callback: &str) -> Mail {
        let secrets = Secrets::new(&"a secret of thirty-two characters".into()).unwrap();
        let clock = Arc::new(kernel::ManualClock::new(DateTime::UNIX_EPOCH));
        let outbox = Arc::new(Outbox::default());
        let endpoint = "https://learn.example.com/api/auth/verify-email".parse().unwrap();
        let effect = VerifyEmailMail::new(Arc::clone(&outbox) as Arc<dyn Mailer>, secrets, clock, endpoint);
        let request = Request {
            user_id: "u1".to_owned(),
            email: "ada@example.com".to_owned(),
            name: name.to_owned(),
            callback_url: callback.to_owned(),
            requested_at: DateTime::UNIX_EPOCH,
        };
        effect.perform("user-u1/2", &serde_json::to_value(request).unwrap()).await.unwrap();
        let mail = outbox.0.lock().unwrap().pop();
        mail.unwrap()
    }

    #[tokio::test]
    async fn the_mail_holds_the_link_with_token_and_encoded_callback() {
        let mail = sent("Ada", "/verified?a=b").await;
        assert!(mail.text.starts_with("Hello Ada,\n"), "{}", mail.text);
        assert!(
            mail.text.contains("https://learn.example.com/api/auth/verify-email?token=ey"),
            "{}",
            mail.text
        );
        assert!(mail.text.contains("&callbackURL=%2Fverified%3Fa%3Db\n"), "{}", mail.text);
        assert!(mail.html.contains("&amp;callbackURL=%2Fverified%3Fa%3Db\""), "{}", mail.html);
        assert_eq!(mail.id, sent("Ada", "/").await.id, "the same effect makes the same mail");
    }

    #[tokio::test]
    async fn a_name_cannot_write_html_or_links() {
        let mail = sent("<b>Ada & \"co\"", "/").await;
        assert!(mail.html.contains("<p>Hello &lt;b&gt;Ada &amp; &quot;co&quot;,</p>"), "{}", mail.html);
        let mail = sent("Win at http://evil.example", "/").await;
        assert!(mail.text.starts_with("Hello,\n"), "{}", mail.text);
    }

    #[tokio::test]
    async fn an_unreadable_payload_is_given_up_on() {
        let secrets = Secrets::new(&"a secret of thirty-two characters".into()).unwrap();
        let clock = Arc::new(kernel::ManualClock::new(DateTime::UNIX_EPOCH));
        let endpoint = "https://learn.example.com".parse().unwrap();
        let effect = VerifyEmailMail::new(Arc::new(Outbox::default()), secrets, clock, endpoint);
        let outcome = effect.perform("k", &serde_json::json!({})).await;
        assert!(matches!(outcome, Err(EffectError::GiveUp(_))));
    }
}
