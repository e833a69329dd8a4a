//! Translate, call, translate.

use api::common::Caller;
use api::rate_limit::rate_limit_server::RateLimit;
use api::rate_limit::throttles_server::Throttles;
use api::rate_limit::{
    GetQuotaRequest, GetQuotaResponse, QuotaState, RefundRequest, RefundResponse, ReserveRequest,
    ReserveResponse, SettleRequest, SettleResponse, ThrottleRequest, ThrottleResponse, UnthrottleRequest,
    UnthrottleResponse,
};
use async_trait::async_trait;
use kernel::{Error, Role, UserId};
use tonic::{Request, Response, Status};

use crate::commands::{
    Asks, Cx, RefundReservation, ReserveMessage, SettleReservation, ThrottleCalls, refund_reservation,
    reserve_message, return_calls, settle_reservation, throttle_calls,
};
use crate::domain::quota::{ReservationId, Standing};
use crate::domain::throttle::{Invalid, Rate, Returned, ThrottleKey};
use crate::{error, queries};

#[derive(Debug, Clone)]
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

#[async_trait]
impl Throttles for Grpc {
    async fn throttle(
        &self,
        request: Request<ThrottleRequest>,
    ) -> Result<Response<ThrottleResponse>, Status> {
        let command = throttle(request.into_inner()).map_err(|invalid| status(invalid.into()))?;
        let verdict = throttle_calls(&self.0, command).await.map_err(status)?;
        Ok(Response::new(ThrottleResponse {
            allowed: verdict.allowed,
            remaining: verdict.remaining,
            retry_after_seconds: verdict.retry_after_seconds,
        }))
    }

    async fn unthrottle(
        &self,
        request: Request<UnthrottleRequest>,
    ) -> Result<Response<UnthrottleResponse>, Status> {
        let (key, returned) = unthrottle(request.into_inner()).map_err(|invalid| status(invalid.into()))?;
        return_calls(&self.0, &key, returned).await.map_err(status)?;
        Ok(Response::new(UnthrottleResponse {}))
    }
}

fn throttle(request: ThrottleRequest) -> Result<ThrottleCalls, Invalid> {
    let key = ThrottleKey::parse(request.key)?;
    let rate = Rate::new(request.limit, request.window_seconds)?;
    let asks = match request.cost.unwrap_or(1) {
        0 => Asks::Look(rate),
        cost => Asks::Charge(rate.charge(cost)?),
    };
    Ok(ThrottleCalls { key, asks })
}

fn unthrottle(request: UnthrottleRequest) -> Result<(ThrottleKey, Returned), Invalid> {
    Ok((ThrottleKey::parse(request.key)?, Returned::new(request.cost.unwrap_or(1))?))
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
