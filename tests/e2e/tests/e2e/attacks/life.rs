//! Everything that somebody does with an account, with what is personal or secret about it.

use intellistack_e2e::{PASSWORD, Plan, System};
use serde_json::json;

use super::people::{OTHER_PASSWORD, WRONG_PASSWORD, mail_with, openid_account, reset_token, text};
use super::traces::Needles;
use super::visitor::Visitor;

/// The password at the end.
pub const LAST_PASSWORD: &str = "Gnarled-Lantern-5-Viola";

/// Somebody, with names, addresses and tokens that stand nowhere by chance.
#[derive(Debug)]
pub struct Life {
    pub visitor: Visitor,
    pub email: String,
    pub id: String,
    /// What tells who they are.
    pub personal: Needles,
    /// What lets somebody in as them.
    pub secret: Needles,
}

/// A system in which a request says from where it comes, so that addresses are no one else's.
pub fn plan(name: &'static str) -> Plan {
    System::plan(name).providers().variable("TRUSTED_PROXIES", "127.0.0.0/8").variable("AUTH_LIMITS", "off")
}

/// `nick` makes everything about them their own; `network` is the last number of their address.
pub async fn lived(system: &System, admin: &mut Visitor, nick: &str, network: u8) -> Life {
    let first_email = format!("{nick}.first@personal-school.example");
    let email = format!("{nick}.second@personal-school.example");
    let (name, other_name) = (format!("{nick} Firstnamewicz"), format!("{nick} Secondnamewicz"));
    let address = format!("198.51.100.{network}");
    let agent = format!("{nick}-browser/17.{network}");
    let picture = format!("https://pictures.example/{nick}-face.png");
    let subject = format!("{nick}-at-the-provider");
    let personal = Needles::default()
        .text("the first address", &first_email)
        .text("the address", &email)
        .text("the first name", &name)
        .text("the name", &other_name)
        .text("the network", &address)
        .text("the browser", &agent)
        .text("the picture", &picture);
    let mut secret = Needles::default();
    for password in [PASSWORD, OTHER_PASSWORD, LAST_PASSWORD, WRONG_PASSWORD] {
        secret.add("a password", password.as_bytes());
    }
    secret.add("a hash", b"$argon2id$");
    secret.add("a private key", b"PRIVATE KEY");
    secret.add("the secret", system.auth_secret().as_bytes());

    let mut visitor = Visitor::new(system).with("x-forwarded-for", &address).with("user-agent", &agent);
    // Somebody tries the address before there is an account.
    assert_eq!(visitor.sign_in(&first_email, WRONG_PASSWORD).await.status.as_u16(), 401);
    let body = json!({ "name": name, "email": first_email, "password": PASSWORD, "image": picture });
    visitor.post("/api/auth/sign-up/email", &body).await.expect(200);
    let mut life = Life { id: text(&visitor.user().await, "id"), visitor, email, personal, secret };
    life.keep_secrets().await;
    let link = life.mailed(system, &first_email, "/verify-email").await;
    life.visitor.get(&link).await;
    assert_eq!(life.visitor.sign_in(&first_email, WRONG_PASSWORD).await.status.as_u16(), 401);
    life.visitor.sign_in(&first_email, PASSWORD).await.expect(200);
    life.keep_secrets().await;
    let enrolment = format!("/api/v1/courses/{}/enrolment", system.course());
    assert!(life.visitor.post(&enrolment, &json!({})).await.status.is_success());

    // Another account, another name, another address.
    openid_account(system, &subject, &first_email, true).await;
    life.visitor.link("school", &subject).await.assert_page("/home");
    life.visitor.post("/api/auth/update-user", &json!({ "name": other_name })).await.expect(200);
    let change = json!({ "newEmail": life.email, "callbackURL": "/changed" });
    life.visitor.post("/api/auth/change-email", &change).await.expect(200);
    let confirm = mail_with(system, &first_email, "/verify-email").await;
    let mut opened = confirm.link();
    while system.mail.to(&life.email).is_empty() {
        // The newest mail may still be that of the sign-up.
        life.visitor.get(&opened).await;
        opened = mail_with(system, &first_email, "/verify-email").await.link();
    }
    let new_email = life.email.clone();
    let link = life.mailed(system, &new_email, "/verify-email").await;
    life.visitor.get(&link).await;
    assert_eq!(life.visitor.user().await["email"], json!(new_email));

    // Passwords, forgotten and changed; a lock; the doings of an administrator.
    let token = reset_token(system, &new_email).await;
    life.secret.add("a reset token", token.as_bytes());
    let body = json!({ "token": token, "newPassword": OTHER_PASSWORD });
    life.visitor.post("/api/auth/reset-password", &body).await.expect(200);
    life.visitor.sign_in(&new_email, OTHER_PASSWORD).await.expect(200);
    let body = json!({ "currentPassword": OTHER_PASSWORD, "newPassword": LAST_PASSWORD });
    life.visitor.post("/api/auth/change-password", &body).await.expect(200);
    let mut stranger = Visitor::new(system).with("x-forwarded-for", &address).with("user-agent", &agent);
    while stranger.sign_in(&new_email, WRONG_PASSWORD).await.status.as_u16() == 401 {}
    assert_eq!(stranger.sign_in(&new_email, LAST_PASSWORD).await.status.as_u16(), 429);
    life.administered(admin).await;
    life.visitor.sign_in(&new_email, LAST_PASSWORD).await.expect(200);
    life.keep_secrets().await;
    life
}

impl Life {
    /// What lets somebody in as they are now.
    async fn keep_secrets(&mut self) {
        let session = self.visitor.get("/api/auth/get-session").await.expect(200);
        let token = text(&session["session"], "token");
        let access = self.visitor.access_token().await;
        let signature = access.rsplit('.').next().expect("three parts").to_owned();
        self.secret.add("a session's token", token.as_bytes());
        self.secret.add("an access token's signature", signature.as_bytes());
        if let Some(device) = self.visitor.cookie("known_device").cloned() {
            self.secret.add("a device", device.as_bytes());
        }
    }

    async fn mailed(&mut self, system: &System, to: &str, path: &str) -> String {
        let link = mail_with(system, to, path).await.link();
        let token = link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("a token");
        self.secret.add("a mailed token", token.as_bytes());
        link
    }

    async fn administered(&self, admin: &mut Visitor) {
        let id = &self.id;
        for (path, body) in [
            ("impersonate-user", json!({ "userId": id })),
            ("stop-impersonating", json!({})),
            ("set-role", json!({ "userId": id, "role": "instructor" })),
            ("ban-user", json!({ "userId": id, "banReason": format!("wrote to {}", self.email) })),
            ("unban-user", json!({ "userId": id })),
        ] {
            admin.post(&format!("/api/auth/admin/{path}"), &body).await.expect(200);
        }
        let search = format!("/api/auth/admin/list-users?searchField=email&searchValue={}", self.email);
        admin.get(&search).await.expect(200);
    }
}
