//! Whom we ask on behalf of others (22).

use std::time::{Duration, Instant};

use intellistack_e2e::{Canary, PASSWORD, Plan, System};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::visitor::Visitor;

/// Providers, each with its own issuer.
fn with_issuers(mut plan: Plan, issuers: &[(&'static str, String)]) -> Plan {
    let ids: Vec<&str> = issuers.iter().map(|(id, _)| *id).collect();
    plan = plan.variable("OIDC_PROVIDERS", ids.join(","));
    for (id, issuer) in issuers {
        for (part, value) in
            [("ISSUER", issuer.as_str()), ("CLIENT_ID", "a-client"), ("CLIENT_SECRET", "a-secret")]
        {
            let name: &'static str = format!("OIDC_{}_{part}", id.to_uppercase()).leak();
            plan = plan.variable(name, value);
        }
    }
    plan
}

/// Starts to sign in, which asks the provider for its discovery document.
async fn assert_not_understood(system: &System, provider: &str) -> Duration {
    let begun = Instant::now();
    let body = json!({ "provider": provider, "callbackURL": "/home" });
    let answer = system.api.post("/api/auth/sign-in/social", &body).await;
    let said = answer.text();
    assert!(matches!(answer.status.as_u16(), 400 | 500 | 502 | 503), "{provider}: {} {said}", answer.status);
    assert!(!said.contains("127.0.0.1") && !said.contains("canary"), "{provider}: {said}");
    begun.elapsed()
}

/// Only public addresses are asked, by https, however the others are written and whatever name leads to
/// them. (The address that was looked up is the one that is connected to, so a name that is looked up
/// again leads nowhere else: `services/identity/src/social/http.rs`.)
#[tokio::test(flavor = "multi_thread")]
async fn line_22_no_provider_at_a_private_address_is_asked() {
    let canary = Canary::listen("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\ncanary".to_owned()).await;
    let port = canary.port;
    let hosts = [
        ("a", "127.0.0.1"),
        ("b", "localhost"),
        ("c", "2130706433"),
        ("d", "0x7f.1"),
        ("e", "0.0.0.0"),
        ("f", "[::1]"),
        ("g", "[::ffff:127.0.0.1]"),
        ("h", "[64:ff9b::7f00:1]"),
        ("i", "169.254.169.254"),
        ("j", "10.0.0.1"),
        ("k", "[fd00::1]"),
        ("l", "[2002:7f00:1::]"),
        ("m", "localhost."),
    ];
    let mut issuers: Vec<(&'static str, String)> =
        hosts.iter().map(|(id, host)| (*id, format!("https://{host}:{port}"))).collect();
    issuers.push(("plain", format!("http://127.0.0.1:{port}")));
    issuers.push(("metadata", "http://169.254.169.254".to_owned()));
    let plan = with_issuers(System::plan("line_22"), &issuers).variable("AUTH_LIMITS", "off");
    let plan = plan
        .variable("GITHUB_CLIENT_ID", "a-client")
        .variable("GITHUB_CLIENT_SECRET", "a-secret")
        .variable("GITHUB_URL", format!("https://127.0.0.1:{port}"))
        .variable("GITHUB_API_URL", format!("https://localhost:{port}"));
    let system = plan.start().await;
    for (id, issuer) in &issuers {
        let took = assert_not_understood(&system, id).await;
        assert!(took < Duration::from_secs(5), "{issuer} is refused, not waited for: {took:?}");
    }
    // GitHub's addresses are known without asking; what is asked is the token, at the callback.
    let mut visitor = Visitor::new(&system);
    let url = visitor.start_at("github", json!({})).await;
    let state = reqwest::Url::parse(&url).expect("an address");
    let state = state.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    let landing = visitor.browse(&format!("/api/auth/callback/github?code=x&state={state}"), |_| {}).await;
    landing.assert_error("invalid_code");
    assert_eq!(visitor.user().await, Value::Null);
    assert_eq!(canary.visits(), 0, "nobody private was asked");
    system.assert_no_panic();
}

/// Where private addresses are allowed: what a provider answers leads no further, is not read without
/// end, and is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn line_22_redirects_are_not_followed_and_answers_are_bounded() {
    let target = Canary::listen("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned()).await;
    let elsewhere = |path: &str| format!("http://127.0.0.1:{}{path}", target.port);
    let redirect = |status: &str| {
        format!("HTTP/1.1 {status}\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere("/next"))
    };
    let endless = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{{\"issuer\":\"{}\"",
        "x".repeat(8 * 1024 * 1024)
    );
    let silent = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_owned();
    let mut canaries = Vec::new();
    for (id, answer) in [
        ("moved", redirect("302 Found")),
        ("kept", redirect("308 Permanent Redirect")),
        ("endless", endless),
        ("silent", silent),
        ("noise", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnot JSON!".to_owned()),
    ] {
        canaries.push((id, Canary::listen(answer).await));
    }
    // One that names addresses of its own choice.
    let foreign =
        TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    let document = json!({
        "issuer": format!("http://127.0.0.1:{foreign}/other"),
        "authorization_endpoint": elsewhere("/auth"), "token_endpoint": elsewhere("/token"),
        "jwks_uri": elsewhere("/jwks"), "response_types_supported": ["code"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
    })
    .to_string();
    let document = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{document}",
        document.len()
    );
    canaries.push(("liar", Canary::listen(document).await));
    let issuers: Vec<(&'static str, String)> =
        canaries.iter().map(|(id, canary)| (*id, format!("http://127.0.0.1:{}", canary.port))).collect();
    let plan = with_issuers(System::plan("line_22_answers"), &issuers)
        .variable("SOCIAL_ALLOW_PRIVATE_NETWORKS", "true");
    let system = plan.start().await;
    for (id, canary) in &canaries {
        let took = assert_not_understood(&system, id).await;
        assert!(took < Duration::from_secs(25), "{id}: {took:?}");
        assert!(canary.visits() > 0, "{id} was asked");
    }
    assert_eq!(target.visits(), 0, "nobody was led on");
    system.assert_no_panic();
}

/// A picture is an address that browsers of others load; we never do, and never another kind of address.
#[tokio::test(flavor = "multi_thread")]
async fn line_22_the_address_of_a_picture_is_never_asked() {
    let canary = Canary::listen("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let picture = format!("http://127.0.0.1:{}/me.png", canary.port);
    let system = System::plan("line_22_picture").start().await;
    let mut ada = Visitor::new(&system);
    let body =
        json!({ "name": "Ada", "email": "ada@school.example", "password": PASSWORD, "image": picture });
    let made = ada.post("/api/auth/sign-up/email", &body).await;
    assert!(matches!(made.status.as_u16(), 200 | 400), "{}", made.text());
    if made.status.as_u16() == 400 {
        ada.sign_up("ada@school.example").await.expect(200);
    }
    for image in [
        picture.as_str(),
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
    ] {
        let answer = ada.post("/api/auth/update-user", &json!({ "image": image })).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{image}: {}", answer.text());
        let kept = ada.user().await["image"].clone();
        let scheme = kept.as_str().unwrap_or("https://x").split(':').next().unwrap_or_default().to_owned();
        assert!(matches!(scheme.as_str(), "http" | "https"), "{image} is kept as {kept}");
    }
    ada.get("/api/auth/get-session").await.expect(200);
    ada.get("/api/auth/token").await.expect(200);
    assert_eq!(canary.visits(), 0, "nobody loads pictures for others");
    system.assert_no_panic();
}
