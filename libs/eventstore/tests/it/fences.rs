//! What nats-server keeps of `Nats-Expected-Last-Sequence`, on which the relay relies (ADR 0002).

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::{self, Context, stream};

/// A server that can be stopped gently, too.
struct Server {
    port: u16,
    dir: tempfile::TempDir,
    child: Child,
}

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let child = Self::spawn(port, dir.path());
        Self { port, dir, child }
    }

    fn spawn(port: u16, dir: &Path) -> Child {
        let binary = std::env::var("NATS_SERVER_BIN").unwrap_or_else(|_| "nats-server".to_owned());
        let mut command = Command::new(binary);
        command.args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(dir);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn restart(&mut self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        self.child.wait().unwrap();
        self.child = Self::spawn(self.port, self.dir.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn context(server: &Server, window: Duration) -> Context {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect(format!("127.0.0.1:{}", server.port)).await.unwrap();
    let mut context = jetstream::new(client);
    context.set_timeout(Duration::from_secs(5));
    let config = stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s".to_owned()],
        duplicate_window: window,
        ..stream::Config::default()
    };
    testkit::eventually("a stream", || async { context.get_or_create_stream(config.clone()).await.ok() })
        .await;
    context
}

async fn publish(
    context: &Context,
    headers: &[(&'static str, String)],
) -> Result<(u64, bool), PublishErrorKind> {
    let mut map = async_nats::HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.as_str());
    }
    let ack = context.publish_with_headers("s", map, "x".into()).await.map_err(|error| error.kind())?;
    ack.await.map(|ack| (ack.sequence, ack.duplicate)).map_err(|error| error.kind())
}

fn by_sequence(n: u64) -> [(&'static str, String); 2] {
    [("Nats-Msg-Id", format!("s:{n}")), ("Nats-Expected-Last-Sequence", (n - 1).to_string())]
}

/// Nothing can be asked that would not itself lengthen the window.
async fn window_over(window: Duration) {
    let start = Instant::now();
    testkit::eventually("the duplicate window is over", || async {
        (start.elapsed() > window * 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_sequence_fence_refuses_gap_and_duplicate_across_restarts_and_beyond_the_duplicate_window() {
    for signal in ["-TERM", "-KILL"] {
        let mut server = Server::start();
        let window = Duration::from_millis(200);
        let before = context(&server, window).await;
        for n in 1..=3 {
            assert_eq!(publish(&before, &by_sequence(n)).await, Ok((n, false)));
        }
        let refuses_all_but_4 = async |context: &Context| {
            for n in [1, 2, 3, 5, 6] {
                let refused = Err(PublishErrorKind::WrongLastSequence);
                assert_eq!(publish(context, &by_sequence(n)).await, refused, "{n} {signal}");
            }
        };
        // Within the window too: the condition is looked at before the duplicate.
        refuses_all_but_4(&before).await;
        window_over(window).await;
        refuses_all_but_4(&before).await;
        server.restart(signal);
        let after = context(&server, window).await;
        refuses_all_but_4(&after).await;
        assert_eq!(publish(&after, &by_sequence(4)).await, Ok((4, false)));
    }
}
