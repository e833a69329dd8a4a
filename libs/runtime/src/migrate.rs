//! Schemas, roles and migrations.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Creates a service's schema and role when they are missing and brings its tables up to date.
/// `migrators` are taken in turn; their version numbers must not overlap. Safe to run from
/// several processes at once (the migrator holds an advisory lock) and again at any time.
///
/// The role cannot log in: the login of the connection URL takes it on, and can read nothing
/// that the role cannot.
///
/// # Errors
/// When the database is away, the login may not create roles, or a migration fails.
pub async fn migrate_schema(
    connection: &mut PgConnection,
    schema: &str,
    migrators: &[&Migrator],
) -> Result<(), MigrateError> {
    prepare(connection, schema).await.map_err(MigrateError::Execute)?;
    let merged = Migrator {
        migrations: Cow::Owned(migrators.iter().flat_map(|migrator| migrator.iter().cloned()).collect()),
        ..Migrator::DEFAULT
    };
    merged.run(&mut *connection).await?;
    connection.execute("reset role; reset search_path").await?;
    Ok(())
}

async fn prepare(connection: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    // Roles are shared by the whole cluster: two databases may be migrated at the same moment.
    let create_role = format!(
        "do $$ begin
           if not exists (select from pg_roles where rolname = 'intellistack_{schema}') then
             create role intellistack_{schema} nologin;
           end if;
         exception when duplicate_object or unique_violation then null;
         end $$"
    );
    let mut transaction = connection.begin().await?;
    transaction.execute("select pg_advisory_xact_lock(hashtext('intellistack roles'))").await?;
    transaction.execute(AssertSqlSafe(create_role)).await?;
    for statement in [
        format!(
            // Since Postgres 16 who made a role is its member, but may not yet act as it.
            "do $$ begin
               if not pg_has_role(current_user, 'intellistack_{schema}',
                    case when current_setting('server_version_num')::int >= 160000
                         then 'set' else 'member' end) then
                 execute format('grant intellistack_{schema} to %I', current_user);
               end if;
             end $$"
        ),
        format!("create schema if not exists {schema} authorization intellistack_{schema}"),
        "revoke all on schema public from public".to_owned(),
    ] {
        transaction.execute(AssertSqlSafe(statement)).await?;
    }
    transaction.commit().await?;
    for statement in [format!("set role intellistack_{schema}"), format!("set search_path to {schema}")] {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}
