//! Which tokens of the issuer are access tokens, and what they say.

use auth::{Claims, Confirmation, TokenError};
use kernel::Role;
use serde_json::{Value, json};

use crate::world::{AUDIENCE, ISSUER, World, with, without, world};

async fn read(world: &World, typ: &str, claims: &Value) -> Result<Claims, TokenError> {
    let token = world.sign_as(claims, |header| header.typ = Some(typ.to_owned()));
    world.verifier.verify(&token).await
}

async fn assert_refused(world: &World, typ: &str, claims: &Value) {
    assert_eq!(read(world, typ, claims).await, Err(TokenError::Invalid), "{typ}: {claims}");
}

#[tokio::test]
async fn a_token_for_our_own_pages_is_good_for_everything() {
    let world = world();
    for typ in ["JWT", "jwt"] {
        let claims = read(&world, typ, &world.claims()).await.unwrap();
        assert!(claims.is_first_party() && claims.is_user());
        assert!(claims.has_scope("courses:write"));
        assert_eq!((claims.sid.as_str(), claims.sep, claims.role), ("s1", 1, Role::Student));
        assert_eq!(claims.aud, [AUDIENCE]);
    }
    let many = with(&world.claims(), "aud", json!(["https://elsewhere.example", AUDIENCE]));
    assert!(read(&world, "JWT", &many).await.is_ok());
}

#[tokio::test]
async fn a_token_of_an_application_is_good_for_its_scopes() {
    let world = world();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let claims = read(&world, typ, &world.oauth_claims()).await.unwrap();
        assert!(!claims.is_first_party() && claims.is_user());
        assert_eq!(["openid", "courses:read"].map(|scope| claims.has_scope(scope)), [true; 2]);
        let others = ["courses:write", "courses", "courses:read email", "", " "];
        assert_eq!(others.map(|scope| claims.has_scope(scope)), [false; 5]);
        assert_eq!(claims.client_id.as_deref(), Some("app"));
        assert_eq!((claims.gid.as_deref(), claims.jti.as_deref()), (Some("g1"), Some("t1")));
        assert_eq!(claims.aud, [AUDIENCE.to_owned(), format!("{ISSUER}/oauth2/userinfo")]);
    }
    let none = without(&world.oauth_claims(), "scope");
    assert!(!read(&world, "at+jwt", &none).await.unwrap().has_scope("openid"));
}

#[tokio::test]
async fn what_an_application_was_not_told_is_not_assumed() {
    let world = world();
    let untold = without(&without(&world.oauth_claims(), "email"), "email_verified");
    let claims = read(&world, "at+jwt", &untold).await.unwrap();
    assert_eq!((claims.email, claims.email_verified), (None, false));
    // An application for itself: no session, no role, and nobody.
    let claims = read(&world, "at+jwt", &world.client_claims()).await.unwrap();
    assert_eq!((claims.sid.as_str(), claims.role, claims.sep), ("", Role::Student, 0));
    assert!(!claims.is_user() && !claims.is_first_party() && claims.has_scope("courses:read"));
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let world = world();
    let id = world.id_claims();
    for typ in ["JWT", "at+jwt", "id+jwt", "id_token", "id_token+jwt"] {
        assert_refused(&world, typ, &id).await;
        // Not even when the application bears the name of our API.
        assert_refused(&world, typ, &with(&id, "aud", json!(AUDIENCE))).await;
        assert_refused(&world, typ, &with(&id, "aud", json!(["app", AUDIENCE]))).await;
    }
    // Each sign of one by itself is enough.
    for (name, value) in [
        ("nonce", json!("n")),
        ("nonce", Value::Null),
        ("at_hash", json!("h")),
        ("c_hash", json!("h")),
        ("azp", json!("app")),
    ] {
        assert_refused(&world, "JWT", &with(&world.claims(), name, value)).await;
    }
    for name in ["sid", "role", "jti", "email_verified"] {
        assert_refused(&world, "JWT", &without(&world.claims(), name)).await;
        assert_refused(&world, "JWT", &with(&world.claims(), name, Value::Null)).await;
    }
    for name in ["sid", "jti", "sub"] {
        assert_refused(&world, "JWT", &with(&world.claims(), name, json!(""))).await;
    }
}

#[tokio::test]
async fn a_logout_token_is_no_access_token() {
    let world = world();
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let logout = with(&without(&world.id_claims(), "nonce"), "events", events.clone());
    let logout = with(&with(&logout, "jti", json!("l1")), "aud", json!(AUDIENCE));
    for typ in ["logout+jwt", "JWT", "at+jwt", "application/logout+jwt", "secevent+jwt"] {
        assert_refused(&world, typ, &logout).await;
    }
    assert_refused(&world, "logout+jwt", &world.claims()).await;
    assert_refused(&world, "JWT", &with(&world.claims(), "events", events)).await;
}

#[tokio::test]
async fn a_token_of_one_kind_does_not_pass_for_the_other() {
    let world = world();
    // What an application holds is not good for everything because its type says less.
    for typ in ["JWT", "jwt"] {
        assert_refused(&world, typ, &world.oauth_claims()).await;
        assert_refused(&world, typ, &world.client_claims()).await;
        assert_refused(&world, typ, &without(&world.oauth_claims(), "client_id")).await;
        assert_refused(&world, typ, &with(&world.claims(), "client_id", json!("app"))).await;
        assert_refused(&world, typ, &with(&world.claims(), "scope", json!("openid"))).await;
    }
    assert_refused(&world, "at+jwt", &world.claims()).await;
    for name in ["client_id", "jti", "iat", "sub"] {
        assert_refused(&world, "at+jwt", &without(&world.oauth_claims(), name)).await;
        assert_refused(&world, "at+jwt", &with(&world.oauth_claims(), name, json!(""))).await;
    }
    for typ in ["dpop+jwt", "application/jwt", "at+jwt ", "at", ""] {
        assert_refused(&world, typ, &world.claims()).await;
        assert_refused(&world, typ, &world.oauth_claims()).await;
    }
    let untyped = world.sign_as(&world.claims(), |header| header.typ = None);
    assert_eq!(world.verifier.verify(&untyped).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_not_good_by_itself() {
    let world = world();
    for (typ, claims) in [("JWT", world.claims()), ("at+jwt", world.oauth_claims())] {
        for cnf in [
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            json!({"jkt": ""}),
            // A way that is not known here is not skipped.
            json!({"x5t#S256": "h"}),
            json!({"jkt": "h", "x5t#S256": "h"}),
            json!({}),
            json!("h"),
        ] {
            assert_refused(&world, typ, &with(&claims, "cnf", cnf)).await;
        }
    }
    let bound = Confirmation { jkt: "h".to_owned() };
    assert_eq!(serde_json::from_value::<Confirmation>(json!({"jkt": "h"})).unwrap(), bound);
}

#[tokio::test]
async fn who_acts_as_the_user_is_told() {
    let world = world();
    let acted = with(&world.claims(), "act", json!({"sub": "admin"}));
    assert_eq!(read(&world, "JWT", &acted).await.unwrap().act.unwrap().sub, "admin");
}
