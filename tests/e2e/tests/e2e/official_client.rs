use std::time::Duration;

use intellistack_e2e::{PASSWORD, System, run_node};

#[tokio::test(flavor = "multi_thread")]
async fn the_official_better_auth_client_works_unchanged() {
    let system = System::plan("official_client").start().await;
    let variables =
        [("BASE_URL", system.api.origin()), ("EMAIL", "grace@school.example"), ("PASSWORD", PASSWORD)];
    let log = system.folder().join("better-auth.log");
    let said = run_node("better-auth.mjs", &variables, &log, Duration::from_mins(1)).await;
    assert!(said.contains("the official client is content"), "{said}");
    system.assert_no_panic();
}
