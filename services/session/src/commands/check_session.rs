use kernel::{Error, ErrorCode, SessionId};

use super::Cx;
use crate::postgres::sessions;

/// Is the session that an access token names still live?
pub(crate) async fn check_session(cx: &Cx, id: &SessionId) -> Result<bool, Error> {
    let Some(session) = sessions::find(cx.store.pool(), id).await? else { return Ok(false) };
    match cx.admit(&session).await {
        Ok(_) => Ok(true),
        Err(error) if error.code == ErrorCode::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
