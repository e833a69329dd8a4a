//! A relying party and the people who use it.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use intellistack_e2e::{Answer, Student, System};
use reqwest::Method;
use serde_json::{Value, json};

pub const ADA: &str = "ada@school.example";
pub const BEA: &str = "bea@school.example";
pub const REDIRECT: &str = "https://rp.example/cb";
pub const VERIFIER: &str = "a-verifier-of-the-tests-that-is-long-enough-0123456789";

pub struct World {
    pub system: System,
    pub admin: Student,
    pub ada: Student,
}

/// An application.
#[derive(Debug, Clone)]
pub struct Party {
    pub id: String,
    pub secret: String,
}

/// A URL as it answers, with its query by name.
#[derive(Debug, Clone)]
pub struct Landing(pub url::Url);

impl Landing {
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    #[track_caller]
    pub fn code(&self) -> String {
        self.get("code").unwrap_or_else(|| panic!("a code: {}", self.0))
    }

    #[track_caller]
    pub fn assert_error(&self, code: &str) {
        assert_eq!(self.get("error").as_deref(), Some(code), "{}", self.0);
    }

    pub fn is_page(&self, path: &str) -> bool {
        self.0.path() == path
    }
}

pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

pub fn part(token: &str, nth: usize) -> Value {
    let text = token.split('.').nth(nth).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

impl World {
    pub async fn new(plan: &'static str) -> Self {
        Self::of(System::plan(plan).start().await).await
    }

    pub async fn of(system: System) -> Self {
        let admin = system.admin().await;
        let ada = system.student(ADA).await;
        Self { system, admin, ada }
    }

    /// A confidential application for all scopes of people, with members over its metadata.
    pub async fn party(&self, metadata: Value) -> Party {
        let mut whole = json!({
            "client_name": "Learning platform",
            "redirect_uris": [REDIRECT],
            "post_logout_redirect_uris": ["https://rp.example/bye"],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile email address phone offline_access courses:read",
        });
        if let (Value::Object(whole), Value::Object(more)) = (&mut whole, metadata) {
            whole.extend(more);
        }
        let made = self.admin.post("/api/auth/admin/oauth2/create-client", &whole).await.expect(200);
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Party { id: text("client_id"), secret: text("client_secret") }
    }

    pub fn public(&self) -> impl Future<Output = Party> + '_ {
        self.party(json!({ "token_endpoint_auth_method": "none" }))
    }

    /// The query of a request with PKCE; members replace its own, empty ones remove them.
    pub fn query(party: &Party, more: &[(&str, &str)]) -> String {
        let digest = challenge(VERIFIER);
        let mut all = vec![
            ("client_id", party.id.as_str()),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid profile email offline_access"),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
            ("code_challenge", &digest),
            ("code_challenge_method", "S256"),
        ];
        all.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        all.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
    }

    /// Where the authorization endpoint leads at once.
    pub async fn ask(&self, who: &Student, query: &str) -> Landing {
        let answer = who.get(&format!("/api/auth/oauth2/authorize?{query}")).await;
        landing(&answer)
    }

    /// Where it leads in the end: the person agrees to everything.
    pub async fn authorize(&self, who: &Student, party: &Party, more: &[(&str, &str)]) -> Landing {
        let landing = self.ask(who, &Self::query(party, more)).await;
        self.agree(who, landing).await
    }

    pub async fn agree(&self, who: &Student, landing: Landing) -> Landing {
        if !landing.is_page("/oauth/consent") {
            return landing;
        }
        let query = landing.0.query().expect("a signed query");
        let body = json!({ "accept": true, "oauth_query": query });
        let answer = who.post("/api/auth/oauth2/consent", &body).await.expect(200);
        Landing(answer["url"].as_str().expect("a URL").parse().expect("a URL"))
    }

    /// A form to an endpoint of the protocol, with the secret in the header.
    pub async fn post(&self, endpoint: &str, party: &Party, form: &[(&str, &str)]) -> Answer {
        let request = self.system.api.request(Method::POST, &format!("/api/auth/oauth2/{endpoint}"));
        let mut form = form.to_vec();
        let request = if party.secret.is_empty() {
            form.push(("client_id", &party.id));
            request
        } else {
            let basic = STANDARD.encode(format!("{}:{}", party.id, party.secret));
            request.header("authorization", format!("Basic {basic}"))
        };
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        Answer::of(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    pub async fn redeem(&self, party: &Party, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        form.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        self.post("token", party, &form).await
    }

    /// Tokens of the person, who agrees to everything.
    pub async fn tokens(&self, who: &Student, party: &Party, more: &[(&str, &str)]) -> Value {
        let code = self.authorize(who, party, more).await.code();
        self.redeem(party, &code, &[]).await.expect(200)
    }

    pub async fn refresh(&self, party: &Party, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        form.extend(more);
        self.post("token", party, &form).await
    }

    pub async fn userinfo(&self, token: &str) -> Answer {
        let request = self.system.api.request(Method::GET, "/api/auth/oauth2/userinfo");
        Answer::of(request.header("authorization", format!("Bearer {token}"))).await
    }

    pub async fn is_active(&self, party: &Party, token: &str) -> bool {
        let told = self.post("introspect", party, &[("token", token)]).await.expect(200);
        told["active"].as_bool().expect("a flag")
    }

    /// Ada at another browser.
    pub async fn anew(&self) -> Student {
        let mut again = Student::new(&self.system.api, ADA);
        again.sign_in().await.expect(200);
        again
    }
}

#[track_caller]
pub fn landing(answer: &Answer) -> Landing {
    assert_eq!(answer.status.as_u16(), 302, "{}", answer.text());
    Landing(answer.header("location").parse().expect("an address"))
}

#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.expect(status)["error"], error, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
}
