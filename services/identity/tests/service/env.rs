use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::common::Client;
use api::common::Personal;
use api::identity::identity_admin_client::IdentityAdminClient;
use api::identity::identity_client::IdentityClient;
use api::identity::social_client::SocialClient;
use api::identity::{Actor, GetUserRequest, SignInRequest, SignUpRequest, User};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use eventstore::sealing::Vault;
use identity::{HashingOptions, MailOptions, MailTransport, Options, SocialOptions};
use kernel::{Error, ManualClock, SeededEntropy};
use prost::Message;
use runtime::{Deps, Health, PeerChannel, Service};
use secrecy::SecretString;
use sqlx::{PgPool, Row};
use tempfile::TempDir;
use testkit::TestDb;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const SECRET: &str = "a-secret-of-the-tests-with-40-characters";
pub const PASSWORD: &str = "Correct-Horse-7";

/// A running identity service with a database and a mail folder of its own.
pub struct Env {
    pub db: TestDb,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<SeededEntropy>,
    pub client: IdentityClient<PeerChannel>,
    pub admin: IdentityAdminClient<PeerChannel>,
    pub social: SocialClient<PeerChannel>,
    mails: TempDir,
    settings: Settings,
}

/// What a test decides of the service.
#[derive(Clone, Default)]
struct Settings {
    hashing: HashingOptions,
    social: SocialOptions,
}

impl Env {
    pub async fn start() -> Self {
        Self::configured(Settings::default()).await
    }

    pub async fn with(hashing: HashingOptions) -> Self {
        Self::configured(Settings { hashing, ..Settings::default() }).await
    }

    pub async fn with_providers(social: SocialOptions) -> Self {
        Self::configured(Settings { social, ..Settings::default() }).await
    }

    /// Why the service does not start.
    pub async fn refused(social: SocialOptions) -> Error {
        let env = Self::start().await;
        let settings = Settings { social, ..Settings::default() };
        let built = build(&env.db, &env.clock, &env.entropy, env.mails.path(), &settings).await;
        built.err().unwrap()
    }

    async fn configured(settings: Settings) -> Self {
        let migrators = [&eventstore::MIGRATOR, &projection::MIGRATOR, &identity::MIGRATOR];
        let db = testkit::database(&[(identity::SCHEMA, &migrators)]).await;
        let (clock, entropy, mails) = (testkit::clock(), testkit::entropy(), tempfile::tempdir().unwrap());
        let service = service(&db, &clock, &entropy, mails.path(), &settings).await;
        let channel = testkit::peer_for(service.into_routes().unwrap());
        let (client, admin) =
            (IdentityClient::new(channel.clone()), IdentityAdminClient::new(channel.clone()));
        let social = SocialClient::new(channel);
        Self { db, clock, entropy, client, admin, social, mails, settings }
    }

    /// The same service in another process.
    pub async fn replica(&self) -> IdentityClient<PeerChannel> {
        let service = service(&self.db, &self.clock, &self.entropy, self.mails.path(), &self.settings).await;
        IdentityClient::new(testkit::peer_for(service.into_routes().unwrap()))
    }

    /// Runs the service's background work until told to stop.
    pub async fn background(&self) -> Background {
        let service = service(&self.db, &self.clock, &self.entropy, self.mails.path(), &self.settings).await;
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let task = runtime::spawn("background of the test", async move {
            runtime::serve(service, None, &SecretString::from("unused"), shutdown).await.unwrap();
        });
        Background { stop, task }
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool(identity::SCHEMA)
    }

    pub async fn sign_up(&self, email: &str) -> Result<User, Error> {
        sign_up(self.client.clone(), email).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Result<User, Error> {
        sign_in(self.client.clone(), email, password).await
    }

    /// The mails in the folder, oldest first, with quoted-printable text undone.
    pub fn mails(&self) -> Vec<String> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(self.mails.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let eml = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "eml");
        paths.iter().filter(eml).map(|path| readable(&std::fs::read_to_string(path).unwrap())).collect()
    }

    /// Waits until nothing is left to be sent, and returns the mails.
    pub async fn delivered(&self) -> Vec<String> {
        let pool = self.pool();
        testkit::eventually("all effects are done", || async {
            let pending: i64 = sqlx::query_scalar("select count(*) from effects where state <> 'done'")
                .fetch_one(&pool)
                .await
                .unwrap();
            (pending == 0).then_some(())
        })
        .await;
        self.mails()
    }

    pub async fn user(&self, id: &str) -> Result<User, Error> {
        let request = GetUserRequest { user_id: id.to_owned() };
        let answer = self.client.clone().get_user(request).await;
        answer.map(|answer| answer.into_inner().user.unwrap()).map_err(|status| api::from_status(&status))
    }

    /// An administrator made by an operator.
    pub async fn admin(&self, email: &str) -> Actor {
        let user = identity::NewUser {
            email: email.to_owned(),
            name: "Grace".to_owned(),
            role: kernel::Role::Admin,
            password: PASSWORD.into(),
            verified: true,
        };
        let (id, _) = identity::create_user(self.operator(), user).await.unwrap();
        Actor { user_id: id.into_string(), client: Some(from_browser()) }
    }

    pub fn operator(&self) -> identity::Operator {
        identity::Operator {
            pool: self.pool(),
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            auth_secret: SecretString::from(SECRET),
        }
    }

    /// What the newest event of a type says of a person.
    pub async fn personal(&self, event_type: &str) -> Personal {
        let row = sqlx::query(
            "select stream, version, meta->>'subject' as subject, meta->>'sealed' as sealed
             from events where type = $1 order by pos desc limit 1",
        );
        let row = row.bind(event_type).fetch_one(&self.pool()).await.unwrap();
        let vault =
            Vault::new(&SecretString::from(SECRET), identity::NAME, Arc::clone(&self.entropy) as _).unwrap();
        let key = vault.find(&self.pool(), row.get("subject")).await.unwrap().unwrap();
        let place = format!("identity/{}/{}", row.get::<&str, _>("stream"), row.get::<i64, _>("version"));
        let sealed = BASE64.decode(row.get::<&str, _>("sealed")).unwrap();
        Personal::decode(key.open(&place, &sealed).unwrap().as_slice()).unwrap()
    }

    /// Every value of every row of the schema as text: what a thief of the disk can read.
    pub async fn everything(&self) -> String {
        let pool = self.pool();
        let tables: Vec<String> = sqlx::query_scalar(
            "select table_name::text from information_schema.tables where table_schema = current_schema()",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let mut all = String::new();
        for table in tables {
            let rows = format!("select coalesce(string_agg(t::text, E'\\n'), '') from {table} t");
            let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&pool).await.unwrap();
            all.push_str(&text);
        }
        all
    }

    /// Types of the events of a stream, oldest first.
    pub async fn event_types(&self, stream: &str) -> Vec<String> {
        sqlx::query_scalar("select type from events where stream = $1 order by version")
            .bind(stream)
            .fetch_all(&self.pool())
            .await
            .unwrap()
    }

    /// All events of a type, whatever their stream.
    pub async fn events<M: Message + Default>(&self, event_type: &str) -> Vec<(String, M)> {
        sqlx::query("select stream, data from events where type = $1 order by pos")
            .bind(event_type)
            .fetch_all(&self.pool())
            .await
            .unwrap()
            .iter()
            .map(|row| (row.get("stream"), M::decode(row.get::<&[u8], _>("data")).unwrap()))
            .collect()
    }
}

/// RFC 2045, section 6.7, as far as ASCII text needs it.
fn readable(mail: &str) -> String {
    assert!(!mail.contains("base64"), "{mail}");
    mail.replace("=\r\n", "").replace("=3D", "=")
}

pub struct Background {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Background {
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn service(
    db: &TestDb,
    clock: &Arc<ManualClock>,
    entropy: &Arc<SeededEntropy>,
    mails: &Path,
    settings: &Settings,
) -> Service {
    build(db, clock, entropy, mails, settings).await.unwrap()
}

async fn build(
    db: &TestDb,
    clock: &Arc<ManualClock>,
    entropy: &Arc<SeededEntropy>,
    mails: &Path,
    settings: &Settings,
) -> Result<Service, Error> {
    let deps = Deps {
        clock: Arc::clone(clock) as _,
        entropy: Arc::clone(entropy) as _,
        pool: db.pool(identity::SCHEMA),
        // Nobody answers: none of this needs the bus.
        nats: runtime::bus(&SecretString::from("nats://127.0.0.1:1"), "test").await.unwrap(),
        namespace: "test".to_owned(),
        peers: testkit::peers_for([]),
        health: Health::default(),
    };
    let options = Options {
        auth_secret: SecretString::from(SECRET),
        public_url: "https://learn.example.com".parse().unwrap(),
        mail: MailOptions {
            transport: MailTransport::Folder { dir: mails.to_owned() },
            from: "IntelliStack <no-reply@example.com>".to_owned(),
        },
        hashing: settings.hashing,
        social: settings.social.clone(),
    };
    identity::build(options, deps)
}

pub fn from_browser() -> Client {
    Client { ip: "192.0.2.7".to_owned(), user_agent: "a browser".to_owned() }
}

pub fn sign_up_request(email: &str) -> SignUpRequest {
    SignUpRequest {
        name: "Ada Lovelace".to_owned(),
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        image: None,
        callback_url: "/verified".to_owned(),
        client: Some(from_browser()),
    }
}

pub async fn sign_up(mut client: IdentityClient<PeerChannel>, email: &str) -> Result<User, Error> {
    let answer = client.sign_up(sign_up_request(email)).await.map_err(|status| api::from_status(&status))?;
    Ok(answer.into_inner().user.unwrap())
}

pub async fn sign_in(
    mut client: IdentityClient<PeerChannel>,
    email: &str,
    password: &str,
) -> Result<User, Error> {
    let request = SignInRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        client: Some(from_browser()),
        device_token: String::new(),
    };
    let answer = client.sign_in(request).await.map_err(|status| api::from_status(&status))?;
    Ok(answer.into_inner().user.unwrap())
}
