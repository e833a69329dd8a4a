//! Translate, call, translate.

use api::common::Caller;
use api::usage_metrics::usage_metrics_server::UsageMetrics;
use api::usage_metrics::{
    AiUsageDay, AuthEvent, ListAiUsageRequest, ListAiUsageResponse, ListAuthEventsRequest,
    ListAuthEventsResponse,
};
use async_trait::async_trait;
use kernel::{Error, Role};
use sqlx::PgPool;
use tonic::{Request, Response, Status};

use crate::hashes::HashKey;
use crate::owners::Owners;
use crate::postgres::ai_usage;
use crate::queries::{AuthEvents, Shown};
use crate::{error, queries};

#[derive(Debug)]
pub(crate) struct Grpc {
    pool: PgPool,
    events: AuthEvents,
}

impl Grpc {
    pub(crate) fn new(pool: PgPool, owners: Owners, key: HashKey) -> Self {
        Self { pool: pool.clone(), events: AuthEvents { pool, owners, key } }
    }
}

#[async_trait]
impl UsageMetrics for Grpc {
    async fn list_auth_events(
        &self,
        request: Request<ListAuthEventsRequest>,
    ) -> Result<Response<ListAuthEventsResponse>, Status> {
        let request = request.into_inner();
        admin_only(request.caller.as_ref()).map_err(status)?;
        let page = self.events.list(request).await.map_err(status)?;
        Ok(Response::new(ListAuthEventsResponse {
            events: page.events.into_iter().map(event).collect(),
            before: page.before.map(unsigned),
            away: page.away.into_iter().map(str::to_owned).collect(),
        }))
    }

    async fn list_ai_usage(
        &self,
        request: Request<ListAiUsageRequest>,
    ) -> Result<Response<ListAiUsageResponse>, Status> {
        let request = request.into_inner();
        admin_only(request.caller.as_ref()).map_err(status)?;
        let days = queries::list_ai_usage(&self.pool, request).await.map_err(status)?;
        Ok(Response::new(ListAiUsageResponse { days: days.into_iter().map(day).collect() }))
    }
}

fn status(error: Error) -> Status {
    api::to_status(&error)
}

fn admin_only(caller: Option<&Caller>) -> Result<(), Error> {
    let known = caller.filter(|caller| !caller.user_id.is_empty()).ok_or_else(error::unauthenticated)?;
    if known.role().to_kernel() == Role::Admin { Ok(()) } else { Err(error::forbidden()) }
}

fn event(Shown { line, email, ip, user_agent }: Shown) -> AuthEvent {
    AuthEvent {
        row: unsigned(line.row),
        store: line.store,
        position: unsigned(line.position),
        at: Some(api::timestamp(line.at)),
        r#type: line.kind,
        user_id: line.user_id,
        email,
        ip,
        user_agent,
        detail_json: line.detail,
        trace_id: line.trace_id.unwrap_or_default(),
        actor: line.actor,
    }
}

fn day(day: ai_usage::Day) -> AiUsageDay {
    AiUsageDay {
        day: day.day.to_string(),
        user_id: day.user_id,
        messages: unsigned(day.messages),
        completed: unsigned(day.completed),
        failed: unsigned(day.failed),
        error_rate: day.error_rate.unwrap_or_default(),
        mean_response_ms: day.mean_response_ms,
        p95_response_ms: day.p95_response_ms,
        mean_ttft_ms: day.mean_ttft_ms,
        p95_ttft_ms: day.p95_ttft_ms,
        tokens_in: unsigned(day.tokens_in),
        tokens_out: unsigned(day.tokens_out),
    }
}

/// Rows, positions and counts are never negative.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
