use kernel::{Error, EventCodec, ThreadId, UserId};

use super::{Cx, meta};
use crate::domain::thread::{Thread, decide_title, stream};
use crate::postgres::threads;

#[derive(Debug)]
pub(crate) struct SetTitle {
    pub(crate) user: UserId,
    pub(crate) thread: ThreadId,
    pub(crate) title: String,
}

/// Names a thread; its name so far is forgotten.
pub(crate) async fn set_title(cx: &Cx, command: SetTitle) -> Result<Thread, Error> {
    let SetTitle { user, thread, title } = command;
    let mut opened = cx.store.open(&stream(&thread)).await?;
    let now = cx.clock.now();
    let found = threads::find(opened.reader(), &thread).await?;
    let (event, thread) = match decide_title(found, &user, title) {
        Ok((Some(event), thread)) => (event, thread),
        undecided => {
            opened.rollback().await;
            return undecided.map(|(_, thread)| thread).map_err(Into::into);
        }
    };
    let mut appended = opened.append(&[event.encode()], &meta(now, &user)).await?;
    threads::set_title(appended.tx(), &thread).await?;
    appended.commit().await?;
    Ok(thread)
}
