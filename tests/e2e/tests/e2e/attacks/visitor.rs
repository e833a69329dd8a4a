//! A browser that keeps every cookie, and follows a person to a provider and back.

use std::collections::BTreeMap;

use intellistack_e2e::{Answer, Api, Mail, PASSWORD, System};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};

/// Cookies by name.
type Jar = BTreeMap<String, String>;

/// Keeps our cookies, and sends them as a page of ours would.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub api: Api,
    origin: String,
    /// Of every request.
    headers: Vec<(&'static str, String)>,
    jar: Jar,
}

impl Visitor {
    pub fn new(system: &System) -> Self {
        let api = system.api.clone();
        Self { origin: api.origin().to_owned(), api, headers: Vec::new(), jar: Jar::new() }
    }

    /// With headers that every request carries.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same browser at the other gateway of the same origin.
    pub fn at(&self, gateway: &Api) -> Self {
        Self { api: gateway.clone(), ..self.clone() }
    }

    pub fn cookie(&self, name: &str) -> Option<&String> {
        self.jar.get(&format!("better-auth.{name}"))
    }

    pub fn forget(&mut self, name: &str) {
        self.jar.remove(&format!("better-auth.{name}"));
    }

    /// Puts a cookie there, as an attacker or the owner of a device might.
    pub fn plant(&mut self, name: &str, value: &str) {
        self.jar.insert(format!("better-auth.{name}"), value.to_owned());
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.api.request(method, path).header("origin", &self.origin);
        let request =
            self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        with_cookies(request, &self.jar)
    }

    fn keep(&mut self, answer: &Answer) {
        keep(&mut self.jar, answer);
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = Answer::of(self.request(Method::GET, path)).await;
        self.keep(&answer);
        answer
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let answer = Answer::of(self.request(Method::POST, path).json(body)).await;
        self.keep(&answer);
        answer
    }

    pub async fn sign_up(&mut self, email: &str) -> Answer {
        let body = json!({ "name": "Ada", "email": email, "password": PASSWORD, "callbackURL": "/verified" });
        self.post("/api/auth/sign-up/email", &body).await
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        self.post("/api/auth/sign-in/email", &body).await
    }

    /// The session's user, `null` without one.
    pub async fn user(&mut self) -> Value {
        self.get("/api/auth/get-session").await.expect(200)["user"].clone()
    }

    pub async fn access_token(&mut self) -> String {
        let answer = self.get("/api/auth/token").await.expect(200);
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// Opens an address and follows redirects, until a page of ours or what is no redirect; answers
    /// where that is. `edit` may change an address before it is visited.
    pub async fn browse(&mut self, address: &str, edit: impl Fn(&mut Url)) -> Landing {
        let ours = Url::parse(&self.origin).expect("our origin");
        // A provider sees a new browser each time.
        let mut foreign: BTreeMap<String, Jar> = BTreeMap::new();
        let mut url = ours.join(address).expect("an address");
        for _ in 0..15 {
            edit(&mut url);
            let host = url.origin().ascii_serialization();
            let is_ours = host == self.origin;
            if is_ours && !url.path().starts_with("/api/") {
                return Landing { url, answer: None };
            }
            let request = if is_ours {
                self.request(Method::GET, url.as_str())
            } else {
                let request = self.api.request(Method::GET, url.as_str());
                with_cookies(request, foreign.entry(host.clone()).or_default())
            };
            let answer = Answer::of(request).await;
            keep(if is_ours { &mut self.jar } else { foreign.entry(host).or_default() }, &answer);
            let next = answer.header("location");
            if next.is_empty() {
                return Landing { url, answer: Some(answer) };
            }
            url = url.join(&next).expect("an address");
        }
        panic!("too many redirects: {url}");
    }

    /// Starts to sign in at a provider; answers its address.
    pub async fn start_at(&mut self, provider: &str, more: Value) -> String {
        let body = social_body(provider, more);
        let answer = self.post("/api/auth/sign-in/social", &body).await.expect(200);
        answer["url"].as_str().expect("an address").to_owned()
    }

    /// Signs in at a provider as a person does.
    pub async fn sign_in_at(&mut self, provider: &str, login_hint: &str) -> Landing {
        let url = self.start_at(provider, json!({ "loginHint": login_hint })).await;
        self.browse(&url, |_| {}).await
    }

    /// Links an account at a provider to the one of the session.
    pub async fn link(&mut self, provider: &str, login_hint: &str) -> Landing {
        let body = social_body(provider, json!({ "loginHint": login_hint }));
        let answer = self.post("/api/auth/link-social", &body).await.expect(200);
        let url = answer["url"].as_str().expect("an address").to_owned();
        self.browse(&url, |_| {}).await
    }

    /// The accounts of the session's user: provider, and id there.
    pub async fn accounts(&mut self) -> Vec<(String, String)> {
        let accounts = self.get("/api/auth/list-accounts").await.expect(200);
        let text = |account: &Value, name: &str| account[name].as_str().unwrap_or_default().to_owned();
        let accounts = accounts.as_array().expect("accounts").iter();
        accounts.map(|account| (text(account, "providerId"), text(account, "accountId"))).collect()
    }
}

fn with_cookies(request: RequestBuilder, jar: &Jar) -> RequestBuilder {
    if jar.is_empty() {
        return request;
    }
    let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
    request.header("cookie", pairs.join("; "))
}

fn keep(jar: &mut Jar, answer: &Answer) {
    for line in answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok()) {
        let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { continue };
        if value.is_empty() || line.contains("Max-Age=0") {
            jar.remove(name);
        } else {
            jar.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn social_body(provider: &str, more: Value) -> Value {
    let mut body = json!({
        "provider": provider,
        "callbackURL": "/home", "newUserCallbackURL": "/hello", "errorCallbackURL": "/sorry",
    });
    if let Value::Object(more) = more {
        more.into_iter().for_each(|(name, value)| body[name] = value);
    }
    body
}

/// Where a browser ended up.
#[derive(Debug)]
pub struct Landing {
    pub url: Url,
    /// Not asked for a page of the web app.
    pub answer: Option<Answer>,
}

impl Landing {
    pub fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Sent back to the page for errors, with this one.
    #[track_caller]
    pub fn assert_error(&self, error: &str) {
        assert_eq!(
            (self.url.path(), self.query("error").as_deref()),
            ("/sorry", Some(error)),
            "{}",
            self.url
        );
    }

    #[track_caller]
    pub fn assert_page(&self, path: &str) {
        assert_eq!((self.url.path(), self.query("error")), (path, None), "{}", self.url);
    }
}

/// A parameter of a mailed link.
pub fn of_link(mail: &Mail, name: &str) -> String {
    let url = Url::parse(&mail.link()).expect("a link");
    let found = url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("{name} in {url}"))
}
