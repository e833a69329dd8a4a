//! The Basic and the Config plan of the OpenID Foundation's suite, ported: each check under the name
//! of its module without the prefix `oidcc-`. It passes our port; it is no certification.

use intellistack_e2e::{Answer, PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

use super::checks;
use super::party::{ADA, Landing, Party, REDIRECT, VERIFIER, World, assert_refused, claims, landing, part};

/// As the Basic plan does it: confidential, without PKCE.
async fn basic(world: &World) -> Party {
    world.party(json!({ "require_pkce": false })).await
}

const PLAIN: [(&str, &str); 2] = [("code_challenge", ""), ("code_challenge_method", "")];

async fn plain_tokens(world: &World, party: &Party, more: &[(&str, &str)]) -> Value {
    let all = [&PLAIN, more].concat();
    let code = world.authorize(&world.ada, party, &all).await.code();
    world.redeem(party, &code, &[("code_verifier", "")]).await.expect(200)
}

/// OIDC Core 3.1.2.1: the whole flow, and what its answers hold.
async fn server(world: &World) {
    let party = basic(world).await;
    let tokens = plain_tokens(world, &party, &[]).await;
    assert_eq!(tokens["token_type"], "Bearer");
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["aud"], json!(party.id));
    assert_eq!(id["nonce"], "a-nonce");
    assert_eq!(id["iss"], format!("{}/api/auth", world.system.api.origin()));
    for name in ["exp", "iat", "auth_time"] {
        assert!(id[name].is_i64(), "{name}");
    }
}

/// OAuth 2.0, 4.1.2.1: told at the redirect URI.
async fn response_type_missing(world: &World) {
    let party = basic(world).await;
    let landed = world.authorize(&world.ada, &party, &[("response_type", "")]).await;
    landed.assert_error("invalid_request");
    assert_eq!(landed.get("state").as_deref(), Some("a-state"));
}

/// OIDC Core 10.1: RS256 with a key of the published set.
async fn idtoken_signature(world: &World) {
    let tokens = plain_tokens(world, &basic(world).await, &[]).await;
    let head = part(tokens["id_token"].as_str().unwrap(), 0);
    assert_eq!(head["alg"], "RS256");
    let keys = world.system.api.get("/api/auth/jwks").await.expect(200);
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == head["kid"]));
}

/// OIDC Core 3.1.3.7: `none` is not offered.
async fn idtoken_unsigned(world: &World) {
    let found = discovery(world).await;
    assert_eq!(found["id_token_signing_alg_values_supported"], json!(["RS256"]));
    let refused = json!({
        "client_name": "A", "redirect_uris": [REDIRECT], "id_token_signed_response_alg": "none",
    });
    let made = world.admin.post("/api/auth/admin/oauth2/create-client", &refused).await.expect(200);
    let party = Party {
        id: made["client_id"].as_str().unwrap().to_owned(),
        secret: made["client_secret"].as_str().unwrap().to_owned(),
    };
    let tokens = world.tokens(&world.ada, &party, &[("scope", "openid")]).await;
    assert_eq!(part(tokens["id_token"].as_str().unwrap(), 0)["alg"], "RS256");
}

async fn told(world: &World, more: &[(&str, &str)]) -> Value {
    let tokens = plain_tokens(world, &basic(world).await, more).await;
    world.userinfo(tokens["access_token"].as_str().unwrap()).await.expect(200)
}

/// OIDC Core 5.3.1, by GET.
async fn userinfo_get(world: &World) {
    let tokens = plain_tokens(world, &basic(world).await, &[]).await;
    let answer = world.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(answer.expect(200)["sub"], claims(tokens["id_token"].as_str().unwrap())["sub"]);
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// The same by POST, with the token in the header.
async fn userinfo_post_header(world: &World) {
    let tokens = plain_tokens(world, &basic(world).await, &[]).await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let request = world.system.api.request(Method::POST, "/api/auth/oauth2/userinfo");
    Answer::of(request.header("authorization", bearer)).await.expect(200);
}

/// RFC 6750, 2.2: in a form.
async fn userinfo_post_body(world: &World) {
    let tokens = plain_tokens(world, &basic(world).await, &[]).await;
    let request = world.system.api.request(Method::POST, "/api/auth/oauth2/userinfo");
    let form = format!("access_token={}", tokens["access_token"].as_str().unwrap());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    Answer::of(request.body(form)).await.expect(200);
}

/// OIDC Core 3.1.2.1: a nonce is optional in the code flow.
async fn ensure_request_without_nonce_succeeds_for_code_flow(world: &World) {
    let tokens = plain_tokens(world, &basic(world).await, &[("nonce", "")]).await;
    assert!(claims(tokens["id_token"].as_str().unwrap()).get("nonce").is_none());
}

/// OIDC Core 5.4: claims by scope.
async fn scope(world: &World, scope: &str, there: &[&str], absent: &[&str]) {
    let told = told(world, &[("scope", scope)]).await;
    for name in there {
        assert!(told.get(*name).is_some(), "{name}: {told}");
    }
    for name in absent {
        assert!(told.get(*name).is_none(), "{name}: {told}");
    }
}

/// OIDC Core 3.1.2.1: other ways to the same end, here the prompt `consent` and a POST.
async fn alternate_happy_flow(world: &World) {
    let party = basic(world).await;
    plain_tokens(world, &party, &[("prompt", "consent")]).await;
    plain_tokens(world, &party, &[("response_mode", "query")]).await;
}

/// OIDC Core 3.1.2.1: a display that is not known here changes nothing.
async fn unheeded(world: &World, name: &str, value: &str) {
    plain_tokens(world, &basic(world).await, &[(name, value)]).await;
}

/// OIDC Core 3.1.2.1: the person signs in again, and `auth_time` is later.
async fn prompt_login(world: &World) {
    let party = basic(world).await;
    let first = plain_tokens(world, &party, &[]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let asked = World::query(&party, &[("prompt", "login")]);
    let page = world.ask(&world.ada, &asked).await;
    assert!(page.is_page("/sign-in"), "{}", page.0);
    // Nothing but signing in again helps.
    let query = page.0.query().unwrap();
    assert!(world.ask(&world.ada, query).await.is_page("/sign-in"));
    let landed = sign_in_for(world, query).await;
    let second = world.redeem(&party, &landed.code(), &[]).await.expect(200);
    let time = |tokens: &Value| claims(tokens["id_token"].as_str().unwrap())["auth_time"].as_i64().unwrap();
    assert!(time(&second) > time(&first));
}

/// The sign-in page's call, which leads on by itself.
async fn sign_in_for(world: &World, query: &str) -> Landing {
    let body = json!({ "email": ADA, "password": PASSWORD, "oauth_query": query });
    let answer = world.system.api.post("/api/auth/sign-in/email", &body).await.expect(200);
    assert_eq!(answer["redirect"], true, "{answer}");
    Landing(answer["url"].as_str().unwrap().parse().unwrap())
}

/// OIDC Core 3.1.2.1: nobody is asked, and the client is told so.
async fn prompt_none_not_logged_in(world: &World) {
    let party = basic(world).await;
    let nobody = intellistack_e2e::Student::new(&world.system.api, "nobody@school.example");
    let landed = world.ask(&nobody, &World::query(&party, &[("prompt", "none")])).await;
    landed.assert_error("login_required");
    assert!(landed.get("iss").is_some());
}

/// The same person, who has agreed before.
async fn prompt_none_logged_in(world: &World) {
    let party = basic(world).await;
    let first = world.ask(&world.ada, &World::query(&party, &[("prompt", "none")])).await;
    first.assert_error("consent_required");
    plain_tokens(world, &party, &[]).await;
    let again = world.ask(&world.ada, &World::query(&party, &[("prompt", "none")])).await;
    again.code();
}

/// OIDC Core 3.1.2.1: a sign-in that is older does not do.
async fn max_age_1(world: &World) {
    let party = basic(world).await;
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let page = world.ask(&world.ada, &World::query(&party, &[("max_age", "1")])).await;
    assert!(page.is_page("/sign-in"), "{}", page.0);
}

/// One that is younger does.
async fn max_age_10000(world: &World) {
    let tokens = plain_tokens(world, &basic(world).await, &[("max_age", "10000")]).await;
    assert!(claims(tokens["id_token"].as_str().unwrap())["auth_time"].is_i64());
}

/// OIDC Core 3.1.2.1: with the hint of the same person, silently.
async fn id_token_hint(world: &World) {
    let party = basic(world).await;
    let tokens = plain_tokens(world, &party, &[]).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let asked = World::query(&party, &[("prompt", "none"), ("id_token_hint", hint)]);
    world.ask(&world.ada, &asked).await.code();
}

/// OIDC Core 3.1.2.1: the page gets the hint.
async fn login_hint(world: &World) {
    let party = basic(world).await;
    let nobody = intellistack_e2e::Student::new(&world.system.api, "nobody@school.example");
    let page = world.ask(&nobody, &World::query(&party, &[("login_hint", ADA)])).await;
    assert_eq!(page.get("login_hint").as_deref(), Some(ADA));
}

/// OAuth 2.0, 4.1.2: a code is good once.
async fn codereuse(world: &World) {
    let party = basic(world).await;
    let code = world.authorize(&world.ada, &party, &[]).await.code();
    let tokens = world.redeem(&party, &code, &[]).await.expect(200);
    assert_refused(&world.redeem(&party, &code, &[]).await, 400, "invalid_grant");
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).await.status.as_u16(), 401);
}

/// The same half a minute later: what it was exchanged for ends all the same.
async fn codereuse_30seconds(world: &World, (party, code, tokens): (Party, String, Value)) {
    assert_refused(&world.redeem(&party, &code, &[]).await, 400, "invalid_grant");
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).await.status.as_u16(), 401);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_refused(&world.refresh(&party, refresh, &[]).await, 400, "invalid_grant");
}

/// OIDC Core 3.1.2.1: another address is not led to.
async fn ensure_registered_redirect_uri(world: &World) {
    let party = basic(world).await;
    let asked = World::query(&party, &[("redirect_uri", "https://rp.example/other")]);
    let page = world.ask(&world.ada, &asked).await;
    assert!(page.is_page("/oauth/error"), "{}", page.0);
    page.assert_error("invalid_redirect_uri");
}

/// OIDC Core 3.1.2.1: by POST, too.
async fn ensure_post_request_succeeds(world: &World) {
    let party = basic(world).await;
    let request = world.ada.request(Method::POST, "/api/auth/oauth2/authorize");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let landed = landing(&Answer::of(request.body(World::query(&party, &[]))).await);
    world.agree(&world.ada, landed).await.code();
}

/// OIDC Core 9: the secret in the form.
async fn server_client_secret_post(world: &World) {
    let metadata = json!({ "token_endpoint_auth_method": "client_secret_post", "require_pkce": false });
    let party = world.party(metadata).await;
    let code = world.authorize(&world.ada, &party, &[]).await.code();
    let as_form = Party { id: party.id.clone(), secret: String::new() };
    world.redeem(&as_form, &code, &[("client_secret", &party.secret)]).await.expect(200);
}

/// OIDC Core 6: not supported, and said so.
async fn refused(world: &World, name: &str, value: &str, code: &str) {
    let landed = world.authorize(&world.ada, &basic(world).await, &[(name, value)]).await;
    landed.assert_error(code);
}

/// OIDC Core 5.5.1: an essential claim that no scope covers.
async fn claims_essential(world: &World) {
    let asked = r#"{"userinfo":{"name":{"essential":true}}}"#;
    let told = told(world, &[("scope", "openid"), ("claims", asked)]).await;
    assert!(told["name"].is_string(), "{told}");
    assert!(told.get("email").is_none());
}

/// OIDC Core 12: a new ID token of the same person, and another access token.
async fn refresh_token(world: &World) {
    let party = basic(world).await;
    let tokens = plain_tokens(world, &party, &[]).await;
    let again = world.refresh(&party, tokens["refresh_token"].as_str().unwrap(), &[]).await.expect(200);
    assert_ne!(again["access_token"], tokens["access_token"]);
    let (old, new) =
        (claims(tokens["id_token"].as_str().unwrap()), claims(again["id_token"].as_str().unwrap()));
    for name in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(old[name], new[name], "{name}");
    }
}

/// RFC 7636, 4.3.
async fn ensure_request_with_valid_pkce_succeeds(world: &World) {
    let party = basic(world).await;
    let code = world.authorize(&world.ada, &party, &[]).await.code();
    world.redeem(&party, &code, &[("code_verifier", VERIFIER)]).await.expect(200);
}

async fn discovery(world: &World) -> Value {
    world.system.api.get("/api/auth/.well-known/openid-configuration").await.expect(200)
}

/// OIDC Discovery 3 and 4.3: what is told is there, under the issuer that was asked.
async fn discovery_endpoint_verification(world: &World) {
    let found = discovery(world).await;
    let issuer = format!("{}/api/auth", world.system.api.origin());
    assert_eq!(found["issuer"], issuer);
    for place in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/api/auth"] {
        assert_eq!(world.system.api.get(place).await.expect(200), found, "{place}");
    }
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "introspection_endpoint",
        "revocation_endpoint",
        "end_session_endpoint",
        "pushed_authorization_request_endpoint",
        "device_authorization_endpoint",
    ] {
        assert!(found[name].as_str().unwrap().starts_with(&issuer), "{name}");
    }
    assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
    assert!(found.get("registration_endpoint").is_none(), "off by default");
    let keys = world.system.api.get("/api/auth/jwks").await.expect(200);
    for key in keys["keys"].as_array().unwrap() {
        assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!("RSA"), &json!("sig"), &json!("RS256")));
        assert!(key.get("d").is_none());
    }
}

/// All of the Basic plan, and the Config plan's one.
#[tokio::test(flavor = "multi_thread")]
async fn basic_and_config_op() {
    let world = World::new("oidcc_basic").await;
    let world = &world;
    let reused = basic(world).await;
    let code = world.authorize(&world.ada, &reused, &[]).await.code();
    let tokens = world.redeem(&reused, &code, &[]).await.expect(200);
    let later = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    checks! { world,
        "discovery-endpoint-verification" => discovery_endpoint_verification(world);
        "server" => server(world);
        "response-type-missing" => response_type_missing(world);
        "idtoken-signature" => idtoken_signature(world);
        "idtoken-unsigned" => idtoken_unsigned(world);
        "userinfo-get" => userinfo_get(world);
        "userinfo-post-header" => userinfo_post_header(world);
        "userinfo-post-body" => userinfo_post_body(world);
        "ensure-request-without-nonce-succeeds-for-code-flow"
            => ensure_request_without_nonce_succeeds_for_code_flow(world);
        "scope-profile" => scope(world, "openid profile", &["name"], &["email"]);
        "scope-email" => scope(world, "openid email", &["email", "email_verified"], &["name"]);
        "scope-address" => scope(world, "openid address", &["sub"], &["email", "name"]);
        "scope-phone" => scope(world, "openid phone", &["sub"], &["email", "name"]);
        "scope-all" => scope(world, "openid profile email address phone", &["name", "email"], &[]);
        "alternate-happy-flow" => alternate_happy_flow(world);
        "display-page" => unheeded(world, "display", "page");
        "display-popup" => unheeded(world, "display", "popup");
        "prompt-login" => prompt_login(world);
        "prompt-none-not-logged-in" => prompt_none_not_logged_in(world);
        "prompt-none-logged-in" => prompt_none_logged_in(world);
        "max-age-1" => max_age_1(world);
        "max-age-10000" => max_age_10000(world);
        "ensure-request-with-unknown-parameter-succeeds" => unheeded(world, "extra", "foobar");
        "id-token-hint" => id_token_hint(world);
        "login-hint" => login_hint(world);
        "ui-locales" => unheeded(world, "ui_locales", "se de");
        "claims-locales" => unheeded(world, "claims_locales", "se de");
        "ensure-request-with-acr-values-succeeds" => unheeded(world, "acr_values", "1 2");
        "codereuse" => codereuse(world);
        "ensure-registered-redirect-uri" => ensure_registered_redirect_uri(world);
        "ensure-post-request-succeeds" => ensure_post_request_succeeds(world);
        "server-client-secret-post" => server_client_secret_post(world);
        "request-uri-unsigned-supported-correctly-or-rejected-as-unsupported"
            => refused(world, "request_uri", "https://rp.example/request.jwt", "request_uri_not_supported");
        "unsigned-request-object-supported-correctly-or-rejected-as-unsupported"
            => refused(world, "request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported");
        "ensure-request-object-with-redirect-uri"
            => refused(world, "request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported");
        "claims-essential" => claims_essential(world);
        "refresh-token" => refresh_token(world);
        "ensure-request-with-valid-pkce-succeeds" => ensure_request_with_valid_pkce_succeeds(world);
        "codereuse-30seconds" => async {
            tokio::time::sleep_until(later).await;
            codereuse_30seconds(world, (reused, code, tokens)).await;
        };
    }
}
