use std::collections::HashMap;
use std::time::Duration;

use kernel::{Error, ErrorCode, Retry};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

const DOMAIN: &str = "intellistack";

/// A service error as a gRPC status with `google.rpc.ErrorInfo` and, where waiting helps,
/// `google.rpc.RetryInfo`.
pub fn to_status(error: &Error) -> Status {
    let metadata: HashMap<String, String> = error.metadata.clone().into_iter().collect();
    let mut details = ErrorDetails::with_error_info(error.reason.clone(), DOMAIN, metadata);
    if let Retry::After(wait) = error.retry {
        details.set_retry_info(Some(wait));
    }
    Status::with_error_details(grpc_code(error.code), error.message.clone(), details)
}

/// The error a peer reported. A status without `ErrorInfo` (a transport failure, a deadline) is
/// given the reason of its code.
pub fn from_status(status: &Status) -> Error {
    let code = kernel_code(status.code());
    let details = status.get_error_details();
    let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
        tracing::debug!(code = ?status.code(), message = status.message(), "a peer failed without details");
        return match code {
            ErrorCode::Unavailable | ErrorCode::DeadlineExceeded => {
                Error::unavailable("A part of the system is away. Please try again.")
            }
            ErrorCode::Unauthenticated => Error::new(code, "UNAUTHENTICATED", "Not signed in."),
            _ => Error::internal(),
        };
    };
    let mut error = Error::internal();
    error.code = code;
    error.reason = info.reason.clone().into();
    error.message = status.message().to_owned().into();
    error.metadata = info.metadata.clone().into_iter().collect();
    error.retry = match (details.retry_info().and_then(|retry| retry.retry_delay), code) {
        (Some(wait), _) => Retry::After(wait),
        (None, ErrorCode::Conflict) => Retry::Immediately,
        (None, ErrorCode::Unavailable | ErrorCode::DeadlineExceeded) => Retry::After(Duration::from_secs(1)),
        _ => Retry::Never,
    };
    error
}

fn grpc_code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::InvalidArgument => Code::InvalidArgument,
        ErrorCode::Unauthenticated => Code::Unauthenticated,
        ErrorCode::PermissionDenied => Code::PermissionDenied,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::AlreadyExists => Code::AlreadyExists,
        ErrorCode::Conflict => Code::Aborted,
        ErrorCode::FailedPrecondition => Code::FailedPrecondition,
        ErrorCode::ResourceExhausted => Code::ResourceExhausted,
        ErrorCode::Unavailable => Code::Unavailable,
        ErrorCode::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorCode::Internal => Code::Internal,
    }
}

fn kernel_code(code: Code) -> ErrorCode {
    match code {
        Code::InvalidArgument | Code::OutOfRange => ErrorCode::InvalidArgument,
        Code::Unauthenticated => ErrorCode::Unauthenticated,
        Code::PermissionDenied => ErrorCode::PermissionDenied,
        Code::NotFound => ErrorCode::NotFound,
        Code::AlreadyExists => ErrorCode::AlreadyExists,
        Code::Aborted => ErrorCode::Conflict,
        Code::FailedPrecondition => ErrorCode::FailedPrecondition,
        Code::ResourceExhausted => ErrorCode::ResourceExhausted,
        // Cancelled and Unknown are what tonic reports when a connection breaks under a call.
        Code::Unavailable | Code::Cancelled | Code::Unknown => ErrorCode::Unavailable,
        Code::DeadlineExceeded => ErrorCode::DeadlineExceeded,
        Code::Ok | Code::Internal | Code::DataLoss | Code::Unimplemented => ErrorCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        let error = Error::new(ErrorCode::ResourceExhausted, "QUOTA_EXCEEDED", "20 messages in 24 hours")
            .with("resets_at", "2026-01-01T00:00:00.000Z")
            .retry_after(Duration::from_secs(90));
        assert_eq!(from_status(&to_status(&error)), error);
    }

    #[test]
    fn a_broken_connection_is_unavailable_and_says_nothing_of_its_cause() {
        let error = from_status(&Status::unknown("transport error: 10.0.0.7 refused"));
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert!(!error.message.contains("10.0.0.7"));
    }
}
