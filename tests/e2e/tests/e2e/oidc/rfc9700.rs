//! RFC 9700, OAuth 2.0 Security Best Current Practice: one check per clause, with no setting.

use intellistack_e2e::Answer;
use reqwest::Method;
use serde_json::json;

use super::checks;
use super::party::{ADA, BEA, Landing, Party, REDIRECT, World, assert_refused, challenge, claims, landing};

/// 2.1 and 4.1.3: exact addresses, and the port of a loopback address for native applications.
async fn redirect_uris(world: &World) {
    let party = world.party(json!({})).await;
    for other in [
        "https://rp.example/cb/",
        "https://rp.example/cb?x=1",
        "https://rp.example/CB",
        "https://rp.example:443/cb",
        "https://rp.example/x/../cb",
        "https://rp.example/cb#x",
        "https://rp.example@evil.example/cb",
        "https://rp.example.evil.example/cb",
        "http://rp.example/cb",
        "//rp.example/cb",
        "javascript:alert(1)",
    ] {
        let page = world.ask(&world.ada, &World::query(&party, &[("redirect_uri", other)])).await;
        assert!(page.is_page("/oauth/error"), "{other}: {}", page.0);
    }
    let native = json!({
        "application_type": "native", "token_endpoint_auth_method": "none",
        "redirect_uris": ["http://127.0.0.1/cb", "com.example.app:/cb"],
    });
    let native = world.party(native).await;
    for (address, allowed) in [
        ("http://127.0.0.1:51234/cb", true),
        ("com.example.app:/cb", true),
        ("http://localhost:51234/cb", false),
        ("http://127.0.0.1:51234/other", false),
    ] {
        let landed = world.authorize(&world.ada, &native, &[("redirect_uri", address)]).await;
        assert_eq!(landed.get("code").is_some(), allowed, "{address}: {}", landed.0);
    }
}

/// 2.1.1: PKCE for public clients always, for confidential ones unless switched off; never `plain`.
async fn pkce(world: &World) {
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    for party in [world.public().await, world.party(json!({})).await] {
        world.authorize(&world.ada, &party, &without).await.assert_error("invalid_request");
        let plain = [("code_challenge_method", "plain")];
        world.authorize(&world.ada, &party, &plain).await.assert_error("invalid_request");
        let silent = [("code_challenge_method", "")];
        world.authorize(&world.ada, &party, &silent).await.assert_error("invalid_request");
        let code = world.authorize(&world.ada, &party, &[]).await.code();
        for verifier in ["", "x", &challenge("another-verifier-that-is-long-enough-for-the-rfc-0123")] {
            let answer = world.redeem(&party, &code, &[("code_verifier", verifier)]).await;
            assert_refused(&answer, 400, "invalid_grant");
        }
        // A wrong verifier burns nothing.
        world.redeem(&party, &code, &[]).await.expect(200);
    }
    let public = json!({ "token_endpoint_auth_method": "none", "require_pkce": false });
    let party = world.party(public).await;
    world.authorize(&world.ada, &party, &without).await.assert_error("invalid_request");
}

/// 4.8.2: a challenge that was cut out of the request is noticed.
async fn pkce_downgrade(world: &World) {
    let party = world.party(json!({ "require_pkce": false })).await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = world.authorize(&world.ada, &party, &without).await.code();
    assert_refused(&world.redeem(&party, &code, &[]).await, 400, "invalid_grant");
}

/// 2.1.2: no tokens from the authorization endpoint.
async fn no_implicit_grant(world: &World) {
    let party = world.party(json!({})).await;
    for kind in ["token", "id_token", "code token", "none"] {
        let landed = world.authorize(&world.ada, &party, &[("response_type", kind)]).await;
        landed.assert_error("unsupported_response_type");
        assert!(landed.0.fragment().is_none());
    }
}

/// 2.4: there is no such grant.
async fn no_password_grant(world: &World) {
    let party = world.party(json!({})).await;
    let form = [("grant_type", "password"), ("username", ADA), ("password", "x")];
    assert_refused(&world.post("token", &party, &form).await, 400, "unsupported_grant_type");
}

/// 4.2 and 4.3: nothing of it is kept by caches, told to other sites, or accepted from an address.
async fn no_tokens_in_addresses(world: &World) {
    let party = world.party(json!({})).await;
    let tokens = world.tokens(&world.ada, &party, &[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let answer = world.system.api.get(&format!("/api/auth/oauth2/userinfo?access_token={token}")).await;
    assert_eq!(answer.status.as_u16(), 401);
    let answer = world.ada.get(&format!("/api/auth/oauth2/authorize?{}", World::query(&party, &[]))).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
}

/// 4.4: who answered is in the answer, also in a refusal (RFC 9207).
async fn mix_up(world: &World) {
    let party = world.party(json!({})).await;
    let issuer = format!("{}/api/auth", world.system.api.origin());
    let landed = world.authorize(&world.ada, &party, &[]).await;
    assert_eq!(landed.get("iss").as_deref(), Some(&*issuer));
    let refused = world.authorize(&world.ada, &party, &[("scope", "nothing")]).await;
    assert_eq!(refused.get("iss").as_deref(), Some(&*issuer));
    assert_eq!(refused.get("state").as_deref(), Some("a-state"));
}

/// 4.5: a code is for the client, the redirect URI and the time it was made for, once.
async fn code_injection(world: &World) {
    let (party, thief) = (world.party(json!({})).await, world.party(json!({})).await);
    let code = world.authorize(&world.ada, &party, &[]).await.code();
    assert_refused(&world.redeem(&thief, &code, &[]).await, 400, "invalid_grant");
    let other = world.redeem(&party, &code, &[("redirect_uri", "https://rp.example/other")]).await;
    assert_refused(&other, 400, "invalid_grant");
    // Neither has burned it.
    world.redeem(&party, &code, &[]).await.expect(200);
}

/// 4.5.1, and line 10 of the checklist: of fifty at once one wins; and then nobody has anything.
async fn code_race(world: &World) {
    let party = world.party(json!({})).await;
    let code = world.authorize(&world.ada, &party, &[]).await.code();
    let all = futures::future::join_all((0..50).map(|_| world.redeem(&party, &code, &[]))).await;
    let won: Vec<_> = all.iter().filter(|answer| answer.status.as_u16() == 200).collect();
    assert_eq!(won.len(), 1);
    let token = won[0].json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.userinfo(&token).await.status.as_u16(), 401);
}

/// 4.7: the answer to a question comes from our page, and from the session that it was put to.
async fn consent_forgery(world: &World) {
    let party = world.party(json!({})).await;
    let page = world.ask(&world.ada, &World::query(&party, &[])).await;
    assert!(page.is_page("/oauth/consent"));
    let body = json!({ "accept": true, "oauth_query": page.0.query().unwrap() });
    let request = world.ada.api.request(Method::POST, "/api/auth/oauth2/consent").json(&body);
    let forged = request.header("cookie", &world.ada.cookie).header("origin", "https://evil.example");
    assert_eq!(Answer::of(forged).await.status.as_u16(), 403);
    let unsigned = json!({ "accept": true, "oauth_query": World::query(&party, &[]) });
    let answer = world.ada.post("/api/auth/oauth2/consent", &unsigned).await;
    assert_eq!(answer.expect(400)["code"], "INVALID_SIGNATURE");
    let altered = page.0.query().unwrap().replace("profile", "courses%3Aread");
    let altered = json!({ "accept": true, "oauth_query": altered });
    assert_eq!(
        world.ada.post("/api/auth/oauth2/consent", &altered).await.expect(400)["code"],
        "INVALID_SIGNATURE"
    );
    // Bea's agreement is not Ada's.
    let bea = world.system.student(BEA).await;
    let code = landed(&bea.post("/api/auth/oauth2/consent", &body).await).code();
    let tokens = world.redeem(&party, &code, &[]).await.expect(200);
    let told = world.userinfo(tokens["access_token"].as_str().unwrap()).await.expect(200);
    assert_eq!(told["email"], BEA);
    assert!(world.ask(&world.ada, &World::query(&party, &[])).await.is_page("/oauth/consent"));
}

fn landed(answer: &Answer) -> Landing {
    Landing(answer.expect(200)["url"].as_str().unwrap().parse().unwrap())
}

/// 4.12: a browser that posted is led on by GET.
async fn redirect_307(world: &World) {
    let party = world.party(json!({})).await;
    let request = world.ada.request(Method::POST, "/api/auth/oauth2/authorize");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    landing(&Answer::of(request.body(World::query(&party, &[]))).await);
}

/// 4.14.2: refresh tokens rotate; one that comes again later ends the family. They are for one
/// client, and never widen.
async fn refresh_tokens(world: &World) {
    let party = world.public().await;
    let tokens = world.tokens(&world.ada, &party, &[]).await;
    let first = tokens["refresh_token"].as_str().unwrap();
    let other = world.public().await;
    assert_refused(&world.refresh(&other, first, &[]).await, 400, "invalid_grant");
    let wider = world.refresh(&party, first, &[("scope", "openid courses:read")]).await;
    assert_refused(&wider, 400, "invalid_scope");
    let race = futures::future::join_all((0..20).map(|_| world.refresh(&party, first, &[]))).await;
    let answers: Vec<_> = race.iter().map(|answer| answer.expect(200)["refresh_token"].clone()).collect();
    assert!(answers.iter().all(|token| *token == answers[0]), "who lost the answer gets the same");
    let second = answers[0].as_str().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    assert_refused(&world.refresh(&party, first, &[]).await, 400, "invalid_grant");
    assert_refused(&world.refresh(&party, second, &[]).await, 400, "invalid_grant");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(access).await.status.as_u16(), 401);
}

/// 2.3 and 4.9: an access token opens what was agreed to.
async fn access_token_privilege(world: &World) {
    let party = world.party(json!({})).await;
    let tokens = world.tokens(&world.ada, &party, &[("scope", "openid courses:read")]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let get = |path: &'static str| {
        let request = world.system.api.request(Method::GET, path);
        Answer::of(request.header("authorization", format!("Bearer {token}")))
    };
    get("/api/v1/courses").await.expect(200);
    for closed in ["/api/v1/me/quota", "/api/v1/admin/auth-events"] {
        assert_eq!(get(closed).await.expect(403)["reason"], "INSUFFICIENT_SCOPE", "{closed}");
    }
    let told = claims(token);
    assert!(told.get("email").is_none() && told["client_id"] == json!(party.id));
    // Neither is one a key to the account, nor is an ID token a key to anything.
    let request = world.system.api.request(Method::GET, "/api/auth/get-session");
    let session = Answer::of(request.header("authorization", format!("Bearer {token}"))).await;
    assert!(session.expect(200).is_null());
    let id = tokens["id_token"].as_str().unwrap();
    let request = world.system.api.request(Method::GET, "/api/v1/courses");
    let answer = Answer::of(request.header("authorization", format!("Bearer {id}"))).await;
    assert_eq!(answer.status.as_u16(), 401);
}

/// 4.15: a client that acts for itself is nobody here.
async fn client_as_person(world: &World) {
    let metadata =
        json!({ "grant_types": ["client_credentials"], "scope": "courses:read", "redirect_uris": [] });
    let party = world.party(metadata).await;
    let form = [("grant_type", "client_credentials")];
    let tokens = world.post("token", &party, &form).await.expect(200);
    let token = tokens["access_token"].as_str().unwrap();
    let request = world.system.api.request(Method::GET, "/api/v1/courses");
    let answer = Answer::of(request.header("authorization", format!("Bearer {token}"))).await;
    assert_eq!(answer.status.as_u16(), 403);
    assert_eq!(world.userinfo(token).await.status.as_u16(), 403);
}

/// 2.5: a client proves who it is by what it has registered, and nothing else.
async fn client_authentication(world: &World) {
    let party = world.party(json!({})).await;
    let code = world.authorize(&world.ada, &party, &[]).await.code();
    let wrong = Party { secret: "x".repeat(43), ..party.clone() };
    let none = Party { secret: String::new(), ..party.clone() };
    let answer = world.redeem(&wrong, &code, &[]).await;
    assert_refused(&answer, 401, "invalid_client");
    assert!(answer.header("www-authenticate").starts_with("Basic"));
    assert_refused(&world.redeem(&none, &code, &[]).await, 401, "invalid_client");
    let in_form = world.redeem(&none, &code, &[("client_secret", &party.secret)]).await;
    assert_refused(&in_form, 401, "invalid_client");
    let twice = world.redeem(&party, &code, &[("client_secret", &party.secret)]).await;
    assert_refused(&twice, 400, "invalid_request");
    world.redeem(&party, &code, &[]).await.expect(200);
}

/// 4.16: our pages are in no frame.
async fn clickjacking(world: &World) {
    for page in ["/oauth/consent", "/device", "/oauth/logout", "/sign-in"] {
        let answer = world.system.api.get(page).await;
        assert_eq!(answer.header("x-frame-options"), "DENY", "{page}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{page}");
    }
    let party = world.party(json!({})).await;
    let code = [("response_mode", "form_post")];
    world.authorize(&world.ada, &party, &[]).await.code();
    let query = World::query(&party, &code);
    let answer = world.ada.get(&format!("/api/auth/oauth2/authorize?{query}")).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(
        answer.text().contains(&format!("action=\"{REDIRECT}\"")) && answer.text().contains("name=\"code\"")
    );
    assert!(answer.header("content-security-policy").contains("script-src 'sha256-"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_clause() {
    let world = World::new("rfc9700").await;
    let world = &world;
    checks! { world,
        "2.1 redirect URIs" => redirect_uris(world);
        "2.1.1 PKCE" => pkce(world);
        "2.1.2 implicit grant" => no_implicit_grant(world);
        "2.3 access token privilege" => access_token_privilege(world);
        "2.4 password grant" => no_password_grant(world);
        "2.5 client authentication" => client_authentication(world);
        "4.3 tokens in addresses" => no_tokens_in_addresses(world);
        "4.4 mix-up" => mix_up(world);
        "4.5 code injection" => code_injection(world);
        "4.5 code race" => code_race(world);
        "4.7 forged consent" => consent_forgery(world);
        "4.8.2 PKCE downgrade" => pkce_downgrade(world);
        "4.12 307 redirect" => redirect_307(world);
        "4.14.2 refresh tokens" => refresh_tokens(world);
        "4.15 client as a person" => client_as_person(world);
        "4.16 clickjacking" => clickjacking(world);
    }
}
