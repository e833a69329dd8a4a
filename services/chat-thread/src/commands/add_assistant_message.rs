use kernel::Error;

use super::Cx;
use crate::domain::thread::{Item, Message, decide_add};

/// What the tutor answered. The thread's owner is who asked.
pub(crate) async fn add_assistant_message(cx: &Cx, message: Message) -> Result<Item, Error> {
    let (_, item) = cx.add(message, decide_add).await?;
    Ok(item)
}
