//! `/api/v1/*`: JSON in snake_case, errors as problem+json.

pub mod admin;
pub mod assets;
pub mod courses;
pub mod lessons;
pub mod quota;
pub mod sign_in_methods;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use kernel::Error;
use serde::de::DeserializeOwned;

use crate::error::Problem;

/// The variable parts of the path; a part that is no UTF-8 is refused like any other bad request.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<S, T> FromRequestParts<S> for Named<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<T>::from_request_parts(parts, state).await;
        named.map(|Path(named)| Self(named)).map_err(|rejection: PathRejection| {
            Error::invalid("INVALID_ARGUMENT", format!("The path is not valid: {}", rejection.body_text()))
                .into()
        })
    }
}

pub async fn not_found() -> Problem {
    Problem::from(Error::not_found("NOT_FOUND", "There is nothing at this path."))
}

pub async fn method_not_allowed() -> Problem {
    Problem::from(Error::invalid("METHOD_NOT_ALLOWED", "This method is not offered here."))
}
