use std::borrow::Cow;

use kernel::{Error, ErrorCode};

/// The error codes of OAuth 2.0 and OpenID Connect that this provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    // RFC 6749, sections 4.1.2.1 and 5.2.
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    AccessDenied,
    // RFC 8707, section 2.
    InvalidTarget,
    // OpenID Connect Core 1.0, section 3.1.2.6.
    LoginRequired,
    ConsentRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    RegistrationNotSupported,
    // RFC 8628, section 3.5.
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    // RFC 9449, section 5.
    InvalidDpopProof,
    // RFC 6750, section 3.1.
    InvalidToken,
    InsufficientScope,
    // RFC 7591, section 3.2.2.
    InvalidRedirectUri,
    InvalidClientMetadata,
    // The client cannot be told; these are for our own error page.
    InvalidIdTokenHint,
}

impl Code {
    /// The reason that travels between services; in small letters it is the code of the protocol.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::InvalidClient => "INVALID_CLIENT",
            Self::InvalidGrant => "INVALID_GRANT",
            Self::UnauthorizedClient => "UNAUTHORIZED_CLIENT",
            Self::UnsupportedGrantType => "UNSUPPORTED_GRANT_TYPE",
            Self::UnsupportedResponseType => "UNSUPPORTED_RESPONSE_TYPE",
            Self::InvalidScope => "INVALID_SCOPE",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::InvalidTarget => "INVALID_TARGET",
            Self::LoginRequired => "LOGIN_REQUIRED",
            Self::ConsentRequired => "CONSENT_REQUIRED",
            Self::RequestNotSupported => "REQUEST_NOT_SUPPORTED",
            Self::RequestUriNotSupported => "REQUEST_URI_NOT_SUPPORTED",
            Self::RegistrationNotSupported => "REGISTRATION_NOT_SUPPORTED",
            Self::AuthorizationPending => "AUTHORIZATION_PENDING",
            Self::SlowDown => "SLOW_DOWN",
            Self::ExpiredToken => "EXPIRED_TOKEN",
            Self::InvalidDpopProof => "INVALID_DPOP_PROOF",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::InsufficientScope => "INSUFFICIENT_SCOPE",
            Self::InvalidRedirectUri => "INVALID_REDIRECT_URI",
            Self::InvalidClientMetadata => "INVALID_CLIENT_METADATA",
            Self::InvalidIdTokenHint => "INVALID_ID_TOKEN_HINT",
        }
    }

    /// As the protocol writes it.
    pub(crate) fn wire(self) -> String {
        self.reason().to_ascii_lowercase()
    }

    fn kernel(self) -> ErrorCode {
        match self {
            Self::InvalidClient | Self::InvalidToken => ErrorCode::Unauthenticated,
            Self::InsufficientScope => ErrorCode::PermissionDenied,
            _ => ErrorCode::InvalidArgument,
        }
    }
}

/// A refusal in the protocol's words. The description is for developers: ASCII, without quotes
/// (RFC 6749, section 5.2), and repeats nothing of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OAuthError {
    pub(crate) code: Code,
    pub(crate) description: Cow<'static, str>,
}

impl OAuthError {
    pub(crate) fn new(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into() }
    }

    pub(crate) fn request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    /// One answer for whatever is wrong with a code or a refresh token: who guesses learns nothing.
    pub(crate) fn grant() -> Self {
        Self::new(
            Code::InvalidGrant,
            "The code or token is unknown, expired, used, revoked or not for this client",
        )
    }

    pub(crate) fn client() -> Self {
        Self::new(Code::InvalidClient, "The client is unknown or has not proven who it is")
    }
}

impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        Self::new(error.code.kernel(), error.code.reason(), error.description)
    }
}
