use api::usage_metrics::{AiUsageDay, AuthEvent, ListAiUsageRequest, ListAuthEventsRequest};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use kernel::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::caller::SignedIn;
use crate::error::Problem;
use crate::state::App;

#[derive(Debug, Deserialize)]
pub struct AuthEventsQuery {
    user_id: Option<String>,
    email: Option<String>,
    ip: Option<String>,
    r#type: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    limit: Option<u32>,
    before: Option<u64>,
}

/// `GET /admin/auth-events`, newest first.
pub async fn auth_events(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    query: Result<Query<AuthEventsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let query = accepted(query)?;
    let request = ListAuthEventsRequest {
        caller: Some(caller),
        user_id: query.user_id,
        email: query.email,
        ip: query.ip,
        r#type: query.r#type,
        from: api::timestamp_opt(query.from),
        to: api::timestamp_opt(query.to),
        limit: query.limit.unwrap_or(0),
        before: query.before,
    };
    let page = app.usage_metrics().list_auth_events(request).await?.into_inner();
    let events: Vec<Value> = page.events.iter().map(auth_event).collect();
    let mut answer = json!({ "events": events, "before": page.before });
    // Addresses and browsers of these stores' events are missing, not erased.
    if !page.away.is_empty() {
        answer["away"] = json!(page.away);
    }
    Ok(Json(answer))
}

fn auth_event(event: &AuthEvent) -> Value {
    json!({
        "row": event.row, "store": event.store, "position": event.position,
        "at": api::millis(event.at.as_ref()), "type": event.r#type,
        "user_id": event.user_id, "actor": event.actor,
        "email": event.email, "ip": event.ip, "user_agent": event.user_agent,
        "detail": serde_json::from_str::<Value>(&event.detail_json).unwrap_or_default(),
        "trace_id": event.trace_id,
    })
}

#[derive(Debug, Deserialize)]
pub struct AiUsageQuery {
    user_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<u32>,
}

/// `GET /admin/ai-usage`: per user and UTC day.
pub async fn ai_usage(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    query: Result<Query<AiUsageQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let query = accepted(query)?;
    let request = ListAiUsageRequest {
        caller: Some(caller),
        user_id: query.user_id,
        from: query.from,
        to: query.to,
        limit: query.limit.unwrap_or(0),
    };
    let days = app.usage_metrics().list_ai_usage(request).await?.into_inner().days;
    Ok(Json(json!({ "days": days.iter().map(day).collect::<Vec<_>>() })))
}

fn day(day: &AiUsageDay) -> Value {
    json!({
        "day": day.day, "user_id": day.user_id,
        "messages": day.messages, "completed": day.completed, "failed": day.failed, "error_rate": day.error_rate,
        "mean_response_ms": day.mean_response_ms, "p95_response_ms": day.p95_response_ms,
        "mean_ttft_ms": day.mean_ttft_ms, "p95_ttft_ms": day.p95_ttft_ms,
        "tokens_in": day.tokens_in, "tokens_out": day.tokens_out,
    })
}

fn accepted<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| {
        Problem::from(Error::invalid(
            "INVALID_ARGUMENT",
            format!("The query is not valid: {}", rejection.body_text()),
        ))
    })
}
