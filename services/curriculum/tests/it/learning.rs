use api::common::Caller;
use api::curriculum::{GetAssetRequest, ListCoursesRequest, UnlockPolicy};

use crate::support::{answer, instructor, reason, student, two_stages, world, write};

#[tokio::test]
async fn anyone_may_look_at_a_course_and_its_outline() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    let courses = world
        .curriculum()
        .list_courses(ListCoursesRequest { caller: None })
        .await
        .unwrap()
        .into_inner()
        .courses;
    let [course] = courses.as_slice() else { panic!("one course") };
    assert_eq!((course.title.as_str(), course.stage_count, course.lesson_count), ("Sums", 2, 3));
    assert!(!course.enrolled);

    let course = world.course(None).await;
    assert_eq!((course.description.as_str(), course.unlock()), ("On sums.", UnlockPolicy::Sequential));
    assert_eq!(course.next_lesson, None);
    let [basics, beyond] = course.stages.as_slice() else { panic!("two stages") };
    assert!(basics.unlocked && basics.unlocks_when.is_none());
    assert!(!beyond.unlocked && beyond.lessons[0].locked);
    assert_eq!(beyond.unlocks_when.as_deref(), Some("Complete every lesson of stage 1, “Basics”."));
    let shown: Vec<_> = basics
        .lessons
        .iter()
        .map(|lesson| (lesson.slug.as_str(), lesson.number.as_deref(), lesson.exercise_count))
        .collect();
    assert_eq!(shown, [("one", Some("1"), 1), ("sub-two", Some("2"), 0)]);
}

#[tokio::test]
async fn a_lesson_needs_a_proven_address_an_enrolment_and_an_open_stage() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    let unproven = Caller { email_verified: false, ..student("ann") };
    assert_eq!(reason(world.lesson("one", unproven.clone()).await), "EMAIL_NOT_VERIFIED");
    assert_eq!(reason(world.enrol(unproven).await), "EMAIL_NOT_VERIFIED");
    assert_eq!(reason(world.lesson("one", student("ann")).await), "NOT_ENROLLED");
    assert_eq!(reason(world.complete("one", student("ann")).await), "NOT_ENROLLED");
    assert_eq!(reason(world.lesson("one", Caller::default()).await), "UNAUTHENTICATED");

    assert_eq!(world.enrol(student("ann")).await, Ok(true));
    assert_eq!(world.enrol(student("ann")).await, Ok(false));
    assert_eq!(reason(world.lesson("none", student("ann")).await), "LESSON_NOT_FOUND");
    let locked = world.lesson("three", student("ann")).await.unwrap_err();
    assert_eq!(&*locked.reason, "STAGE_LOCKED");
    assert_eq!(locked.metadata["stage_title"], "Beyond");
    assert_eq!(locked.metadata["unlocks_when"], "Complete every lesson of stage 1, “Basics”.");
    assert_eq!(reason(world.complete("three", student("ann")).await), "STAGE_LOCKED");

    let lesson = world.lesson("sub-two", student("ann")).await.unwrap();
    assert_eq!(
        (lesson.course_title.as_str(), lesson.stage_ordinal, lesson.stage_title.as_str()),
        ("Sums", 1, "Basics")
    );
    assert!(lesson.html.contains("href=\"/courses/sums/lessons/one#one\""), "{}", lesson.html);
    assert!(lesson.html.contains("src=\"/api/v1/courses/sums/assets/img/p.png\""), "{}", lesson.html);
    assert_eq!(lesson.prev.unwrap().slug, "one");
    let next = lesson.next.unwrap();
    assert_eq!((next.slug.as_str(), next.locked), ("three", true));
    let lesson = world.lesson("one", student("ann")).await.unwrap();
    assert!(lesson.html.contains("<section class=\"exercise\" data-exercise=\"sum\" id=\"exercise-sum\">"));
    assert_eq!(lesson.exercises[0].expected_points, ["carry"]);
    assert_eq!((lesson.headings[0].level, lesson.headings[0].anchor.as_str()), (1, "one"));
}

#[tokio::test]
async fn completing_every_lesson_of_a_stage_opens_the_next() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    world.enrol(student("ann")).await.unwrap();
    world.enrol(student("bob")).await.unwrap();
    let done = world.complete("one", student("ann")).await.unwrap();
    assert_eq!((done.lessons_completed, done.lessons_total, done.unlocked_stage), (1, 3, None));
    let again = world.complete("one", student("ann")).await.unwrap();
    assert_eq!((again.lessons_completed, again.unlocked_stage), (1, None));
    let done = world.complete("sub-two", student("ann")).await.unwrap();
    assert_eq!((done.unlocked_stage, done.unlocked_stage_title.as_deref()), (Some(2), Some("Beyond")));

    assert!(world.lesson("three", student("ann")).await.is_ok());
    assert_eq!(reason(world.lesson("three", student("bob")).await), "STAGE_LOCKED");
    let course = world.course(Some(student("ann"))).await;
    assert_eq!(
        (course.enrolled, course.lessons_completed, course.next_lesson.as_deref()),
        (true, 2, Some("three"))
    );
    assert_eq!(
        world.event_types().await,
        [
            "course.published",
            "enrolment.started",
            "enrolment.started",
            "enrolment.lesson_completed",
            "enrolment.lesson_completed",
            "enrolment.stage_unlocked"
        ]
    );
}

#[tokio::test]
async fn completing_a_lesson_twice_at_once_counts_once() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    world.enrol(student("ann")).await.unwrap();
    let (one, other) =
        tokio::join!(world.complete("one", student("ann")), world.complete("one", student("ann")));
    assert_eq!((one.unwrap().lessons_completed, other.unwrap().lessons_completed), (1, 1));
    assert_eq!(world.event_types().await.len(), 3);
}

#[tokio::test]
async fn instructors_read_everything_without_enrolling() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    let lesson = world.lesson("three", instructor()).await.unwrap();
    assert!(!lesson.prev.unwrap().locked);
    let course = world.course(Some(instructor())).await;
    assert!(!course.enrolled && course.stages.iter().all(|stage| stage.unlocked));
    assert_eq!(reason(world.complete("three", instructor()).await), "NOT_ENROLLED");
    let unproven = Caller { email_verified: false, ..instructor() };
    assert_eq!(reason(world.lesson("one", unproven).await), "EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn progress_outlives_a_new_version() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    world.enrol(student("ann")).await.unwrap();
    world.complete("one", student("ann")).await.unwrap();
    world.complete("sub-two", student("ann")).await.unwrap();
    let summary = "# Summary\n\n# Basics\n\n- [Zero](zero.md)\n- [One, renamed](one.md)\n\n# Beyond\n\n- [Three](three.md)\n";
    write(dir.path(), &[("src/SUMMARY.md", summary), ("src/zero.md", "# Zero\n")]);
    world.import(dir.path()).await.unwrap();
    let course = world.course(Some(student("ann"))).await;
    let lessons = &course.stages[0].lessons;
    let shown: Vec<_> = lessons.iter().map(|lesson| (lesson.title.as_str(), lesson.completed)).collect();
    assert_eq!(shown, [("Zero", false), ("One, renamed", true)]);
    assert_eq!((course.lessons_completed, course.lessons_total), (1, 3));
    // Opened once, open for ever.
    assert!(world.lesson("three", student("ann")).await.is_ok());
    assert_eq!(reason(world.lesson("sub-two", student("ann")).await), "LESSON_NOT_FOUND");
    // The last lesson of stage 1 opens what is open already: nothing to report.
    assert_eq!(world.complete("zero", student("ann")).await.unwrap().unlocked_stage, None);
}

#[tokio::test]
async fn an_open_course_locks_nothing() {
    let (world, dir) = (world().await, two_stages());
    write(dir.path(), &[("book.toml", "[intellistack]\nunlock = \"open\"\n")]);
    world.import(dir.path()).await.unwrap();
    world.enrol(student("ann")).await.unwrap();
    assert!(world.lesson("three", student("ann")).await.is_ok());
    assert_eq!(world.course(None).await.unlock(), UnlockPolicy::Open);
}

#[tokio::test]
async fn images_are_served_with_their_type_and_hash() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    let get = |course: &str, path: &str| {
        let request = GetAssetRequest { course_slug: course.to_owned(), path: path.to_owned() };
        let mut client = world.curriculum();
        async move { answer(client.get_asset(request).await) }
    };
    let asset = get("sums", "img/p.png").await.unwrap();
    assert_eq!(
        (asset.content_type.as_str(), asset.body.as_slice()),
        ("image/png", &b"not really a picture"[..])
    );
    assert_eq!(asset.etag.len(), 64);
    for (course, path) in [("sums", "one.md"), ("sums", "../book.toml"), ("none", "img/p.png")] {
        assert_eq!(reason(get(course, path).await), "ASSET_NOT_FOUND");
    }
}

#[tokio::test]
async fn an_unknown_course_is_not_found() {
    let world = world().await;
    assert_eq!(reason(world.lesson("one", student("ann")).await), "COURSE_NOT_FOUND");
    assert_eq!(reason(world.enrol(student("ann")).await), "COURSE_NOT_FOUND");
    assert_eq!(reason(world.complete("one", student("ann")).await), "COURSE_NOT_FOUND");
}
