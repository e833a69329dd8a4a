use api::tutor_agent::TurnEvent;
use api::tutor_agent::turn_event::Event;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::Status;

/// What the caller reads.
pub type Events = UnboundedReceiver<Result<TurnEvent, Status>>;

/// Numbers a turn's events. It never waits: the turn must not slow down for a slow reader nor stop
/// for one that hung up, and an answer has an end.
#[derive(Debug)]
pub struct Feed {
    turn_id: String,
    seq: u64,
    reader: UnboundedSender<Result<TurnEvent, Status>>,
}

impl Feed {
    pub fn new(turn_id: &str) -> (Self, Events) {
        let (reader, events) = unbounded_channel();
        (Self { turn_id: turn_id.to_owned(), seq: 0, reader }, events)
    }

    pub fn send(&mut self, event: Event) {
        self.seq += 1;
        let event = TurnEvent { turn_id: self.turn_id.clone(), seq: self.seq, event: Some(event) };
        if self.reader.send(Ok(event)).is_err() {
            tracing::debug!(turn = self.turn_id, "nobody reads this turn any more");
        }
    }
}
