use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::turn::Turn;

/// The password of everyone in the tests: all that the policy asks for.
pub const PASSWORD: &str = "Correct-Horse-7-Battery";

const COOKIE: &str = "better-auth.session_token";

/// Someone with a browser: keeps the session cookie and sends it as a page of ours would.
#[derive(Debug, Clone)]
pub struct Student {
    pub api: Api,
    /// Of the page that sends the requests: the one under which the gateway is known.
    pub origin: String,
    pub email: String,
    /// `name=value` of the session cookie; empty when signed out.
    pub cookie: String,
}

impl Student {
    /// Nobody yet: no account, no session.
    pub fn new(api: &Api, email: &str) -> Self {
        let origin = api.origin().to_owned();
        Self { api: api.clone(), origin, email: email.to_owned(), cookie: String::new() }
    }

    /// The same browser, led to another gateway of the same origin.
    #[must_use]
    pub fn at(&self, gateway: &Api) -> Self {
        Self { api: gateway.clone(), ..self.clone() }
    }

    pub async fn sign_up(&mut self) -> Answer {
        let answer = Answer::of(self.sign_up_request()).await;
        self.keep(&answer);
        answer
    }

    pub fn sign_up_request(&self) -> RequestBuilder {
        let body = json!({
            "name": "Ada", "email": self.email, "password": PASSWORD, "callbackURL": "/verified",
        });
        self.api.request(Method::POST, "/api/auth/sign-up/email").json(&body)
    }

    pub async fn sign_in(&mut self) -> Answer {
        let answer = Answer::of(self.sign_in_request()).await;
        self.keep(&answer);
        answer
    }

    pub fn sign_in_request(&self) -> RequestBuilder {
        let body = json!({ "email": self.email, "password": PASSWORD });
        self.api.request(Method::POST, "/api/auth/sign-in/email").json(&body)
    }

    /// Keeps the session that an answer sets.
    pub fn keep(&mut self, answer: &Answer) {
        if let Some(value) = answer.cookie(COOKIE) {
            self.cookie = format!("{COOKIE}={value}");
        }
    }

    /// A request as a page of ours sends it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.api.request(method, path).header("origin", &self.origin);
        if self.cookie.is_empty() { request } else { request.header("cookie", &self.cookie) }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// Starts the course.
    pub async fn enrol(&self, course: &str) -> Answer {
        Answer::of(self.request(Method::POST, &format!("/api/v1/courses/{course}/enrolment"))).await
    }

    /// An access token of six hours.
    pub async fn access_token(&self) -> String {
        let answer = self.get("/api/auth/token").await.expect(200);
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// A JSON request of the ChatKit protocol.
    pub async fn chatkit(&self, kind: &str, params: Value) -> Answer {
        self.post("/api/v1/chatkit", &json!({ "type": kind, "params": params })).await
    }

    /// The request that asks a question on a lesson's page.
    pub fn question(&self, thread: Option<&str>, text: &str, page: &Value) -> RequestBuilder {
        let mut params = json!({ "input": {
            "content": [{ "type": "input_text", "text": text }], "attachments": [], "inference_options": {},
        } });
        let kind = match thread {
            Some(thread) => {
                params["thread_id"] = json!(thread);
                "threads.add_user_message"
            }
            None => "threads.create",
        };
        let body = json!({ "type": kind, "params": params, "metadata": page });
        self.request(Method::POST, "/api/v1/chatkit").json(&body)
    }

    /// Asks and reads the whole answer.
    pub async fn ask(&self, thread: Option<&str>, text: &str, page: &Value) -> Turn {
        let response = self.question(thread, text, page).send().await.expect("an HTTP answer");
        Turn::read(response).await
    }

    /// Every item of a thread, oldest first.
    pub async fn items(&self, thread: &str) -> Vec<Value> {
        let mut items: Vec<Value> = Vec::new();
        loop {
            let after = items.last().map(|item| item["id"].clone()).unwrap_or_default();
            let params = json!({ "thread_id": thread, "limit": 100, "order": "asc", "after": after });
            let page = self.chatkit("items.list", params).await.expect(200);
            items.extend(page["data"].as_array().expect("a page").iter().cloned());
            if page["has_more"] != true {
                return items;
            }
        }
    }

    /// What is left of the messages of the last 24 hours.
    pub async fn remaining(&self) -> Option<u64> {
        self.get("/api/v1/me/quota").await.expect(200)["remaining"].as_u64()
    }
}
