//! Independent OpenID Connect clients against the whole system: npm `openid-client` and
//! `oauth4webapi`, Python `authlib`.

use std::time::Duration;

use intellistack_e2e::{PASSWORD, System, run_node};

const ADMIN: &str = "admin@school.example";
const ADA: &str = "ada@school.example";

async fn run(plan: &'static str, script: &str) {
    let system = System::plan(plan).start().await;
    system.create_user(ADMIN, "admin");
    system.create_user(ADA, "student");
    let variables =
        [("BASE_URL", system.api.origin()), ("ADMIN_EMAIL", ADMIN), ("EMAIL", ADA), ("PASSWORD", PASSWORD)];
    let log = system.folder().join("client.log");
    let said = run_node(script, &variables, &log, Duration::from_mins(3)).await;
    assert!(said.contains(" steps passed, 0 failed"), "{said}");
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client() {
    run("openid_client", "oidc/openid-client.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi() {
    run("oauth4webapi", "oidc/oauth4webapi.mjs").await;
}
