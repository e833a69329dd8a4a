//! The RP-Initiated and the Back-Channel plan, ported, each check under its module's name.

use std::sync::{Arc, Mutex};

use intellistack_e2e::{Student, within};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::checks;
use super::party::{Landing, Party, World, claims, landing, part};

const BYE: &str = "https://rp.example/bye";

/// A session of Ada's in which the client has an ID token.
async fn signed_in(world: &World, party: &Party) -> (Student, String) {
    let ada = world.anew().await;
    let tokens = world.tokens(&ada, party, &[]).await;
    (ada, tokens["id_token"].as_str().unwrap().to_owned())
}

async fn leave(who: &Student, parameters: &[(&str, &str)]) -> Landing {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    landing(&who.get(&format!("/api/auth/oauth2/end-session?{query}")).await)
}

async fn is_signed_in(who: &Student) -> bool {
    !who.get("/api/auth/get-session").await.expect(200).is_null()
}

/// The person is asked, and says yes.
async fn confirm(who: &Student, page: &Landing) -> Landing {
    assert!(page.is_page("/oauth/logout"), "{}", page.0);
    assert!(is_signed_in(who).await, "nobody is signed out by a link");
    let body = json!({ "oauth_query": page.0.query().unwrap() });
    let answer = who.post("/api/auth/oauth2/end-session/confirm", &body).await.expect(200);
    assert!(!is_signed_in(who).await);
    Landing(answer["url"].as_str().unwrap().parse().unwrap())
}

async fn discovery_endpoint_verification(world: &World) {
    let found = world.system.api.get("/api/auth/.well-known/openid-configuration").await.expect(200);
    assert!(found["end_session_endpoint"].is_string());
    assert_eq!(found["backchannel_logout_supported"], true);
    assert_eq!(found["backchannel_logout_session_supported"], true);
}

/// With everything: at once, and back with the state.
async fn whole(world: &World, party: &Party) {
    let (ada, hint) = signed_in(world, party).await;
    let asked = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE), ("state", "s1")];
    let landed = leave(&ada, &asked).await;
    assert_eq!(landed.0.as_str(), format!("{BYE}?state=s1"));
    assert!(!is_signed_in(&ada).await);
}

/// An address that is not registered is not led to, and nobody is signed out.
async fn bad_address(world: &World, party: &Party, address: &str) {
    let (ada, hint) = signed_in(world, party).await;
    let page = leave(&ada, &[("id_token_hint", &hint), ("post_logout_redirect_uri", address)]).await;
    assert!(page.is_page("/oauth/error"), "{}", page.0);
    assert!(is_signed_in(&ada).await);
}

async fn bad_hint(world: &World, party: &Party, change: impl Fn(&str) -> String) {
    let (ada, hint) = signed_in(world, party).await;
    let page = leave(&ada, &[("id_token_hint", &change(&hint)), ("post_logout_redirect_uri", BYE)]).await;
    assert!(page.is_page("/oauth/error"), "{}", page.0);
    assert!(is_signed_in(&ada).await);
}

async fn no_id_token_hint(world: &World, party: &Party) {
    let (ada, _) = signed_in(world, party).await;
    let asked = [("client_id", &*party.id), ("post_logout_redirect_uri", BYE), ("state", "s2")];
    let landed = confirm(&ada, &leave(&ada, &asked).await).await;
    assert_eq!(landed.0.as_str(), format!("{BYE}?state=s2"));
    // Without a client there is nobody whose address it could be.
    let (ada, _) = signed_in(world, party).await;
    assert!(leave(&ada, &[("post_logout_redirect_uri", BYE)]).await.is_page("/oauth/error"));
}

async fn asked_and_kept_here(world: &World, party: &Party, parameters: &[(&str, &str)]) {
    let (ada, _) = signed_in(world, party).await;
    let landed = confirm(&ada, &leave(&ada, parameters).await).await;
    assert!(landed.is_page("/signed-out"), "{}", landed.0);
}

async fn no_post_logout_redirect_uri(world: &World, party: &Party) {
    let (ada, hint) = signed_in(world, party).await;
    assert!(leave(&ada, &[("id_token_hint", &hint)]).await.is_page("/signed-out"));
}

async fn no_state(world: &World, party: &Party) {
    let (ada, hint) = signed_in(world, party).await;
    let landed = leave(&ada, &[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!(landed.0.as_str(), BYE);
}

/// A hint of another session of the same person, or of somebody else, asks first.
async fn anothers_hint(world: &World, party: &Party) {
    let (first, hint) = signed_in(world, party).await;
    let second = world.anew().await;
    confirm(&second, &leave(&second, &[("id_token_hint", &hint)]).await).await;
    assert!(is_signed_in(&first).await);
    let bea = world.system.student(super::party::BEA).await;
    assert!(leave(&bea, &[("id_token_hint", &hint)]).await.is_page("/oauth/logout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rp_initiated_logout_op() {
    let world = World::new("oidcc_logout").await;
    let world = &world;
    let party = &world.party(json!({})).await;
    let cut = |hint: &str| hint[..hint.len() - 4].to_owned() + "AAAA";
    checks! { world,
        "discovery-endpoint-verification" => discovery_endpoint_verification(world);
        "rp-initiated-logout" => whole(world, party);
        "bad-post-logout-redirect-uri" => bad_address(world, party, "https://rp.example/other");
        "query-added-to-post-logout-redirect-uri" => bad_address(world, party, "https://rp.example/bye?x=1");
        "modified-id-token-hint" => bad_hint(world, party, cut);
        "bad-id-token-hint" => bad_hint(world, party, |_| "nonsense".to_owned());
        "no-id-token-hint" => no_id_token_hint(world, party);
        "no-params" => asked_and_kept_here(world, party, &[]);
        "only-state" => asked_and_kept_here(world, party, &[("state", "s3")]);
        "no-post-logout-redirect-uri" => no_post_logout_redirect_uri(world, party);
        "no-state" => no_state(world, party);
        "(ours) another's hint" => anothers_hint(world, party);
    }
}

/// A client that keeps what it is told, and fails the first time.
async fn told() -> (String, Arc<Mutex<Vec<String>>>, JoinSet<()>) {
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&tokens);
    let handler = move |body: String| async move {
        let mut kept = kept.lock().unwrap();
        kept.push(body);
        if kept.len() == 1 { axum::http::StatusCode::BAD_GATEWAY } else { axum::http::StatusCode::OK }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/logout", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/logout", axum::routing::post(handler));
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, tokens, server)
}

/// `backchannel-rp-initiated-logout`: the client is told, again where it failed, with a token that is
/// no ID token; and whatever it was granted is void.
#[tokio::test(flavor = "multi_thread")]
async fn back_channel_op() {
    let system = intellistack_e2e::System::plan("oidcc_back_channel");
    let system = system.variable("CLIENTS_ALLOW_PRIVATE_NETWORKS", "true").start().await;
    let world = World::of(system).await;
    let (url, kept, _server) = told().await;
    let party = world.party(json!({ "backchannel_logout_uri": url })).await;
    let other = world.party(json!({})).await;
    let ada = world.anew().await;
    let tokens = world.tokens(&ada, &party, &[]).await;
    world.tokens(&ada, &other, &[]).await;
    ada.post("/api/auth/sign-out", &json!({})).await.expect(200);
    within(std::time::Duration::from_secs(30), "the client is told twice", || async {
        (kept.lock().unwrap().len() == 2).then_some(())
    })
    .await;
    let body = kept.lock().unwrap()[1].clone();
    let token = body.strip_prefix("logout_token=").expect("a logout token").to_owned();
    assert_eq!(part(&token, 0)["typ"], "logout+jwt");
    let (logout, id) = (claims(&token), claims(tokens["id_token"].as_str().unwrap()));
    for name in ["iss", "sub", "aud", "sid"] {
        assert_eq!(logout[name], id[name], "{name}");
    }
    assert_eq!(logout["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert!(logout.get("nonce").is_none() && logout["jti"].is_string());
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(&party, refresh, &[]).await.expect(400)["error"], "invalid_grant");
    // A logout token is no access token.
    let answer: Value = world.userinfo(&token).await.expect(401);
    assert_eq!(answer["error"], "invalid_token");
    world.system.assert_no_panic();
}
