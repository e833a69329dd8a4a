use projection::{EventLogReader, EventLogServer, ReadError, RemoteEventLogs};

use crate::support::{Running, world};

#[tokio::test]
async fn a_log_read_over_the_wire_is_the_log_and_large_answers_come_in_parts() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    world.append_many(20).await;
    let large = "x".repeat(900_000);
    for _ in 0..6 {
        world.append("thing-large", &large).await;
    }
    status.wait_for(|report| report.head == 26).await;
    let routes = tonic::service::Routes::new(EventLogServer::new(world.store.clone()).into_service());
    let remote = RemoteEventLogs::default().remote("thing", testkit::peer_for(routes));
    let mut all = Vec::new();
    let mut answers = 0;
    loop {
        let more = remote.read("thing", all.len() as u64, 5000).await.unwrap();
        if more.is_empty() {
            break;
        }
        answers += 1;
        all.extend(more);
    }
    assert!(all == world.log().await, "the wire changed an event");
    assert!(answers >= 3, "5.4 MB came in {answers} answers");
    running.stop().await;
}

#[tokio::test]
async fn an_owner_answers_for_its_own_store_only() {
    let world = world().await;
    let routes = tonic::service::Routes::new(EventLogServer::new(world.store.clone()).into_service());
    let remote = RemoteEventLogs::default().remote("other", testkit::peer_for(routes));
    let error = remote.read("other", 0, 10).await.unwrap_err();
    assert!(
        matches!(&error, ReadError::Unavailable { detail, .. } if detail.contains("NotFound")),
        "{error}"
    );
    let error = remote.read("thing", 0, 10).await.unwrap_err();
    assert!(matches!(error, ReadError::UnknownStore(_)));
    let local = RemoteEventLogs::default().local(world.store.clone());
    assert_eq!(local.read("thing", 0, 10).await.unwrap(), []);
}
