use kernel::{Error, EventCodec};

use super::{Cx, meta};
use crate::domain::access::{Viewer, check_verified};
use crate::domain::course::Outline;
use crate::domain::enrolment::{Enrolment, Event, decide_enrol, stream};
use crate::error;
use crate::postgres::enrolments;

/// Enrols the viewer; tells the course and whether the enrolment is new.
pub(crate) async fn enrol(cx: &Cx, slug: &str, viewer: &Viewer) -> Result<(Outline, bool), Error> {
    let outline = cx.course(slug).await?;
    check_verified(viewer).map_err(|denied| error::denied(&denied, &outline))?;
    let mut opened = cx.store.open(&stream(&outline.id, &viewer.user)).await?;
    let enrolment = Enrolment::replay(&opened.load::<Event>().await?);
    let Some(event) = decide_enrol(&enrolment, &outline.id, &viewer.user) else {
        opened.rollback().await;
        return Ok((outline, false));
    };
    let now = cx.clock.now();
    let mut appended = opened.append(&[event.encode()], &meta(now, &viewer.user)).await?;
    enrolments::record(appended.tx(), &[event], now).await?;
    appended.commit().await?;
    Ok((outline, true))
}
