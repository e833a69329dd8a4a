use api::chat_thread::ItemKind;
use projection::Projection as _;
use serde_json::Value;

use super::endpoint::Script;
use super::*;
use crate::domain::turn::Event as Recorded;

#[tokio::test]
async fn a_question_is_answered_stored_settled_and_recorded() {
    let world = World::new().await;
    let script = vec!["A String has one owner [1", "]. What happens", " after the move [9]?"];
    let model = Endpoint::new(Script::Say(script, Some((120, 17)))).await;
    let process = world.process(Some(&model)).await;
    let seen = process.ask(question("Why is my String invalid after I assign it?")).await;
    assert_eq!(
        seen.kinds(),
        [
            "user_message",
            "quota",
            "mode",
            "progress",
            "answer_started",
            "text_delta",
            "citation",
            "text_delta",
            "answer_stored",
            "thread_titled"
        ]
    );
    assert_eq!(seen.text(), "A String has one owner. What happens after the move?");
    let Some(Event::Citation(citation)) = seen.events.iter().find(|event| kind(event) == "citation") else {
        panic!()
    };
    assert_eq!((citation.index, citation.title.as_str()), (22, "ownership › Moves"));
    assert_eq!(citation.url, "/courses/rust/lessons/ownership#moves");

    let answers = world.fakes.items(ItemKind::AssistantMessage);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].id, seen.turn_id.replace("trn_", "msg_"));
    let payload: Value = serde_json::from_slice(&answers[0].payload_json).unwrap();
    assert_eq!(payload["content"][0]["text"], seen.text());
    assert_eq!(payload["content"][0]["annotations"][0]["index"], 22);
    assert_eq!(
        world.fakes.thread(&answers[0].thread_id).unwrap().title,
        "Why is my String invalid after I assign it?"
    );
    assert_eq!(world.fakes.reservation(&seen.turn_id), Some("settled"));
    assert_eq!(world.state(&seen.turn_id).await, "completed");

    let story = world.story(&seen.turn_id).await;
    let [Recorded::Started(started), Recorded::Completed(completed)] = story.as_slice() else {
        panic!("{story:?}")
    };
    assert_eq!((started.course_id.as_str(), started.lesson_slug.as_str()), ("crs_rust", "ownership"));
    assert_eq!(started.role, "student");
    assert_eq!((completed.tokens_in, completed.tokens_out, completed.tokens_estimated), (120, 17, false));
    assert_eq!((completed.model.as_str(), completed.citations), ("scripted", 1));
    assert_eq!(completed.passages_retrieved, 2, "the locked one is not among them");
}

#[tokio::test]
async fn no_text_of_a_locked_stage_reaches_the_model_and_lesson_text_is_fenced() {
    let world = World::new().await;
    let model = Endpoint::new(Script::Say(vec!["Well?"], None)).await;
    let process = world.process(Some(&model)).await;
    let mut request = question("Does a trait take ownership of a String and move it?");
    // The claim to read a locked lesson is dropped as well.
    if let Some(page) = &mut request.page {
        page.lesson_slug = "traits".into();
    }
    let seen = process.ask(request).await;
    let asked = model.asked();
    let prompt = asked[0]["messages"].to_string();
    assert!(!prompt.contains("LOCKED"), "{prompt}");
    assert!(prompt.contains("<data kind=\\\"passage\\\">"), "{prompt}");
    assert_eq!(asked[0]["stream_options"]["include_usage"], true);
    let Recorded::Started(started) = &world.story(&seen.turn_id).await[0] else { panic!() };
    assert_eq!(started.lesson_slug, "");
    let Recorded::Completed(completed) = &world.story(&seen.turn_id).await[1] else { panic!() };
    assert!(completed.tokens_estimated && completed.tokens_out > 0);
}

#[tokio::test]
async fn an_answer_key_split_over_chunks_does_not_leave() {
    let world = World::new().await;
    let model =
        Endpoint::new(Script::Say(vec!["Sure! It prints 1", "7[1]", "2", "9. Do you see why?"], None)).await;
    let process = world.process(Some(&model)).await;
    let seen = process.ask(question("Just tell me what it prints.")).await;
    assert!(!seen.text().contains("1729"), "{}", seen.text());
    assert!(seen.text().starts_with("Sure! Let us not jump") && seen.text().ends_with("Do you see why?"));
    let stored = world.fakes.items(ItemKind::AssistantMessage);
    assert!(!String::from_utf8_lossy(&stored[0].payload_json).contains("1729"));
    let Recorded::Completed(completed) = &world.story(&seen.turn_id).await[1] else { panic!() };
    assert_eq!(completed.guard_rewrites, 1);
}

#[tokio::test]
async fn without_a_model_the_offline_tutor_answers_from_the_lessons() {
    let world = World::new().await;
    let process = world.process(None).await;
    let seen = process.ask(question("What is a move of a String?")).await;
    assert_eq!(seen.modes(), ["offline"]);
    assert!(seen.text().contains("Assigning a String moves it to the new variable."), "{}", seen.text());
    assert!(seen.kinds().contains(&"citation"));
    assert_eq!(world.state(&seen.turn_id).await, "completed");
}

#[tokio::test]
async fn while_the_course_is_not_indexed_the_tutor_says_so_and_goes_on() {
    let world = World::new().await;
    let process = world.cold_process(None).await;
    let seen = process.ask(question("What is a move?")).await;
    assert!(seen.text().contains("cannot search the lessons"), "{}", seen.text());
    assert_eq!(world.fakes.reservation(&seen.turn_id), Some("settled"));
}

#[tokio::test]
async fn a_second_question_carries_the_history_and_keeps_the_title() {
    let world = World::new().await;
    let model = Endpoint::new(Script::Say(vec!["And then?"], None)).await;
    let process = world.process(Some(&model)).await;
    process.ask(question("What is a move?")).await;
    let thread_id = world.fakes.items(ItemKind::UserMessage)[0].thread_id.clone();
    let seen =
        process.ask(StartTurnRequest { thread_id: Some(thread_id.clone()), ..question("And a copy?") }).await;
    assert!(!seen.kinds().contains(&"thread_titled"));
    assert_eq!(world.fakes.thread(&thread_id).unwrap().title, "What is a move?");
    let asked = model.asked();
    let roles: Vec<&str> = asked[1]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|message| message["role"].as_str())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    assert_eq!(asked[1]["messages"][1]["content"], "What is a move?");
}

#[tokio::test]
async fn a_turn_goes_on_when_its_caller_hangs_up() {
    let world = World::new().await;
    let model = Endpoint::new(Script::Say(vec!["One. ", "Two. ", "Three."], None)).await;
    let process = world.process(Some(&model)).await;
    let mut stream = process.begin(question("What is a move?")).await.unwrap();
    let first = stream.message().await.unwrap().unwrap();
    drop(stream);
    process.idle().await;
    assert_eq!(world.state(&first.turn_id).await, "completed");
    let answer = &world.fakes.items(ItemKind::AssistantMessage)[0];
    assert!(String::from_utf8_lossy(&answer.payload_json).contains("One. Two. Three."));
    assert_eq!(world.fakes.reservation(&first.turn_id), Some("settled"));
}

#[tokio::test]
async fn what_is_refused_leaves_no_trace() {
    let world = World::new().await;
    let process = world.process(None).await;
    let on = |course: &str| {
        let page = PageContext { course_slug: course.to_owned(), ..PageContext::default() };
        StartTurnRequest { page: Some(page), ..question("Why?") }
    };
    assert_eq!(process.refusal(question("  ")).await.reason, "INVALID_ARGUMENT");
    assert_eq!(process.refusal(on("maths")).await.reason, "NOT_ENROLLED");
    assert_eq!(process.refusal(on("none")).await.reason, "COURSE_NOT_FOUND");
    world.fakes.add_thread("thr_other", "someone else", "theirs");
    let theirs = StartTurnRequest { thread_id: Some("thr_other".into()), ..question("Why?") };
    assert_eq!(process.refusal(theirs).await.reason, "THREAD_NOT_FOUND");
    assert!(world.fakes.reservations().is_empty(), "nothing was reserved so far");

    world.fakes.use_up_quota();
    let refusal = process.refusal(question("Why?")).await;
    assert_eq!(
        (refusal.reason.as_ref(), refusal.code),
        ("QUOTA_EXCEEDED", kernel::ErrorCode::ResourceExhausted)
    );
    assert_eq!(refusal.metadata["limit"], "20");
    process.idle().await;
    let rows: i64 = sqlx::query_scalar("select count(*) from tutor_agent.turns")
        .fetch_one(&world.db.superuser())
        .await
        .unwrap();
    let events: i64 = sqlx::query_scalar("select count(*) from tutor_agent.events")
        .fetch_one(&world.db.superuser())
        .await
        .unwrap();
    assert_eq!((rows, events), (0, 0));
}

#[tokio::test]
async fn a_question_outside_of_any_course_is_answered_without_passages() {
    let world = World::new().await;
    let process = world.process(None).await;
    let seen = process.ask(StartTurnRequest { page: None, ..question("What is a move?") }).await;
    assert!(!seen.kinds().contains(&"citation"));
    assert_eq!(world.state(&seen.turn_id).await, "completed");
}

#[tokio::test]
async fn a_published_version_is_indexed_when_its_event_is_heard() {
    let world = World::new().await;
    let deps = world.deps(None).await;
    let index: Arc<dyn PassageIndex> = Arc::new(EmbeddedIndex::default());
    let keeper = IndexKeeper::new(Arc::clone(&index), Material::new(&deps.peers), Duration::from_hours(1));
    let (listener, shutdown) = (keeper.listener(), tokio_util::sync::CancellationToken::new());
    let running = runtime::spawn("keeper", keeper.run(shutdown.clone()));
    let indexed = |version: &'static str| {
        let index = Arc::clone(&index);
        async move {
            testkit::eventually("the version is indexed", || async {
                index.versions().await.ok()?.iter().any(|course| course.version == version).then_some(())
            })
            .await;
        }
    };
    indexed("v1").await;
    world.fakes.republish();
    let event = eventstore::RecordedEvent {
        store: "curriculum".into(),
        position: 1,
        stream: "course-crs_rust".into(),
        version: 1,
        event_type: "course.published".into(),
        schema: 1,
        data: Vec::new(),
        meta: eventstore::RecordedMeta::default(),
        at: kernel::Clock::now(world.clock.as_ref()),
    };
    let mut connection = deps.pool.acquire().await.unwrap();
    listener.apply(&mut connection, &event).await.unwrap();
    indexed("v2").await;
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn the_built_service_indexes_publishes_and_reports_ready() {
    let world = World::new().await;
    let nats = testkit::nats().await;
    let deps = world.deps(Some(nats.client().await)).await;
    let health = deps.health.clone();
    let options = Options { model: None, limits: quick() };
    let service = build(options, deps).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (token, shutdown) = (SecretString::from("internal"), tokio_util::sync::CancellationToken::new());
    let stop = shutdown.clone();
    let serving = runtime::spawn("service", async move {
        runtime::serve(service, Some(listener), &SecretString::from("internal"), stop).await
    });
    let peers = runtime::Peers::new(&[(NAME.to_owned(), address)].into(), &token).unwrap();
    let mut client = TutorAgentClient::new(peers.channel(NAME));
    testkit::eventually("the index is ready", || {
        let mut client = client.clone();
        async move {
            let mut stream =
                client.start_turn(question("What is a move of a String?")).await.ok()?.into_inner();
            let mut seen = Seen::default();
            while let Some(event) = stream.message().await.ok()? {
                seen.take(event);
            }
            seen.kinds().contains(&"citation").then_some(())
        }
    })
    .await;
    client.start_turn(question("Again?")).await.unwrap();
    let store = Store::new(world.db.pool(SCHEMA), SCHEMA);
    testkit::eventually("events are sequenced", || async { (store.head().await.ok()? >= 4).then_some(()) })
        .await;
    let mut report = health.report().await;
    let listening = report.checks.remove("tutor-agent/course.published").unwrap();
    assert!(listening.detail.contains("stream not found"), "nobody publishes courses here: {listening:?}");
    assert!(report.is_ready(), "{report:?}");
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}
