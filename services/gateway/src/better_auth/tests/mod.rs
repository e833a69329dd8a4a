//! The routes over HTTP, with doubles of the services behind them.

mod accounts;
mod admin;
mod doubles;
mod guards;
mod log;
mod profile;
mod revocation;
mod schemas;
mod sessions;
mod social;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use kernel::{Clock, Error, ErrorCode, ManualClock};
use runtime::{Deps, Health};
use secrecy::SecretString;
use serde_json::Value;
use sqlx::PgPool;
use tower::ServiceExt;
use url::Url;

use crate::client_ip::TrustedProxies;
use crate::limits::AuthLimits;
use crate::state::{App, Settings};
use doubles::{Double, TOKEN};

const ORIGIN: &str = "https://school.example";

struct Gateway {
    clock: Arc<ManualClock>,
    app: App,
    router: Router,
    double: Arc<Double>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// What is set, without what is expired.
    fn sets(&self) -> Vec<&str> {
        let set = self.cookies().into_iter().filter(|cookie| !cookie.contains("Max-Age=0"));
        set.map(|cookie| cookie.split('=').next().unwrap().trim_start_matches("__Secure-better-auth."))
            .collect()
    }

    fn expires(&self) -> Vec<&str> {
        let expired = self.cookies().into_iter().filter(|cookie| cookie.contains("Max-Age=0"));
        expired
            .map(|cookie| cookie.split('=').next().unwrap().trim_start_matches("__Secure-better-auth."))
            .collect()
    }
}

impl Gateway {
    async fn new() -> Self {
        let clock = testkit::clock();
        let double = Arc::new(Double::new(clock.now()));
        let nats = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let deps = Deps {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: testkit::entropy(),
            pool: PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap(),
            nats: nats.connect("127.0.0.1:1").await.unwrap(),
            namespace: "test".to_owned(),
            peers: testkit::peers_for(double.routes()),
            health: Health::default(),
        };
        let url = Url::parse(ORIGIN).unwrap();
        let trusted = ["https://*.pages.example".to_owned(), "tutor://".to_owned()];
        let secret = SecretString::from("a-secret-of-at-least-thirty-two-bytes");
        let settings = Settings {
            public_url: url,
            trusted_origins: trusted.to_vec(),
            auth_secret: secret,
            mail_dir: None,
            proxies: TrustedProxies::default(),
            limits: AuthLimits::default(),
            session_days: 7,
            registration: crate::oidc::RegistrationPolicy::Off,
        };
        let app = App::new(settings, &deps).unwrap();
        Self { clock, router: crate::router::router(app.clone(), Health::default()), app, double }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let path = if path.starts_with("/api/") { path.to_owned() } else { format!("/api/auth{path}") };
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    /// A post of the web app in a signed-in browser.
    async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [
            ("content-type", "application/json"),
            ("origin", ORIGIN),
            ("cookie", &self.cookie("session_token", TOKEN)),
        ];
        self.send(Method::POST, path, &headers, &body.to_string()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("cookie", &self.cookie("session_token", TOKEN))], "").await
    }

    /// Without cookies, as a program sends it.
    async fn bare_post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], &body.to_string()).await
    }

    async fn bare_get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// A cookie as the gateway signs it.
    fn cookie(&self, name: &str, value: &str) -> String {
        let mut headers = HeaderMap::new();
        self.app.cookies.set_session(&mut headers, value, true);
        let pair = headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        pair.replace("session_token", name)
    }

    fn refuse(&self, method: &'static str, code: ErrorCode, reason: &'static str) {
        self.double.refuse(method, Error::new(code, reason, "why"));
    }
}
