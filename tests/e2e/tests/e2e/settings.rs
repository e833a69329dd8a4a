//! Settings that cannot be used, said before anything is done with them.

use std::process::Output;

use intellistack_e2e::{Student, System, ledger};

fn said(what: &str, output: &Output) -> String {
    assert!(!output.status.success(), "{what} went on");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_config_names_every_setting_that_cannot_be_used() {
    let system = System::plan("settings").start().await;
    system.command(&["check-config"], "");
    for (name, value) in [
        ("AUTH_SECRET", "short"),
        ("PUBLIC_URL", "ftp://school.example"),
        ("PUBLIC_URL", "https://school.example/path"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy.local"),
        ("AUTH_LIMITS", "sign-in=many"),
        ("PASSWORD_PASSES", "0"),
        ("PASSWORD_MEMORY_KIB", "4194304"),
        ("KEY_ROTATION_DAYS", "99999"),
        ("ACCESS_TOKEN_HOURS", "0"),
        ("SESSION_DAYS", "-1"),
        ("MAIL_FROM", "nobody"),
        ("DATABASE_CONNECTIONS", "0"),
        ("DATABASE_URL", "mysql://x"),
        ("NATS_URL", "zz::"),
        ("NATS_NAMESPACE", "a.b c>"),
        ("MESSAGE_LIMIT", "0"),
        ("INTERNAL_TOKEN", "ä"),
    ] {
        let output = system.try_command_with(&[(name, value)], &["check-config"], "");
        let said = said(&format!("{name}={value}"), &output);
        let named = name.trim_start_matches("PASSWORD_").to_lowercase();
        assert!(said.to_lowercase().contains(&named) || said.contains("argon2"), "{name}={value}: {said}");
    }
}

/// What a process with another secret writes nobody else can read.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_another_secret_ends_before_it_writes() {
    let system = System::plan("secret").start().await;
    Student::new(&system.api, "ada@school.example").sign_up().await;
    let before = ledger::total(&system).await;
    let other = [("AUTH_SECRET", "another-secret-of-more-than-32-characters")];
    let admin = ["admin", "create", "--email", "eve@school.example", "--name", "Eve"];
    let rotate = ["keys", "rotate", "--now", "--revoke"];
    for arguments in [&admin[..], &rotate, &["identity"], &["session"], &["all"]] {
        let output = system.try_command_with(&other, arguments, "Correct-Horse-7\n");
        let said = said(arguments[0], &output);
        assert!(said.contains("WRONG_AUTH_SECRET") || said.contains("AUTH_SECRET is not the one"), "{said}");
    }
    assert_eq!(ledger::total(&system).await, before);
    system.api.get("/api/auth/jwks").await.expect(200);
    system.assert_no_panic();
}
