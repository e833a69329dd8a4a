//! A binary of its own: it counts the hashes of the whole process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "service/env.rs"]
#[expect(dead_code, reason = "shared with the tests of the service")]
mod env;

use futures::future::join_all;
use runtime::Metrics;

use crate::env::{Env, sign_in};

fn hashes(metrics: &Metrics) -> u64 {
    let text = metrics.render();
    let count = text.lines().find_map(|line| line.strip_prefix("identity_hash_seconds_count "));
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn thirty_two_guesses_at_once_cost_five_hashes_and_further_ones_none() {
    let metrics = Metrics::install().unwrap();
    let env = Env::start().await;
    let replica = env.replica().await;
    env.sign_up("ada@example.com").await.unwrap();
    for email in ["ada@example.com", "nobody@example.com"] {
        let before = hashes(&metrics);
        let guesses = (0..32).map(|n| {
            let client = if n % 2 == 0 { env.client.clone() } else { replica.clone() };
            async move { sign_in(client, email, &format!("Wrong-Horse-{n}")).await.unwrap_err() }
        });
        join_all(guesses).await;
        assert_eq!(hashes(&metrics) - before, 5, "{email}");
        env.sign_in(email, env::PASSWORD).await.unwrap_err();
        assert_eq!(hashes(&metrics) - before, 5, "a locked address is not hashed for");
    }
}
