//! Independent OpenID Connect clients against the whole system: npm `openid-client` and
//! `oauth4webapi`, Python `authlib`, and the examples of the documentation.

use std::time::Duration;

use intellistack_e2e::{PASSWORD, System, run_node, run_python};

const ADMIN: &str = "admin@school.example";
const ADA: &str = "ada@school.example";
const LIMIT: Duration = Duration::from_mins(3);

async fn people(plan: &'static str) -> System {
    let system = System::plan(plan).start().await;
    system.create_user(ADMIN, "admin");
    system.create_user(ADA, "student");
    system
}

fn variables(system: &System) -> [(&'static str, &str); 4] {
    [("BASE_URL", system.api.origin()), ("ADMIN_EMAIL", ADMIN), ("EMAIL", ADA), ("PASSWORD", PASSWORD)]
}

async fn node(plan: &'static str, script: &str) {
    let system = people(plan).await;
    let log = system.folder().join("client.log");
    assert_passed(&system, &run_node(script, &variables(&system), &log, LIMIT).await);
}

async fn python(plan: &'static str, script: &str) {
    let system = people(plan).await;
    let log = system.folder().join("client.log");
    assert_passed(&system, &run_python(script, &variables(&system), &log, LIMIT).await);
}

fn assert_passed(system: &System, said: &str) {
    assert!(said.contains(" steps passed, 0 failed"), "{said}");
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client() {
    node("openid_client", "oidc/openid-client.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi() {
    node("oauth4webapi", "oidc/oauth4webapi.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib() {
    python("authlib", "authlib_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_documentation() {
    python("examples", "examples.py").await;
}
