use std::fs;
use std::sync::Mutex;

use curriculum::{ImportError, ImportOptions, ImportOutcome, ImportProgress, UnlockPolicy, import_course};

use crate::support::{EXERCISE, book, counts, two_stages, world, write};

#[tokio::test]
async fn a_book_becomes_a_course_once() {
    let (world, dir) = (world().await, two_stages());
    let report = world.import(dir.path()).await.unwrap();
    assert_eq!(report.outcome, ImportOutcome::Created);
    assert_eq!((report.stages, report.lessons, report.exercises, report.assets), (2, 3, 1, 1));
    assert_eq!(report.skipped, []);
    let written = counts(&world.deps.pool).await;

    let again = world.import(dir.path()).await.unwrap();
    assert_eq!(again.outcome, ImportOutcome::Unchanged);
    assert_eq!((&again.version, &again.course_id), (&report.version, &report.course_id));
    assert_eq!(counts(&world.deps.pool).await, written);
    assert_eq!(world.event_types().await, ["course.published"]);
}

#[tokio::test]
async fn any_change_publishes_a_new_version_of_the_same_course() {
    let (world, dir) = (world().await, two_stages());
    let first = world.import(dir.path()).await.unwrap();
    let mut versions = vec![first.version];
    for change in [
        ("src/three.md", "# Three\n\nEven further.\n"),
        ("src/img/p.png", "another picture"),
        ("book.toml", "[book]\ntitle = \"Sums\"\n[intellistack]\nunlock = \"open\"\n"),
    ] {
        write(dir.path(), &[change]);
        let report = world.import(dir.path()).await.unwrap();
        assert_eq!((report.outcome, &report.course_id), (ImportOutcome::Updated, &first.course_id));
        assert!(!versions.contains(&report.version), "{change:?}");
        versions.push(report.version);
    }
    assert_eq!(world.event_types().await, ["course.published"; 4]);
    // The one published now and the one before.
    assert_eq!(counts(&world.deps.pool).await[2], 2);
    // An option of the past holds until it is given anew.
    let options = ImportOptions { slug: Some("sums".to_owned()), unlock: Some(UnlockPolicy::Sequential) };
    let report = import_course(&world.importing, dir.path(), options, &()).await.unwrap();
    assert_eq!((report.outcome, report.unlock), (ImportOutcome::Updated, UnlockPolicy::Sequential));
}

#[tokio::test]
async fn a_version_that_comes_back_is_published_again() {
    let (world, dir) = (world().await, two_stages());
    let first = world.import(dir.path()).await.unwrap();
    let old = fs::read_to_string(dir.path().join("src/three.md")).unwrap();
    write(dir.path(), &[("src/three.md", "# Three\n\nOther.\n")]);
    world.import(dir.path()).await.unwrap();
    write(dir.path(), &[("src/three.md", &old)]);
    let back = world.import(dir.path()).await.unwrap();
    assert_eq!((back.outcome, back.version), (ImportOutcome::Updated, first.version));
}

#[tokio::test]
async fn an_image_that_is_no_longer_shown_is_no_longer_served() {
    let (world, dir) = (world().await, two_stages());
    world.import(dir.path()).await.unwrap();
    write(dir.path(), &[("src/sub/two.md", "# Two\n\nNo picture.\n")]);
    let report = world.import(dir.path()).await.unwrap();
    assert_eq!((report.assets, counts(&world.deps.pool).await[6]), (0, 0));
}

#[tokio::test]
async fn what_is_bad_in_a_book_is_left_out_and_reported() {
    let world = world().await;
    let dir = book(&[
        (
            "src/SUMMARY.md",
            "# Summary\n\n[Preface](preface.md)\n\n- [Good](good.md)\n- [Draft]()\n- [Missing](missing.md)\n- [Latin](latin.md)\n- [Huge](huge.md)\n- [Outside](../../outside.md)\n\n[End](end.md)\n",
        ),
        ("src/preface.md", "Hello.\n"),
        (
            "src/good.md",
            "![big](big.png) ![exe](x.exe) ![gone](gone.png) [dead](nowhere.md) {{#quiz a.toml}}\n",
        ),
        ("src/huge.md", &"x".repeat(2 * 1024 * 1024 + 1)),
        ("src/x.exe", "x"),
        ("src/end.md", "Bye.\n"),
    ]);
    fs::write(dir.path().join("src/latin.md"), b"caf\xe9").unwrap();
    fs::write(dir.path().join("src/big.png"), vec![0; 10 * 1024 * 1024 + 1]).unwrap();
    let report = world.import(dir.path()).await.unwrap();
    let skipped: Vec<String> = report.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        skipped,
        [
            "src/good.md:1: {{#quiz a.toml}} was left out: this is no part of mdBook itself",
            "src/SUMMARY.md: “Draft” is a draft: it has no page yet",
            "src/missing.md: the page “Missing” was left out: there is no such file",
            "src/latin.md: the page “Latin” was left out: it is not UTF-8 text",
            "src/huge.md: the page “Huge” was left out: it is larger than 2 MiB",
            "src/../../outside.md: the page “Outside” was left out: it lies outside of the book",
            "src/good.md: the image src/big.png was left out: it is larger than 10 MiB",
            "src/good.md: the image src/gone.png was left out: there is no such file",
            "src/good.md: the image src/x.exe was left out: it is no image by its name",
            "src/good.md: 1 of its links lead to no page of the book, the first to nowhere.md",
        ]
    );
    let course = world.course(None).await;
    let stages: Vec<&str> = course.stages.iter().map(|stage| stage.title.as_str()).collect();
    assert_eq!(stages, ["Introduction", "Good", "Appendix"]);
}

#[tokio::test]
async fn a_book_that_cannot_be_imported_leaves_nothing_behind() {
    let world = world().await;
    let page = |text: &str| format!("# One\n\n{text}");
    let broken = EXERCISE.replace("answer_key", "answerkey");
    let (twice, broken) = (page(&format!("{EXERCISE}\n{EXERCISE}")), page(&broken));
    let summary = "# Summary\n\n- [One](one.md)\n";
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("is no book", vec![("README.md", "hello")]),
        ("book.toml line 2", vec![("book.toml", "[book]\ntitle = \n"), ("src/SUMMARY.md", summary)]),
        ("SUMMARY.md line 4", vec![("src/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- no link\n")]),
        ("no page that can be imported", vec![("src/SUMMARY.md", "# Summary\n")]),
        ("src/one.md: the page", vec![("src/SUMMARY.md", summary)]),
        (
            "src/one.md:8: the exercise cannot be read",
            vec![("src/SUMMARY.md", summary), ("src/one.md", &broken)],
        ),
        ("is taken by src/one.md:3", vec![("src/SUMMARY.md", summary), ("src/one.md", &twice)]),
    ];
    for (says, files) in cases {
        let dir = book(&files);
        let error = world.import(dir.path()).await.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
    let options = ImportOptions { slug: Some("../x".to_owned()), unlock: None };
    let error = import_course(&world.importing, two_stages().path(), options, &()).await.unwrap_err();
    assert!(matches!(error, ImportError::Slug(_)), "{error}");
    let missing = two_stages().path().join("none");
    assert!(matches!(world.import(&missing).await, Err(ImportError::Read { .. })));
    assert_eq!(counts(&world.deps.pool).await, [0; 7]);
}

#[tokio::test]
async fn a_failure_in_the_middle_of_writing_leaves_the_old_version_whole() {
    let (world, dir) = (world().await, two_stages());
    let report = world.import(dir.path()).await.unwrap();
    let before = counts(&world.deps.pool).await;
    sqlx::query("alter table curriculum.answer_keys add constraint refuse check (title <> 'Refused')")
        .execute(&world.db.superuser())
        .await
        .unwrap();
    let refused = EXERCISE.replace("A sum", "Refused");
    write(dir.path(), &[("src/one.md", &refused)]);
    assert!(matches!(world.import(dir.path()).await, Err(ImportError::Store(_))));
    assert_eq!(counts(&world.deps.pool).await, before);
    assert_eq!(world.version().await, (report.course_id, report.version));
}

#[tokio::test]
async fn two_imports_at_the_same_time_make_one_course() {
    let (world, dir) = (world().await, two_stages());
    let both = [world.import(dir.path()), world.import(dir.path())];
    let [one, other] = both.map(Box::pin);
    let (one, other) = tokio::join!(one, other);
    for outcome in [one, other] {
        assert!(matches!(outcome, Ok(_) | Err(ImportError::Raced(_))), "{outcome:?}");
    }
    world.version().await;
    assert_eq!(world.event_types().await, ["course.published"]);
}

#[tokio::test]
async fn an_import_tells_how_far_it_is() {
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);
    impl Told {
        fn tell(&self, what: String) {
            self.0.lock().unwrap().push(what);
        }
    }
    impl ImportProgress for Told {
        fn started(&self, pages: usize) {
            self.tell(format!("{pages} pages"));
        }
        fn page(&self, title: &str) {
            self.tell(title.to_owned());
        }
        fn publishing(&self) {
            self.tell("publishing".to_owned());
        }
    }
    let (world, dir, told) = (world().await, two_stages(), Told::default());
    let options = ImportOptions { slug: Some("sums".to_owned()), unlock: None };
    import_course(&world.importing, dir.path(), options, &told).await.unwrap();
    assert_eq!(*told.0.lock().unwrap(), ["3 pages", "One", "Two", "Three", "publishing"]);
}
