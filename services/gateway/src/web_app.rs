use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::Problem;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// A file of the built web app; any other path is a page, which the app itself routes.
pub async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    // Vite names assets by their content: a missing one must not be answered by a page.
    let asset = path.starts_with("assets/");
    match (Dist::get(path).filter(|_| !path.is_empty()), asset) {
        (Some(file), true) => respond(&file, path, &headers, "public, max-age=31536000, immutable"),
        (Some(file), false) => respond(&file, path, &headers, "no-cache"),
        (None, true) => Problem::from(Error::not_found("NOT_FOUND", "No such file.")).into_response(),
        (None, false) => match Dist::get("index.html") {
            Some(file) => respond(&file, "index.html", &headers, "no-cache"),
            None => Problem::from(Error::new(
                ErrorCode::Unavailable,
                "WEB_APP_NOT_BUILT",
                "This binary was built without the web app: run ./dev up, or npm run build in web/ and build again.",
            ))
            .into_response(),
        },
    }
}

fn respond(file: &EmbeddedFile, path: &str, headers: &HeaderMap, cache: &'static str) -> Response {
    let hash = file.metadata.sha256_hash();
    let etag = format!("\"{}\"", hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>());
    let unchanged =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(file.data.to_vec()))
    };
    let out = response.headers_mut();
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    if let Ok(value) = HeaderValue::from_str(&content_type(mime.as_ref())) {
        out.insert(header::CONTENT_TYPE, value);
    }
    if let Ok(value) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, value);
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn content_type(mime: &str) -> String {
    if mime.starts_with("text/") { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}
