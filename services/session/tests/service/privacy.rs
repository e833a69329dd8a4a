use api::events::identity::PasswordReset;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::directory::{ADA, EVE, ROOT};
use crate::env::{BROWSER, Env, IP, SECRET, mint};

/// Every row of every table as text, and what is base64 or hexadecimal within it as bytes.
async fn everything(env: &Env) -> Vec<Vec<u8>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'session'",
    )
    .fetch_all(&env.db.superuser())
    .await
    .unwrap();
    assert!(tables.len() >= 8, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let query = sqlx::AssertSqlSafe(format!("select t::text from session.{table} t"));
        let rows: Vec<String> = sqlx::query_scalar(query).fetch_all(&env.db.superuser()).await.unwrap();
        found.extend(rows.into_iter().map(String::into_bytes));
    }
    let bytes: Vec<Vec<u8>> = sqlx::query_scalar(
        "select data from session.events union all select sealed from session.signing_keys
         union all select personal from session.sessions union all select wrapped from session.subject_keys",
    )
    .fetch_all(&env.db.superuser())
    .await
    .unwrap();
    let sealed: Vec<String> =
        sqlx::query_scalar("select meta->>'sealed' from session.events where meta ? 'sealed'")
            .fetch_all(&env.db.superuser())
            .await
            .unwrap();
    assert!(sealed.len() >= 4);
    found.extend(bytes);
    found.extend(sealed.iter().map(|text| BASE64.decode(text).unwrap()));
    found
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn neither_a_person_nor_a_secret_is_in_clear_in_any_table_or_event() {
    let env = Env::following().await;
    let running = env.run().await;
    let (created, ended) = (env.create(true).await, env.create(true).await);
    let admin = env.create_for(ROOT).await.session.unwrap().id;
    let acting = env.try_create(EVE, true, &admin).await.unwrap();
    let minted = mint(env.client.clone(), &created.token).await.unwrap();
    env.revoke(&ended.token, "").await;
    let session_epoch = env.directory.end_epoch(ADA, "");
    env.happens(ADA, "user.password_reset", &PasswordReset { user_id: ADA.to_owned(), session_epoch }).await;
    env.settled().await;

    let stored = everything(&env).await;
    assert!(stored.iter().any(|bytes| holds(bytes, ADA.as_bytes())), "the search finds what is there");
    let signature = minted.rsplit('.').next().unwrap();
    let secrets = [created.token.as_str(), &ended.token, &acting.token, &minted, signature, SECRET];
    for secret in secrets.into_iter().chain([IP, BROWSER, "ada@example.com", "Ada Lovelace"]) {
        let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for bytes in &stored {
            let clear = holds(bytes, secret.as_bytes()) || holds(bytes, hexadecimal.as_bytes());
            assert!(!clear, "{secret} in {}", String::from_utf8_lossy(bytes));
        }
    }
    // rsaEncryption (RFC 8017, appendix C): every PKCS#8 key holds it.
    let rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let sealed: Vec<u8> =
        sqlx::query_scalar("select sealed from signing_keys").fetch_one(&env.pool()).await.unwrap();
    assert!(!holds(&sealed, &rsa), "the private key is sealed");
    running.stop().await;
}

#[tokio::test]
async fn what_is_sealed_for_one_session_does_not_open_in_another() {
    let env = Env::start().await;
    let (one, other) = (env.create(true).await, env.create(true).await);
    sqlx::query("update sessions set personal = (select personal from sessions where id = $1) where id = $2")
        .bind(one.session.unwrap().id)
        .bind(other.session.unwrap().id)
        .execute(&env.pool())
        .await
        .unwrap();
    assert_eq!(env.get(&one.token).await.unwrap().session.unwrap().ip_address, IP);
    assert_eq!(env.get(&other.token).await.unwrap().session.unwrap().ip_address, "");
}
