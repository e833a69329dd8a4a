//! IntelliStack: one binary for every service and every operator's command.
//!
//! The boot story: read the settings, start the telemetry, bind the sockets, wire the services,
//! run them until a signal, drain, flush.

mod audit;
mod cli;
mod clients;
mod config;
mod create_user;
mod import_course;
mod keys;
mod migrate;
mod run;
mod secret;
mod services;
mod social_config;

use std::process::ExitCode;

use clap::Parser;
use runtime::Telemetry;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::services::ServiceName;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(boot(cli.command)));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // Before the telemetry stands, and for commands, standard error is the log.
            #[expect(clippy::print_stderr, reason = "the process ends with this line")]
            {
                eprintln!("intellistack: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn boot(command: Command) -> anyhow::Result<ExitCode> {
    let config = Config::load()?;
    let telemetry = Telemetry::init(config.log_format, &config.log_filter(&command), config.otlp_endpoint())?;
    let outcome = execute(command, config).await;
    telemetry.shutdown();
    outcome
}

async fn execute(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::All => run::run(config, &ServiceName::ALL).await?,
        Command::Services(names) => run::run(config, &ServiceName::parse_all(&names)?).await?,
        Command::Migrate => migrate::run(&config).await?,
        Command::ImportCourse(args) => import_course::run(&config, args).await?,
        Command::CreateUser(args) => create_user::run(&config, args).await?,
        Command::Admin(command) => create_user::admin(&config, command).await?,
        Command::Keys(command) => keys::run(&config, command).await?,
        Command::Clients(command) => clients::run(&config, command).await?,
        Command::Audit => return audit::run(&config).await,
        Command::CheckConfig => config.check()?,
    }
    Ok(ExitCode::SUCCESS)
}
