use kernel::{ErrorCode, SeededEntropy};

use super::*;

const RIGHT: Verified = Verified::Right { upgrade: false };
const OUTDATED: Verified = Verified::Right { upgrade: true };
/// As Better-Auth stores it.
const SCRYPT: &str = "000102030405060708090a0b0c0d0e0f:eedf8cd62212c4ef27d18a5f1f23f875e2571a8d6bc3cea577255d2cfe8729d8d4646badd72958bccbc96ef736af3a9cc0a4735cee8541bee27d392aeafffc3c";

fn options() -> HashingOptions {
    HashingOptions { parallel: 1, queue: 0, ..HashingOptions::default() }
}

fn hasher(options: HashingOptions) -> Hasher {
    Hasher::new(options).unwrap()
}

async fn hash(hasher: &Hasher, password: &str) -> String {
    hasher.hash(hasher.admit().unwrap(), password.into(), &SeededEntropy::new(1)).await.unwrap()
}

async fn verify(hasher: &Hasher, password: &str, stored: Option<&str>) -> Result<Verified, Error> {
    hasher.verify(hasher.admit().unwrap(), password.into(), stored.map(str::to_owned)).await
}

#[tokio::test]
async fn a_password_verifies_against_its_own_hash_only() {
    let hasher = hasher(options());
    let entropy = SeededEntropy::new(1);
    let phc = hasher.hash(hasher.admit().unwrap(), "right".into(), &entropy).await.unwrap();
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
    let again = hasher.hash(hasher.admit().unwrap(), "right".into(), &entropy).await.unwrap();
    assert_ne!(phc, again, "salted");
    assert_eq!(verify(&hasher, "right", Some(&phc)).await, Ok(RIGHT));
    assert_eq!(verify(&hasher, "wrong", Some(&phc)).await, Ok(Verified::Wrong));
    assert_eq!(verify(&hasher, "right", None).await, Ok(Verified::Wrong));
}

#[tokio::test]
async fn a_hash_that_costs_less_than_one_of_today_is_worth_an_upgrade() {
    let cheap = HashingOptions { memory_kib: 64, passes: 2, lanes: 1, ..options() };
    let today = hasher(cheap);
    for (memory_kib, passes, lanes, expected) in [
        (64, 2, 1, RIGHT),
        (128, 3, 2, RIGHT),
        (63, 2, 1, OUTDATED),
        (64, 1, 1, OUTDATED),
        (128, 1, 1, OUTDATED),
    ] {
        let made = hash(&hasher(HashingOptions { memory_kib, passes, lanes, ..cheap }), "right").await;
        assert!(made.contains(&format!("$m={memory_kib},t={passes},p={lanes}$")), "{made}");
        assert_eq!(verify(&today, "right", Some(&made)).await, Ok(expected), "{made}");
        assert_eq!(verify(&today, "wrong", Some(&made)).await, Ok(Verified::Wrong), "{made}");
    }
    let lanes = hasher(HashingOptions { lanes: 2, ..cheap });
    let made = hash(&today, "right").await;
    assert_eq!(verify(&lanes, "right", Some(&made)).await, Ok(OUTDATED));
}

#[tokio::test]
async fn imported_hashes_verify_and_are_worth_an_upgrade() {
    let hasher = hasher(options());
    let bcrypt = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for (password, stored) in [("password123", SCRYPT), ("U*U", bcrypt)] {
        assert_eq!(verify(&hasher, password, Some(stored)).await, Ok(OUTDATED), "{stored}");
        assert_eq!(verify(&hasher, "wrong", Some(stored)).await, Ok(Verified::Wrong), "{stored}");
    }
}

#[tokio::test]
async fn a_hash_that_cannot_be_used_is_an_internal_error_and_gives_its_place_back() {
    let hasher = hasher(options());
    for stored in ["", "password", "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"] {
        let error = verify(&hasher, "right", Some(stored)).await.unwrap_err();
        assert_eq!(error, Error::internal(), "{stored}");
    }
    assert!(hasher.admit().is_ok());
}

#[test]
fn a_cost_that_could_not_be_verified_cannot_be_chosen() {
    for (memory_kib, passes, lanes) in
        [(7, 2, 1), (64, 0, 1), (64, 2, 0), (256 * 1024 + 1, 1, 1), (256 * 1024, 5, 1), (1024, 1, 17)]
    {
        let error = Hasher::new(HashingOptions { memory_kib, passes, lanes, ..options() }).unwrap_err();
        assert_eq!(error.reason, "INVALID_OPTIONS", "{memory_kib} {passes} {lanes}");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let hasher = hasher(HashingOptions { queue: 1, ..options() });
    let held = (hasher.admit().unwrap(), hasher.admit().unwrap());
    let refused = hasher.admit().unwrap_err();
    assert_eq!((refused.code, &*refused.reason), (ErrorCode::Unavailable, "HASH_QUEUE_FULL"));
    assert!(matches!(refused.retry, kernel::Retry::After(_)));
    drop(held.0);
    assert!(hasher.admit().is_ok());
}

#[tokio::test]
async fn one_password_typed_in_two_ways_is_one_password() {
    let hasher = hasher(options());
    let (composed, apart) = ("Caf\u{e9}-Corner-77", "Cafe\u{301}-Corner-77");
    let stored = hash(&hasher, apart).await;
    assert_eq!(verify(&hasher, composed, Some(&stored)).await, Ok(RIGHT));
    assert_eq!(verify(&hasher, apart, Some(&stored)).await, Ok(RIGHT));
}

/// A queue that does not move: its owner is told while the caller still listens.
#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_for_a_turn_is_told_so() {
    let hasher = hasher(HashingOptions { queue: 1, ..options() });
    let turn = Arc::clone(&hasher.running).acquire_owned().await.unwrap();
    let error = verify(&hasher, "right", None).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::Unavailable, "HASH_QUEUE_FULL"));
    drop(turn);
}

/// Memory is kept between hashes, no more than one of today takes, and given back when it lies idle.
#[tokio::test(start_paused = true)]
async fn memory_is_kept_for_the_next_hash_and_then_given_back() {
    let hasher = hasher(HashingOptions { memory_kib: 64, ..options() });
    let phc = hash(&hasher, "right").await;
    let costly = hash(&super::tests::hasher(HashingOptions { memory_kib: 128, ..options() }), "right").await;
    for _ in 0..3 {
        assert_eq!(verify(&hasher, "right", Some(&phc)).await, Ok(RIGHT));
        assert_eq!(hasher.engine.memory.len(), 64);
    }
    assert_eq!(verify(&hasher, "right", Some(&costly)).await, Ok(RIGHT));
    assert_eq!(hasher.engine.memory.len(), 0, "one that grew is not kept");
    assert_eq!(verify(&hasher, "wrong", Some(&phc)).await, Ok(Verified::Wrong));
    hasher.engine.memory.release();
    assert_eq!(hasher.engine.memory.len(), 64);
    tokio::time::advance(memory::KEPT).await;
    hasher.engine.memory.release();
    assert_eq!(hasher.engine.memory.len(), 0);
}
