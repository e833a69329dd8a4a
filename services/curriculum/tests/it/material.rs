use api::common::Caller;
use api::curriculum::{GetAccessRequest, GetAnswerKeysRequest, ListPassagesRequest, Passage};
use api::eventlog::ReadRequest;
use api::eventlog::event_log_client::EventLogClient;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::support::{World, answer, instructor, reason, service, student, two_stages, world, write};

async fn passages(world: &World, course_id: &str, version: &str) -> Result<Vec<Passage>, kernel::Error> {
    let request = ListPassagesRequest { course_id: course_id.to_owned(), version: version.to_owned() };
    let mut stream = answer(world.material().list_passages(request).await)?;
    let mut passages = Vec::new();
    while let Some(passage) = stream.message().await.map_err(|status| api::from_status(&status))? {
        passages.push(passage);
    }
    Ok(passages)
}

async fn access(world: &World, caller: Caller) -> Result<api::curriculum::GetAccessResponse, kernel::Error> {
    let request = GetAccessRequest { course_slug: "sums".to_owned(), caller: Some(caller) };
    answer(world.material().get_access(request).await)
}

#[tokio::test]
async fn access_tells_the_stages_of_a_student_and_all_of_them_to_staff() {
    let (world, dir) = (world().await, two_stages());
    let report = world.import(dir.path()).await.unwrap();
    assert_eq!(reason(access(&world, student("ann")).await), "NOT_ENROLLED");
    assert_eq!(
        reason(access(&world, Caller { email_verified: false, ..student("ann") }).await),
        "EMAIL_NOT_VERIFIED"
    );
    world.enrol(student("ann")).await.unwrap();
    let granted = access(&world, student("ann")).await.unwrap();
    assert_eq!(
        (granted.highest_stage, &granted.version, &granted.course_id),
        (1, &report.version, &report.course_id)
    );
    assert_eq!((granted.lesson_stage["sub-two"], granted.lesson_stage["three"]), (1, 2));
    world.complete("one", student("ann")).await.unwrap();
    world.complete("sub-two", student("ann")).await.unwrap();
    assert_eq!(access(&world, student("ann")).await.unwrap().highest_stage, 2);
    assert_eq!(access(&world, instructor()).await.unwrap().highest_stage, 2);
}

#[tokio::test]
async fn passages_come_in_reading_order_and_also_of_the_version_before() {
    let (world, dir) = (world().await, two_stages());
    let first = world.import(dir.path()).await.unwrap();
    let listed = passages(&world, &first.course_id, &first.version).await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|passage| passage.id.as_str()).collect();
    assert_eq!(ids, ["one#one/0", "sub-two#two/0", "three#three/0"]);
    assert_eq!(listed.iter().map(|passage| passage.order).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(listed[2].stage, 2);
    assert_eq!(listed[0].breadcrumb, ["Sums", "Basics", "One"]);
    assert_eq!(
        (listed[1].lesson_title.as_str(), listed[1].text.as_str()),
        ("Two", "See the first and a picture.")
    );

    for text in ["# Three\n\nB.\n", "# Three\n\nC.\n"] {
        let before = world.version().await;
        write(dir.path(), &[("src/three.md", text)]);
        world.import(dir.path()).await.unwrap();
        assert_eq!(passages(&world, &before.0, &before.1).await.unwrap().len(), 3);
    }
    assert_eq!(reason(passages(&world, &first.course_id, &first.version).await), "COURSE_VERSION_NOT_FOUND");
}

#[tokio::test]
async fn only_get_answer_keys_tells_answers() {
    let (world, dir) = (world().await, two_stages());
    let report = world.import(dir.path()).await.unwrap();
    let request = |lesson: &str, version: &str| GetAnswerKeysRequest {
        course_id: report.course_id.clone(),
        version: version.to_owned(),
        lesson_slug: lesson.to_owned(),
    };
    let get = |request| {
        let mut client = world.material();
        async move { answer(client.get_answer_keys(request).await).map(|answer| answer.keys) }
    };
    let keys = get(request("one", &report.version)).await.unwrap();
    let [key] = keys.as_slice() else { panic!("one key") };
    assert_eq!((key.exercise_id.as_str(), key.answer_key.as_str()), ("sum", "SECRET-KEY is forty-two"));
    assert_eq!(
        (&*key.answer_forms, key.prompt.as_str()),
        (&["SECRET-FORM 42".to_owned()][..], "What is 40 + 2?")
    );
    assert_eq!(get(request("three", &report.version)).await.unwrap(), []);
    // A guard must not take "I do not know" for "there is nothing to guard".
    assert_eq!(reason(get(request("none", &report.version)).await), "LESSON_NOT_FOUND");
    assert_eq!(reason(get(request("one", "another")).await), "COURSE_VERSION_NOT_FOUND");

    let mut seen = vec![format!("{:?}", world.course(Some(instructor())).await)];
    for slug in ["one", "sub-two", "three"] {
        seen.push(format!("{:?}", world.lesson(slug, instructor()).await.unwrap()));
    }
    seen.push(format!("{:?}", passages(&world, &report.course_id, &report.version).await.unwrap()));
    seen.push(format!("{report:?}"));
    // Everything in the database but the one table: events, lessons, passages, the outbox.
    let tables: Vec<String> =
        sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'curriculum' and tablename <> 'answer_keys'")
            .fetch_all(&world.db.superuser())
            .await
            .unwrap();
    assert!(tables.len() > 8, "{tables:?}");
    for table in tables {
        let rows = format!(
            "select coalesce(string_agg(t::text || encode(convert_to(t::text, 'UTF8'), 'escape'), ''), '') from curriculum.{table} t"
        );
        seen.push(
            sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&world.db.superuser()).await.unwrap(),
        );
    }
    let events: Vec<Vec<u8>> =
        sqlx::query_scalar("select data from events").fetch_all(&world.deps.pool).await.unwrap();
    seen.extend(events.iter().map(|data| String::from_utf8_lossy(data).into_owned()));
    for text in seen {
        assert!(!text.contains("SECRET") && !text.contains("forty-two"), "{text}");
    }
}

#[tokio::test]
async fn events_get_positions_and_are_read_through_the_event_log() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    world.enrol(student("ann")).await.unwrap();
    let shutdown = CancellationToken::new();
    let (token, stop) = (SecretString::from("x"), shutdown.clone());
    let running = service(&world.deps);
    let served = runtime::spawn("service", async move { runtime::serve(running, None, &token, stop).await });
    let log = EventLogClient::new(testkit::peer_for(service(&world.deps).into_routes().unwrap()));
    let types = testkit::eventually("both events are in the log", || {
        let mut log = log.clone();
        async move {
            let request = ReadRequest { store: "curriculum".to_owned(), after: 0, limit: 10 };
            let events = log.read(request).await.unwrap().into_inner().events;
            (events.len() == 2).then(|| events.into_iter().map(|event| event.r#type).collect::<Vec<_>>())
        }
    })
    .await;
    assert_eq!(types, ["course.published", "enrolment.started"]);
    let report = testkit::eventually("the service is ready", || async {
        let report = world.deps.health.report().await;
        report.is_ready().then_some(report)
    })
    .await;
    assert!(report.checks.contains_key("curriculum/postgres"), "{report:?}");
    shutdown.cancel();
    served.await.unwrap().unwrap();
}
