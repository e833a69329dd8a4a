use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server that answers everybody the same bytes, and counts who comes: nobody should.
#[derive(Debug)]
pub struct Canary {
    pub port: u16,
    visits: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Canary {
    pub async fn listen(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut answering = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                answering.spawn(say(stream, answer.clone()));
            }
        });
        Self { port, visits, _serving: serving }
    }

    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

async fn say(mut stream: TcpStream, answer: String) {
    let mut request = vec![0; 4096];
    // Whoever hangs up first has heard enough.
    drop(stream.read(&mut request).await);
    drop(stream.write_all(answer.as_bytes()).await);
}
