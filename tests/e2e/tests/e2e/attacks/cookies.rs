//! Whose session a cookie is (18).

use intellistack_e2e::{Answer, PASSWORD, Plan, System, raw};
use reqwest::Method;
use serde_json::{Value, json};

use super::people::{OTHER_PASSWORD, administrator, text, verified};
use super::visitor::Visitor;

const ADA: &str = "ada@school.example";

fn attributes(answer: &Answer, name: &str) -> String {
    let mut lines = answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    lines.rfind(|line| line.contains(name)).unwrap_or_else(|| panic!("{name} is set")).to_owned()
}

/// A session that was there before is not the one after: at sign-in, at a change of the password, and
/// where an administrator becomes somebody else and back.
#[tokio::test(flavor = "multi_thread")]
async fn line_18_every_sign_in_and_every_change_of_power_begins_a_new_session() {
    let system = System::plan("line_18").start().await;
    let mut mallory = verified(&system, "mallory@evil.example").await;
    let planted = mallory.cookie("session_token").expect("a session").clone();
    let mallorys = text(&mallory.get("/api/auth/get-session").await.expect(200)["session"], "token");

    // The victim's browser holds the attacker's session, or a token the attacker made up.
    system.create_user(ADA, "student");
    for fixed in [planted.clone(), "a".repeat(32), format!("{}.{}", "a".repeat(32), "A".repeat(44))] {
        let mut ada = Visitor::new(&system);
        ada.plant("session_token", &fixed);
        let answer = ada.sign_in(ADA, PASSWORD).await;
        let token = text(&answer.expect(200), "token");
        assert!(token != mallorys && !fixed.contains(&token), "a new one");
        assert!(attributes(&answer, "session_token").contains(&token));
        assert_eq!(ada.user().await["email"], ADA);
    }
    assert_eq!(mallory.user().await["email"], "mallory@evil.example", "and no session of anybody else");

    let mut ada = Visitor::new(&system);
    ada.sign_in(ADA, PASSWORD).await.expect(200);
    let before = ada.clone();
    let body =
        json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD, "revokeOtherSessions": true });
    ada.post("/api/auth/change-password", &body).await.expect(200);
    assert_ne!(ada.cookie("session_token"), before.cookie("session_token"));
    assert_eq!(before.clone().user().await, Value::Null);

    let mut admin = administrator(&system).await;
    let own = admin.cookie("session_token").cloned();
    let id = text(&ada.user().await, "id");
    admin.post("/api/auth/admin/impersonate-user", &json!({ "userId": id })).await.expect(200);
    let acting = admin.clone();
    assert_ne!(acting.cookie("session_token").cloned(), own);
    admin.post("/api/auth/admin/stop-impersonating", &json!({})).await.expect(200);
    assert_eq!(acting.clone().user().await, Value::Null, "the borrowed session is over");
    system.assert_no_panic();
}

/// The contract's names: `__Secure-` and `Secure` together on https. (`__Host-` would be stronger against
/// a sub-domain; the official client's users expect these names.) What a sub-domain can do is to add a
/// cookie of the same name: one that is not signed by us is passed over.
#[tokio::test(flavor = "multi_thread")]
async fn line_18_cookies_are_flagged_and_none_that_others_set_stands_in_the_way() {
    let system = System::plan("line_18_plain").start().await;
    system.create_user(ADA, "student");
    let mut ada = Visitor::new(&system);
    let answer = ada.sign_in(ADA, PASSWORD).await;
    for (name, path) in [("session_token", "Path=/;"), ("known_device", "Path=/api/auth;")] {
        let line = format!("{};", attributes(&answer, name));
        for attribute in ["HttpOnly;", "SameSite=Lax;", path] {
            assert!(line.contains(attribute), "{attribute} in {line}");
        }
        assert!(!line.contains("Domain") && !line.contains("Secure"), "{line}");
    }

    let value = ada.cookie("session_token").expect("a session").clone();
    let cookie = |value: &str| format!("better-auth.session_token={value}");
    let ask = async |header: &str| {
        let (status, _, body) = raw::get(system.api.origin(), "/api/auth/get-session", header).await;
        assert_eq!(status, 200, "{header:.80}");
        body.contains(ADA)
    };
    // Tossed in front, behind, in another header line.
    let tossed = cookie(&format!("{}.{}", "t".repeat(32), "A".repeat(44)));
    for header in [
        format!("cookie: {tossed}; {}\r\n", cookie(&value)),
        format!("cookie: {}; {tossed}\r\n", cookie(&value)),
        format!("cookie: {tossed}\r\ncookie: {}\r\n", cookie(&value)),
        format!("cookie: a=b; ;; =; x; {}\r\n", cookie(&value)),
    ] {
        assert!(ask(&header).await, "the owner is known: {header}");
    }
    // Another name, another case, a piece of it, every shorter one.
    for header in [
        format!("cookie: session_token={value}\r\n"),
        format!("cookie: Better-Auth.Session_Token={value}\r\n"),
        format!("cookie: __Secure-{}\r\n", cookie(&value)),
        format!("cookie: {}\r\n", cookie(&value.to_lowercase())),
        format!("cookie: {}\r\n", cookie(&format!("{value}{value}"))),
        format!("cookie: {}\r\n", cookie(&value.replacen("%3D", "", 1))),
        format!("cookie: x=\"{}\"\r\n", cookie(&value)),
    ] {
        assert!(!ask(&header).await, "{header}");
    }
    let signature = value.find('.').expect("a signature");
    for end in (0..value.len()).step_by(7).chain([signature, signature + 1, value.len() - 1]) {
        assert!(!ask(&format!("cookie: {}\r\n", cookie(&value[..end]))).await, "the first {end} bytes");
    }
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn line_18_on_https_only_secure_cookies_count() {
    let origin = "https://learn.school.example";
    let plan: Plan = System::plan("line_18_https").variable("PUBLIC_URL", origin);
    let system = plan.start().await;
    system.create_user(ADA, "student");
    let body = json!({ "email": ADA, "password": PASSWORD });
    let request = system.api.request(Method::POST, "/api/auth/sign-in/email").header("origin", origin);
    let answer = Answer::of(request.json(&body)).await;
    answer.expect(200);
    let line = format!("{};", attributes(&answer, "session_token"));
    assert!(line.starts_with("__Secure-better-auth.session_token="), "{line}");
    for attribute in [" Secure;", " HttpOnly;", " SameSite=Lax;", " Path=/;"] {
        assert!(line.contains(attribute), "{attribute} in {line}");
    }
    let all = answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    for line in all {
        assert!(line.starts_with("__Secure-") && line.contains("; Secure"), "{line}");
    }
    let value = answer.cookie("__Secure-better-auth.session_token").expect("a session");
    for (name, known) in
        [("__Secure-better-auth", true), ("better-auth", false), ("__Host-better-auth", false)]
    {
        let request = system.api.request(Method::GET, "/api/auth/get-session");
        let request = request.header("cookie", format!("{name}.session_token={value}"));
        assert_eq!(Answer::of(request).await.expect(200).is_object(), known, "{name}");
    }
    system.assert_no_panic();
}
