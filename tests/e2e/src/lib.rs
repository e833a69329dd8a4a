//! The harness of the whole-system tests: it starts what a deployment has (Postgres, `nats-server`,
//! a mail server, sign-in providers, a model endpoint, the real binary with one process per service or all in one),
//! and drives and breaks it from outside. It links none of our crates.
//!
//! [`System::plan`] says what to start, [`Student`] and [`Api`] talk HTTP, [`ledger`] counts events
//! and rows in the database, [`Model`] plays an OpenAI-compatible endpoint with a script.
//!
//! `./dev test` sets the environment ([`Settings`]) and installs `node/`.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test harness fails by panicking")]
#![expect(clippy::print_stdout, reason = "the test runner shows it")]

mod api;
mod browser;
mod canary;
pub mod ledger;
mod mail;
mod model;
mod nats;
mod postgres;
mod process;
mod providers;
pub mod raw;
mod scripts;
mod settings;
mod student;
mod system;
mod turn;
mod wait;

pub use api::{Answer, Api};
pub use browser::Browser;
pub use canary::Canary;
pub use mail::{Mail, MailCatcher};
pub use model::{Model, Script};
pub use nats::{Message, Nats};
pub use postgres::Postgres;
pub use process::Process;
pub use providers::Providers;
pub use scripts::{run_node, run_python};
pub use settings::Settings;
pub use student::{PASSWORD, Student};
pub use system::{Plan, SERVICES, System};
pub use turn::Turn;
pub use wait::{eventually, within};
