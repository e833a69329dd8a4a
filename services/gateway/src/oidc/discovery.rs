use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::state::App;

/// OpenID Connect Discovery 1.0, section 3, and RFC 8414, section 2: what is there now, and nothing
/// that is not.
pub async fn show(State(app): State<App>) -> Response {
    let issuer = &app.issuer;
    let endpoint = |name: &str| format!("{issuer}/oauth2/{name}");
    let client_methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    let with_public = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
    let signing = ["RS256", "PS256", "ES256", "EdDSA"];
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": endpoint("authorize"),
        "token_endpoint": endpoint("token"),
        "userinfo_endpoint": endpoint("userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "introspection_endpoint": endpoint("introspect"),
        "revocation_endpoint": endpoint("revoke"),
        "end_session_endpoint": endpoint("end-session"),
        "pushed_authorization_request_endpoint": endpoint("par"),
        "device_authorization_endpoint": endpoint("device_authorization"),
        "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access",
            "courses:read", "courses:write", "tutor:chat"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": with_public,
        "token_endpoint_auth_signing_alg_values_supported": signing,
        "introspection_endpoint_auth_methods_supported": client_methods,
        "introspection_endpoint_auth_signing_alg_values_supported": signing,
        "revocation_endpoint_auth_methods_supported": with_public,
        "revocation_endpoint_auth_signing_alg_values_supported": signing,
        "dpop_signing_alg_values_supported": signing,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "nonce", "sid", "name",
            "picture", "updated_at", "role", "email", "email_verified"],
        "claim_types_supported": ["normal"],
        "acr_values_supported": ["0"],
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_pushed_authorization_requests": false,
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    });
    if app.registration.is_open() {
        document["registration_endpoint"] = json!(endpoint("register"));
    }
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)).into_response()
}
