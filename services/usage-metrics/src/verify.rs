use sqlx::{PgConnection, PgPool};

/// Differences shown of each kind; the rest is counted.
const SHOWN: i64 = 20;

/// Compares the read models with the stores they are made of, in one snapshot of the database:
/// every event up to a projection's checkpoint has exactly one row that says the same, and every
/// row has its event. One line per difference, for people; none: nothing differs.
///
/// For the operator's audit, not for the service: it reads the schemas `identity`, `session` and
/// `tutor_agent` with the rights of the connection's login, whatever role the pool took on.
///
/// # Errors
/// When the database is away, or the login may not read those schemas.
pub async fn verify(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let mut snapshot = pool.begin_with("begin isolation level repeatable read, read only").await?;
    // Read only, so it holds no sequencer back (ADR 0003) and may take its time.
    for setting in ["set local role none", "set local statement_timeout = '10min'"] {
        sqlx::query(setting).execute(&mut *snapshot).await?;
    }
    let mut findings = Vec::new();
    for (table, query) in [
        ("auth_event_log", AUTH_EVENTS),
        ("auth_event_log", DOUBLED_AUTH_EVENTS),
        ("auth_event_log", HASHES_OF_THE_ERASED),
        ("fact_turn", TURNS),
        ("fact_turn", DOUBLED_TURNS),
    ] {
        findings.extend(differences(&mut snapshot, table, query).await?);
    }
    snapshot.rollback().await?;
    Ok(findings)
}

async fn differences(
    snapshot: &mut PgConnection,
    table: &str,
    query: &'static str,
) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(query).bind(SHOWN).fetch_all(snapshot).await?;
    let total = rows.first().map_or(0, |(_, total)| *total);
    let hidden = total.saturating_sub(SHOWN);
    let mut findings: Vec<String> =
        rows.into_iter().map(|(what, _)| format!("usage_metrics.{table}: {what}")).collect();
    if hidden > 0 {
        findings.push(format!("usage_metrics.{table}: {hidden} more of this kind"));
    }
    Ok(findings)
}

/// What the envelope says is compared, and the user where the stream names them; the rest of an event
/// is protobuf or sealed, which SQL cannot read.
const AUTH_EVENTS: &str = "
with checkpoints as (
    select store, gpos from usage_metrics.checkpoints where projection = 'auth_event_log'
), events as (
    select 'identity' as store, gpos as position, type, at, meta,
           case when stream like 'user-%' then substr(stream, 6) end as user_id
      from identity.events
     where gpos <= coalesce((select gpos from checkpoints where store = 'identity'), 0)
    union all
    select 'session', gpos, type, at, meta, null
      from session.events
     where gpos <= coalesce((select gpos from checkpoints where store = 'session'), 0)
), differences as (
    select coalesce(event.store, line.store) as store, coalesce(event.position, line.position) as position,
           case when line.position is null then 'has no row (' || event.type || ')'
                when event.position is null
                    then 'has a row (' || line.type || ') but no event up to the checkpoint'
                when line.type <> event.type then 'is ' || event.type || ', the row says ' || line.type
                when line.at <> event.at
                    then 'happened at ' || event.at || ', the row says ' || line.at
                when line.user_id <> event.user_id
                    then 'is about user ' || event.user_id || ', the row says ' || line.user_id
                when line.subject is distinct from event.meta ->> 'subject'
                    then 'is sealed for ' || coalesce(event.meta ->> 'subject', 'nobody')
                      || ', the row says ' || coalesce(line.subject, 'nobody')
                when line.actor is distinct from event.meta ->> 'actor'
                    then 'was done by ' || coalesce(event.meta ->> 'actor', 'nobody')
                      || ', the row says ' || coalesce(line.actor, 'nobody')
                else 'has another trace than its row'
           end as what
      from events as event
      full join usage_metrics.auth_event_log as line
        on line.store = event.store and line.position = event.position
     where line.position is null
        or event.position is null
        or line.type <> event.type
        or line.at <> event.at
        or line.user_id <> event.user_id
        or line.subject is distinct from event.meta ->> 'subject'
        or line.actor is distinct from event.meta ->> 'actor'
        or line.trace_id is distinct from substr(event.meta ->> 'traceparent', 4, 32)
)
select store || ' position ' || position || ' ' || what, count(*) over ()
  from differences order by store, position limit $1";

const DOUBLED_AUTH_EVENTS: &str = "
select store || ' position ' || position || ' has ' || count(*) || ' rows', count(*) over ()
  from usage_metrics.auth_event_log
 group by store, position having count(*) > 1
 order by store, position limit $1";

/// What a person leaves when they are erased.
const HASHES_OF_THE_ERASED: &str = "
with erased as (
    select distinct substr(stream, 6) as user_id from identity.events
     where type = 'user.erased' and stream like 'user-%'
       and gpos <= coalesce((select gpos from usage_metrics.checkpoints
                              where projection = 'auth_event_log' and store = 'identity'), 0)
)
select line.store || ' position ' || line.position || ' has hashes of a person who was erased',
       count(*) over ()
  from usage_metrics.auth_event_log as line
  join erased on erased.user_id = line.subject
 where num_nonnulls(line.email_hash, line.new_email_hash, line.ip_hash, line.network_hash) > 0
 order by line.store, line.position limit $1";

const TURNS: &str = "
with turns as (
    select substr(stream, 6) as turn_id,
           min(at) filter (where type = 'turn.started') as started_at,
           max(at) filter (where type <> 'turn.started') as finished_at,
           case when bool_or(type = 'turn.completed') and bool_or(type = 'turn.failed') then 'completed and failed'
                when bool_or(type = 'turn.completed') then 'completed'
                when bool_or(type = 'turn.failed') then 'failed'
                else 'running'
           end as outcome
      from tutor_agent.events
     where type in ('turn.started', 'turn.completed', 'turn.failed')
       and gpos <= coalesce((select gpos from usage_metrics.checkpoints
                              where projection = 'fact_turn' and store = 'tutor_agent'), 0)
     group by stream
), differences as (
    select coalesce(turn.turn_id, fact.turn_id) as turn_id,
           case when fact.turn_id is null then 'has no row (' || turn.outcome || ')'
                when turn.turn_id is null
                    then 'has a row (' || fact.outcome || ') but no event up to the checkpoint'
                when fact.outcome <> turn.outcome then 'is ' || turn.outcome || ', the row says ' || fact.outcome
                else 'began or ended at another time than its row says'
           end as what
      from turns as turn
      full join usage_metrics.fact_turn as fact on fact.turn_id = turn.turn_id
     where fact.turn_id is null
        or turn.turn_id is null
        or fact.outcome <> turn.outcome
        or fact.started_at is distinct from turn.started_at
        or fact.finished_at is distinct from turn.finished_at
)
select 'turn ' || turn_id || ' ' || what, count(*) over () from differences order by turn_id limit $1";

const DOUBLED_TURNS: &str = "
select 'turn ' || turn_id || ' has ' || count(*) || ' rows', count(*) over ()
  from usage_metrics.fact_turn
 group by turn_id having count(*) > 1
 order by turn_id limit $1";
