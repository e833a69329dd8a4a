//! Tokens that ended before they expired.

use std::sync::Arc;

use auth::{Claims, RevocationCheck, Revocations, UntilExpiry};
use kernel::Clock;

use crate::world::{World, world};

async fn oauth(world: &World) -> (Claims, String) {
    let token = world.sign_oauth(&world.oauth_claims());
    (world.verifier.verify(&token).await.unwrap(), token)
}

type End = fn(&Revocations, chrono::DateTime<chrono::Utc>);

#[tokio::test]
async fn a_token_ends_with_its_session_its_epoch_or_its_grant() {
    let world = world();
    let now = world.clock.now();
    let (claims, token) = oauth(&world).await;
    let ends: [(End, bool); 6] = [
        (|ended, at| ended.end_session("s1".to_owned(), at), true),
        (|ended, at| ended.begin_epoch("u1".to_owned(), 2, String::new(), at), true),
        (|ended, at| ended.end_grant("g1".to_owned(), at), true),
        (|ended, at| ended.end_session("s2".to_owned(), at), false),
        (|ended, at| ended.begin_epoch("u1".to_owned(), 2, "s1".to_owned(), at), false),
        (|ended, at| ended.end_grant("g2".to_owned(), at), false),
    ];
    for (end, ended) in ends {
        let revocations = Arc::new(Revocations::default());
        assert_eq!(revocations.is_revoked(&claims, &token).await, Ok(false));
        end(&revocations, now);
        assert_eq!(revocations.is_revoked(&claims, &token).await, Ok(ended));
    }
}

#[tokio::test]
async fn until_expiry_knows_of_no_end() {
    let world = world();
    let (claims, token) = oauth(&world).await;
    assert_eq!(UntilExpiry.is_revoked(&claims, &token).await, Ok(false));
}
