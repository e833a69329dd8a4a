use api::curriculum::GetAssetRequest;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::Problem;
use crate::rest::Named;
use crate::state::App;

/// `GET /courses/{course}/assets/{path}`: an image of a lesson. A course's files come from its
/// authors: nothing in them may run, whatever their type (an SVG can carry scripts).
pub async fn show(
    State(app): State<App>,
    Named((course_slug, path)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = app.curriculum().get_asset(GetAssetRequest { course_slug, path }).await?.into_inner();
    let etag = format!("\"{}\"", asset.etag);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = Response::new(Body::from(asset.body));
    let out = response.headers_mut();
    for (name, value) in [(header::CONTENT_TYPE, asset.content_type), (header::ETAG, etag)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            out.insert(name, value);
        }
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    let inert = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    out.insert(header::CONTENT_SECURITY_POLICY, inert);
    Ok(response)
}
