use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::{MailKind, MailRequest, Site};
use crate::domain::lockout;

const PRODUCT: &str = "IntelliStack";

/// What the templates may say. Escaped by them, by the rules of their file type.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    product: &'static str,
    subject: &'static str,
    host: String,
    greeting: String,
    link: Option<&'a str>,
    validity: &'static str,
    new_address: String,
    requested_at: String,
    locked_until: String,
    max_failures: u32,
}

impl<'a> Letter<'a> {
    pub(super) fn new(request: &MailRequest, site: &Site, name: &str) -> Self {
        Self {
            product: PRODUCT,
            subject: request.kind.subject(),
            host: site.host(),
            greeting: greeting(name),
            link: None,
            validity: request.kind.validity(),
            new_address: "another address".to_owned(),
            requested_at: moment(request.requested_at),
            locked_until: moment(round_up(request.requested_at + lockout::LOCK)),
            max_failures: lockout::MAX_FAILURES,
        }
    }

    pub(super) fn with_link(self, link: Option<&'a str>) -> Self {
        Self { link, ..self }
    }

    /// Names a further address without giving it away.
    pub(super) fn naming(mut self, address: Option<&str>) -> Self {
        if let Some(address) = address {
            self.new_address = masked(address);
        }
        self
    }
}

/// One template per file type, both filled from the same letter.
macro_rules! written {
    ($letter:expr, $text:tt, $html:tt) => {{
        #[derive(Template)]
        #[template(path = $text)]
        struct Text<'a> {
            letter: &'a Letter<'a>,
        }
        #[derive(Template)]
        #[template(path = $html)]
        struct Html<'a> {
            letter: &'a Letter<'a>,
        }
        Ok((Text { letter: $letter }.render()?, Html { letter: $letter }.render()?))
    }};
}

/// The mail as plain text and as HTML.
pub(super) fn render(kind: MailKind, letter: &Letter<'_>) -> Result<(String, String), askama::Error> {
    match kind {
        MailKind::VerifyEmail => written!(letter, "verify_email.txt", "verify_email.html"),
        MailKind::ResetPassword => written!(letter, "reset_password.txt", "reset_password.html"),
        MailKind::ChangeEmailConfirm => {
            written!(letter, "change_email_confirm.txt", "change_email_confirm.html")
        }
        MailKind::ChangeEmailVerify => {
            written!(letter, "change_email_verify.txt", "change_email_verify.html")
        }
        MailKind::DeleteAccount => written!(letter, "delete_account.txt", "delete_account.html"),
        MailKind::PasswordChanged => written!(letter, "password_changed.txt", "password_changed.html"),
        MailKind::EmailChanged => written!(letter, "email_changed.txt", "email_changed.html"),
        MailKind::AccountLocked => written!(letter, "account_locked.txt", "account_locked.html"),
    }
}

/// Anyone may sign up with anyone's address: a name that reads like a link would make us carry
/// advertisements, so it is left out.
fn greeting(name: &str) -> String {
    if reads_like_a_link(name) || name.trim().is_empty() || name.contains(char::is_control) {
        "Hello,".to_owned()
    } else {
        format!("Hello {},", name.trim())
    }
}

/// Mail programs make links of `evil.example` as well; `J. R. R. Tolkien` and `J.R.` are names.
fn reads_like_a_link(name: &str) -> bool {
    let dotted = |word: &str| {
        word.split('.').skip(1).any(|part| part.chars().take_while(|c| c.is_alphanumeric()).count() > 1)
    };
    name.contains(['/', '@', ':'])
        || name.to_lowercase().contains("www.")
        || name.split_whitespace().any(dotted)
}

/// `a***@example.com`: enough for its owner to recognise it.
fn masked(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().next().unwrap_or('*')),
        None => "***".to_owned(),
    }
}

/// Whoever comes back at the minute we name must not come too early.
fn round_up(at: DateTime<Utc>) -> DateTime<Utc> {
    at + TimeDelta::seconds((60 - at.timestamp().rem_euclid(60)) % 60)
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}
