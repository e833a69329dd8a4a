use std::fmt;

use async_trait::async_trait;
use kernel::Error;
use url::Url;

use super::MailRequest;

/// What is looked up when a mail leaves, so that none of it waits in the queue.
///
/// An error whose `retry` is not `Never` has the mail tried again; any other gives it up.
#[async_trait]
pub(crate) trait MailContext: fmt::Debug + Send + Sync {
    /// To whom. `None`: the account is no more, and the mail is done without being sent.
    async fn recipient(&self, request: &MailRequest) -> Result<Option<Recipient>, Error>;

    /// The link with its token, minted anew at each attempt; asked for only when the kind has one.
    /// `None`: there is nothing left to ask of the recipient, and the mail is done without being
    /// sent. It must lead to PUBLIC_URL.
    async fn link(&self, request: &MailRequest, recipient: &Recipient) -> Result<Option<Url>, Error>;
}

/// Lives as long as the sending takes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// Where the mail goes, whatever its kind: for `ChangeEmailVerify` this is the new address, for
    /// `EmailChanged` the old one.
    pub(crate) email: String,
    pub(crate) name: String,
    /// The address that `ChangeEmailConfirm` and `EmailChanged` name, masked, in their text.
    pub(crate) new_email: Option<String>,
}

/// Whom it is about stays out of logs.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").finish_non_exhaustive()
    }
}
