use std::fs;
use std::path::Path;

use api::common::{Caller, Role};
use api::curriculum::course_material_client::CourseMaterialClient;
use api::curriculum::curriculum_client::CurriculumClient;
use api::curriculum::{
    CompleteLessonRequest, CompleteLessonResponse, Course, EnrolRequest, GetCourseRequest, GetLessonRequest,
    Lesson, ListVersionsRequest,
};
use curriculum::{ImportDeps, ImportError, ImportOptions, ImportReport, import_course};
use eventstore::Store;
use kernel::Error;
use runtime::{Deps, Health, PeerChannel, Service};
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::{TestDb, TestNats};
use tonic::{Response, Status};

pub struct World {
    pub db: TestDb,
    pub deps: Deps,
    pub importing: ImportDeps,
    channel: PeerChannel,
    _nats: TestNats,
}

pub async fn world() -> World {
    let migrators = [&eventstore::MIGRATOR, &curriculum::MIGRATOR];
    let db = testkit::database(&[(curriculum::SCHEMA, &migrators)]).await;
    let nats = testkit::nats().await;
    let pool = db.pool(curriculum::SCHEMA);
    let deps = Deps {
        clock: testkit::clock(),
        entropy: testkit::entropy(),
        pool: pool.clone(),
        nats: nats.client().await,
        namespace: "test".to_owned(),
        peers: testkit::peers_for([]),
        health: Health::default(),
    };
    let importing = ImportDeps {
        store: Store::new(pool, curriculum::SCHEMA),
        clock: testkit::clock(),
        entropy: testkit::entropy(),
    };
    let channel = testkit::peer_for(service(&deps).into_routes().unwrap());
    World { db, deps, importing, channel, _nats: nats }
}

pub fn service(deps: &Deps) -> Service {
    curriculum::build(curriculum::Options {}, deps.clone()).unwrap()
}

/// A directory with these files.
pub fn book(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    dir
}

pub fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let file = dir.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

pub const EXERCISE: &str = "```exercise\nid = \"sum\"\ntitle = \"A sum\"\nprompt = \"What is 40 + 2?\"\npoints = [\"carry\"]\nanswer_key = \"SECRET-KEY is forty-two\"\nanswer_forms = [\"SECRET-FORM 42\"]\n```\n";

/// Two stages of two and one lessons.
pub fn two_stages() -> TempDir {
    let first = format!(
        "# One\n\nThe first lesson says what a sum is, in more than eighty characters, so that it is a passage.\n\n{EXERCISE}"
    );
    book(&[
        ("book.toml", "[book]\ntitle = \"Sums\"\ndescription = \"On sums.\"\n"),
        (
            "src/SUMMARY.md",
            "# Summary\n\n# Basics\n\n- [One](one.md)\n- [Two](sub/two.md)\n\n# Beyond\n\n- [Three](three.md)\n",
        ),
        ("src/one.md", &first),
        ("src/sub/two.md", "# Two\n\nSee [the first](../one.md#one) and ![a picture](../img/p.png).\n"),
        ("src/three.md", "# Three\n\nFurther.\n"),
        ("src/img/p.png", "not really a picture"),
    ])
}

pub fn student(name: &str) -> Caller {
    Caller { user_id: name.to_owned(), role: Role::Student.into(), email_verified: true }
}

pub fn instructor() -> Caller {
    Caller { user_id: "teacher".to_owned(), role: Role::Instructor.into(), email_verified: true }
}

impl World {
    pub async fn import(&self, dir: &Path) -> Result<ImportReport, ImportError> {
        let options = ImportOptions { slug: Some("sums".to_owned()), unlock: None };
        import_course(&self.importing, dir, options, &()).await
    }

    pub fn curriculum(&self) -> CurriculumClient<PeerChannel> {
        CurriculumClient::new(self.channel.clone())
    }

    pub fn material(&self) -> CourseMaterialClient<PeerChannel> {
        CourseMaterialClient::new(self.channel.clone())
    }

    pub async fn course(&self, caller: Option<Caller>) -> Course {
        let request = GetCourseRequest { slug: "sums".to_owned(), caller };
        self.curriculum().get_course(request).await.unwrap().into_inner().course.unwrap()
    }

    pub async fn enrol(&self, caller: Caller) -> Result<bool, Error> {
        let request = EnrolRequest { course_slug: "sums".to_owned(), caller: Some(caller) };
        answer(self.curriculum().enrol(request).await).map(|answer| answer.created)
    }

    pub async fn lesson(&self, slug: &str, caller: Caller) -> Result<Lesson, Error> {
        let request = GetLessonRequest {
            course_slug: "sums".to_owned(),
            lesson_slug: slug.to_owned(),
            caller: Some(caller),
        };
        answer(self.curriculum().get_lesson(request).await).map(|answer| answer.lesson.unwrap())
    }

    pub async fn complete(&self, slug: &str, caller: Caller) -> Result<CompleteLessonResponse, Error> {
        let request = CompleteLessonRequest {
            course_slug: "sums".to_owned(),
            lesson_slug: slug.to_owned(),
            caller: Some(caller),
        };
        answer(self.curriculum().complete_lesson(request).await)
    }

    /// Id and version of the only course.
    pub async fn version(&self) -> (String, String) {
        let versions =
            self.material().list_versions(ListVersionsRequest {}).await.unwrap().into_inner().versions;
        let [only] = versions.as_slice() else { panic!("one course, not {versions:?}") };
        (only.course_id.clone(), only.version.clone())
    }

    /// Types of all events, in the order they were written.
    pub async fn event_types(&self) -> Vec<String> {
        sqlx::query_scalar("select type from events order by pos").fetch_all(&self.deps.pool).await.unwrap()
    }
}

/// The number of rows of each table that an import writes.
pub async fn counts(pool: &PgPool) -> Vec<i64> {
    sqlx::query_scalar(
        "select count(*) from events union all select count(*) from courses
         union all select count(*) from course_versions union all select count(*) from lessons
         union all select count(*) from passages union all select count(*) from answer_keys
         union all select count(*) from assets",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

pub fn answer<T>(outcome: Result<Response<T>, Status>) -> Result<T, Error> {
    outcome.map(Response::into_inner).map_err(|status| api::from_status(&status))
}

pub fn reason<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    outcome.unwrap_err().reason.into_owned()
}
