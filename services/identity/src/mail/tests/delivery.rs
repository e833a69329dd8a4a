use std::fs;

use eventstore::effects::{Effect, EffectError};
use kernel::ErrorCode;
use mail_parser::MessageParser;
use serde_json::json;

use super::*;
use crate::mail::{MailOptions, MailTransport, mailer};

async fn outcome(context: Known, refusal: Option<MailError>) -> (Result<(), EffectError>, usize) {
    let outbox = Arc::new(Outbox { refusal, ..Outbox::default() });
    let effect = effect(Arc::clone(&outbox) as Arc<dyn Mailer>, context);
    let outcome = perform(&effect, MailKind::VerifyEmail).await;
    let sent = outbox.mails.lock().unwrap().len();
    (outcome, sent)
}

#[test]
fn a_request_is_stored_with_names_that_stay() {
    for kind in KINDS {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    let stored = serde_json::to_value(request(MailKind::AccountLocked)).unwrap();
    let expected = json!({ "user_id": "u1", "kind": "account_locked", "callback_url": "/",
        "requested_at": "2026-01-05T09:00:00Z", "epoch": 1 });
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn a_mail_to_nobody_is_done_without_being_sent() {
    let erased = Known { recipient: Ok(None), ..known() };
    assert_eq!(outcome(erased, None).await, (Ok(()), 0));
    let needless = Known { link: Ok(None), ..known() };
    assert_eq!(outcome(needless, None).await, (Ok(()), 0));
}

#[tokio::test]
async fn what_waiting_can_mend_is_tried_again_and_nothing_else() {
    let away = || Error::new(ErrorCode::Unavailable, "STORE_UNAVAILABLE", "ada@example.com");
    let retry = Err(EffectError::Retry("STORE_UNAVAILABLE".to_owned()));
    assert_eq!(outcome(Known { recipient: Err(away()), ..known() }, None).await, (retry.clone(), 0));
    assert_eq!(outcome(Known { link: Err(away()), ..known() }, None).await, (retry, 0));
    let (defect, _) = outcome(Known { link: Err(Error::internal()), ..known() }, None).await;
    assert!(matches!(defect, Err(EffectError::GiveUp(_))), "{defect:?}");

    let temporary = Some(MailError::Temporary("later".to_owned()));
    assert_eq!(outcome(known(), temporary).await, (Err(EffectError::Retry("later".to_owned())), 1));
    let permanent = Some(MailError::Permanent("never".to_owned()));
    assert_eq!(outcome(known(), permanent).await, (Err(EffectError::GiveUp("never".to_owned())), 1));
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_not_sent() {
    for elsewhere in [
        "https://evil.example/api/auth/x",
        "http://learn.example.com/",
        "https://learn.example.com:444/",
        "javascript:alert(1)",
    ] {
        let (outcome, sent) = outcome(Known { link: Ok(Some(url(elsewhere))), ..known() }, None).await;
        assert!(matches!(outcome, Err(EffectError::GiveUp(_))), "{elsewhere}");
        assert_eq!(sent, 0, "{elsewhere}");
    }
}

#[tokio::test]
async fn an_unreadable_payload_is_given_up_on() {
    let effect = effect(Arc::new(Outbox::default()), known());
    for payload in [json!({}), json!({ "user_id": "u1", "kind": "postcard" })] {
        let outcome = effect.perform(KEY, &payload).await;
        assert!(matches!(outcome, Err(EffectError::GiveUp(_))), "{payload}");
    }
}

#[tokio::test]
async fn neither_recipient_nor_link_is_printed() {
    let printed = format!("{:?} {:?}", mail(MailKind::VerifyEmail, known()).await, ada());
    for private in ["ada@", "Ada", "token", "lovelace"] {
        assert!(!printed.contains(private), "{printed}");
    }
}

#[tokio::test]
async fn a_mail_sent_twice_is_one_file_that_mail_programs_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let options = MailOptions {
        transport: MailTransport::Folder { dir: dir.path().join("made/when/needed") },
        from: "IntelliStack <no-reply@example.com>".to_owned(),
    };
    let name = "Zo\u{eb} \u{2603} Smith";
    let recipient = Recipient { name: name.to_owned(), ..ada() };
    let context = Known { recipient: Ok(Some(recipient)), ..known() };
    let effect = effect(mailer(&options).unwrap(), context);
    perform(&effect, MailKind::VerifyEmail).await.unwrap();
    perform(&effect, MailKind::VerifyEmail).await.unwrap();

    let files: Vec<_> = fs::read_dir(dir.path().join("made/when/needed")).unwrap().collect();
    let [Ok(file)] = files.as_slice() else { panic!("{files:?}") };
    let bytes = fs::read(file.path()).unwrap();
    let message = MessageParser::new().parse(&bytes).unwrap();
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some("ada@example.com"));
    assert_eq!(message.subject(), Some("Confirm your e-mail address"));
    assert_eq!(message.header_raw("Auto-Submitted").unwrap().trim(), "auto-generated");
    let id = message.message_id().unwrap();
    assert!(file.file_name().to_str().unwrap().ends_with(&format!("-{}.eml", id.split_once('@').unwrap().0)));
    for body in [message.body_text(0).unwrap(), message.body_html(0).unwrap()] {
        assert!(body.contains(&format!("Hello {name},")), "{body}");
        assert!(body.contains("https://learn.example.com/api/auth/x?token=t"), "{body}");
    }
}
