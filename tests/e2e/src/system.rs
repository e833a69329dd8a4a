use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::api::{Answer, Api};
use crate::mail::MailCatcher;
use crate::model::Model;
use crate::nats::Nats;
use crate::postgres::Postgres;
use crate::process::{Process, free_port, log_path};
use crate::providers::Providers;
use crate::settings::{Settings, root, screenshots, target};
use crate::student::{PASSWORD, Student};
use crate::wait::within;

/// Every service, in the order they are started.
pub const SERVICES: [&str; 8] = [
    "identity",
    "session",
    "curriculum",
    "chat-thread",
    "rate-limit",
    "tutor-agent",
    "usage-metrics",
    "gateway",
];

const GATEWAY_2: &str = "gateway-2";
/// Name and service of the processes that [`Plan::replicas`] adds.
const REPLICAS: [(&str, &str); 3] =
    [("identity-2", "identity"), ("session-2", "session"), (GATEWAY_2, "gateway")];

/// The sample course of the repository.
const COURSE: &str = "algorithms";

const START: Duration = Duration::from_mins(1);

/// What to start.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub struct Plan {
    name: &'static str,
    one_process_per_service: bool,
    own_postgres: bool,
    offline_tutor: bool,
    unlock: &'static str,
    message_limit: u32,
    providers: bool,
    replicas: bool,
    variables: Vec<(&'static str, String)>,
}

/// A running system.
#[derive(Debug)]
pub struct System {
    pub postgres: Postgres,
    pub nats: Nats,
    pub mail: std::sync::Arc<MailCatcher>,
    /// Those of [`Plan::providers`].
    pub providers: Option<Providers>,
    pub model: Model,
    pub api: Api,
    /// The second gateway of [`Plan::replicas`], under the same public origin.
    pub second: Option<Api>,
    pub settings: Settings,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    processes: BTreeMap<&'static str, Running>,
}

#[derive(Debug)]
struct Running {
    arguments: Vec<&'static str>,
    environment: Vec<(String, String)>,
    ops: u16,
    process: Option<Process>,
}

impl System {
    /// `name` is the folder of its logs: `target/e2e/<name>`.
    pub fn plan(name: &'static str) -> Plan {
        Plan {
            name,
            one_process_per_service: false,
            own_postgres: false,
            offline_tutor: false,
            unlock: "sequential",
            message_limit: 20,
            providers: false,
            replicas: false,
            variables: Vec::new(),
        }
    }
}

impl Plan {
    #[must_use]
    pub fn one_process_per_service(self) -> Self {
        Self { one_process_per_service: true, ..self }
    }

    /// A cluster that may be killed.
    #[must_use]
    pub fn own_postgres(self) -> Self {
        Self { own_postgres: true, ..self }
    }

    /// No model endpoint: the built-in tutor answers.
    #[must_use]
    pub fn offline_tutor(self) -> Self {
        Self { offline_tutor: true, ..self }
    }

    /// Every stage of the course is open from the start.
    #[must_use]
    pub fn open_course(self) -> Self {
        Self { unlock: "open", ..self }
    }

    #[must_use]
    pub fn message_limit(self, message_limit: u32) -> Self {
        Self { message_limit, ..self }
    }

    /// People may sign in at an OpenID provider, Google and GitHub.
    #[must_use]
    pub fn providers(self) -> Self {
        Self { providers: true, ..self }
    }

    /// Two of each service that lets people in: the second gateway talks to the second identity and
    /// the second session service.
    #[must_use]
    pub fn replicas(self) -> Self {
        Self { replicas: true, one_process_per_service: true, ..self }
    }

    /// A setting of the binary.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Starts everything, imports the sample course, and waits until all is ready.
    pub async fn start(self) -> System {
        let settings = Settings::load();
        let folder = target().join("e2e").join(self.name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("remove the logs of the last run");
        }
        std::fs::create_dir_all(&folder).expect("a folder for logs");
        let postgres = if self.own_postgres {
            Postgres::own(&settings, &folder).await
        } else {
            Postgres::shared(&settings).await
        };
        let nats = Nats::start(&settings.nats_server, &folder).await;
        let mail = std::sync::Arc::new(MailCatcher::start(&folder).await);
        let model = Model::start().await;
        let http = free_port();
        let origin = format!("http://127.0.0.1:{http}");
        let mut environment = self.environment();
        let providers = if self.providers { Some(Providers::start(&origin, &folder).await) } else { None };
        environment.extend(providers.iter().flat_map(Providers::environment));
        environment.extend([
            ("DATABASE_URL".to_owned(), postgres.url().to_owned()),
            ("NATS_URL".to_owned(), nats.url()),
            ("SMTP_URL".to_owned(), mail.url()),
            ("PUBLIC_URL".to_owned(), origin.clone()),
            ("HTTP_ADDR".to_owned(), format!("127.0.0.1:{http}")),
        ]);
        if !self.offline_tutor {
            environment.insert("OPENAI_BASE_URL".to_owned(), model.url().to_owned());
        }
        environment.extend(self.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut system = System {
            api: Api::new(&origin),
            second: None,
            postgres,
            nats,
            mail,
            providers,
            model,
            settings,
            folder,
            environment,
            processes: BTreeMap::new(),
        };
        system.command(&["migrate"], "");
        let course = root().join("courses").join(COURSE);
        system.command(
            &["import-course", &course.display().to_string(), "--slug", COURSE, "--unlock", self.unlock],
            "",
        );
        system.plan_processes(self.one_process_per_service, self.replicas);
        for name in system.names() {
            system.spawn(name);
        }
        for name in system.names() {
            system.ready(name).await;
        }
        system
    }

    /// What does not depend on where the other parts listen.
    fn environment(&self) -> BTreeMap<String, String> {
        let mut variables = vec![
            ("AUTH_SECRET", "a-secret-of-the-tests-with-more-than-32-bytes".to_owned()),
            ("INTERNAL_TOKEN", "a-token-of-the-tests".to_owned()),
            ("MESSAGE_LIMIT", self.message_limit.to_string()),
            ("DATABASE_CONNECTIONS", "6".to_owned()),
        ];
        if !self.offline_tutor {
            variables.extend([
                ("OPENAI_API_KEY", "a-key-of-the-tests".to_owned()),
                ("TUTOR_MODEL", "scripted".to_owned()),
            ]);
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl System {
    fn plan_processes(&mut self, one_per_service: bool, replicas: bool) {
        if !one_per_service {
            self.add("all", vec!["all"], Vec::new());
            return;
        }
        let mut peers = BTreeMap::new();
        self.plan_services(&SERVICES.map(|service| (service, service)), &mut peers);
        if replicas {
            let http = free_port();
            self.plan_services(&REPLICAS, &mut peers);
            let (_, Running { environment, .. }) =
                self.processes.iter_mut().find(|(name, _)| **name == GATEWAY_2).expect("the second gateway");
            environment.push(("HTTP_ADDR".to_owned(), format!("127.0.0.1:{http}")));
            self.second = Some(Api::new(&format!("http://127.0.0.1:{http}")));
        }
    }

    /// Adds services, each under a name, that know these peers and each other.
    fn plan_services(
        &mut self,
        services: &[(&'static str, &'static str)],
        peers: &mut BTreeMap<String, String>,
    ) {
        let grpc: Vec<u16> = services.iter().map(|_| free_port()).collect();
        for ((_, service), port) in
            services.iter().zip(&grpc).filter(|((_, service), _)| *service != "gateway")
        {
            let name = format!("{}_URL", service.to_uppercase().replace('-', "_"));
            peers.insert(name, format!("http://127.0.0.1:{port}"));
        }
        for ((name, service), port) in services.iter().zip(grpc) {
            let mut environment: Vec<(String, String)> = peers.clone().into_iter().collect();
            environment.push(("GRPC_ADDR".to_owned(), format!("127.0.0.1:{port}")));
            self.add(name, vec![service], environment);
        }
    }

    fn add(
        &mut self,
        name: &'static str,
        arguments: Vec<&'static str>,
        mut environment: Vec<(String, String)>,
    ) {
        let ops = free_port();
        environment.push(("OPS_ADDR".to_owned(), format!("127.0.0.1:{ops}")));
        self.processes.insert(name, Running { arguments, environment, ops, process: None });
    }

    /// The names of the processes.
    pub fn names(&self) -> Vec<&'static str> {
        self.processes.keys().copied().collect()
    }

    /// Runs a command of the binary to its end and answers what it said. Panics when it fails.
    pub fn command(&self, arguments: &[&str], input: &str) -> String {
        let output = self.try_command(arguments, input);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "intellistack {arguments:?}: {}\n{said}\n{errors}", output.status);
        said
    }

    /// The same where it may fail.
    pub fn try_command(&self, arguments: &[&str], input: &str) -> Output {
        self.try_command_with(&[], arguments, input)
    }

    /// The same with other settings than the system's.
    pub fn try_command_with(&self, settings: &[(&str, &str)], arguments: &[&str], input: &str) -> Output {
        let mut command = self.binary();
        command.envs(settings.iter().copied());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start the binary");
        // It may end without reading.
        drop(child.stdin.take().expect("a pipe").write_all(input.as_bytes()));
        child.wait_with_output().expect("the command's output")
    }

    fn binary(&self) -> Command {
        let mut command = Command::new(&self.settings.binary);
        command.env_clear().envs(&self.environment).env("RUST_BACKTRACE", "1").current_dir(&self.folder);
        command
    }

    /// Starts a process without waiting for it.
    pub fn spawn(&mut self, name: &'static str) {
        let mut command = self.binary();
        let running = self.processes.get_mut(name).unwrap_or_else(|| panic!("no process {name}"));
        command.args(&running.arguments).envs(running.environment.iter().cloned());
        running.process = Some(Process::start(name, command, &self.folder));
    }

    /// `kill -9`.
    pub fn kill(&mut self, name: &str) {
        self.process(name).kill();
    }

    /// Starts a process again and waits until it is ready.
    pub async fn restart(&mut self, name: &'static str) {
        self.spawn(name);
        self.ready(name).await;
    }

    pub fn process(&mut self, name: &str) -> &mut Process {
        let running = self.processes.get_mut(name).unwrap_or_else(|| panic!("no process {name}"));
        running.process.as_mut().unwrap_or_else(|| panic!("{name} is not started"))
    }

    /// Waits until `/readyz` of a process says 200.
    pub async fn ready(&mut self, name: &'static str) {
        let api = self.ops(name);
        let log = log_path(&self.folder, name);
        let process = std::cell::RefCell::new(self.process(name));
        within(START, &format!("{name} is ready"), || async {
            if let Some(status) = process.borrow_mut().exit_status() {
                panic!("{name} ended with {status}:\n{}", tail(&log, 40));
            }
            let answer = Answer::try_of(api.request(reqwest::Method::GET, "/readyz")).await.ok()?;
            answer.status.is_success().then_some(())
        })
        .await;
    }

    /// The operations listener of a process.
    pub fn ops(&self, name: &str) -> Api {
        Api::new(&format!("http://127.0.0.1:{}", self.processes[name].ops))
    }

    /// The status of a process's `/readyz` and its checks that fail.
    pub async fn failing_checks(&self, name: &str) -> Option<(u16, Vec<String>)> {
        let answer = Answer::try_of(self.ops(name).request(reqwest::Method::GET, "/readyz")).await.ok()?;
        let report: Value = serde_json::from_slice(&answer.body).ok()?;
        let checks = report["checks"].as_object()?;
        let failing = checks.iter().filter(|(_, check)| check["ok"] != true).map(|(name, _)| name.clone());
        Some((answer.status.as_u16(), failing.collect()))
    }

    /// Creates a verified account without a mail.
    pub fn create_user(&self, email: &str, role: &str) {
        let arguments = ["create-user", "--email", email, "--name", "Ada", "--role", role, "--verified"];
        self.command(&arguments, PASSWORD);
    }

    /// A verified student with a session.
    pub async fn student(&self, email: &str) -> Student {
        self.signed_in(email, "student").await
    }

    pub async fn admin(&self) -> Student {
        self.signed_in("admin@school.example", "admin").await
    }

    pub async fn signed_in(&self, email: &str, role: &str) -> Student {
        self.create_user(email, role);
        let mut student = Student::new(&self.api, email);
        student.sign_in().await.expect(200);
        student
    }

    /// The slug of the sample course.
    pub fn course(&self) -> &'static str {
        COURSE
    }

    /// What a script needs that opens a Chromium by itself: its program and the folder of screenshots.
    pub fn chromium(&self) -> (String, String) {
        (self.settings.chromium.display().to_string(), screenshots().display().to_string())
    }

    /// Both gateways of [`Plan::replicas`].
    pub fn gateways(&self) -> [&Api; 2] {
        [&self.api, self.second.as_ref().expect("the plan has replicas")]
    }

    pub fn auth_secret(&self) -> &str {
        &self.environment["AUTH_SECRET"]
    }

    /// What every process has written so far, each with its name.
    pub fn logs(&self) -> Vec<(&'static str, String)> {
        let read = |name| std::fs::read(log_path(&self.folder, name)).unwrap_or_default();
        self.processes.keys().map(|name| (*name, String::from_utf8_lossy(&read(name)).into_owned())).collect()
    }

    /// Folder of the logs, and of the bus's store.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fails when a process panicked or one of its tasks died, or when a handler did.
    pub fn assert_no_panic(&self) {
        let mut found = String::new();
        for name in self.processes.keys() {
            let log = std::fs::read_to_string(log_path(&self.folder, name)).unwrap_or_default();
            let bad = ["panicked at", "a handler panicked", "a background task failed", "ended by itself"];
            for line in log.lines().filter(|line| bad.iter().any(|bad| line.contains(bad))) {
                writeln!(found, "{name}: {line}").expect("write to a string");
            }
        }
        assert!(found.is_empty(), "{found}");
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in self.processes.keys() {
                println!("--- the end of {name}.log\n{}", tail(&log_path(&self.folder, name), 25));
            }
        }
    }
}

fn tail(path: &Path, lines: usize) -> String {
    let log = std::fs::read_to_string(path).unwrap_or_default();
    let all: Vec<&str> = log.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
