//! What holds for every mail, and what a stranger's name or address can do to one.

use super::*;
use crate::mail::request::Button;

fn named(name: &str) -> Known {
    Known { recipient: Ok(Some(Recipient { name: name.to_owned(), ..ada() })), ..known() }
}

/// The words of a page, as a person without its looks gets them.
fn words(html: &str) -> String {
    let (_, body) = html.split_once("<body").unwrap();
    let mut words = String::new();
    for piece in body.split('<').skip(1) {
        words.push(' ');
        words.push_str(piece.split_once('>').unwrap().1);
    }
    let words = words.replace("&#38;", "&").replace("&#39;", "'").replace("&#34;", "\"");
    words.split_whitespace().collect::<Vec<_>>().join(" ").replace(" .", ".").replace(" ;", ";")
}

#[tokio::test]
async fn text_and_html_say_the_same() {
    for kind in KINDS {
        let mail = mail(kind, known()).await;
        let html = words(&mail.html);
        let (text, signature) = mail.text.split_once("\n-- \n").unwrap();
        for paragraph in text.split("\n\n").chain([signature]) {
            let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            // A button and its address are two lines in the text.
            for part in paragraph.split(": https://") {
                assert!(html.contains(part), "{kind:?}: {part:?} is not in {html:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_page_is_complete_plain_ascii_and_loads_nothing() {
    for kind in KINDS {
        let Mail { html, text, subject, .. } = mail(kind, known()).await;
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{html}");
        assert!(html.contains(&format!("<title>{subject}</title>")), "{kind:?}");
        assert!(html.contains(&format!(">{subject}</h1>")), "{kind:?}");
        for part in ["lang=\"en\"", "max-width:560px", "prefers-color-scheme: dark", "color-scheme\""] {
            assert!(html.contains(part), "{kind:?} lacks {part}");
        }
        for loaded in ["<img", "src=", "url(", "<link", "<script", "@import"] {
            assert!(!html.contains(loaded), "{kind:?} has {loaded}");
        }
        assert!(html.is_ascii() && text.is_ascii(), "{kind:?}");
        // RFC 5322, section 2.1.1.
        assert!(text.lines().all(|line| line.len() <= 78), "{kind:?}: {text}");
        assert!(!text.contains("\n\n\n") && !text.contains("{{"), "{kind:?}: {text}");
    }
}

#[tokio::test]
async fn only_mails_that_ask_for_something_have_a_link() {
    for kind in KINDS {
        let Mail { html, text, .. } = mail(kind, known()).await;
        let target = match kind.button() {
            Button::Link => "https://learn.example.com/api/auth/x?token=t",
            Button::None => {
                assert!(!html.contains("href") && !text.contains("://"), "{kind:?}: {text}");
                continue;
            }
        };
        // Twice as a link, once to be read.
        assert_eq!(html.matches(&format!("href=\"{target}\"")).count(), 2, "{kind:?}");
        assert_eq!(html.matches("://").count(), 3, "{kind:?}");
        assert!(html.contains(&format!(">{target}</a>")), "{kind:?}");
        assert!(text.contains(&format!("\n{target}\n")), "{kind:?}: {text}");
        assert_eq!(text.matches("://").count(), 1, "{kind:?}: {text}");
    }
}

#[tokio::test]
async fn a_name_cannot_write_html() {
    for kind in KINDS {
        let mail = mail(kind, named("<img src=x onerror=alert(1)> & \"co\" 'x'")).await;
        let escaped = "Hello &#60;img src=x onerror=alert(1)&#62; &#38; &#34;co&#34; &#39;x&#39;,";
        assert!(mail.html.contains(escaped), "{}", mail.html);
        assert!(!mail.html.contains("<img"), "{}", mail.html);
        assert!(mail.text.starts_with("Hello <img src=x onerror=alert(1)> & \"co\" 'x',\n"), "{}", mail.text);
    }
}

#[tokio::test]
async fn a_name_that_reads_like_a_link_is_left_out() {
    for name in [
        "Win at http://evil.example",
        "evil.example",
        "you won, see (evil.example)",
        "www.evil",
        "WWW.evil",
        "me@evil",
        "tel:110",
        "Ada\r\nBcc x",
        "   ",
    ] {
        let mail = mail(MailKind::VerifyEmail, named(name)).await;
        assert!(mail.text.starts_with("Hello,\n"), "{name}: {}", mail.text);
        assert!(!mail.html.contains("evil"), "{name}");
    }
    for name in ["J.R.R. Tolkien", "Dr. Ada Lovelace", "O'Neil, jr.", "Zo\u{eb}", "{{ link }}"] {
        let mail = mail(MailKind::VerifyEmail, named(name)).await;
        assert!(mail.text.starts_with(&format!("Hello {name},\n")), "{name}: {}", mail.text);
    }
}

#[tokio::test]
async fn a_link_cannot_leave_its_attribute() {
    let mut link = url("https://learn.example.com/api/auth/verify-email");
    link.query_pairs_mut()
        .append_pair("token", "t")
        .append_pair("callbackURL", "/x?\"><script>&amp;'#\u{eb}\r\n");
    let context = Known { link: Ok(Some(link)), ..known() };
    let mail = mail(MailKind::VerifyEmail, context).await;
    let encoded = "callbackURL=%2Fx%3F%22%3E%3Cscript%3E%26amp%3B%27%23%C3%AB%0D%0A";
    assert!(
        mail.html.contains(&format!(
            "href=\"https://learn.example.com/api/auth/verify-email?token=t&#38;{encoded}\""
        )),
        "{}",
        mail.html
    );
    assert!(mail.text.contains(&format!("?token=t&{encoded}\n")), "{}", mail.text);
}

#[tokio::test]
async fn the_new_address_is_named_but_not_given_away() {
    for kind in [MailKind::ChangeEmailConfirm, MailKind::EmailChanged] {
        for (address, masked) in [
            ("lovelace@example.org", "l***@example.org"),
            ("a@example.org", "a***@example.org"),
            ("\u{e9}milie@example.org", "\u{e9}***@example.org"),
            ("no address", "***"),
        ] {
            let recipient = Recipient { new_email: Some(address.to_owned()), ..ada() };
            let Mail { to, text, html, .. } =
                mail(kind, Known { recipient: Ok(Some(recipient)), ..known() }).await;
            assert_eq!(to, "ada@example.com");
            assert!(text.contains(masked) && html.contains(masked), "{kind:?}: {text}");
            assert!(!text.contains(address) && !html.contains(address), "{kind:?}: {text}");
        }
        let recipient = Recipient { new_email: Some("<b>@<i>".to_owned()), ..ada() };
        let mail = mail(kind, Known { recipient: Ok(Some(recipient)), ..known() }).await;
        assert!(mail.html.contains("&#60;***@&#60;i&#62;") && !mail.html.contains("<i>"), "{}", mail.html);
    }
}

#[tokio::test]
async fn a_lock_that_ends_within_a_minute_is_said_to_end_after_it() {
    let outbox = Arc::new(Outbox::default());
    let effect = effect(Arc::clone(&outbox) as Arc<dyn Mailer>, known());
    for (seconds, until) in [(0, "09:30 UTC"), (1, "09:31 UTC"), (59, "09:31 UTC"), (60, "09:31 UTC")] {
        let locked = MailRequest {
            requested_at: at() + chrono::TimeDelta::seconds(seconds),
            ..request(MailKind::AccountLocked)
        };
        effect.perform(KEY, &serde_json::to_value(locked).unwrap()).await.unwrap();
        let mail = outbox.mails.lock().unwrap().pop().unwrap();
        assert!(mail.text.contains(until), "{seconds}: {}", mail.text);
    }
}

#[test]
fn a_site_is_an_http_address_and_is_named_by_its_host() {
    assert_eq!(Site::new(&url("http://127.0.0.1:8080")).unwrap().host(), "127.0.0.1:8080");
    assert_eq!(Site::new(&url("https://learn.example.com/")).unwrap().host(), "learn.example.com");
    let below = Site::new(&url("https://example.com/learn/")).unwrap();
    assert_eq!(below.at("/sign-in").unwrap().as_str(), "https://example.com/learn/sign-in");
    for bad in ["ftp://example.com", "data:text/html,x"] {
        assert_eq!(Site::new(&url(bad)).unwrap_err().reason, "INVALID_OPTIONS", "{bad}");
    }
}
