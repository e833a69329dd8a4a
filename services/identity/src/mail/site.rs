use kernel::Error;
use url::Url;

use crate::error;

/// PUBLIC_URL as mails need it: from configuration, never from a request's headers.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Without a slash at its end.
    base: String,
    url: Url,
}

impl Site {
    /// # Errors
    /// `INVALID_OPTIONS`.
    pub(crate) fn new(public_url: &Url) -> Result<Self, Error> {
        let base = public_url.as_str().trim_end_matches('/').to_owned();
        if !matches!(public_url.scheme(), "http" | "https") || public_url.host().is_none() {
            return Err(error::invalid_options(format!("PUBLIC_URL {base:?} is no http or https URL")));
        }
        Ok(Self { base, url: public_url.clone() })
    }

    /// The address of a page: `path` begins with a slash.
    pub(crate) fn at(&self, path: &str) -> Result<Url, Error> {
        format!("{}{path}", self.base).parse().map_err(|error| {
            tracing::error!(%error, "a link cannot be made of PUBLIC_URL");
            Error::internal()
        })
    }

    /// How people name the site: its host, with the port if it is a special one.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    pub(super) fn owns(&self, link: &Url) -> bool {
        link.origin() == self.url.origin()
    }
}
