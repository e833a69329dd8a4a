//! The whole system: the real binary, driven and broken from outside.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the test runner shows it")]

mod account_pages;
mod answer_keys;
mod attacks;
mod bad_input;
mod degrade;
mod drain;
mod forge;
mod kill_everything;
mod main_path;
mod model_trouble;
mod official_client;
mod oidc;
mod oidc_clients;
mod quota;
mod settings;
mod support;
mod tokens;
mod trace;
