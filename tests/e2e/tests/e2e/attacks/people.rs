//! What the attacks need of people: mails read, links opened, providers told what to say.

use std::time::Duration;

use intellistack_e2e::{Answer, Api, Mail, System, within};
use reqwest::Method;
use serde_json::{Value, json};

use super::visitor::Visitor;

pub const OTHER_PASSWORD: &str = "Another-Horse-8-Stapler";
pub const WRONG_PASSWORD: &str = "Wrong-Horse-9-Battery";

/// The newest mail to an address whose link leads to `/api/auth<path>`.
pub async fn mail_with(system: &System, to: &str, path: &str) -> Mail {
    let wanted = format!("/api/auth{path}");
    within(Duration::from_secs(30), &format!("a mail to {to} with a link to {path}"), || async {
        let mails = system.mail.to(to);
        mails.into_iter().rev().find(|mail| mail.text.contains(&wanted))
    })
    .await
}

/// How many mails with such a link came so far.
pub fn mails_with(system: &System, to: &str, path: &str) -> usize {
    let wanted = format!("/api/auth{path}");
    system.mail.to(to).iter().filter(|mail| mail.text.contains(&wanted)).count()
}

/// The token of a mailed reset.
pub async fn reset_token(system: &System, email: &str) -> String {
    let body = json!({ "email": email, "redirectTo": "/new-password" });
    system.api.post("/api/auth/request-password-reset", &body).await.expect(200);
    let link = mail_with(system, email, "/reset-password/").await.link();
    let path = link.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The owner of an address takes the account over, or back.
pub async fn reset_password(system: &System, email: &str, password: &str) {
    let token = reset_token(system, email).await;
    let body = json!({ "token": token, "newPassword": password });
    system.api.post("/api/auth/reset-password", &body).await.expect(200);
}

/// Somebody with a proven address, signed in.
pub async fn verified(system: &System, email: &str) -> Visitor {
    system.create_user(email, "student");
    let mut visitor = Visitor::new(system);
    visitor.sign_in(email, intellistack_e2e::PASSWORD).await.expect(200);
    visitor
}

pub async fn administrator(system: &System) -> Visitor {
    system.create_user("admin@school.example", "admin");
    let mut visitor = Visitor::new(system);
    visitor.sign_in("admin@school.example", intellistack_e2e::PASSWORD).await.expect(200);
    visitor
}

/// Text of a member.
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}

/// Changes what the OpenID provider does.
pub async fn openid(system: &System, change: &Value) -> Value {
    control(system.providers.as_ref().expect("the plan has providers").openid(), change).await
}

/// Changes what the double of GitHub does.
pub async fn github(system: &System, change: &Value) -> Value {
    control(system.providers.as_ref().expect("the plan has providers").github(), change).await
}

async fn control(provider: &str, change: &Value) -> Value {
    Answer::of(Api::new(provider).request(Method::POST, "/control").json(change)).await.expect(200)
}

/// Somebody the OpenID provider knows.
pub async fn openid_account(system: &System, sub: &str, email: &str, verified: bool) {
    let account = json!({ "email": email, "email_verified": verified, "name": "Oidc Person" });
    openid(system, &json!({ "change": { sub: account } })).await;
}
