use std::sync::Arc;

use api::tutor_agent::tutor_agent_server::{TutorAgent, TutorAgentServer};
use api::tutor_agent::{StartTurnRequest, TurnEvent};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};

use crate::turns::Turns;

#[derive(Debug, Clone)]
pub struct Grpc(Arc<Turns>);

impl Grpc {
    pub fn service(turns: Arc<Turns>) -> TutorAgentServer<Self> {
        TutorAgentServer::new(Self(turns))
    }
}

#[tonic::async_trait]
impl TutorAgent for Grpc {
    type StartTurnStream = UnboundedReceiverStream<Result<TurnEvent, Status>>;

    async fn start_turn(
        &self,
        request: Request<StartTurnRequest>,
    ) -> Result<Response<Self::StartTurnStream>, Status> {
        let events = self.0.start(request.into_inner()).await.map_err(|error| api::to_status(&error))?;
        Ok(Response::new(UnboundedReceiverStream::new(events)))
    }
}
