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
    /// Applications that sign people in with our accounts (OpenID Connect clients).
    #[command(subcommand)]
    Clients(ClientsCommand),
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

#[derive(Debug, Subcommand)]
pub enum ClientsCommand {
    /// Register an application. Its secret, if it has one, is shown now and never again.
    Create(ClientArgs),
    /// Change what is given; what is not stays.
    Update {
        client_id: String,
        #[command(flatten)]
        args: ClientArgs,
    },
    /// Show all of one.
    Show { client_id: String },
    /// Show which there are, newest first.
    List,
    /// Give it another secret; the former one is no more.
    RotateSecret { client_id: String },
    /// Remove it, with everything that was granted to it.
    Remove { client_id: String },
}

#[derive(Debug, Args)]
pub struct ClientArgs {
    /// As people are shown it.
    #[arg(long)]
    pub name: Option<String>,
    /// Exact address that people are led back to; may be repeated.
    #[arg(long)]
    pub redirect_uri: Vec<String>,
    /// Exact address that people are led to after signing out; may be repeated.
    #[arg(long)]
    pub post_logout_redirect_uri: Vec<String>,
    /// authorization_code (when none is given), refresh_token, client_credentials,
    /// urn:ietf:params:oauth:grant-type:device_code; may be repeated.
    #[arg(long)]
    pub grant_type: Vec<String>,
    /// What it may ask for, divided by spaces.
    #[arg(long)]
    pub scope: Option<String>,
    /// Where it is told that a session has ended.
    #[arg(long)]
    pub backchannel_logout_uri: Option<String>,
    /// It keeps no secret: a page, an app, a tool. It proves itself by PKCE.
    #[arg(long)]
    pub public: bool,
    /// It runs on people's devices: loopback addresses with any port, schemes of its own.
    #[arg(long)]
    pub native: bool,
    /// It is our own: people are not asked whether they agree.
    #[arg(long)]
    pub first_party: bool,
    /// Any other members of RFC 7591, as a JSON object.
    #[arg(long)]
    pub metadata: Option<String>,
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
