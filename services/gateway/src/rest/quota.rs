use api::rate_limit::GetQuotaRequest;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::caller::SignedIn;
use crate::error::Problem;
use crate::state::App;

/// `GET /me/quota`: what is left of the messages of the last 24 hours.
pub async fn show(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<Value>, Problem> {
    let answer = app.rate_limit().get_quota(GetQuotaRequest { caller: Some(caller) }).await?.into_inner();
    let quota = answer.quota.unwrap_or_default();
    Ok(Json(json!({
        "limit": quota.limit,
        "remaining": quota.remaining,
        "resets_at": quota.resets_at.as_ref().and_then(|at| api::millis_opt(Some(at))),
    })))
}
