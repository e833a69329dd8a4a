use std::sync::Arc;

use async_trait::async_trait;
use eventstore::effects::{Effect, EffectError};
use kernel::{Error, Retry};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::letter::{self, Letter};
use super::request::{Button, EFFECT};
use super::{Mail, MailContext, MailError, MailRequest, Mailer, Recipient, Site};

/// Sends every mail of this service.
#[derive(Debug)]
pub(crate) struct MailEffect {
    mailer: Arc<dyn Mailer>,
    context: Arc<dyn MailContext>,
    site: Site,
}

impl MailEffect {
    pub(crate) fn new(mailer: Arc<dyn Mailer>, context: Arc<dyn MailContext>, site: Site) -> Self {
        Self { mailer, context, site }
    }

    /// `None` when nobody is there to be written to, or nothing is left to be asked.
    async fn compose(&self, key: &str, request: &MailRequest) -> Result<Option<Mail>, EffectError> {
        let Some(recipient) = self.context.recipient(request).await.map_err(from_context)? else {
            return Ok(None);
        };
        let link = match request.kind.button() {
            Button::None => None,
            Button::Link => match self.context.link(request, &recipient).await.map_err(from_context)? {
                Some(link) => Some(self.checked(link)?),
                None => return Ok(None),
            },
        };
        let Recipient { email, name, new_email } = recipient;
        let letter = Letter::new(request, &self.site, &name)
            .with_link(link.as_ref().map(Url::as_str))
            .naming(new_email.as_deref());
        let (text, html) = letter::render(request.kind, &letter)
            .map_err(|error| EffectError::GiveUp(format!("the mail cannot be written: {error}")))?;
        Ok(Some(Mail {
            id: hex::encode(&Sha256::digest(key)[..12]),
            at: request.requested_at,
            to: email,
            subject: request.kind.subject(),
            text,
            html,
        }))
    }

    /// A mail of ours never leads elsewhere, whatever went into its link.
    fn checked(&self, link: Url) -> Result<Url, EffectError> {
        if self.site.owns(&link) {
            Ok(link)
        } else {
            Err(EffectError::GiveUp("the link does not lead to PUBLIC_URL".to_owned()))
        }
    }
}

#[async_trait]
impl Effect for MailEffect {
    fn kind(&self) -> &'static str {
        EFFECT
    }

    async fn perform(&self, key: &str, payload: &serde_json::Value) -> Result<(), EffectError> {
        let request = MailRequest::deserialize(payload)
            .map_err(|error| EffectError::GiveUp(format!("the payload is no mail request: {error}")))?;
        let Some(mail) = self.compose(key, &request).await? else {
            tracing::info!(kind = request.kind.as_str(), mail = key, "a mail is no longer needed");
            return Ok(());
        };
        self.mailer.send(&mail).await.map_err(|error| match error {
            MailError::Temporary(detail) => EffectError::Retry(detail),
            MailError::Permanent(detail) => EffectError::GiveUp(detail),
        })
    }
}

/// Only the reason is kept: a message may name an address.
fn from_context(error: Error) -> EffectError {
    let reason = error.reason.into_owned();
    match error.retry {
        Retry::Never => EffectError::GiveUp(reason),
        Retry::Immediately | Retry::After(_) => EffectError::Retry(reason),
    }
}
