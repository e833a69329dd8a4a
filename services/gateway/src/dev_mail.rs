use std::path::Path;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use kernel::Error;
use mail_parser::MessageParser;

use crate::error::Problem;
use crate::state::App;

const NEWEST: usize = 50;

/// The development mailer's folder as a page. There only when mail goes to a folder.
pub async fn list(State(app): State<App>) -> Response {
    let Some(dir) = app.mail_dir.as_deref() else {
        return Problem::from(Error::not_found("NOT_FOUND", "Mail is not kept in a folder here."))
            .into_response();
    };
    match mails(dir).await {
        Ok(mails) => Html(page(&mails)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the mail folder cannot be read");
            Problem::from(Error::internal()).into_response()
        }
    }
}

async fn mails(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut entries = match tokio::fs::read_dir(dir).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        if entry.path().extension().is_some_and(|extension| extension == "eml") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let mut mails = Vec::new();
    for path in paths.iter().rev().take(NEWEST) {
        mails.push(readable(&tokio::fs::read(path).await?));
    }
    Ok(mails)
}

/// To whom, about what, and the plain text: what a mail program shows of it.
fn readable(raw: &[u8]) -> String {
    let Some(mail) = MessageParser::default().parse(raw) else {
        return String::from_utf8_lossy(raw).into_owned();
    };
    let to = mail.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap_or_default();
    let at = mail.date().map(mail_parser::DateTime::to_rfc3339).unwrap_or_default();
    let text = mail.body_text(0).unwrap_or_default();
    format!("To: {to}\nDate: {at}\nSubject: {}\n\n{text}", mail.subject().unwrap_or_default())
}

fn page(mails: &[String]) -> String {
    let list: String =
        mails.iter().map(|mail| format!("<article><pre>{}</pre></article>", linked(mail))).collect();
    let body = if list.is_empty() { "<p>No mail yet.</p>".to_owned() } else { list };
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Development mail</title>\
         <style>body{{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         article{{border:1px solid #8886;border-radius:.5rem;padding:0 1rem;margin:1rem 0}}\
         pre{{white-space:pre-wrap;overflow-wrap:anywhere}}</style>\
         <h1>Development mail</h1><p>Newest first. Nothing is sent from this machine.</p>{body}</html>"
    )
}

/// The mail's text with its links made clickable.
fn linked(mail: &str) -> String {
    let mut out = String::with_capacity(mail.len());
    let mut rest = mail;
    while let Some(start) = rest.find("http://").into_iter().chain(rest.find("https://")).min() {
        let (before, from) = rest.split_at(start);
        let end =
            from.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>')).unwrap_or(from.len());
        let (link, after) = from.split_at(end);
        out.push_str(&escape(before));
        let link = escape(link);
        out.push_str(&format!("<a href=\"{link}\">{link}</a>"));
        rest = after;
    }
    out + &escape(rest)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
