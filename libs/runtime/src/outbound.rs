//! Requests to the outside world: addresses that somebody else has chosen.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::Value;
use url::{Host, Url};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Discovery documents and key sets are some kilobytes.
const MAX_BODY: usize = 1024 * 1024;

/// Why there is no answer; says nothing of tokens.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{0} is not asked: it is no public address")]
    Forbidden(String),
    #[error("only https is asked")]
    Insecure,
    #[error("no answer: {0}")]
    Transport(String),
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    #[error("the answer is no HTTP answer: {0}")]
    Malformed(#[from] http::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer is no JSON")]
    NotJson,
}

/// Asks other servers: https, public addresses (those that were looked up are those that are
/// connected to), no redirects, answers of up to 1 MiB within ten seconds.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: reqwest::Client,
    private: bool,
}

impl Outbound {
    /// `private`: also plain http and addresses of private networks, for tests and intranets.
    ///
    /// # Errors
    /// When no client can be made, without any certificate authority say.
    pub fn new(private: bool) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .no_proxy()
            .user_agent("intellistack")
            .https_only(!private);
        if !private {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self { client: builder.build()?, private })
    }

    /// JSON, behind a bearer token or open to all.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn get_json(&self, url: &Url, bearer: Option<&str>) -> Result<Value, OutboundError> {
        let mut request = http::Request::get(url.as_str()).header("accept", "application/json");
        if let Some(bearer) = bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        let request = request.body(Vec::new())?;
        let answer = self.send(request).await?;
        if !answer.status().is_success() {
            return Err(OutboundError::Status(answer.status().as_u16()));
        }
        serde_json::from_slice(answer.body()).map_err(|_| OutboundError::NotJson)
    }

    /// The answer, whatever its status.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, OutboundError> {
        let (parts, body) = request.into_parts();
        let url: Url = parts.uri.to_string().parse().map_err(|_| OutboundError::Insecure)?;
        self.check(&url)?;
        let asked = self.client.request(parts.method, url).headers(parts.headers).body(body);
        // The address may hold a code or a token.
        let transport = |error: reqwest::Error| OutboundError::Transport(error.without_url().to_string());
        let mut answer = asked.send().await.map_err(transport)?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(transport)? {
            if bytes.len() + chunk.len() > MAX_BODY {
                return Err(OutboundError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(response.body(bytes)?)
    }

    /// Addresses written as numbers are not looked up.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub fn check(&self, url: &Url) -> Result<(), OutboundError> {
        if self.private && matches!(url.scheme(), "https" | "http") {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(OutboundError::Insecure);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if is_public(address) { Ok(()) } else { Err(OutboundError::Forbidden(address.to_string())) }
    }
}

/// Looks names up and keeps the public addresses: what is checked is what is connected to.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(OutboundError::Forbidden(name.as_str().to_owned()).into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

impl fmt::Debug for PublicOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicOnly")
    }
}

/// Not one of the special-purpose registries of IANA (RFC 6890), however it is written.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240)
}

/// Global unicast is 2000::/3; of it, what carries an IPv4 address is as public as that one.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, third, ..] = address.segments();
    let bits = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (first, second) {
        // 6to4 (RFC 3056).
        (0x2002, high) => is_public_v4(bits(high, third)),
        // Teredo and the other protocol assignments; documentation.
        (0x2001, 0..=0x01ff | 0x0db8) | (0x3fff, 0..=0x0fff) => false,
        // NAT64 (RFC 6052, section 2.1).
        (0x0064, 0xff9b) if address.segments()[2..6] == [0; 4] => {
            is_public_v4(bits(address.segments()[6], address.segments()[7]))
        }
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "2001:4860:4860::8888", "64:ff9b::101:101"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn private_addresses_plain_http_and_names_of_this_machine_are_refused() {
        let http = Outbound::new(false).unwrap();
        for (url, expected) in [
            ("https://127.0.0.1/", "is not asked"),
            ("https://[::1]/", "is not asked"),
            ("https://2130706433/", "is not asked"),
            ("http://accounts.example/", "only https"),
            ("https://localhost/", "no answer"),
        ] {
            let error = http.get_json(&url.parse().unwrap(), Some("token")).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{url}: {error}");
        }
    }
}
