-- What is published, written in the transaction of `course.published`.
create table courses (
    id           text        primary key,
    slug         text        not null,
    -- Content version that is published now, a key of course_versions.
    version      text        not null,
    published_at timestamptz not null,
    constraint courses_slug unique (slug)
);

-- The version that is published now and the one before it: a reader that learnt of a version just
-- before the next was published can finish what it began.
create table course_versions (
    course_id     text    not null references courses (id) on delete cascade,
    -- SHA-256 of the content, hexadecimal.
    version       text    not null,
    title         text    not null,
    description   text    not null,
    unlock        text    not null check (unlock in ('sequential', 'open')),
    -- Titles in order; the first stage has ordinal 1.
    stages        text[]  not null check (cardinality(stages) > 0),
    primary key (course_id, version)
);

create table lessons (
    course_id text    not null,
    version   text    not null,
    slug      text    not null,
    -- Reading order over the whole course, from 1.
    ordinal   integer not null,
    stage     integer not null check (stage > 0),
    title     text    not null,
    number    text    null,
    html      text    not null,
    -- [{level, text, anchor}]
    headings  jsonb   not null,
    -- [{id, title, prompt_html, expected_points}]: what students see, so no answer.
    exercises jsonb   not null,
    primary key (course_id, version, slug),
    foreign key (course_id, version) references course_versions on delete cascade
);

create table passages (
    course_id   text    not null,
    version     text    not null,
    -- Reading order over the whole course, from 1.
    ordinal     integer not null,
    id          text    not null,
    lesson_slug text    not null,
    stage       integer not null,
    anchor      text    not null,
    breadcrumb  text[]  not null,
    body        text    not null,
    primary key (course_id, version, ordinal),
    constraint passages_id unique (course_id, version, id),
    foreign key (course_id, version, lesson_slug) references lessons (course_id, version, slug) on delete cascade
);

-- Read by CourseMaterial.GetAnswerKeys alone.
create table answer_keys (
    course_id       text    not null,
    version         text    not null,
    exercise_id     text    not null,
    lesson_slug     text    not null,
    -- Order within the lesson, from 1.
    ordinal         integer not null,
    title           text    not null,
    prompt          text    not null,
    expected_points text[]  not null,
    answer_key      text    not null,
    answer_forms    text[]  not null,
    primary key (course_id, version, exercise_id),
    foreign key (course_id, version, lesson_slug) references lessons (course_id, version, slug) on delete cascade
);
create index answer_keys_lesson on answer_keys (course_id, version, lesson_slug);

-- Images of the version that is published now.
create table assets (
    course_id    text  not null references courses (id) on delete cascade,
    path         text  not null,
    content_type text  not null,
    -- SHA-256 of the body, hexadecimal.
    etag         text  not null,
    body         bytea not null,
    primary key (course_id, path)
);
