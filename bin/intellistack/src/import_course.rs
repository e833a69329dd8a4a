use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use curriculum::{ImportDeps, ImportOptions, ImportOutcome, ImportProgress, ImportReport, UnlockPolicy};
use eventstore::Store;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::{OsEntropy, SystemClock};

use crate::cli::{ImportArgs, Unlock};
use crate::config::Config;

/// Imports a course and says what came in and what did not.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn run(config: &Config, args: ImportArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let pool = runtime::pool(config.database_url()?, curriculum::SCHEMA, 2)?;
    let deps = ImportDeps {
        store: Store::new(pool, curriculum::SCHEMA),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    };
    let options = ImportOptions { slug: args.slug, unlock: args.unlock.map(policy) };
    let bar = Bar::new()?;
    let outcome = curriculum::import_course(&deps, &args.dir, options, &bar).await;
    bar.0.finish_and_clear();
    print!("{}", summary(&outcome?, started));
    Ok(())
}

fn policy(unlock: Unlock) -> UnlockPolicy {
    match unlock {
        Unlock::Sequential => UnlockPolicy::Sequential,
        Unlock::Open => UnlockPolicy::Open,
    }
}

/// Drawn on standard error, and only on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pages  {wide_msg}")
            .context("the progress bar's template")?;
        Ok(Self(ProgressBar::new(0).with_style(style)))
    }
}

impl ImportProgress for Bar {
    fn started(&self, pages: usize) {
        self.0.set_length(u64::try_from(pages).unwrap_or(u64::MAX));
    }

    fn page(&self, title: &str) {
        self.0.set_message(title.to_owned());
        self.0.inc(1);
    }

    fn publishing(&self) {
        self.0.set_message("publishing");
    }
}

fn summary(report: &ImportReport, started: Instant) -> String {
    let verb = match report.outcome {
        ImportOutcome::Created => "Imported",
        ImportOutcome::Updated => "Published a new version of",
        ImportOutcome::Unchanged => "Nothing to do: this content is published already as",
    };
    let version = report.version.get(..12).unwrap_or(&report.version);
    let mut text = format!(
        "{verb} \"{}\" ({}), version {version}, in {:.1} s: {} stages ({}), {} lessons, {} exercises, {} passages, {} files.\n",
        report.title,
        report.slug,
        started.elapsed().as_secs_f32(),
        report.stages,
        report.unlock.as_str(),
        report.lessons,
        report.exercises,
        report.passages,
        report.assets,
    );
    if !report.skipped.is_empty() {
        text.push_str(&format!("Left out ({}):\n", report.skipped.len()));
        text.extend(report.skipped.iter().map(|skipped| format!("  {skipped}\n")));
    }
    text
}
