use async_trait::async_trait;
use kernel::{Error, UserId};
use url::Url;

use super::{MailContext, MailKind, MailRequest, Recipient, Site};
use crate::commands::Cx;
use crate::postgres::users::{self, Person};
use crate::secrets::{LINK_LIFETIME, LinkClaims, LinkPurpose, MailedPurpose};

/// Looks up whom a mail goes to and makes its link, at the moment it leaves: no queue holds an
/// address or a token.
#[derive(Debug)]
pub(crate) struct AccountMails {
    pub(crate) cx: Cx,
    pub(crate) site: Site,
}

impl AccountMails {
    async fn person(&self, request: &MailRequest) -> Result<Option<Person>, Error> {
        let id = UserId::from(request.user_id.as_str());
        Ok(users::find(self.cx.store.pool(), &self.cx.vault, &id).await?)
    }

    fn page(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, Error> {
        let mut url = self.site.at(&format!("/api/auth{path}"))?;
        url.query_pairs_mut().extend_pairs(query);
        Ok(url)
    }

    fn proof(&self, request: &MailRequest, recipient: &Recipient, purpose: LinkPurpose) -> LinkClaims {
        let now = self.cx.clock.now();
        LinkClaims {
            email: recipient.email.clone(),
            update_to: recipient.new_email.clone(),
            user_id: request.user_id.clone(),
            purpose,
            epoch: request.epoch,
            iat: now.timestamp(),
            exp: (now + LINK_LIFETIME).timestamp(),
        }
    }
}

#[async_trait]
impl MailContext for AccountMails {
    async fn recipient(&self, request: &MailRequest) -> Result<Option<Recipient>, Error> {
        let Some(Person { account, key }) = self.person(request).await? else { return Ok(None) };
        let further = request.further_address(&key);
        Ok(match (request.kind, further) {
            (MailKind::ChangeEmailVerify, Some(new)) => {
                Some(Recipient { email: new.clone(), name: account.name, new_email: Some(new) })
            }
            // The notice goes to the address that was given up, and names the one that came.
            (MailKind::EmailChanged, Some(old)) => {
                Some(Recipient { email: old, name: account.name, new_email: Some(account.email) })
            }
            // Without the address that it is about there is nothing to send.
            (MailKind::ChangeEmailConfirm | MailKind::ChangeEmailVerify | MailKind::EmailChanged, None) => {
                None
            }
            (_, new_email) => Some(Recipient { email: account.email, name: account.name, new_email }),
        })
    }

    async fn link(&self, request: &MailRequest, recipient: &Recipient) -> Result<Option<Url>, Error> {
        let user = UserId::from(request.user_id.as_str());
        let callback = ("callbackURL", request.callback_url.as_str());
        let mailed = |purpose| self.cx.secrets.mailed_token(purpose, &user, request.requested_at);
        let purpose = match request.kind {
            MailKind::VerifyEmail => LinkPurpose::Verify,
            MailKind::ChangeEmailConfirm => LinkPurpose::ConfirmChange,
            MailKind::ChangeEmailVerify => LinkPurpose::VerifyChange,
            MailKind::ResetPassword => {
                let token = mailed(MailedPurpose::ResetPassword);
                return Ok(Some(self.page(&format!("/reset-password/{token}"), &[callback])?));
            }
            MailKind::DeleteAccount => {
                let token = mailed(MailedPurpose::DeleteAccount);
                let query = [("token", token.as_str()), callback];
                return Ok(Some(self.page("/delete-user/callback", &query)?));
            }
            MailKind::PasswordChanged | MailKind::EmailChanged | MailKind::AccountLocked => return Ok(None),
        };
        let Some(Person { account, .. }) = self.person(request).await? else { return Ok(None) };
        let claims = LinkClaims { email: account.email, ..self.proof(request, recipient, purpose) };
        let token = self.cx.secrets.sign_link(&claims)?;
        Ok(Some(self.page("/verify-email", &[("token", &token), callback])?))
    }
}
