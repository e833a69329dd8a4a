use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use eventstore::sealing::SubjectKey;
use eventstore::{Appended, effects};
use kernel::Error;
use serde::{Deserialize, Serialize};

use crate::domain::account::Account;

/// The one kind of effect that sends mail.
pub(crate) const EFFECT: &str = "mail";

/// What is kept until the mail leaves. No address, name or token: those are asked of the
/// [`MailContext`](super::MailContext) when it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailRequest {
    pub(crate) user_id: String,
    pub(crate) kind: MailKind,
    /// Where the link leads in the end: a path, or an address at a trusted origin.
    pub(crate) callback_url: String,
    /// When what the mail tells of happened; a lock runs from then.
    pub(crate) requested_at: DateTime<Utc>,
    /// The account's pending epoch at that time. A link made later is no better than one made then.
    #[serde(default)]
    pub(crate) epoch: u64,
    /// Base64: a further address, sealed by whoever asks. Opaque here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sealed: Option<String>,
}

impl MailRequest {
    pub(crate) fn new(
        account: &Account,
        kind: MailKind,
        callback_url: String,
        requested_at: DateTime<Utc>,
    ) -> Self {
        let (user_id, epoch) = (account.id.to_string(), account.pending_epoch);
        Self { user_id, kind, callback_url, requested_at, epoch, sealed: None }
    }

    /// With a further address: the new one of a change, or the old one that is told of it.
    pub(crate) fn about(self, key: &SubjectKey, address: &str) -> Result<Self, Error> {
        let sealed = key.seal(&self.place(), address.as_bytes()).map_err(|error| {
            tracing::error!(%error, "an address could not be sealed");
            Error::internal()
        })?;
        Ok(Self { sealed: Some(BASE64.encode(sealed)), ..self })
    }

    /// The further address; none when there is none or the seal does not open.
    pub(crate) fn further_address(&self, key: &SubjectKey) -> Option<String> {
        let sealed = BASE64.decode(self.sealed.as_ref()?).ok()?;
        let opened = key.open(&self.place(), &sealed).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }

    fn place(&self) -> String {
        format!("mail/{}/{}", self.user_id, self.requested_at.timestamp_micros())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MailKind {
    VerifyEmail,
    ResetPassword,
    /// To the old address: may the address be changed?
    ChangeEmailConfirm,
    /// To the new address: is it yours?
    ChangeEmailVerify,
    DeleteAccount,
    PasswordChanged,
    /// To the old address.
    EmailChanged,
    AccountLocked,
}

/// Where the button of a mail leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Button {
    /// To a link with a token, asked for when the mail leaves.
    Link,
    /// A notice: whoever imitates it has no link to imitate.
    None,
}

impl MailKind {
    /// As it is stored; part of the effect's key.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmailConfirm => "change_email_confirm",
            Self::ChangeEmailVerify => "change_email_verify",
            Self::DeleteAccount => "delete_account",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::AccountLocked => "account_locked",
        }
    }

    pub(super) fn subject(self) -> &'static str {
        match self {
            Self::VerifyEmail => "Confirm your e-mail address",
            Self::ResetPassword => "Reset your password",
            Self::ChangeEmailConfirm => "Allow the change of your e-mail address",
            Self::ChangeEmailVerify => "Confirm your new e-mail address",
            Self::DeleteAccount => "Confirm the deletion of your account",
            Self::PasswordChanged => "Your password was changed",
            Self::EmailChanged => "Your e-mail address was changed",
            Self::AccountLocked => "Sign-in to your account is locked",
        }
    }

    pub(super) fn button(self) -> Button {
        match self {
            Self::VerifyEmail
            | Self::ResetPassword
            | Self::ChangeEmailConfirm
            | Self::ChangeEmailVerify
            | Self::DeleteAccount => Button::Link,
            Self::PasswordChanged | Self::EmailChanged | Self::AccountLocked => Button::None,
        }
    }

    /// How long the link works, in words. Whoever mints the token keeps to it.
    pub(super) fn validity(self) -> &'static str {
        match self {
            Self::DeleteAccount => "24 hours",
            _ => "one hour",
        }
    }
}

/// Asks for a mail in the transaction of the event that demands it. One event may demand one mail
/// of each kind.
pub(crate) async fn enqueue(
    appended: &mut Appended,
    stream: &str,
    request: &MailRequest,
) -> Result<(), Error> {
    let payload = serde_json::to_value(request).map_err(|error| {
        tracing::error!(%error, "a mail request cannot be written");
        Error::internal()
    })?;
    let key = format!("{stream}/{}/{}", appended.version(), request.kind.as_str());
    effects::enqueue(appended.tx(), EFFECT, &key, &payload, request.requested_at).await?;
    Ok(())
}
