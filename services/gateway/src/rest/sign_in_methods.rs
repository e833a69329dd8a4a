use api::identity::ListProvidersRequest;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::state::App;

/// `GET /sign-in-methods`, for everyone: the providers beside e-mail and password. A sign-in page
/// does without them rather than not at all, so it is an empty list while identity is away.
pub async fn list(State(app): State<App>) -> Json<Value> {
    let providers = match app.social().list_providers(ListProvidersRequest {}).await {
        Ok(answer) => answer.into_inner().providers,
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the sign-in providers cannot be listed");
            Vec::new()
        }
    };
    let providers: Vec<Value> =
        providers.into_iter().map(|provider| json!({ "id": provider.id, "name": provider.name })).collect();
    Json(json!({ "providers": providers }))
}
