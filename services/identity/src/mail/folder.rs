use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::Mailbox;

use super::{Mail, MailError, Mailer, message};

/// Writes each mail to a file of its own. Sending the same mail again writes the same file.
#[derive(Debug)]
pub(super) struct FolderMailer {
    dir: PathBuf,
    from: Mailbox,
}

impl FolderMailer {
    pub(super) fn new(dir: PathBuf, from: Mailbox) -> Self {
        Self { dir, from }
    }
}

#[async_trait]
impl Mailer for FolderMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message::message(mail, &self.from)?.formatted();
        let name = format!("{}-{}.eml", mail.at.format("%Y%m%dT%H%M%S%.3fZ"), mail.id);
        write(&self.dir, &name, &message).await.map_err(|error| {
            MailError::Temporary(format!("the mail folder cannot be written: {}", error.kind()))
        })
    }
}

/// A reader of the folder never sees half a mail: it is renamed into place.
async fn write(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    tokio::fs::create_dir_all(dir).await?;
    let unfinished = dir.join(format!(".{name}.part"));
    tokio::fs::write(&unfinished, bytes).await?;
    tokio::fs::rename(&unfinished, dir.join(name)).await
}
