//! The official client of Better-Auth, of today and of 1.4, against the whole system. Each flow of
//! `node/flows` says what it tried, and the first line of a failure names the line that saw it.
use std::time::Duration;

use intellistack_e2e::{PASSWORD, System, run_node};

const ADMIN: &str = "admin@school.example";

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

/// Runs a flow with one version of the client on a system of its own, which must not be the worse for it.
async fn flow(plan: &'static str, name: &str, client: &str) {
    let system = System::plan(plan).providers().start().await;
    system.create_user(ADMIN, "admin");
    let providers = system.providers.as_ref().expect("the plan has providers");
    let mail = system.mail.http_url();
    let variables = [
        ("BASE_URL", system.api.origin()),
        ("MAIL", &mail),
        ("OIDC", providers.openid()),
        ("GITHUB", providers.github()),
        ("ADMIN_EMAIL", ADMIN),
        ("ADMIN_PASSWORD", PASSWORD),
        ("CLIENT", client),
        ("SERVER", "ours"),
    ];
    let log = system.folder().join(format!("{name}.log"));
    let said = run_node(&format!("flows/{name}.mjs"), &variables, &log, Duration::from_mins(5)).await;
    assert!(said.contains(" steps passed, 0 failed"), "{said}");
    system.assert_no_panic();
}

/// One test per flow and version: `<flow>: <name with the current client>, <name with the old one>`.
macro_rules! flows {
    ($($script:literal: $current:ident, $old:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $current() {
            flow(stringify!($current), $script, "current").await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $old() {
            flow(stringify!($old), $script, "1.4").await;
        }
    )*};
}

flows! {
    "credentials": signing_up_and_in, signing_up_and_in_with_the_old_client;
    "sessions": sessions, sessions_with_the_old_client;
    "passwords": passwords, passwords_with_the_old_client;
    "email": another_address, another_address_with_the_old_client;
    "profile": profile_and_leaving, profile_and_leaving_with_the_old_client;
    "social": signing_in_at_a_provider, signing_in_at_a_provider_with_the_old_client;
    "accounts": linked_accounts, linked_accounts_with_the_old_client;
    "admin": administration, administration_with_the_old_client;
    "jwt": access_tokens, access_tokens_with_the_old_client;
}
