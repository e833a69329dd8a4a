-- Who reads what and how far, written in the transaction of the enrolment's events. Keyed by lesson
-- slug and not by version, so that progress outlives a new version of the course.
create table enrolments (
    course_id     text        not null references courses (id) on delete cascade,
    user_id       text        not null,
    started_at    timestamptz not null,
    -- Highest stage ever unlocked; never falls.
    highest_stage integer     not null default 1 check (highest_stage > 0),
    primary key (course_id, user_id)
);
create index enrolments_user on enrolments (user_id);

create table completed_lessons (
    course_id    text        not null,
    user_id      text        not null,
    lesson_slug  text        not null,
    completed_at timestamptz not null,
    primary key (course_id, user_id, lesson_slug),
    foreign key (course_id, user_id) references enrolments on delete cascade
);
