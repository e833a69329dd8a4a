use std::time::SystemTime;

use lettre::Message;
use lettre::address::Address;
use lettre::message::{Mailbox, MultiPart};

use super::{Mail, MailError};

/// The mail as it goes over the wire: plain text with an HTML alternative.
pub(super) fn message(mail: &Mail, from: &Mailbox) -> Result<Message, MailError> {
    let to: Address = mail
        .to
        .parse()
        .map_err(|_| MailError::Permanent("the recipient's address is not deliverable".to_owned()))?;
    Message::builder()
        .from(from.clone())
        // Without the display name: a name chosen by a stranger stays out of the headers.
        .to(Mailbox::new(None, to))
        .subject(mail.subject)
        .date(SystemTime::from(mail.at))
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| MailError::Permanent(format!("the mail cannot be composed: {error}")))
}
