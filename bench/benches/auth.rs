//! Signing in and being signed in, beside Better-Auth on Node with the same Postgres.
//!
//! Short rounds alternate between the two, and what is compared is processor time per request, of the
//! server and of its database sessions: it stays steady where a machine is noisy. Peer:
//! `peer/server.mjs`. `./dev bench auth` builds the program, installs the peer and sets what both need.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a benchmark reports by printing, fails by panicking and takes its settings from outside"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use bench::{Sample, children_of, cpu_of, machine, resident};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_secs(4);
const COLD_STARTS: usize = 5;
/// Each signs in over and over, as nobody does: one account takes one guess after the other.
const USERS: usize = 8;
const PASSWORD: &str = "Correct-Horse-7-Battery";
const SECRET: &str = "k7Jx0Qm4Vt9Zr2Lp6Wc1Ns8Yb3Hd5Gf-of-the-bench";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let nats = testkit::nats().await;
    let mails = tempfile::tempdir().expect("a folder for mails");
    let databases = [testkit::database(&[]).await, testkit::database(&[]).await];
    let postmaster = postmaster(databases[0].url()).await;
    let setups =
        [Setup::ours(databases[0].url(), &nats.url(), mails.path()), Setup::peer(databases[1].url())];
    println!("{}\n", machine());
    let mut servers = Vec::new();
    for setup in setups {
        setup.migrate();
        servers.push(setup.cold_starts().await);
    }
    for server in &mut servers {
        server.sign_up().await;
    }
    println!(
        "\n{:<12} {:<12} {:>9} {:>9} {:>9} {:>12} {:>12}",
        "", "", "req/s", "p50 ms", "p99 ms", "server µs", "database µs"
    );
    for scenario in SCENARIOS {
        let mut totals = [Total::default(), Total::default()];
        for _ in 0..ROUNDS {
            for (server, total) in servers.iter().zip(&mut totals) {
                total.add(server.round(scenario, postmaster).await);
            }
        }
        for (server, total) in servers.iter().zip(&totals) {
            println!("{:<12} {:<12} {}", scenario.name, server.name, total.line());
        }
        let [ours, theirs] = &totals;
        println!(
            "{:<12} ratio of processor time, Better-Auth : ours = {:.1}; of rates, ours : Better-Auth = {:.1}",
            "",
            theirs.cost() / ours.cost(),
            ours.rate() / theirs.rate()
        );
    }
    floors();
}

/// A kind of request.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    method: fn() -> Method,
    path: &'static str,
    with_session: bool,
    concurrency: usize,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "get-session",
        method: || Method::GET,
        path: "/get-session",
        with_session: true,
        concurrency: 64,
    },
    Scenario { name: "token", method: || Method::GET, path: "/token", with_session: true, concurrency: 64 },
    Scenario { name: "jwks", method: || Method::GET, path: "/jwks", with_session: false, concurrency: 64 },
    Scenario {
        name: "sign-in",
        method: || Method::POST,
        path: "/sign-in/email",
        with_session: false,
        concurrency: USERS,
    },
];

/// How a server is started.
struct Setup {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    migrate: (Vec<String>, Option<(&'static str, &'static str)>),
    port: u16,
}

impl Setup {
    fn ours(database: &str, nats: &str, mails: &Path) -> Self {
        let port = free_port();
        let program = std::env::var("INTELLISTACK_BIN").expect("INTELLISTACK_BIN: run ./dev bench auth");
        let text = |text: &str| text.to_owned();
        let mut environment = vec![
            ("DATABASE_URL", text(database)),
            ("NATS_URL", text(nats)),
            ("PUBLIC_URL", format!("http://127.0.0.1:{port}")),
            ("HTTP_ADDR", format!("127.0.0.1:{port}")),
            ("AUTH_SECRET", text(SECRET)),
            ("INTERNAL_TOKEN", text(SECRET)),
            ("AUTH_LIMITS", text("off")),
            ("MAIL_DIR", mails.display().to_string()),
            ("RUST_LOG", text("warn")),
        ];
        // Services that none of this asks.
        for elsewhere in
            ["CURRICULUM_URL", "CHAT_THREAD_URL", "TUTOR_AGENT_URL", "RATE_LIMIT_URL", "USAGE_METRICS_URL"]
        {
            environment.push((elsewhere, text("http://127.0.0.1:9")));
        }
        let arguments = ["gateway", "identity", "session"].map(text).to_vec();
        let migrate = (vec![text("migrate")], None);
        Self { name: "ours", program: program.into(), arguments, environment, migrate, port }
    }

    fn peer(database: &str) -> Self {
        let port = free_port();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/server.mjs").to_owned();
        let environment = vec![
            ("DATABASE_URL", database.to_owned()),
            ("AUTH_SECRET", SECRET.to_owned()),
            ("NODE_ENV", "production".to_owned()),
        ];
        let arguments = vec![script, port.to_string()];
        let migrate = (arguments.clone(), Some(("MIGRATE", "1")));
        Self { name: "Better-Auth", program: "node".into(), arguments, environment, migrate, port }
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn migrate(&self) {
        let (arguments, flag) = &self.migrate;
        let status = self.command(arguments).envs(flag.iter().copied()).status().expect("run the migrations");
        assert!(status.success(), "{}: {status}", self.name);
    }

    /// From the start of the process to its first answer, several times; the last one stays.
    async fn cold_starts(self) -> Server {
        let client = Client::builder()
            .pool_max_idle_per_host(256)
            // Node closes what is idle for five seconds.
            .pool_idle_timeout(Duration::from_secs(2))
            .build()
            .expect("an HTTP client");
        let base = format!("http://127.0.0.1:{}/api/auth", self.port);
        let mut times = Vec::new();
        loop {
            let started = Instant::now();
            let child = self.command(&self.arguments).spawn().expect("start the server");
            let server = Server {
                name: self.name,
                child,
                client: client.clone(),
                base: base.clone(),
                cookie: String::new(),
            };
            while server.get("/ok").send().await.is_err() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            times.push(started.elapsed());
            if times.len() == COLD_STARTS {
                tokio::time::sleep(Duration::from_secs(3)).await;
                let mib = resident(server.child.id()) as f64 / f64::from(1 << 20);
                println!("{:<12} start to first answer {}; idle {mib:.0} MiB", self.name, Sample::new(times));
                return server;
            }
        }
    }
}

struct Server {
    name: &'static str,
    child: Child,
    client: Client,
    base: String,
    cookie: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    async fn sign_up(&mut self) {
        for nth in 1..USERS {
            self.sign_up_one(nth).await;
        }
        let answer = self.sign_up_one(0).await;
        let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let session = cookies
            .filter_map(|cookie| cookie.split(';').next())
            .find(|cookie| cookie.contains("session_token="));
        session.expect("a session cookie").clone_into(&mut self.cookie);
        let found: Value =
            self.request(SCENARIOS[0], 0).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(found["user"]["email"], email(0), "{}: {found}", self.name);
    }

    async fn sign_up_one(&self, nth: usize) -> reqwest::Response {
        let body = json!({ "name": "Grace", "email": email(nth), "password": PASSWORD });
        let request = self.client.post(format!("{}/sign-up/email", self.base)).json(&body);
        let answer = request.send().await.expect("an answer to sign-up");
        assert_eq!(answer.status(), StatusCode::OK, "{}: sign-up", self.name);
        answer
    }

    fn request(&self, scenario: Scenario, worker: usize) -> RequestBuilder {
        let request = self.client.request((scenario.method)(), format!("{}{}", self.base, scenario.path));
        let request = if scenario.with_session { request.header("cookie", &self.cookie) } else { request };
        if (scenario.method)() == Method::POST {
            request.json(&json!({ "email": email(worker % USERS), "password": PASSWORD }))
        } else {
            request
        }
    }

    /// As many requests as there is time for; the first second warms up.
    async fn round(&self, scenario: Scenario, postmaster: u32) -> Total {
        self.requests(scenario, Duration::from_secs(1)).await;
        let before = (cpu_of(self.child.id()), database_cpu(postmaster));
        let started = Instant::now();
        let latencies = self.requests(scenario, ROUND).await;
        let elapsed = started.elapsed();
        let server = cpu_of(self.child.id()).saturating_sub(before.0);
        let database = database_cpu(postmaster).saturating_sub(before.1);
        Total { latencies, elapsed, server, database }
    }

    async fn requests(&self, scenario: Scenario, time: Duration) -> Vec<Duration> {
        let until = Instant::now() + time;
        let failed = Arc::new(AtomicU64::new(0));
        let mut workers = JoinSet::new();
        for worker in 0..scenario.concurrency {
            let request = self.request(scenario, worker);
            let failed = Arc::clone(&failed);
            workers.spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < until {
                    let request = request.try_clone().expect("a request without a stream");
                    let started = Instant::now();
                    let answer = request.send().await.expect("an answer");
                    let right = answer.status() == StatusCode::OK;
                    let body = answer.bytes().await.expect("a body");
                    latencies.push(started.elapsed());
                    if !right || body.len() < 20 {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                latencies
            });
        }
        let latencies = workers.join_all().await.into_iter().flatten().collect();
        assert_eq!(failed.load(Ordering::Relaxed), 0, "{}: {} was refused", self.name, scenario.name);
        latencies
    }
}

fn email(nth: usize) -> String {
    format!("grace-{nth}@school.example")
}

/// What some rounds came to.
#[derive(Default)]
struct Total {
    latencies: Vec<Duration>,
    elapsed: Duration,
    server: Duration,
    database: Duration,
}

impl Total {
    fn add(&mut self, round: Self) {
        self.latencies.extend(round.latencies);
        self.elapsed += round.elapsed;
        self.server += round.server;
        self.database += round.database;
    }

    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    fn micros(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }

    /// Processor time per request, in all.
    fn cost(&self) -> f64 {
        self.micros(self.server + self.database)
    }

    fn line(&self) -> String {
        let sample = Sample::new(self.latencies.clone());
        let ms = |percent| sample.percentile(percent).as_secs_f64() * 1e3;
        let (server, database) = (self.micros(self.server), self.micros(self.database));
        format!("{:>9.0} {:>9.1} {:>9.1} {server:>12.0} {database:>12.0}", self.rate(), ms(50), ms(99))
    }
}

/// What cannot be saved: the hash of a sign-in, alone and with one on each core as the server has it,
/// and the signature of a token.
fn floors() {
    let params = Params::new(19_456, 2, 1, None).expect("argon2's parameters");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash =
        || timed(20, || drop(black_box(argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]))));
    let alone = hash();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let beside = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(hash)).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("a hash"));
        times.sum::<f64>() / cores as f64
    });
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let mut signature = vec![0; key.public_modulus_len()];
    let sign = timed(500, || {
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &[7; 600], &mut signature).expect("a signature");
        black_box(&signature);
    });
    println!(
        "\nfloors: argon2id {alone:.0} µs alone, {beside:.0} µs with one on each of {cores} cores; \
         RSA-2048 signature {sign:.0} µs"
    );
}

/// Microseconds per call.
fn timed(calls: u32, mut call: impl FnMut()) -> f64 {
    call();
    let started = Instant::now();
    for _ in 0..calls {
        call();
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn database_cpu(postmaster: u32) -> Duration {
    children_of(postmaster).into_iter().map(cpu_of).sum()
}

/// The process whose children serve the database sessions.
async fn postmaster(url: &str) -> u32 {
    let pool = sqlx::PgPool::connect(url).await.expect("a connection");
    let backend: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await.expect("a process");
    let status =
        std::fs::read_to_string(format!("/proc/{backend}/status")).expect("Postgres on this machine");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
    parent.trim().parse().expect("a process")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
