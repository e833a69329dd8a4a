use api::curriculum::course_material_server::CourseMaterial;
use api::curriculum::{
    AnswerKey, CourseVersion, GetAccessRequest, GetAccessResponse, GetAnswerKeysRequest,
    GetAnswerKeysResponse, ListPassagesRequest, ListVersionsRequest, ListVersionsResponse, Passage,
};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use kernel::{CourseId, Error};
use tonic::{Request, Response, Status};

use super::{Grpc, known, status};
use crate::domain::access::{Viewer, check_course};
use crate::error;
use crate::postgres::contents::{self, PassageRow, VersionKey};
use crate::postgres::courses;

#[async_trait]
impl CourseMaterial for Grpc {
    type ListPassagesStream = BoxStream<'static, Result<Passage, Status>>;

    async fn get_access(
        &self,
        request: Request<GetAccessRequest>,
    ) -> Result<Response<GetAccessResponse>, Status> {
        let request = request.into_inner();
        let viewer = known(request.caller).map_err(status)?;
        self.access(&request.course_slug, &viewer).await.map(Response::new).map_err(status)
    }

    async fn list_versions(
        &self,
        _: Request<ListVersionsRequest>,
    ) -> Result<Response<ListVersionsResponse>, Status> {
        let courses = courses::list(self.0.store.pool()).await.map_err(|error| status(error.into()))?;
        let version = |course: courses::Summary| CourseVersion {
            course_id: course.id.into_string(),
            slug: course.slug,
            version: course.version,
        };
        Ok(Response::new(ListVersionsResponse { versions: courses.into_iter().map(version).collect() }))
    }

    async fn list_passages(
        &self,
        request: Request<ListPassagesRequest>,
    ) -> Result<Response<Self::ListPassagesStream>, Status> {
        let ListPassagesRequest { course_id, version } = request.into_inner();
        let passages = self.passages(&CourseId::from(course_id), &version).await.map_err(status)?;
        Ok(Response::new(stream::iter(passages.into_iter().map(|row| Ok(passage(row)))).boxed()))
    }

    async fn get_answer_keys(
        &self,
        request: Request<GetAnswerKeysRequest>,
    ) -> Result<Response<GetAnswerKeysResponse>, Status> {
        let request = request.into_inner();
        self.answer_keys(request)
            .await
            .map(|keys| Response::new(GetAnswerKeysResponse { keys }))
            .map_err(status)
    }
}

impl Grpc {
    async fn access(&self, slug: &str, viewer: &Viewer) -> Result<GetAccessResponse, Error> {
        let outline = self.0.course(slug).await?;
        let enrolment = self.enrolment(&outline, Some(viewer)).await?;
        let highest_stage =
            check_course(viewer, &outline, &enrolment).map_err(|denied| error::denied(&denied, &outline))?;
        Ok(GetAccessResponse {
            course_id: outline.id.to_string(),
            version: outline.version,
            course_title: outline.title,
            highest_stage,
            lesson_stage: outline.lessons.into_iter().map(|lesson| (lesson.slug, lesson.stage)).collect(),
        })
    }

    async fn passages(&self, course: &CourseId, version: &str) -> Result<Vec<PassageRow>, Error> {
        let key = VersionKey { course, version };
        let passages = contents::passages(self.0.store.pool(), key).await?;
        // A version without any passage is one of pictures alone, or none.
        if passages.is_empty() {
            self.check_version(key).await?;
        }
        Ok(passages)
    }

    async fn answer_keys(&self, request: GetAnswerKeysRequest) -> Result<Vec<AnswerKey>, Error> {
        let course = CourseId::from(request.course_id);
        let key = VersionKey { course: &course, version: &request.version };
        let keys = contents::answer_keys(self.0.store.pool(), key, &request.lesson_slug).await?;
        // No keys must mean that there is no exercise: a guard relies on it.
        if keys.is_empty() {
            self.check_version(key).await?;
            let lesson = contents::lesson(self.0.store.pool(), key, &request.lesson_slug).await?;
            lesson.ok_or_else(error::lesson_not_found)?;
        }
        let answer = |exercise: crate::domain::content::Exercise| AnswerKey {
            exercise_id: exercise.id,
            title: exercise.title,
            prompt: exercise.prompt,
            expected_points: exercise.expected_points,
            answer_key: exercise.answer_key,
            answer_forms: exercise.answer_forms,
        };
        Ok(keys.into_iter().map(answer).collect())
    }

    async fn check_version(&self, key: VersionKey<'_>) -> Result<(), Error> {
        if contents::has_version(self.0.store.pool(), key).await? {
            Ok(())
        } else {
            Err(error::version_not_found())
        }
    }
}

fn passage(row: PassageRow) -> Passage {
    Passage {
        id: row.passage.id,
        lesson_slug: row.lesson_slug,
        lesson_title: row.lesson_title,
        stage: row.stage,
        anchor: row.passage.anchor,
        breadcrumb: row.passage.breadcrumb,
        text: row.passage.text,
        order: row.order,
    }
}
