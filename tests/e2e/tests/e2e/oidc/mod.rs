//! The OpenID provider over HTTP, against the whole system. `conformance` and `logout` port the
//! modules of the OpenID Foundation's suite in our own words, each under the module's name;
//! `rfc9700` and `attacks` are what the suite does not ask.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod conformance;
mod logout;
mod party;
mod rfc9700;

/// Runs every check of a list on one system, and fails with the names of those that failed.
macro_rules! checks {
    ($world:ident, $($name:literal => $check:expr;)+) => {{
        let mut failed = Vec::new();
        $(
            eprintln!("- {}", $name);
            let check = std::panic::AssertUnwindSafe($check);
            if futures::FutureExt::catch_unwind(check).await.is_err() {
                failed.push($name);
            }
        )+
        $world.system.assert_no_panic();
        assert!(failed.is_empty(), "{} failed: {failed:?}", failed.len());
    }};
}
pub(crate) use checks;
