use kernel::Error;

use super::{Cx, append, meta};
use crate::domain::account::{Account, decide_verify, stream};
use crate::domain::profile::Origin;
use crate::error;
use crate::postgres::users;

#[derive(Debug)]
pub(crate) struct VerifyEmail {
    pub(crate) token: String,
    pub(crate) origin: Origin,
}

/// Takes the mailed link as proof of the address. The flag says that it was proven before.
pub(crate) async fn verify_email(cx: &Cx, command: VerifyEmail) -> Result<(Account, bool), Error> {
    let now = cx.clock.now();
    let proof = cx.secrets.check_link_token(&command.token, now)?;
    let mut opened = cx.store.open(&stream(&proof.user_id)).await?;
    let account = users::find(opened.reader(), &proof.user_id).await?;
    // A link mailed to an address proves that address only, not one the account has since.
    let account = account.filter(|account| account.email == proof.email);
    let account = account.ok_or_else(error::verified_user_not_found)?;
    let Some(event) = decide_verify(&account, &command.origin) else {
        opened.rollback().await;
        return Ok((account, true));
    };
    let mut appended = append(opened, &[event], &meta(now, Some(&account.id))).await?;
    users::email_verified(appended.tx(), &account.id, now).await?;
    appended.commit().await?;
    Ok((Account { email_verified: true, updated_at: now, ..account }, false))
}
