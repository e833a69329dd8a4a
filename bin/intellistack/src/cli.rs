use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kernel::Role;

/// A self-hosted platform on which students read courses and ask a Socratic tutor.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Services: gateway identity session curriculum chat-thread tutor-agent rate-limit \
usage-metrics. Name one or several to run them in one process:\n\n    intellistack gateway\n    intellistack identity session\n\n\
Settings come from the environment; `intellistack check-config` explains them."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every service in one process.
    All,
    /// Create schemas and roles and bring every table up to date.
    Migrate,
    /// Import a course: a directory or checkout in mdBook layout.
    ImportCourse(ImportArgs),
    /// Create an account; the password is read from standard input.
    CreateUser(CreateUserArgs),
    /// Administrators.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// The keys that sign access tokens.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Compare every store with its copy on the bus and with the read models.
    Audit,
    /// Check the settings and say what each one is for.
    CheckConfig,
    /// Run the named services.
    #[command(external_subcommand)]
    Services(Vec<String>),
}

#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Make an administrator: of the account that the address has, or with a new one, whose password
    /// is read from standard input, or made up and printed when there is none.
    Create(AdminArgs),
}

#[derive(Debug, Args)]
pub struct AdminArgs {
    #[arg(long)]
    pub email: String,
    /// Of a new account.
    #[arg(long, default_value = "Administrator")]
    pub name: String,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a new key: published at once, it signs in ten minutes. Running services follow.
    Rotate(RotateArgs),
    /// Show the keys, youngest first.
    List,
}

#[derive(Debug, Args)]
pub struct RotateArgs {
    /// The new key signs at once, before verifiers may know it.
    #[arg(long)]
    pub now: bool,
    /// Drop the former keys: every access token signed so far is refused once verifiers fetch the
    /// key set again, within five minutes.
    #[arg(long, requires = "now")]
    pub revoke: bool,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The directory that holds book.toml or src/SUMMARY.md.
    pub dir: PathBuf,
    /// Name in URLs; made from the title when absent.
    #[arg(long)]
    pub slug: Option<String>,
    /// Whether stages open one after the other.
    #[arg(long, value_enum)]
    pub unlock: Option<Unlock>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Unlock {
    /// A stage opens when every lesson of the one before is complete.
    Sequential,
    /// Every stage is open from the start.
    Open,
}

#[derive(Debug, Args)]
pub struct CreateUserArgs {
    #[arg(long)]
    pub email: String,
    #[arg(long)]
    pub name: String,
    /// student, instructor or admin
    #[arg(long, default_value_t = Role::Student)]
    pub role: Role,
    /// Vouch for the address: no mail is sent.
    #[arg(long)]
    pub verified: bool,
}
