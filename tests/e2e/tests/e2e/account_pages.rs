//! The account pages in a real Chromium: the web app with `better-auth/react` in it. Each script of
//! `node/pages` says what it tried.
use std::time::Duration;

use intellistack_e2e::{PASSWORD, System, run_node};

const ADMIN: &str = "admin@school.example";

async fn pages(plan: &'static str, name: &str) {
    let system = System::plan(plan).providers().start().await;
    system.create_user(ADMIN, "admin");
    let providers = system.providers.as_ref().expect("the plan has providers");
    let (mail, (chromium, screenshots)) = (system.mail.http_url(), system.chromium());
    let variables = [
        ("BASE_URL", system.api.origin()),
        ("MAIL", &mail),
        ("OIDC", providers.openid()),
        ("GITHUB", providers.github()),
        ("ADMIN_EMAIL", ADMIN),
        ("ADMIN_PASSWORD", PASSWORD),
        ("COURSE", system.course()),
        ("CHROMIUM", &chromium),
        ("SCREENSHOTS", &screenshots),
    ];
    let log = system.folder().join(format!("{name}.log"));
    let said = run_node(&format!("pages/{name}.mjs"), &variables, &log, Duration::from_mins(5)).await;
    assert!(said.contains(" steps passed, 0 failed"), "{said}");
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_account() {
    pages("pages_account", "account").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_at_a_provider() {
    pages("pages_providers", "providers").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administration_of_users() {
    pages("pages_admin", "administration").await;
}
