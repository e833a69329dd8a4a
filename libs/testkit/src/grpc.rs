use std::collections::BTreeMap;

use hyper_util::rt::TokioIo;
use runtime::{PeerAuthLayer, PeerChannel, Peers};
use secrecy::SecretString;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Server};
use tower::service_fn;

const TOKEN: &str = "a-token-for-tests";

/// Serves `routes` in memory behind the real server layer and answers a channel to them.
pub fn peer_for(routes: Routes) -> PeerChannel {
    peers_for([("peer", routes)]).channel("peer")
}

/// The same for several services, as a service under test gets them.
pub fn peers_for<const N: usize>(services: [(&'static str, Routes); N]) -> Peers {
    let channels: BTreeMap<String, Channel> =
        services.into_iter().map(|(name, routes)| (name.to_owned(), serve(routes))).collect();
    Peers::from_channels(channels, &SecretString::from(TOKEN)).expect("a printable token")
}

fn serve(routes: Routes) -> Channel {
    let (connections, incoming) = tokio::sync::mpsc::channel::<std::io::Result<tokio::io::DuplexStream>>(8);
    let incoming = tokio_stream::wrappers::ReceiverStream::new(incoming);
    runtime::spawn("grpc in memory", async move {
        Server::builder()
            .layer(PeerAuthLayer::new(&SecretString::from(TOKEN), "test"))
            .add_routes(routes)
            .serve_with_incoming(incoming)
            .await
            .expect("serve gRPC in memory");
    });
    let connect = service_fn(move |_: http::Uri| {
        let connections = connections.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(256 * 1024);
            connections.send(Ok(theirs)).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(TokioIo::new(ours))
        }
    });
    Endpoint::from_static("http://in-memory").connect_with_connector_lazy(connect)
}
