use std::time::SystemTime;

use lettre::Message;
use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::{Mail, MailError};

/// RFC 3834, section 5: nobody's holiday notice shall answer.
pub(super) const AUTO_GENERATED: &str = "auto-generated";

pub(super) fn address(text: &str) -> Result<Address, MailError> {
    text.parse().map_err(|_| MailError::Permanent("the recipient's address is not deliverable".to_owned()))
}

/// The mail as it goes over the wire: plain text with an HTML alternative.
pub(super) fn message(mail: &Mail, from: &Mailbox) -> Result<Message, MailError> {
    let to = address(&mail.to)?;
    let auto_submitted = HeaderName::new_from_ascii_str("Auto-Submitted");
    Message::builder()
        .from(from.clone())
        // Without the display name: a name chosen by a stranger stays out of the headers.
        .to(Mailbox::new(None, to))
        .subject(mail.subject)
        .date(SystemTime::from(mail.at))
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .raw_header(HeaderValue::new(auto_submitted, AUTO_GENERATED.to_owned()))
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| MailError::Permanent(format!("the mail cannot be composed: {error}")))
}
