//! Signing in elsewhere: whose account is linked (2), where providers send the browser back (4), with
//! which proof (13), from which provider (14), and what they may answer (28).

use std::collections::BTreeSet;
use std::time::Instant;

use intellistack_e2e::{PASSWORD, System};
use reqwest::Url;
use serde_json::{Value, json};

use super::people::{administrator, github, openid, openid_account, text, verified};
use super::visitor::Visitor;
use crate::support::assert_code;

const ADA: &str = "ada@school.example";

async fn start(name: &'static str) -> System {
    System::plan(name).providers().variable("AUTH_LIMITS", "off").start().await
}

fn query_of(address: &str) -> Vec<(String, String)> {
    Url::parse(address).expect("an address").query_pairs().into_owned().collect()
}

/// Every value of a parameter.
fn all_of<'a>(query: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

fn is_callback(url: &Url) -> bool {
    url.path().starts_with("/api/auth/callback/")
}

/// Sets a parameter with which a provider sends the browser back; an empty one takes it away.
fn set(url: &mut Url, name: &str, value: &str) {
    let kept: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(key, _)| key != name).collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    if !value.is_empty() {
        url.query_pairs_mut().append_pair(name, value);
    }
}

/// Changes an address before it is visited.
type Edit = &'static dyn Fn(&mut Url);

/// Nobody's browser finishes what another began, and what belongs to somebody stays theirs. An account
/// there is known by its identifier, never by an address that it has for now.
#[tokio::test(flavor = "multi_thread")]
async fn line_02_nobody_links_an_account_to_somebody_else() {
    let system = start("line_02").await;
    let (mut ada, mut mallory) =
        (verified(&system, ADA).await, verified(&system, "mallory@evil.example").await);
    openid_account(&system, "mallory", "mallory@evil.example", true).await;

    // Mallory's answer of the provider, in Ada's browser: as a link, and as a sign-in.
    let body = json!({ "provider": "school", "loginHint": "mallory", "callbackURL": "/home", "errorCallbackURL": "/sorry" });
    for path in ["link-social", "sign-in/social"] {
        let begun = mallory.post(&format!("/api/auth/{path}"), &body).await.expect(200);
        let stolen = std::sync::Mutex::new(String::new());
        let mut elsewhere = mallory.clone();
        elsewhere
            .browse(&text(&begun, "url"), |url| {
                if is_callback(url) {
                    *stolen.lock().expect("no panic") = url.to_string();
                    set(url, "state", "");
                }
            })
            .await;
        let stolen = stolen.into_inner().expect("no panic");
        // Without any state of her own, and with one.
        for begins in [false, true] {
            let mut browser = ada.clone();
            if begins {
                browser.post(&format!("/api/auth/{path}"), &body).await.expect(200);
            }
            let landing = browser.browse(&stolen, |_| {}).await;
            assert!(landing.query("error").is_some(), "{path}: {}", landing.url);
            assert_eq!(browser.user().await["email"], ADA, "{path}: still Ada");
        }
    }
    assert_eq!(ada.accounts().await.len(), 1, "nothing of Mallory's leads to Ada");
    assert_eq!(mallory.accounts().await.len(), 1);

    // A link that began in a session does not end in another, nor in one of somebody else.
    let begun = mallory.post("/api/auth/link-social", &body).await.expect(200);
    mallory.sign_in(ADA, PASSWORD).await.expect(200);
    let landing = mallory.browse(&text(&begun, "url"), |_| {}).await;
    assert!(landing.query("error").is_some(), "{}", landing.url);
    assert_eq!(ada.accounts().await.len(), 1);
    mallory.sign_in("mallory@evil.example", PASSWORD).await.expect(200);

    // What is somebody's cannot be linked by another, whatever address it says.
    mallory.link("school", "mallory").await.assert_page("/home");
    openid_account(&system, "mallory", ADA, true).await;
    ada.link("school", "mallory").await.assert_error("account_already_linked_to_different_user");
    assert_eq!(ada.accounts().await.len(), 1);
    let mut again = Visitor::new(&system);
    again.sign_in_at("school", "mallory").await.assert_page("/home");
    assert_eq!(again.user().await["email"], "mallory@evil.example", "the subject counts, not the address");
    // Another address, or an unproven one, is not linked.
    openid_account(&system, "stranger", "stranger@school.example", true).await;
    openid_account(&system, "unproven", ADA, false).await;
    ada.link("school", "stranger").await.assert_error("email_does_not_match");
    ada.link("school", "unproven").await.assert_error("unable_to_link_account");
    assert_eq!(ada.accounts().await.len(), 1);
    system.assert_no_panic();
}

/// Two people whose provider gives each the other's address stay who they are.
#[tokio::test(flavor = "multi_thread")]
async fn line_02_addresses_that_move_at_the_provider_move_nobody_here() {
    let system = start("line_02_moved").await;
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        openid_account(&system, name, &format!("{name}@school.example"), true).await;
        let mut visitor = Visitor::new(&system);
        visitor.sign_in_at("school", name).await.assert_page("/hello");
        ids.push(text(&visitor.user().await, "id"));
    }
    openid_account(&system, "one", "two@school.example", true).await;
    openid_account(&system, "two", "one@school.example", true).await;
    for (name, id) in ["one", "two"].iter().zip(&ids) {
        let mut visitor = Visitor::new(&system);
        visitor.sign_in_at("school", name).await.assert_page("/home");
        assert_eq!(text(&visitor.user().await, "id"), *id);
    }
    system.assert_no_panic();
}

/// The address to come back to is ours and the same every time; nothing that a request says changes what
/// a provider is asked.
#[tokio::test(flavor = "multi_thread")]
async fn line_04_the_redirect_uri_is_ours_whatever_a_request_says() {
    let system = start("line_04").await;
    let issuer = format!("{}/api/auth", system.api.origin());
    let fixed = [
        "redirect_uri",
        "client_id",
        "response_type",
        "response_mode",
        "state",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "scope",
        "request",
        "request_uri",
    ];
    let mut visitor = Visitor::new(&system)
        .with("x-forwarded-host", "evil.example")
        .with("x-forwarded-proto", "https")
        .with("forwarded", "host=evil.example");
    for provider in ["school", "google", "github"] {
        for (path, name) in [("sign-in/social", "provider"), ("sign-in/oauth2", "providerId")] {
            let path = format!("/api/auth/{path}");
            let mut body = json!({
                "redirectURI": "https://evil.example", "redirect_uri": "https://evil.example",
                "callbackURL": "/home?redirect_uri=https://evil.example",
                "additionalParams": { "hd": "school.example" },
            });
            body[name] = json!(provider);
            let begun = visitor.post(&path, &body).await.expect(200);
            let query = query_of(&text(&begun, "url"));
            assert_eq!(all_of(&query, "redirect_uri"), [format!("{issuer}/callback/{provider}")]);
            assert_eq!(all_of(&query, "hd"), ["school.example"], "what is harmless is passed on");
            for name in fixed {
                let values = all_of(&query, name);
                let foreign = values.iter().any(|value| value.contains("evil.example"));
                assert!(values.len() <= 1 && !foreign, "{provider}: {name} is {values:?}");
                body["additionalParams"] = json!({ name: "https://evil.example/x" });
                assert_code(&visitor.post(&path, &body).await, 400, "RESERVED_PARAMETER");
            }
        }
    }
    // The provider holds us to it, too: it knows no other.
    let url = visitor.start_at("school", json!({})).await;
    let mut changed = Url::parse(&url).expect("an address");
    set(&mut changed, "redirect_uri", &format!("{issuer}/callback/school/../google"));
    let landing = visitor.browse(changed.as_str(), |_| {}).await;
    assert!(landing.answer.is_some_and(|answer| answer.status.is_client_error()), "refused there");
    system.assert_no_panic();
}

/// Each sign-in proves that it is the one that began (RFC 7636): a code alone is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn line_13_a_code_is_good_with_the_verifier_of_its_own_sign_in_only() {
    let system = start("line_13").await;
    github(&system, &json!({ "reset": true })).await;
    openid_account(&system, "ada", ADA, true).await;
    openid_account(&system, "mallory", "mallory@evil.example", true).await;
    let mut seen = BTreeSet::new();
    for provider in ["school", "google", "github"] {
        for _ in 0..2 {
            let url = Visitor::new(&system).start_at(provider, json!({})).await;
            let query = query_of(&url);
            assert_eq!(all_of(&query, "code_challenge_method"), ["S256"], "{provider}");
            let challenges = all_of(&query, "code_challenge");
            assert_eq!((challenges.len(), challenges[0].len()), (1, 43), "{provider}");
            assert!(all_of(&query, "code_verifier").is_empty(), "{provider}");
            for once in ["code_challenge", "state"] {
                assert!(seen.insert(all_of(&query, once)[0].to_owned()), "{provider}: {once} is new");
            }
        }
    }
    for (provider, hint) in [("school", "ada"), ("github", "")] {
        // A code that was intercepted, in a sign-in of the interceptor.
        let stolen = std::sync::Mutex::new(String::new());
        let mut victim = Visitor::new(&system);
        let url = victim.start_at(provider, json!({ "loginHint": hint })).await;
        victim
            .browse(&url, |url| {
                if is_callback(url) {
                    *stolen.lock().expect("no panic") = all_of(&query_of(url.as_str()), "code")[0].to_owned();
                    set(url, "code", "");
                }
            })
            .await;
        let stolen = stolen.into_inner().expect("no panic");
        let mut thief = Visitor::new(&system);
        let url = thief.start_at(provider, json!({ "loginHint": "mallory" })).await;
        let landing = thief
            .browse(&url, |url| {
                if is_callback(url) {
                    set(url, "code", &stolen);
                }
            })
            .await;
        landing.assert_error("invalid_code");
        assert_eq!(thief.user().await, Value::Null, "{provider}");
    }
    system.assert_no_panic();
}

/// An answer counts for the provider that was asked, in the name of that provider, and once.
#[tokio::test(flavor = "multi_thread")]
async fn line_14_an_answer_of_one_provider_is_none_of_another() {
    let system = start("line_14").await;
    github(&system, &json!({ "reset": true })).await;
    openid_account(&system, "ada", ADA, true).await;
    let edits: [(&str, &str, Edit); 5] = [
        ("school", "another issuer (RFC 9207)", &|url| set(url, "iss", "https://evil.example")),
        ("school", "an issuer that is ours but for a slash", &|url| {
            let issuer = all_of(&query_of(url.as_str()), "iss")[0].to_owned();
            set(url, "iss", &format!("{issuer}/"));
        }),
        ("school", "no issuer, though this provider always says it", &|url| set(url, "iss", "")),
        ("school", "the callback of another provider", &|url| url.set_path("/api/auth/callback/google")),
        ("github", "the callback of another provider", &|url| url.set_path("/api/auth/callback/school")),
    ];
    for (provider, what, edit) in edits {
        let mut visitor = Visitor::new(&system);
        let url = visitor.start_at(provider, json!({ "loginHint": "ada" })).await;
        let landing = visitor
            .browse(&url, |url| {
                if is_callback(url) {
                    edit(url);
                }
            })
            .await;
        assert!(landing.query("error").is_some(), "{what}: {}", landing.url);
        assert_eq!(visitor.user().await, Value::Null, "{what}");
    }
    // Once, also side by side.
    let mut visitor = Visitor::new(&system);
    let url = visitor.start_at("school", json!({ "loginHint": "ada" })).await;
    let back = std::sync::Mutex::new(String::new());
    let mut browser = visitor.clone();
    browser
        .browse(&url, |url| {
            if is_callback(url) {
                *back.lock().expect("no panic") = url.to_string();
                url.set_path("/stopped");
            }
        })
        .await;
    let back = back.into_inner().expect("no panic");
    let uses = (0..8).map(|_| {
        let mut browser = browser.clone();
        let back = back.clone();
        async move {
            browser.browse(&back, |_| {}).await;
            browser.user().await.is_object()
        }
    });
    let won = futures::future::join_all(uses).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1, "of eight one is signed in");

    // The nonce binds an ID token to the one who asked.
    let mut ada = Visitor::new(&system);
    ada.sign_in_at("school", "ada").await;
    let account = ada.get("/api/auth/list-accounts").await.expect(200)[0]["id"].clone();
    let token = ada.post("/api/auth/get-access-token", &json!({ "accountId": account })).await.expect(200);
    let id_token = text(&token, "idToken");
    let nonce = crate::forge::decode(&id_token, 1)["nonce"].clone();
    let mut thief = Visitor::new(&system);
    for (provider, token, nonce) in [
        ("school", id_token.clone(), json!("another")),
        ("school", id_token.clone(), json!("")),
        ("school", format!("{id_token}x"), nonce.clone()),
        ("google", id_token.clone(), nonce.clone()),
        ("school", crate::forge::tampered(&id_token, "sub", &json!("mallory")), nonce.clone()),
    ] {
        let body = json!({ "provider": provider, "idToken": { "token": token, "nonce": nonce } });
        let refused = thief.post("/api/auth/sign-in/social", &body).await;
        assert_eq!(refused.status.as_u16(), 401, "{provider} {nonce}: {}", refused.text());
    }
    let body = json!({ "provider": "school", "idToken": { "token": ada.access_token().await } });
    assert_code(&thief.post("/api/auth/sign-in/social", &body).await, 401, "INVALID_TOKEN");
    assert_eq!(thief.user().await, Value::Null);
    system.assert_no_panic();
}

/// Errors, missing and unproven addresses, and silence lead to a page of ours, and to nobody's session.
#[tokio::test(flavor = "multi_thread")]
async fn line_28_whatever_a_provider_answers_nobody_gets_in_by_it() {
    let system = start("line_28").await;
    openid_account(&system, "ada", ADA, true).await;
    let nobody = async |provider: &str, what: &str, error: &str| {
        let mut visitor = Visitor::new(&system);
        let begun = Instant::now();
        let landing = visitor.sign_in_at(provider, "ada").await;
        assert!(begun.elapsed().as_secs() < 25, "{what} takes {:?}", begun.elapsed());
        landing.assert_error(error);
        assert_eq!(visitor.user().await, Value::Null, "{what}");
    };
    for (control, what, error) in [
        (json!({ "authorizeError": "access_denied" }), "a refusal", "access_denied"),
        (json!({ "dropEmail": true }), "no address", "email_not_found"),
        (json!({ "fail": { "token": 500 } }), "no token", "invalid_code"),
        (json!({ "fail": { "token": 400 } }), "a refused code", "invalid_code"),
        (
            json!({ "fail": { "userinfo": 500 }, "claimsInIdToken": false }),
            "no user",
            "unable_to_get_user_info",
        ),
        (json!({ "stall": { "token": 60_000 } }), "silence", "invalid_code"),
    ] {
        openid(&system, &control).await;
        nobody("school", what, error).await;
        openid(&system, &json!({ "reset": true })).await;
        openid_account(&system, "ada", ADA, true).await;
    }
    // What the provider says of the error is text, in the address and on the page.
    let evil = "<script>alert(1)</script>\" onload=x //evil.example";
    for page in ["/sorry", ""] {
        let mut visitor = Visitor::new(&system);
        let url = visitor.start_at("school", json!({ "loginHint": "ada", "errorCallbackURL": page })).await;
        let landing = visitor
            .browse(&url, |url| {
                if is_callback(url) {
                    set(url, "code", "");
                    set(url, "error", evil);
                    set(url, "error_description", evil);
                }
            })
            .await;
        assert_eq!(landing.url.host_str(), Some("127.0.0.1"), "{}", landing.url);
        let said = landing.answer.map(|answer| answer.text()).unwrap_or_default();
        assert!(!said.contains("<script>") && !said.contains("\" onload"), "{said}");
    }
    system.assert_no_panic();
}

/// GitHub's rules: the address is the one shown, else the primary one, and proven only if the list says so
/// of that one.
#[tokio::test(flavor = "multi_thread")]
async fn line_28_of_githubs_addresses_only_the_listed_and_proven_one_proves_anything() {
    let system = start("line_28_github").await;
    let mut ada = verified(&system, ADA).await;
    let address = |email: &str, primary: bool, verified: bool| json!({ "email": email, "primary": primary, "verified": verified, "visibility": null });
    let other = "octo@evil.example";
    for (what, emails, public, error) in [
        ("unproven", json!([address(ADA, true, false)]), Value::Null, "account_not_linked"),
        ("unproven, and public", json!([address(ADA, true, false)]), json!(ADA), "account_not_linked"),
        (
            "unproven, a proven one beside it",
            json!([address(ADA, true, false), address(other, false, true)]),
            json!(ADA),
            "account_not_linked",
        ),
        (
            "shown, and not among the listed",
            json!([address(other, true, true)]),
            json!(ADA),
            "account_not_linked",
        ),
        ("none", json!([]), Value::Null, "email_not_found"),
    ] {
        github(&system, &json!({ "reset": true, "user": { "id": 7, "email": public }, "emails": emails }))
            .await;
        let mut visitor = Visitor::new(&system);
        let landing = visitor.sign_in_at("github", "").await;
        landing.assert_error(error);
        assert_eq!(visitor.user().await, Value::Null, "{what}");
        assert_eq!(ada.accounts().await.len(), 1, "{what}");
    }
    // A secondary address that is not shown is nobody's name here.
    let emails = json!([address(other, true, true), address(ADA, false, true)]);
    github(&system, &json!({ "reset": true, "user": { "id": 8, "email": null }, "emails": emails })).await;
    let mut visitor = Visitor::new(&system);
    visitor.sign_in_at("github", "").await.assert_page("/hello");
    assert_eq!(visitor.user().await["email"], other);
    assert_eq!(ada.accounts().await.len(), 1);
    // The number is who it is, not the login, which others may take.
    github(&system, &json!({ "reset": true, "user": { "id": 9, "login": "octo", "email": null }, "emails": [address("new@evil.example", true, true)] })).await;
    let mut another = Visitor::new(&system);
    another.sign_in_at("github", "").await.assert_page("/hello");
    assert_ne!(another.user().await["id"], visitor.user().await["id"]);
    for (fail, error) in [
        ("token", "invalid_code"),
        ("user", "unable_to_get_user_info"),
        ("emails", "unable_to_get_user_info"),
    ] {
        github(&system, &json!({ "fail": { fail: 500 } })).await;
        let mut visitor = Visitor::new(&system);
        let landing = visitor.sign_in_at("github", "").await;
        assert!(landing.query("error").is_some(), "{fail}: {} for {error}", landing.url);
        assert_eq!(visitor.user().await, Value::Null, "{fail}");
        github(&system, &json!({ "fail": {} })).await;
    }
    // A ban holds on this way, too.
    let mut admin = administrator(&system).await;
    let id = text(&another.user().await, "id");
    admin.post("/api/auth/admin/ban-user", &json!({ "userId": id })).await.expect(200);
    let mut banned = Visitor::new(&system);
    banned.sign_in_at("github", "").await.assert_error("BANNED_USER");
    assert_eq!(banned.user().await, Value::Null);
    system.assert_no_panic();
}
