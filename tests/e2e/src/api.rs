use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

/// The gateway as an HTTP client sees it. Redirects are not followed, cookies not kept.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    http: Client,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Api {
    pub fn new(base: &str) -> Self {
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_mins(1))
            .user_agent("intellistack-e2e")
            .build()
            .expect("an HTTP client");
        Self { base: base.to_owned(), http }
    }

    /// The gateway's origin.
    pub fn origin(&self) -> &str {
        &self.base
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        self.http.request(method, url)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }
}

impl Answer {
    /// Sends a request and reads all of the answer.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::try_of(request).await.expect("an HTTP answer")
    }

    /// The same where the server may be away.
    pub async fn try_of(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The JSON of an answer that must be of this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    pub fn header(&self, name: &str) -> String {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// The value of a cookie that this answer sets; not when it deletes it.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let lines =
            self.headers.get_all("set-cookie").iter().filter_map(|line: &HeaderValue| line.to_str().ok());
        let value =
            lines.filter_map(|line| line.split(';').next()?.split_once('=')).find(|(key, _)| *key == name);
        value.map(|(_, value)| value.to_owned()).filter(|value| !value.is_empty())
    }
}
