//! Lines of the attack checklist that need a provider: 10 to 12, 17, 21, 22, 24, 26, 29, 30, 33, 34.

use intellistack_e2e::{Answer, Student, within};
use reqwest::Method;
use serde_json::{Value, json};

use super::checks;
use super::party::{ADA, BEA, REDIRECT, World, assert_refused, landing};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SOON: std::time::Duration = std::time::Duration::from_secs(2);

/// 12 and 17: what ends a session, or its person, ends what was granted in it.
async fn ends(world: &World, how: &str) {
    let party = world.party(json!({})).await;
    let email = format!("{}@school.example", how.replace(' ', "-"));
    let mut who = world.system.student(&email).await;
    let tokens = world.tokens(&who, &party, &[]).await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert!(world.is_active(&party, access).await);
    let id = who.get("/api/auth/get-session").await.expect(200)["user"]["id"].clone();
    let admin = |path: &'static str, body: Value| async move {
        world.admin.post(&format!("/api/auth/admin/{path}"), &body).await.expect(200);
    };
    match how {
        "sign out" => drop(who.post("/api/auth/sign-out", &json!({})).await.expect(200)),
        "password change" => {
            // The session in which it is changed goes on; another one changes it.
            let mut other = Student::new(&world.system.api, &email);
            other.sign_in().await.expect(200);
            let body = json!({
                "currentPassword": intellistack_e2e::PASSWORD, "newPassword": "Another-Horse-8-Battery",
            });
            who = other;
            who.post("/api/auth/change-password", &body).await.expect(200);
        }
        "ban" => admin("ban-user", json!({ "userId": id })).await,
        "removal" => admin("remove-user", json!({ "userId": id })).await,
        "role" => admin("set-role", json!({ "userId": id, "role": "instructor" })).await,
        "withdrawal" => {
            let given = who.get("/api/auth/oauth2/get-consents").await.expect(200);
            assert_eq!(given[0]["clientId"], json!(party.id));
            let body = json!({ "id": given[0]["id"] });
            who.post("/api/auth/oauth2/delete-consent", &body).await.expect(200);
        }
        "client removed" => {
            let body = json!({ "client_id": party.id });
            let other = world.party(json!({})).await;
            world.admin.post("/api/auth/admin/oauth2/delete-client", &body).await.expect(200);
            within(SOON, "the token is inactive", || async {
                (!world.is_active(&other, access).await).then_some(())
            })
            .await;
            assert_refused(&world.refresh(&party, refresh, &[]).await, 401, "invalid_client");
            return;
        }
        other => panic!("{other}"),
    }
    within(SOON, "the token is inactive", || async {
        (!world.is_active(&party, access).await).then_some(())
    })
    .await;
    assert_refused(&world.refresh(&party, refresh, &[]).await, 400, "invalid_grant");
    assert_refused(&world.userinfo(access).await, 401, "invalid_token");
    let request = world.system.api.request(Method::GET, "/api/v1/courses");
    let answer = Answer::of(request.header("authorization", format!("Bearer {access}"))).await;
    assert_eq!(answer.status.as_u16(), 401, "{}", answer.text());
}

/// 21: nobody sees or changes what is another's; administrators alone manage applications.
async fn of_others(world: &World) {
    let party = world.party(json!({})).await;
    world.tokens(&world.ada, &party, &[]).await;
    let given = world.ada.get("/api/auth/oauth2/get-consents").await.expect(200);
    let id = given[0]["id"].clone();
    let bea = world.system.student(BEA).await;
    bea.post("/api/auth/oauth2/delete-consent", &json!({ "id": id })).await.expect(200);
    assert_eq!(world.ada.get("/api/auth/oauth2/get-consents").await.expect(200)[0]["id"], id);
    for (path, body) in [
        ("create-client", json!({ "client_name": "A", "redirect_uris": [REDIRECT] })),
        ("update-client", json!({ "client_id": party.id, "update": { "skip_consent": true } })),
        ("rotate-secret", json!({ "client_id": party.id })),
        ("delete-client", json!({ "client_id": party.id })),
    ] {
        let answer = bea.post(&format!("/api/auth/admin/oauth2/{path}"), &body).await;
        assert_eq!(answer.status.as_u16(), 403, "{path}: {}", answer.text());
    }
    assert_eq!(bea.get("/api/auth/admin/oauth2/list-clients").await.status.as_u16(), 403);
}

/// 21 and RFC 8628: a device gets what one person gives it, once.
async fn devices(world: &World) {
    let metadata = json!({ "token_endpoint_auth_method": "none", "grant_types": [DEVICE, "refresh_token"], "redirect_uris": [] });
    let (party, other) = (world.party(metadata.clone()).await, world.party(metadata).await);
    let started = world.post("device_authorization", &party, &[("scope", "openid email")]).await.expect(200);
    let (device, user) = (started["device_code"].as_str().unwrap(), started["user_code"].as_str().unwrap());
    let poll = |party| {
        let form = [("grant_type", DEVICE), ("device_code", device)];
        async move { world.post("token", party, &form).await }
    };
    assert_refused(&poll(&party).await, 400, "authorization_pending");
    assert_refused(&poll(&party).await, 400, "slow_down");
    assert_refused(&poll(&other).await, 400, "invalid_grant");
    let decide = |who: &Student, code: &str, accept: bool| {
        let body = json!({ "user_code": code, "accept": accept });
        let request = who.request(Method::POST, "/api/auth/oauth2/device").json(&body);
        Answer::of(request)
    };
    let nobody = Student::new(&world.system.api, "nobody@school.example");
    assert_eq!(decide(&nobody, user, true).await.status.as_u16(), 401);
    assert_eq!(decide(&world.ada, "BBBB-BBBB", true).await.expect(404)["code"], "DEVICE_CODE_NOT_FOUND");
    decide(&world.ada, &user.to_lowercase(), true).await.expect(200);
    let bea = world.system.student(BEA).await;
    assert_eq!(decide(&bea, user, false).await.expect(404)["code"], "DEVICE_CODE_NOT_FOUND");
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let form = [("grant_type", DEVICE), ("device_code", device)];
    let all = futures::future::join_all((0..10).map(|_| world.post("token", &party, &form))).await;
    let won: Vec<_> = all.iter().filter(|answer| answer.status.as_u16() == 200).collect();
    assert!(won.len() <= 1, "{} have won", won.len());
    if let Some(won) = won.first() {
        let token = won.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(world.userinfo(&token).await.expect(200)["email"], ADA);
    }
    // A refusal is told.
    let started = world.post("device_authorization", &party, &[]).await.expect(200);
    decide(&world.ada, started["user_code"].as_str().unwrap(), false).await.expect(200);
    let form = [("grant_type", DEVICE), ("device_code", started["device_code"].as_str().unwrap())];
    assert_refused(&world.post("token", &party, &form).await, 400, "access_denied");
}

/// 22: no address of ours, or of the house's network, is asked for a client's keys.
async fn ssrf(world: &World) {
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/jwks", canary.local_addr().unwrap());
    let metadata = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri });
    let party = world.party(metadata).await;
    let head = "eyJhbGciOiJSUzI1NiJ9";
    let claims =
        json!({ "iss": party.id, "sub": party.id, "aud": "x", "exp": 9_999_999_999_i64, "jti": "j" });
    let body = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims.to_string());
    let assertion = format!("{head}.{body}.AAAA");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    let answer = world.post("token", &super::party::Party { secret: String::new(), ..party }, &form).await;
    assert!(matches!(answer.status.as_u16(), 401 | 503), "{}", answer.text());
    let asked = tokio::time::timeout(std::time::Duration::from_millis(500), canary.accept()).await;
    assert!(asked.is_err(), "nobody has come");
}

/// 24: what is too much, comes twice or is no text is refused, and nothing breaks.
async fn parsers(world: &World) {
    let party = world.party(json!({})).await;
    let long = "x".repeat(20_000);
    for more in [[("scope", &*long)], [("state", &*long)], [("nonce", &*long)]] {
        let answer =
            world.ada.get(&format!("/api/auth/oauth2/authorize?{}", World::query(&party, &more))).await;
        assert!(matches!(answer.status.as_u16(), 302 | 414 | 431), "{}", answer.status);
        if answer.status.as_u16() == 302 {
            assert!(landing(&answer).is_page("/oauth/error"));
        }
    }
    let query = format!("{}&client_id=x", World::query(&party, &[]));
    assert!(world.ask(&world.ada, &query).await.is_page("/oauth/error"));
    let doubled = format!("{}&state=x", World::query(&party, &[]));
    assert!(world.ask(&world.ada, &doubled).await.is_page("/oauth/error"));
    let words = (0..2_000).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    let answer = world.post("token", &party, &[("grant_type", "refresh_token"), ("scope", &words)]).await;
    assert_refused(&answer, 400, "invalid_request");
    let twice = [("grant_type", "refresh_token"), ("grant_type", "authorization_code")];
    assert_refused(&world.post("token", &party, &twice).await, 400, "invalid_request");
    let request = |kind: &str, body: Vec<u8>| {
        let request = world.system.api.request(Method::POST, "/api/auth/oauth2/token");
        Answer::of(request.header("content-type", kind).body(body))
    };
    assert_refused(&request("application/json", b"{}".to_vec()).await, 415, "invalid_request");
    let form = "application/x-www-form-urlencoded";
    assert_refused(&request(form, vec![0xff, 0xfe]).await, 400, "invalid_request");
    assert_refused(&request(form, vec![b'x'; 300 * 1024]).await, 413, "invalid_request");
    for header in ["Basic", "Basic !!!", "Basic eA==", "Bearer x", "\u{1}"] {
        let request = world.system.api.request(Method::POST, "/api/auth/oauth2/token");
        let request = request.header("content-type", form).body("grant_type=refresh_token");
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(header.as_bytes()) else { continue };
        assert_refused(&Answer::of(request.header("authorization", value)).await, 401, "invalid_client");
    }
}

/// 26: nobody is signed in by somebody else's hint, and hints are only text.
async fn hints(world: &World) {
    let party = world.party(json!({})).await;
    let tokens = world.tokens(&world.ada, &party, &[]).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let bea = world.system.student(BEA).await;
    let asked = World::query(&party, &[("id_token_hint", hint), ("prompt", "none")]);
    world.ask(&bea, &asked).await.assert_error("login_required");
    let odd = "\"><script>alert(1)</script>";
    let nobody = Student::new(&world.system.api, "nobody@school.example");
    let page = world.ask(&nobody, &World::query(&party, &[("login_hint", odd)])).await;
    assert_eq!(page.get("login_hint").as_deref(), Some(odd), "text, encoded");
    let mode = world.authorize(&world.ada, &party, &[("response_mode", "fragment")]).await;
    mode.assert_error("invalid_request");
    let impersonated = impersonate(world, ADA).await;
    let asked = World::query(&party, &[]);
    world.ask(&impersonated, &asked).await.assert_error("access_denied");
}

async fn impersonate(world: &World, email: &str) -> Student {
    let found = world.admin.get(&format!("/api/auth/admin/list-users?searchValue={email}")).await.expect(200);
    let body = json!({ "userId": found["users"][0]["id"] });
    let answer = world.admin.post("/api/auth/admin/impersonate-user", &body).await;
    answer.expect(200);
    let mut student = world.admin.clone();
    student.keep(&answer);
    student
}

/// 29: who may use an application is looked at again with every token.
async fn roles(world: &World) {
    let party = world.party(json!({ "roles": ["instructor", "admin"] })).await;
    world.authorize(&world.ada, &party, &[]).await.assert_error("access_denied");
    let tokens = world.tokens(&world.admin, &party, &[]).await;
    let body = json!({ "client_id": party.id, "update": { "roles": ["instructor"] } });
    world.admin.post("/api/auth/admin/oauth2/update-client", &body).await.expect(200);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_refused(&world.refresh(&party, refresh, &[]).await, 400, "invalid_grant");
}

/// Registration is off, and what it would grant is for administrators to say.
async fn registration(world: &World) {
    let body = json!({ "client_name": "A", "redirect_uris": [REDIRECT] });
    let answer = world.system.api.post("/api/auth/oauth2/register", &body).await;
    assert_refused(&answer, 403, "access_denied");
    for (name, value) in [
        ("redirect_uris", json!(["javascript:alert(1)"])),
        ("redirect_uris", json!(["http://rp.example/cb"])),
        ("grant_types", json!(["password"])),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
        ("client_name", json!("")),
    ] {
        let mut body = body.clone();
        body[name] = value;
        let answer = world.admin.post("/api/auth/admin/oauth2/create-client", &body).await;
        assert_eq!(answer.status.as_u16(), 400, "{name}: {}", answer.text());
    }
}

/// 33 and 34: events hold neither secrets nor tokens, and refusals repeat nothing.
async fn traces(world: &World) {
    let party = world.party(json!({})).await;
    let code = world.authorize(&world.ada, &party, &[]).await.code();
    let tokens = world.redeem(&party, &code, &[]).await.expect(200);
    let pool = world.system.postgres.pool();
    let dump: Vec<String> = sqlx::query_scalar(
        "select encode(data, 'escape') || meta::text from session.events
         union all select t::text from session.oauth_codes t
         union all select t::text from session.oauth_refresh_tokens t
         union all select t::text from session.oauth_clients t",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let needles = [
        &*code,
        &*party.secret,
        tokens["refresh_token"].as_str().unwrap(),
        tokens["access_token"].as_str().unwrap(),
    ];
    for needle in needles {
        assert!(!dump.iter().any(|line| line.contains(needle)), "{needle:.6}… is kept");
    }
    let needle = "a-needle-<script>";
    let answer = world.post("token", &party, &[("grant_type", needle), ("code", needle)]).await;
    assert!(!answer.text().contains("needle"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line() {
    let world = World::new("oidc_attacks").await;
    let world = &world;
    checks! { world,
        "12 sign-out" => ends(world, "sign out");
        "12 password change" => ends(world, "password change");
        "12 ban" => ends(world, "ban");
        "12 removal" => ends(world, "removal");
        "17 role" => ends(world, "role");
        "17 withdrawal" => ends(world, "withdrawal");
        "17 client removed" => ends(world, "client removed");
        "21 of others" => of_others(world);
        "21 devices" => devices(world);
        "22 SSRF" => ssrf(world);
        "24 parsers" => parsers(world);
        "26 hints" => hints(world);
        "29 roles" => roles(world);
        "33 traces" => traces(world);
        "registration" => registration(world);
    }
}

/// 30: while the session service is away, tokens are verified elsewhere and nobody new gets in; it
/// recovers by itself, and what was revoked stays so.
#[tokio::test(flavor = "multi_thread")]
async fn the_session_service_is_away_and_comes_back() {
    let system = intellistack_e2e::System::plan("oidc_away").one_process_per_service().start().await;
    let mut world = World::of(system).await;
    let party = world.party(json!({})).await;
    let tokens = world.tokens(&world.ada, &party, &[("scope", "openid courses:read offline_access")]).await;
    let gone = world.tokens(&world.ada, &party, &[("scope", "openid courses:read offline_access")]).await;
    let text = |tokens: &Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    world.post("revoke", &party, &[("token", &text(&gone, "refresh_token"))]).await;
    let courses = |world: &World, token: String| {
        let request = world.system.api.request(Method::GET, "/api/v1/courses");
        Answer::of(request.header("authorization", format!("Bearer {token}")))
    };
    courses(&world, text(&tokens, "access_token")).await.expect(200);
    world.system.api.get("/api/auth/jwks").await.expect(200);
    // What changed just now is asked for, not believed: sessions and grants two seconds old are known.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    world.system.kill("session");
    courses(&world, text(&tokens, "access_token")).await.expect(200);
    assert_eq!(courses(&world, text(&gone, "access_token")).await.status.as_u16(), 401);
    let refused = world.refresh(&party, &text(&tokens, "refresh_token"), &[]).await;
    assert_refused(&refused, 503, "temporarily_unavailable");
    assert!(!refused.header("retry-after").is_empty());
    let query = World::query(&party, &[]);
    let answer = world.ada.get(&format!("/api/auth/oauth2/authorize?{query}")).await;
    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
    world.system.api.get("/api/auth/jwks").await.expect(200);
    world.system.restart("session").await;
    world.refresh(&party, &text(&tokens, "refresh_token"), &[]).await.expect(200);
    assert_eq!(courses(&world, text(&gone, "access_token")).await.status.as_u16(), 401);
    world.system.assert_no_panic();
}

/// Where anybody may register, nobody gets by it what is for administrators to give.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_registers_itself_is_nobody_in_particular() {
    let system = intellistack_e2e::System::plan("oidc_registration");
    let world = World::of(system.variable("CLIENT_REGISTRATION", "open").start().await).await;
    let body = json!({ "client_name": "A", "redirect_uris": [REDIRECT], "scope": "openid email" });
    let register = async |body: &Value| world.system.api.post("/api/auth/oauth2/register", body).await;
    for (name, value) in [
        ("skip_consent", json!(true)),
        ("require_pkce", json!(false)),
        ("roles", json!(["admin"])),
        ("resources", json!(["https://other.example"])),
        ("grant_types", json!(["client_credentials"])),
        ("scope", json!("openid tutor:chat")),
    ] {
        let mut body = body.clone();
        body[name] = value;
        assert_refused(&register(&body).await, 400, "invalid_client_metadata");
    }
    let made = register(&body).await.expect(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let party = super::party::Party { id: text("client_id"), secret: text("client_secret") };
    let asked = world.ask(&world.ada, &World::query(&party, &[("scope", "openid email")])).await;
    assert!(asked.is_page("/oauth/consent"), "{}", asked.0);
    let wider = world.ask(&world.ada, &World::query(&party, &[("scope", "openid profile")])).await;
    wider.assert_error("invalid_scope");
    // What registered itself administers nothing, itself included.
    let body = json!({ "client_id": party.id, "update": { "skip_consent": true } });
    let answer = world.ada.post("/api/auth/admin/oauth2/update-client", &body).await;
    assert_eq!(answer.status.as_u16(), 403, "{}", answer.text());
    world.system.assert_no_panic();
}
