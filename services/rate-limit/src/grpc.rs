//! Translate, call, translate.

use api::common::Caller;
use api::rate_limit::rate_limit_server::RateLimit;
use api::rate_limit::{
    GetQuotaRequest, GetQuotaResponse, QuotaState, RefundRequest, RefundResponse, ReserveRequest,
    ReserveResponse, SettleRequest, SettleResponse,
};
use async_trait::async_trait;
use kernel::{Error, Role, UserId};
use tonic::{Request, Response, Status};

use crate::commands::{
    Cx, RefundReservation, ReserveMessage, SettleReservation, refund_reservation, reserve_message,
    settle_reservation,
};
use crate::domain::quota::{ReservationId, Standing};
use crate::{error, queries};

#[derive(Debug)]
pub(crate) struct Grpc(pub(crate) Cx);

#[async_trait]
impl RateLimit for Grpc {
    async fn reserve(&self, request: Request<ReserveRequest>) -> Result<Response<ReserveResponse>, Status> {
        let request = request.into_inner();
        let (user, role) = caller(request.caller).map_err(status)?;
        let command = ReserveMessage { id: id(&request.reservation_id).map_err(status)?, user, role };
        let standing = reserve_message(&self.0, command).await.map_err(status)?;
        Ok(Response::new(ReserveResponse { quota: Some(to_wire(standing)) }))
    }

    async fn settle(&self, request: Request<SettleRequest>) -> Result<Response<SettleResponse>, Status> {
        let request = request.into_inner();
        let command = SettleReservation {
            id: id(&request.reservation_id).map_err(status)?,
            user: UserId::from(request.user_id),
        };
        settle_reservation(&self.0, command).await.map_err(status)?;
        Ok(Response::new(SettleResponse {}))
    }

    async fn refund(&self, request: Request<RefundRequest>) -> Result<Response<RefundResponse>, Status> {
        let request = request.into_inner();
        let command = RefundReservation {
            id: id(&request.reservation_id).map_err(status)?,
            user: UserId::from(request.user_id),
            reason: request.reason,
        };
        refund_reservation(&self.0, command).await.map_err(status)?;
        Ok(Response::new(RefundResponse {}))
    }

    async fn get_quota(
        &self,
        request: Request<GetQuotaRequest>,
    ) -> Result<Response<GetQuotaResponse>, Status> {
        let (user, role) = caller(request.into_inner().caller).map_err(status)?;
        let standing = queries::get_quota(&self.0, &user, role).await.map_err(status)?;
        Ok(Response::new(GetQuotaResponse { quota: Some(to_wire(standing)) }))
    }
}

fn status(error: Error) -> Status {
    api::to_status(&error)
}

fn caller(caller: Option<Caller>) -> Result<(UserId, Role), Error> {
    let known = caller.filter(|caller| !caller.user_id.is_empty()).ok_or_else(error::unauthenticated)?;
    let role = known.role().to_kernel();
    Ok((UserId::from(known.user_id), role))
}

fn id(text: &str) -> Result<ReservationId, Error> {
    ReservationId::parse(text).ok_or_else(error::invalid_reservation_id)
}

/// Of an exempt role, nothing.
fn to_wire(standing: Option<Standing>) -> QuotaState {
    standing.map_or_else(QuotaState::default, |standing| QuotaState {
        limit: Some(standing.limit),
        remaining: Some(standing.remaining),
        resets_at: api::timestamp_opt(standing.resets_at),
    })
}
