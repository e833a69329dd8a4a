use std::collections::HashSet;

use api::curriculum::curriculum_server::Curriculum;
use api::curriculum::{
    CompleteLessonRequest, CompleteLessonResponse, CourseSummary, EnrolRequest, EnrolResponse, Exercise,
    GetAssetRequest, GetAssetResponse, GetCourseRequest, GetCourseResponse, GetLessonRequest,
    GetLessonResponse, Heading, Lesson, ListCoursesRequest, ListCoursesResponse,
};
use async_trait::async_trait;
use kernel::Error;
use tonic::{Request, Response, Status};

use super::outline::{course, link};
use super::{Grpc, known, status, viewer};
use crate::commands::{Completion, complete_lesson, enrol};
use crate::domain::access::{Viewer, check_lesson, shown_stage};
use crate::domain::course::Outline;
use crate::domain::enrolment::Enrolment;
use crate::error;
use crate::postgres::contents::{self, LessonText, VersionKey};
use crate::postgres::{courses, enrolments};

#[async_trait]
impl Curriculum for Grpc {
    async fn list_courses(
        &self,
        request: Request<ListCoursesRequest>,
    ) -> Result<Response<ListCoursesResponse>, Status> {
        let viewer = viewer(request.into_inner().caller);
        let courses = self.list(viewer.as_ref()).await.map_err(status)?;
        Ok(Response::new(ListCoursesResponse { courses }))
    }

    async fn get_course(
        &self,
        request: Request<GetCourseRequest>,
    ) -> Result<Response<GetCourseResponse>, Status> {
        let request = request.into_inner();
        let viewer = viewer(request.caller);
        let outline = self.0.course(&request.slug).await.map_err(status)?;
        let enrolment = self.enrolment(&outline, viewer.as_ref()).await.map_err(status)?;
        let course = course(&outline, viewer.as_ref(), &enrolment);
        Ok(Response::new(GetCourseResponse { course: Some(course) }))
    }

    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let request = request.into_inner();
        let viewer = known(request.caller).map_err(status)?;
        let (outline, created) = enrol(&self.0, &request.course_slug, &viewer).await.map_err(status)?;
        let enrolment = self.enrolment(&outline, Some(&viewer)).await.map_err(status)?;
        let course = course(&outline, Some(&viewer), &enrolment);
        Ok(Response::new(EnrolResponse { course: Some(course), created }))
    }

    async fn get_lesson(
        &self,
        request: Request<GetLessonRequest>,
    ) -> Result<Response<GetLessonResponse>, Status> {
        let request = request.into_inner();
        let viewer = known(request.caller).map_err(status)?;
        let lesson =
            self.lesson(&request.course_slug, &request.lesson_slug, &viewer).await.map_err(status)?;
        Ok(Response::new(GetLessonResponse { lesson: Some(lesson) }))
    }

    async fn complete_lesson(
        &self,
        request: Request<CompleteLessonRequest>,
    ) -> Result<Response<CompleteLessonResponse>, Status> {
        let request = request.into_inner();
        let viewer = known(request.caller).map_err(status)?;
        let Completion { completed, total, unlocked } =
            complete_lesson(&self.0, &request.course_slug, &request.lesson_slug, &viewer)
                .await
                .map_err(status)?;
        let (unlocked_stage, unlocked_stage_title) = unlocked.unzip();
        Ok(Response::new(CompleteLessonResponse {
            lessons_completed: completed,
            lessons_total: total,
            unlocked_stage,
            unlocked_stage_title,
        }))
    }

    async fn get_asset(
        &self,
        request: Request<GetAssetRequest>,
    ) -> Result<Response<GetAssetResponse>, Status> {
        let GetAssetRequest { course_slug, path } = request.into_inner();
        let found = contents::asset(self.0.store.pool(), &course_slug, &path).await;
        let asset =
            found.map_err(|error| status(error.into()))?.ok_or_else(|| status(error::asset_not_found()))?;
        Ok(Response::new(GetAssetResponse {
            content_type: asset.content_type,
            body: asset.body,
            etag: asset.etag,
        }))
    }
}

impl Grpc {
    async fn list(&self, viewer: Option<&Viewer>) -> Result<Vec<CourseSummary>, Error> {
        let pool = self.0.store.pool();
        let enrolled = match viewer {
            Some(viewer) => enrolments::courses_of(pool, &viewer.user).await?,
            None => HashSet::new(),
        };
        let summary = |course: courses::Summary| CourseSummary {
            enrolled: enrolled.contains(course.id.as_str()),
            id: course.id.into_string(),
            slug: course.slug,
            title: course.title,
            description: course.description,
            stage_count: course.stage_count,
            lesson_count: course.lesson_count,
        };
        Ok(courses::list(pool).await?.into_iter().map(summary).collect())
    }

    pub(super) async fn enrolment(
        &self,
        outline: &Outline,
        viewer: Option<&Viewer>,
    ) -> Result<Enrolment, Error> {
        match viewer {
            Some(viewer) => Ok(enrolments::find(self.0.store.pool(), &outline.id, &viewer.user).await?),
            None => Ok(Enrolment::default()),
        }
    }

    async fn lesson(&self, course_slug: &str, lesson_slug: &str, viewer: &Viewer) -> Result<Lesson, Error> {
        let outline = self.0.course(course_slug).await?;
        let enrolment = self.enrolment(&outline, Some(viewer)).await?;
        let position = check_lesson(viewer, &outline, &enrolment, lesson_slug)
            .map_err(|denied| error::denied(&denied, &outline))?;
        let entry = &outline.lessons[position];
        let key = VersionKey { course: &outline.id, version: &outline.version };
        let text = contents::lesson(self.0.store.pool(), key, lesson_slug).await?;
        let LessonText { html, headings, exercises } = text.ok_or_else(error::lesson_not_found)?;
        let highest = shown_stage(Some(viewer), &outline, &enrolment);
        let neighbour = |index: Option<usize>| {
            index.and_then(|index| outline.lessons.get(index)).map(|lesson| link(lesson, highest))
        };
        Ok(Lesson {
            slug: entry.slug.clone(),
            title: entry.title.clone(),
            number: entry.number.clone(),
            course_slug: outline.slug.clone(),
            course_title: outline.title.clone(),
            stage_ordinal: entry.stage,
            stage_title: outline.stage_title(entry.stage).to_owned(),
            html,
            headings: headings
                .into_iter()
                .map(|heading| Heading { level: heading.level, text: heading.text, anchor: heading.anchor })
                .collect(),
            exercises: exercises
                .into_iter()
                .map(|exercise| Exercise {
                    id: exercise.id,
                    title: exercise.title,
                    prompt_html: exercise.prompt_html,
                    expected_points: exercise.expected_points,
                })
                .collect(),
            prev: neighbour(position.checked_sub(1)),
            next: neighbour(position.checked_add(1)),
            completed: enrolment.completed.contains(&entry.slug),
        })
    }
}
