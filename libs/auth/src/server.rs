use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use kernel::{Error, ErrorCode, Role};
use url::Url;

use crate::dpop::{self, ProofError};
use crate::{BoundError, Claims, RevocationCheck, TokenError, Verifier};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What a server needs to know of its callers: whose tokens it believes, for whom, and how it hears
/// of those that ended early.
#[derive(Debug, Clone)]
pub struct ResourceServer {
    verifier: Arc<Verifier>,
    revocation: Arc<dyn RevocationCheck>,
    /// Without a slash at its end.
    public_url: Option<Arc<str>>,
}

impl ResourceServer {
    /// Clients reach it at the origin of the verifier's audience, if that is an http address: proofs
    /// of possession (DPoP) are about that address.
    pub fn new(verifier: Verifier, revocation: impl RevocationCheck + 'static) -> Self {
        let public_url = Url::parse(verifier.audience())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .map(|url| url.origin().ascii_serialization().into());
        Self { verifier: Arc::new(verifier), revocation: Arc::new(revocation), public_url }
    }

    /// The address under which clients reach what this server sees as `/`. What clients say of it
    /// (`Host`, `Forwarded`) is not believed.
    #[must_use]
    pub fn public_url(mut self, url: &str) -> Self {
        self.public_url = Some(url.trim_end_matches('/').into());
        self
    }

    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Whose request is this? `path` is that of the request, with or without its query.
    ///
    /// # Errors
    /// [`Refusal`], to be answered as it is.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        method: &str,
        path: &str,
    ) -> Result<Claims, Refusal> {
        let (scheme, token) = credentials(headers)?;
        let claims = match scheme {
            Scheme::Bearer => {
                self.verifier.verify(token).await.map_err(|error| Refusal::token(scheme, error))?
            }
            Scheme::DPoP => self.by_proof(headers, token, method, path).await?,
        };
        match self.revocation.is_revoked(&claims, token).await {
            Ok(false) => Ok(claims),
            Ok(true) => Err(Refusal::unauthenticated(scheme, "SESSION_REVOKED", "The session has ended.")),
            Err(_) => Err(Refusal::unavailable()),
        }
    }

    async fn by_proof(
        &self,
        headers: &HeaderMap,
        token: &str,
        method: &str,
        path: &str,
    ) -> Result<Claims, Refusal> {
        let mut proofs = headers.get_all(DPOP).iter();
        let (Some(proof), None) = (proofs.next(), proofs.next()) else {
            return Err(Refusal::proof(ProofError::NotOne));
        };
        let proof = proof.to_str().map_err(|_| Refusal::proof(ProofError::Malformed))?;
        let Some(base) = &self.public_url else {
            tracing::error!("DPoP needs the public address of this server: ResourceServer::public_url");
            return Err(Refusal::token(Scheme::DPoP, TokenError::Invalid));
        };
        let url = format!("{base}{path}");
        self.verifier.verify_bound(token, proof, method, &url).await.map_err(|error| match error {
            BoundError::Token(error) => Refusal::token(Scheme::DPoP, error),
            BoundError::Proof(error) => Refusal::proof(error),
        })
    }
}

/// How the token is shown (RFC 6750, section 2.1; RFC 9449, section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bearer,
    DPoP,
}

impl Scheme {
    fn of(claims: &Claims) -> Self {
        if claims.cnf.is_some() { Self::DPoP } else { Self::Bearer }
    }

    fn challenge(self, members: &str) -> String {
        match self {
            Self::Bearer => format!("Bearer {members}"),
            Self::DPoP => format!("DPoP {members}, algs=\"{}\"", dpop::ALGORITHMS),
        }
    }
}

/// The one `Authorization` header; the scheme's case does not matter (RFC 9110, section 11.1).
fn credentials(headers: &HeaderMap) -> Result<(Scheme, &str), Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(Refusal::missing()),
        (Some(value), None) => value.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => return Err(Refusal::token(Scheme::Bearer, TokenError::Invalid)),
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok((Scheme::Bearer, token))
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Ok((Scheme::DPoP, token))
    } else {
        Err(Refusal::missing())
    }
}

/// Why a request is refused, and how its sender can do better (`WWW-Authenticate`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    error: Box<Error>,
    challenges: Vec<String>,
    missing: bool,
}

impl Refusal {
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The values of `WWW-Authenticate`.
    pub fn challenges(&self) -> impl Iterator<Item = HeaderValue> {
        self.challenges.iter().filter_map(|challenge| HeaderValue::from_str(challenge).ok())
    }

    /// There was no token at all; nothing bad was shown.
    pub fn is_missing(&self) -> bool {
        self.missing
    }

    fn new(error: Error, challenges: Vec<String>) -> Self {
        Self { error: Box::new(error), challenges, missing: false }
    }

    /// Whoever shows nothing is not told of errors (RFC 6750, section 3.1).
    pub(crate) fn missing() -> Self {
        let error = Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Please sign in.");
        let challenges = vec!["Bearer".to_owned(), format!("DPoP algs=\"{}\"", dpop::ALGORITHMS)];
        Self { missing: true, ..Self::new(error, challenges) }
    }

    fn unauthenticated(scheme: Scheme, reason: &'static str, message: &'static str) -> Self {
        let challenge =
            scheme.challenge(&format!("error=\"invalid_token\", error_description=\"{message}\""));
        Self::new(Error::new(ErrorCode::Unauthenticated, reason, message), vec![challenge])
    }

    fn token(scheme: Scheme, error: TokenError) -> Self {
        match error {
            TokenError::Invalid => {
                Self::unauthenticated(scheme, "INVALID_TOKEN", "The access token is not valid.")
            }
            TokenError::Expired => {
                Self::unauthenticated(scheme, "TOKEN_EXPIRED", "The access token has expired.")
            }
            TokenError::Unavailable => Self::unavailable(),
        }
    }

    fn proof(error: ProofError) -> Self {
        let challenge =
            Scheme::DPoP.challenge(&format!("error=\"invalid_dpop_proof\", error_description=\"{error}\""));
        let error = Error::new(ErrorCode::Unauthenticated, "INVALID_TOKEN", error.to_string());
        Self::new(error.with("error", "invalid_dpop_proof"), vec![challenge])
    }

    fn unavailable() -> Self {
        Self::new(Error::unavailable("Access tokens cannot be checked right now."), Vec::new())
    }

    #[cfg(feature = "axum")]
    pub(crate) fn defect() -> Self {
        Self::new(Error::internal(), Vec::new())
    }

    fn forbidden(message: String) -> Self {
        Self::new(Error::denied("FORBIDDEN", message), Vec::new())
    }
}

/// What a caller must be allowed, beyond having a good token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    User,
    Role(Role),
    VerifiedEmail,
    Scope(&'static str),
}

impl Rule {
    pub(crate) fn allows(self, claims: &Claims) -> Result<(), Refusal> {
        // The role of an application's own token is that of nobody.
        if !claims.is_user() && !matches!(self, Self::Scope(_)) {
            return Err(Refusal::forbidden("This is for people, not for applications.".to_owned()));
        }
        match self {
            Self::Role(role) if claims.role < role => {
                Err(Refusal::forbidden(format!("This needs the role {role}.")))
            }
            Self::VerifiedEmail if !claims.email_verified => {
                let message = "The e-mail address is not verified.";
                Err(Refusal::new(Error::denied("EMAIL_NOT_VERIFIED", message), Vec::new()))
            }
            Self::Scope(scope) if !claims.has_scope(scope) => {
                let challenge =
                    Scheme::of(claims).challenge(&format!("error=\"insufficient_scope\", scope=\"{scope}\""));
                let error = Error::denied("FORBIDDEN", format!("This needs the scope {scope}."));
                let error = error.with("error", "insufficient_scope").with("scope", scope);
                Err(Refusal::new(error, vec![challenge]))
            }
            _ => Ok(()),
        }
    }
}
