-- One row per turn of the tutor, kept by the projection fact_turn.
create table fact_turn (
    turn_id            text        primary key,
    thread_id          text        not null,
    user_id            text        not null,
    role               text        not null,
    course_id          text        null,
    lesson_slug        text        null,
    model              text        not null,
    started_at         timestamptz not null,
    finished_at        timestamptz null,
    outcome            text        not null default 'running'
        check (outcome in ('running', 'completed', 'failed')),
    reason             text        null,
    response_ms        bigint      null,
    ttft_ms            bigint      null,
    tokens_in          bigint      null,
    tokens_out         bigint      null,
    tokens_estimated   boolean     null,
    citations          bigint      null,
    passages_retrieved bigint      null,
    guard_rewrites     bigint      null,
    trace_id           text        null,
    constraint fact_turn_finished check ((outcome = 'running') = (finished_at is null))
);

create index fact_turn_day on fact_turn ((cast(started_at at time zone 'UTC' as date)), user_id);
create index fact_turn_user on fact_turn (user_id, started_at);
create index fact_turn_course on fact_turn (course_id, started_at) where course_id is not null;

comment on table fact_turn is
    'One row per turn: one question to the tutor and what became of it. No text of the conversation. A read model: rebuilt from the store tutor_agent at any time.';
comment on column fact_turn.turn_id is 'The turn';
comment on column fact_turn.thread_id is 'The conversation it belongs to';
comment on column fact_turn.user_id is 'Who asked';
comment on column fact_turn.role is 'Role of who asked at that time: student, instructor or admin';
comment on column fact_turn.course_id is 'Course the question was asked in; null outside a course';
comment on column fact_turn.lesson_slug is 'Lesson the question was asked in; null outside a lesson';
comment on column fact_turn.model is 'Name of the model that answered, or offline for the built-in tutor';
comment on column fact_turn.started_at is 'When the question was accepted';
comment on column fact_turn.finished_at is 'When the turn completed or failed; null while it runs';
comment on column fact_turn.outcome is 'running, completed or failed';
comment on column fact_turn.reason is 'Why it failed: MODEL_UNAVAILABLE, INTERRUPTED or INTERNAL; null otherwise';
comment on column fact_turn.response_ms is 'Milliseconds from the start to the end of the answer, or to the failure';
comment on column fact_turn.ttft_ms is 'Milliseconds from the start to the first text of the answer; null unless completed';
comment on column fact_turn.tokens_in is 'Tokens of the prompt; null unless completed';
comment on column fact_turn.tokens_out is 'Tokens of the answer; null unless completed';
comment on column fact_turn.tokens_estimated is 'True when the model reported no usage and the tokens are an estimate; null unless completed';
comment on column fact_turn.citations is 'Passages the answer cites; null unless completed';
comment on column fact_turn.passages_retrieved is 'Passages of the course given to the model; null unless completed';
comment on column fact_turn.guard_rewrites is 'Pieces of the answer the guard held back and replaced; null unless completed';
comment on column fact_turn.trace_id is 'Trace of the request that asked (32 hexadecimal digits)';

create view ai_usage_daily as
select cast(started_at at time zone 'UTC' as date) as day,
       user_id,
       count(*) as messages,
       count(*) filter (where outcome = 'completed') as completed,
       count(*) filter (where outcome = 'failed') as failed,
       cast(count(*) filter (where outcome = 'failed') as double precision)
           / nullif(count(*) filter (where outcome <> 'running'), 0) as error_rate,
       cast(avg(response_ms) filter (where outcome = 'completed') as double precision) as mean_response_ms,
       percentile_cont(0.95) within group (order by response_ms)
           filter (where outcome = 'completed') as p95_response_ms,
       cast(avg(ttft_ms) filter (where outcome = 'completed') as double precision) as mean_ttft_ms,
       percentile_cont(0.95) within group (order by ttft_ms)
           filter (where outcome = 'completed') as p95_ttft_ms,
       cast(coalesce(sum(tokens_in), 0) as bigint) as tokens_in,
       cast(coalesce(sum(tokens_out), 0) as bigint) as tokens_out
  from fact_turn
 group by 1, 2;

comment on view ai_usage_daily is
    'Use of the tutor by day and user. Counts and sums may be added up over days and users; for percentiles over more than one day or user go to fact_turn.';
comment on column ai_usage_daily.day is 'Day on which the turns started, in UTC';
comment on column ai_usage_daily.user_id is 'Who asked';
comment on column ai_usage_daily.messages is 'Turns started, running ones included';
comment on column ai_usage_daily.completed is 'Turns that gave an answer';
comment on column ai_usage_daily.failed is 'Turns that gave none';
comment on column ai_usage_daily.error_rate is 'failed / (completed + failed), 0 to 1; null when no turn has ended';
comment on column ai_usage_daily.mean_response_ms is 'Mean time to the whole answer in milliseconds, over completed turns';
comment on column ai_usage_daily.p95_response_ms is '95th percentile of the same, interpolated (percentile_cont)';
comment on column ai_usage_daily.mean_ttft_ms is 'Mean time to the first text in milliseconds, over completed turns';
comment on column ai_usage_daily.p95_ttft_ms is '95th percentile of the same, interpolated (percentile_cont)';
comment on column ai_usage_daily.tokens_in is 'Tokens of the prompts, estimates included';
comment on column ai_usage_daily.tokens_out is 'Tokens of the answers, estimates included';
