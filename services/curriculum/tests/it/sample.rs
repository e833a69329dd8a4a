use std::path::Path;

use api::curriculum::GetCourseRequest;
use curriculum::{ImportOptions, ImportOutcome, import_course};

use crate::support::world;

/// The course that comes with the product.
#[tokio::test]
async fn the_sample_course_is_imported_without_a_single_complaint() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../courses/algorithms");
    let world = world().await;
    let import = || import_course(&world.importing, &dir, ImportOptions::default(), &());
    let report = import().await.unwrap();
    assert_eq!(report.skipped, []);
    assert!(report.exercises > 0 && report.passages > report.lessons, "{report:?}");
    assert_eq!(import().await.unwrap().outcome, ImportOutcome::Unchanged);
    let request = GetCourseRequest { slug: report.slug, caller: None };
    let course = world.curriculum().get_course(request).await.unwrap().into_inner().course.unwrap();
    assert_eq!(course.stages.len(), report.stages);
}
