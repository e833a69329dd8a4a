//! Proofs of possession: each clause of RFC 9449, section 4.3, and what they are bound to.

use auth::{BoundError, Proof, ProofContext, ProofError, ReplayCache, TokenError, verify_proof};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey};
use kernel::Clock;
use serde_json::{Value, json};

use crate::holder::{Holder, ath};
use crate::world::{World, sign_text, with, without, world};

const URL: &str = "https://api.example/courses/1";
const TOKEN: &str = "the-access-token";

struct Scene {
    world: World,
    holder: Holder,
}

fn scene() -> Scene {
    Scene { world: world(), holder: Holder::ec() }
}

impl Scene {
    fn claims(&self) -> Value {
        let now = self.world.clock.now().timestamp();
        json!({"jti": "p1", "htm": "GET", "htu": URL, "iat": now, "ath": ath(TOKEN)})
    }

    fn verify(&self, proof: &str) -> Result<Proof, ProofError> {
        let now = self.world.clock.now();
        verify_proof(proof, ProofContext { method: "GET", url: URL, access_token: Some(TOKEN), now })
    }

    fn with_header(&self, name: &str, value: Value) -> Result<Proof, ProofError> {
        self.verify(&self.holder.sign_as(&with(&self.holder.header(), name, value), &self.claims()))
    }

    fn with_claim(&self, name: &str, value: Value) -> Result<Proof, ProofError> {
        self.verify(&self.holder.sign(&with(&self.claims(), name, value)))
    }

    fn with_key(&self, name: &str, value: Value) -> Result<Proof, ProofError> {
        self.with_header("jwk", with(&self.holder.jwk, name, value))
    }
}

#[test]
fn a_good_proof_names_its_key_and_itself() {
    let mut scene = scene();
    let rsa = Holder::rsa(Algorithm::RS256);
    let pss = Holder { algorithm: Algorithm::PS256, jwk: without(&rsa.jwk, "alg"), ..rsa_of(&rsa) };
    for holder in [Holder::ec(), Holder::ed(), rsa, pss] {
        scene.holder = holder;
        let proof = scene.verify(&scene.holder.sign(&scene.claims())).unwrap();
        let iat = scene.world.clock.now().timestamp();
        assert_eq!(proof, Proof { jkt: scene.holder.jkt.clone(), jti: "p1".to_owned(), iat });
    }
}

fn rsa_of(holder: &Holder) -> Holder {
    Holder {
        key: holder.key.clone(),
        algorithm: holder.algorithm,
        jwk: holder.jwk.clone(),
        jkt: holder.jkt.clone(),
    }
}

#[test]
fn clause_2_it_is_a_well_formed_jwt() {
    let scene = scene();
    let good = scene.holder.sign(&scene.claims());
    for odd in [
        String::new(),
        "..".to_owned(),
        "no proof".to_owned(),
        format!("{good}."),
        format!("{good}="),
        format!("{good},{good}"),
        good.replace('.', ".."),
    ] {
        assert_eq!(scene.verify(&odd), Err(ProofError::Malformed), "{odd}");
    }
    let header = scene.holder.header().to_string();
    let claims = scene.claims().to_string();
    let signed = |header: &str, claims: &str| {
        scene.verify(&sign_text(header, claims, &scene.holder.key, scene.holder.algorithm))
    };
    for odd in ["", "null", "[]", "{", "\u{feff}{}"] {
        assert_eq!(signed(odd, &claims), Err(ProofError::Malformed), "{odd}");
        assert_eq!(signed(&header, odd), Err(ProofError::Malformed), "{odd}");
    }
    let twice = format!(r#"{{"htm":"GET",{}"#, &claims[1..]);
    assert_eq!(signed(&header, &twice), Err(ProofError::Malformed));
    let twice = format!(r#"{{"alg":"none",{}"#, &header[1..]);
    assert_eq!(signed(&twice, &claims), Err(ProofError::Malformed));
    let twice = header.replacen(r#""crv":"#, r#""crv":"P-256","crv":"#, 1);
    assert_eq!(signed(&twice, &claims), Err(ProofError::Malformed));
    assert_eq!(scene.with_header("crit", json!(["exp"])), Err(ProofError::Malformed));
    assert_eq!(scene.with_header("crit", Value::Null), Err(ProofError::Malformed));
}

#[test]
fn a_proof_of_more_than_4_kib_is_refused_unread() {
    let scene = scene();
    assert!(scene.with_claim("x", json!("x".repeat(2_000))).is_ok());
    assert_eq!(scene.with_claim("x", json!("x".repeat(4_000))), Err(ProofError::TooLong));
    assert_eq!(scene.verify(&"a".repeat(1_000_000)), Err(ProofError::TooLong));
}

#[test]
fn clause_3_it_has_every_member_that_it_must_have() {
    let scene = scene();
    for name in ["typ", "alg", "jwk"] {
        let header = without(&scene.holder.header(), name);
        let proof = scene.holder.sign_as(&header, &scene.claims());
        assert_eq!(scene.verify(&proof), Err(ProofError::Malformed), "{name}");
    }
    for name in ["jti", "htm", "htu", "iat"] {
        let proof = scene.holder.sign(&without(&scene.claims(), name));
        assert_eq!(scene.verify(&proof), Err(ProofError::Malformed), "{name}");
        assert_eq!(scene.with_claim(name, Value::Null), Err(ProofError::Malformed), "{name}");
        assert_eq!(scene.with_claim(name, json!({})), Err(ProofError::Malformed), "{name}");
    }
    assert_eq!(scene.with_claim("iat", json!("1800000000")), Err(ProofError::Malformed));
}

#[test]
fn clause_4_its_type_is_dpop_jwt() {
    let scene = scene();
    assert!(scene.with_header("typ", json!("DPoP+JWT")).is_ok());
    for typ in ["JWT", "at+jwt", "dpop", "dpop+jwt ", "logout+jwt", ""] {
        assert_eq!(scene.with_header("typ", json!(typ)), Err(ProofError::Type), "{typ}");
    }
    // Neither is one the other: an access token is no proof.
    let token = scene.world.sign(&scene.world.claims());
    assert_eq!(scene.verify(&token), Err(ProofError::Malformed));
}

#[test]
fn clause_5_its_algorithm_is_asymmetric_and_known() {
    let scene = scene();
    for alg in ["none", "HS256", "HS512", "ES384", "ES256K", "RS384", "PS512", "es256", "ES256 ", ""] {
        assert_eq!(scene.with_header("alg", json!(alg)), Err(ProofError::Algorithm), "{alg}");
    }
    let unsigned = scene.holder.sign_as(&with(&scene.holder.header(), "alg", json!("none")), &scene.claims());
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    assert_eq!(scene.verify(&format!("{unsigned}.")), Err(ProofError::Algorithm));
    // The key that stands in the proof, taken for a shared secret.
    let secret = scene.holder.jwk["x"].as_str().unwrap().as_bytes();
    for header in [
        with(&scene.holder.header(), "alg", json!("HS256")),
        with(&scene.holder.header(), "jwk", json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret)})),
        scene.holder.header(),
    ] {
        let key = EncodingKey::from_secret(secret);
        let forged = sign_text(&header.to_string(), &scene.claims().to_string(), &key, Algorithm::HS256);
        assert!(scene.verify(&forged).is_err(), "{header}");
    }
}

#[test]
fn clause_6_its_signature_is_that_of_its_key() {
    let scene = scene();
    let stranger = Holder::ec();
    let forged = stranger.sign_as(&scene.holder.header(), &scene.claims());
    assert_eq!(scene.verify(&forged), Err(ProofError::Signature));
    let good = scene.holder.sign(&scene.claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = scene.holder.sign(&with(&scene.claims(), "jti", json!("p2")));
    let (other, _) = other.rsplit_once('.').unwrap();
    assert_eq!(scene.verify(&format!("{other}.{signature}")), Err(ProofError::Signature));
    assert_eq!(scene.verify(&format!("{signed}.")), Err(ProofError::Signature));
    assert_eq!(scene.verify(&format!("{signed}.{}", "A".repeat(86))), Err(ProofError::Signature));
    // A point that is not on the curve.
    let off = URL_SAFE_NO_PAD.encode([1; 32]);
    assert_eq!(scene.with_key("y", json!(off)), Err(ProofError::Signature));
    // RSASSA-PSS for PKCS #1 v1.5.
    let rsa = Holder::rsa(Algorithm::RS256);
    let header = with(&without(&rsa.header(), "alg"), "alg", json!("PS256"));
    let header = with(&header, "jwk", without(&rsa.jwk, "alg"));
    assert_eq!(scene.verify(&rsa.sign_as(&header, &scene.claims())), Err(ProofError::Signature));
}

#[test]
fn clause_7_its_key_is_no_private_one() {
    let scene = scene();
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("AQAB"), json!(""), Value::Null] {
            assert_eq!(scene.with_key(name, value), Err(ProofError::Key), "{name}");
        }
    }
}

#[test]
fn its_key_fits_its_algorithm_and_has_one_form() {
    let scene = scene();
    let x = scene.holder.jwk["x"].as_str().unwrap().to_owned();
    for (name, value) in [
        ("kty", json!("RSA")),
        ("kty", json!("oct")),
        ("kty", json!("OKP")),
        ("kty", Value::Null),
        ("crv", json!("P-384")),
        ("crv", json!("Ed25519")),
        ("crv", Value::Null),
        ("x", json!(format!("{x}="))),
        ("x", json!(format!("{x}AA"))),
        ("x", json!(&x[..x.len() - 2])),
        ("x", json!("")),
        ("x", json!(7)),
        ("y", Value::Null),
        ("alg", json!("ES384")),
        ("use", json!("enc")),
    ] {
        assert_eq!(scene.with_key(name, value.clone()), Err(ProofError::Key), "{name}: {value}");
    }
    for jwk in [json!("key"), json!([]), Value::Null, json!(1)] {
        assert_eq!(scene.with_header("jwk", jwk), Err(ProofError::Malformed));
    }
    for jwk in [json!({}), json!({"kty": "oct", "k": "AQAB"}), Holder::ed().jwk] {
        assert_eq!(scene.with_header("jwk", jwk), Err(ProofError::Key));
    }
    for (name, value) in [("kid", json!("mine")), ("use", json!("sig")), ("key_ops", json!(["verify"]))] {
        assert_eq!(scene.with_key(name, value).unwrap().jkt, scene.holder.jkt, "{name}");
    }
}

#[test]
fn an_rsa_key_is_neither_short_nor_padded() {
    let scene = scene();
    let rsa = Holder::rsa(Algorithm::RS256);
    let n = URL_SAFE_NO_PAD.decode(rsa.jwk["n"].as_str().unwrap()).unwrap();
    for (name, octets) in [
        ("n", n[..128].to_vec()),
        ("n", [vec![0], n.clone()].concat()),
        ("n", vec![255; 1025]),
        ("n", Vec::new()),
        ("e", vec![0, 1, 0, 1]),
        ("e", vec![1; 5]),
        ("e", Vec::new()),
    ] {
        let jwk = with(&rsa.jwk, name, json!(URL_SAFE_NO_PAD.encode(&octets)));
        let proof = rsa.sign_as(&with(&rsa.header(), "jwk", jwk), &scene.claims());
        assert_eq!(scene.verify(&proof), Err(ProofError::Key), "{name} of {} octets", octets.len());
    }
}

#[test]
fn clause_8_it_is_for_this_method() {
    let scene = scene();
    for method in ["POST", "get", "GET ", ""] {
        assert_eq!(scene.with_claim("htm", json!(method)), Err(ProofError::Method), "{method}");
    }
}

#[test]
fn clause_9_it_is_for_this_address() {
    let scene = scene();
    for same in ["HTTPS://API.example:443/courses/1", "https://api.example/courses/1?x=1#f"] {
        assert!(scene.with_claim("htu", json!(same)).is_ok(), "{same}");
    }
    for other in [
        "https://api.example/courses/2",
        "https://api.example/courses/1/",
        "http://api.example/courses/1",
        "https://api.example:444/courses/1",
        "https://evil.example/courses/1",
        "/courses/1",
        "",
    ] {
        assert_eq!(scene.with_claim("htu", json!(other)), Err(ProofError::Address), "{other}");
    }
}

#[test]
fn clause_11_it_was_made_just_now() {
    let scene = scene();
    let now = scene.world.clock.now().timestamp();
    for iat in [now - 60, now + 30] {
        assert!(scene.with_claim("iat", json!(iat)).is_ok(), "{}", iat - now);
    }
    for iat in [now - 61, now + 31, 0, -1, i64::MIN, i64::MAX] {
        assert_eq!(scene.with_claim("iat", json!(iat)), Err(ProofError::Time), "{iat}");
    }
    let proof = scene.holder.sign(&scene.claims());
    scene.world.clock.advance(TimeDelta::seconds(60));
    assert!(scene.verify(&proof).is_ok());
    scene.world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(scene.verify(&proof), Err(ProofError::Time));
}

#[test]
fn its_id_has_1_to_128_bytes() {
    let scene = scene();
    assert!(scene.with_claim("jti", json!("x".repeat(128))).is_ok());
    for jti in [String::new(), "x".repeat(129), "é".repeat(65)] {
        assert_eq!(scene.with_claim("jti", json!(jti)), Err(ProofError::Id), "{jti}");
    }
}

#[test]
fn clause_12_it_is_for_this_access_token() {
    let scene = scene();
    for hash in [json!(ath("another")), json!(format!("{}=", ath(TOKEN))), json!(""), Value::Null] {
        assert_eq!(scene.with_claim("ath", hash.clone()), Err(ProofError::AccessToken), "{hash}");
    }
    let none = scene.holder.sign(&without(&scene.claims(), "ath"));
    assert_eq!(scene.verify(&none), Err(ProofError::AccessToken));
    // Where no token is shown none is asked for.
    let now = scene.world.clock.now();
    let context = ProofContext { method: "GET", url: URL, access_token: None, now };
    assert!(verify_proof(&none, context).is_ok());
}

#[tokio::test]
async fn clause_12_the_token_is_bound_to_the_key_of_the_proof() {
    let Scene { world, holder } = scene();
    let token = holder.token(&world);
    let bound = async |holder: &Holder, jti: &str| {
        let proof = holder.proof(&world, jti, ("GET", URL), &token);
        world.verifier.verify_bound(&token, &proof, "GET", URL).await
    };
    let claims = bound(&holder, "p1").await.unwrap();
    assert_eq!((claims.sub.as_str(), claims.cnf.unwrap().jkt), ("u1", holder.jkt.clone()));
    assert_eq!(bound(&Holder::ec(), "p2").await, Err(ProofError::OtherKey.into()));
    assert_eq!(bound(&Holder::ed(), "p3").await, Err(ProofError::OtherKey.into()));
    // By itself the token is not good.
    assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn a_proof_makes_no_token_good_that_is_not() {
    let Scene { world, holder } = scene();
    let unbound = world.sign_oauth(&world.oauth_claims());
    let first_party = world.sign(&world.claims());
    let expired = with(&world.oauth_claims(), "exp", json!(0));
    let expired = world.sign_oauth(&with(&expired, "cnf", json!({"jkt": holder.jkt})));
    let tampered = format!("{}A", holder.token(&world));
    for (token, error) in [
        (unbound, TokenError::Invalid),
        (first_party, TokenError::Invalid),
        (tampered, TokenError::Invalid),
        (expired, TokenError::Expired),
    ] {
        let proof = holder.proof(&world, "p1", ("GET", URL), &token);
        let outcome = world.verifier.verify_bound(&token, &proof, "GET", URL).await;
        assert_eq!(outcome, Err(BoundError::Token(error)), "{token:.80}");
    }
}

#[tokio::test]
async fn a_proof_is_good_once() {
    let Scene { world, holder } = scene();
    let token = holder.token(&world);
    let proof = holder.proof(&world, "p1", ("GET", URL), &token);
    let show = async |proof: &str| world.verifier.verify_bound(&token, proof, "GET", URL).await.map(drop);
    // One that was refused was not used.
    let elsewhere = world.verifier.verify_bound(&token, &proof, "POST", URL).await;
    assert_eq!(elsewhere, Err(ProofError::Method.into()));
    assert_eq!(show(&proof).await, Ok(()));
    assert_eq!(show(&proof).await, Err(ProofError::Replayed.into()));
    // Nor signed again under the same id, with another time.
    world.clock.advance(TimeDelta::seconds(1));
    let again = holder.proof(&world, "p1", ("GET", URL), &token);
    assert_ne!(again, proof);
    assert_eq!(show(&again).await, Err(ProofError::Replayed.into()));
    assert_eq!(show(&holder.proof(&world, "p2", ("GET", URL), &token)).await, Ok(()));
    world.clock.advance(TimeDelta::seconds(60));
    assert_eq!(show(&proof).await, Err(ProofError::Time.into()));
}

/// The sender's clock is ahead: the proof stays good for 90 seconds, and remembered for as long.
#[tokio::test]
async fn a_proof_of_a_clock_that_is_ahead_is_good_once_too() {
    let Scene { world, holder } = scene();
    let token = holder.token(&world);
    let iat = world.clock.now().timestamp() + 30;
    let claims = json!({"jti": "p1", "htm": "GET", "htu": URL, "iat": iat, "ath": ath(&token)});
    let proof = holder.sign(&claims);
    let show = async || world.verifier.verify_bound(&token, &proof, "GET", URL).await.map(drop);
    assert_eq!(show().await, Ok(()));
    world.clock.advance(TimeDelta::seconds(90));
    assert_eq!(show().await, Err(ProofError::Replayed.into()));
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(show().await, Err(ProofError::Time.into()));
}

#[tokio::test]
async fn what_cannot_be_remembered_is_refused() {
    let Scene { mut world, holder } = scene();
    let token = holder.token(&world);
    world.verifier = world.verifier.remembering(ReplayCache::new(16));
    let verify = async |jti: &str| {
        let proof = holder.proof(&world, jti, ("GET", URL), &token);
        world.verifier.verify_bound(&token, &proof, "GET", URL).await.map(drop)
    };
    assert_eq!(verify("p1").await, Ok(()));
    assert_eq!(verify("p2").await, Err(ProofError::TooMany.into()));
    world.clock.advance(TimeDelta::seconds(92));
    assert_eq!(verify("p3").await, Ok(()));
}
