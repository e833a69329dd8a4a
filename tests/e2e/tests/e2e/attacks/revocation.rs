//! What has ended is refused everywhere within a second (17).

use std::time::{Duration, Instant};

use intellistack_e2e::{Answer, Api, PASSWORD, System};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::people::{OTHER_PASSWORD, administrator, reset_token, text, verified};
use super::visitor::Visitor;

/// From the answer that ended a session until every gateway refuses it.
const BOUND: Duration = Duration::from_secs(1);

/// A session with its token, as a thief may hold copies of them.
pub struct Copy {
    pub visitor: Visitor,
    pub token: String,
}

impl Copy {
    pub async fn of(visitor: &mut Visitor) -> Self {
        let token = visitor.access_token().await;
        Self { visitor: visitor.clone(), token }
    }

    /// The ways in, at one gateway: what each is, and its request.
    fn ways(&self, gateway: &Api) -> [(&'static str, RequestBuilder); 5] {
        let visitor = self.visitor.at(gateway);
        let bearer =
            |request: RequestBuilder| request.header("authorization", format!("Bearer {}", self.token));
        let threads = json!({ "type": "threads.list", "params": {} });
        [
            ("get-session", visitor.request(Method::GET, "/api/auth/get-session")),
            ("token", visitor.request(Method::GET, "/api/auth/token")),
            ("cookie", visitor.request(Method::GET, "/api/v1/me/quota")),
            ("access token", bearer(gateway.request(Method::GET, "/api/v1/me/quota"))),
            ("chat", bearer(gateway.request(Method::POST, "/api/v1/chatkit").json(&threads))),
        ]
    }

    /// A request with the access token.
    pub fn bearer(&self, gateway: &Api) -> RequestBuilder {
        let bearer = format!("Bearer {}", self.token);
        gateway.request(Method::GET, "/api/v1/me/quota").header("authorization", bearer)
    }

    /// Which of the ways lead in, at which gateways: those that are neither refused nor answer nobody.
    pub async fn open(&self, gateways: [&Api; 2]) -> Vec<String> {
        let ways = gateways.into_iter().enumerate().flat_map(|(nth, gateway)| {
            self.ways(gateway).map(|(way, request)| (format!("{way} at gateway {}", nth + 1), request))
        });
        let asked = ways.map(|(way, request)| async {
            let answer = Answer::of(request).await;
            is_let_in(&answer).then_some(way)
        });
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }

    pub async fn assert_open(&self, gateways: [&Api; 2]) {
        let open = self.open(gateways).await;
        assert_eq!(open.len(), 10, "all ways lead in: {open:?}");
    }

    /// No request that begins later than the bound is let in, and none after the first refusal of all.
    pub async fn assert_ends(&self, gateways: [&Api; 2], how: &str) {
        let ended = Instant::now();
        loop {
            let begun = ended.elapsed();
            let open = self.open(gateways).await;
            if open.is_empty() {
                break;
            }
            assert!(begun <= BOUND, "{how}: {begun:?} later it still leads in: {open:?}");
        }
        let open = self.open(gateways).await;
        assert!(open.is_empty(), "{how}: it comes back: {open:?}");
    }
}

/// A refusal is typed; a session that is none is `null`. Anything else would be a way in, or a defect.
fn is_let_in(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        401 | 503 => false,
        200 => answer.body != b"null",
        other => panic!("{other}: {}", answer.text()),
    }
}

/// Everyone who takes part in the end of a session.
struct Scene {
    admin: Visitor,
    /// Another session of the same person.
    other: Visitor,
    email: String,
    id: String,
}

impl Scene {
    async fn admin(&mut self, path: &str, more: Value) {
        let mut body = json!({ "userId": self.id });
        if let Value::Object(more) = more {
            more.into_iter().for_each(|(name, value)| body[name] = value);
        }
        self.admin.post(&format!("/api/auth/admin/{path}"), &body).await.expect(200);
    }
}

async fn end(system: &System, how: &str, scene: &mut Scene, mine: &mut Visitor) {
    let none = json!({});
    let password = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    match how {
        "sign-out" => mine.post("/api/auth/sign-out", &none).await.expect(200),
        "revoke-session" => {
            let listed = scene.other.get("/api/auth/list-sessions").await.expect(200);
            let id = text(&mine.get("/api/auth/get-session").await.expect(200)["session"], "id");
            let sessions = listed.as_array().expect("sessions");
            let session = sessions.iter().find(|session| session["id"] == id).expect("it is listed");
            let body = json!({ "token": session["token"] });
            scene.other.post("/api/auth/revoke-session", &body).await.expect(200)
        }
        "revoke-other-sessions" => {
            scene.other.post("/api/auth/revoke-other-sessions", &none).await.expect(200)
        }
        "revoke-sessions" => scene.other.post("/api/auth/revoke-sessions", &none).await.expect(200),
        "change-password" => scene.other.post("/api/auth/change-password", &password).await.expect(200),
        "change-password, its own session too" => {
            let mut body = password;
            body["revokeOtherSessions"] = json!(true);
            mine.post("/api/auth/change-password", &body).await.expect(200)
        }
        "reset-password" => {
            let token = reset_token(system, &scene.email).await;
            let body = json!({ "token": token, "newPassword": OTHER_PASSWORD });
            system.api.post("/api/auth/reset-password", &body).await.expect(200)
        }
        "delete-user" => {
            scene.other.post("/api/auth/delete-user", &json!({ "password": PASSWORD })).await.expect(200)
        }
        "ban-user" | "revoke-user-sessions" | "remove-user" => {
            scene.admin(how, none).await;
            Value::Null
        }
        "revoke-user-session" => {
            let body = json!({ "userId": scene.id });
            let listed = scene.admin.post("/api/auth/admin/list-user-sessions", &body).await.expect(200);
            let id = text(&mine.get("/api/auth/get-session").await.expect(200)["session"], "id");
            let sessions = listed["sessions"].as_array().expect("sessions");
            let session = sessions.iter().find(|session| session["id"] == id).expect("it is listed");
            let body = json!({ "sessionToken": session["token"] });
            scene.admin.post("/api/auth/admin/revoke-user-session", &body).await.expect(200)
        }
        "set-role" => {
            scene.admin(how, json!({ "role": "instructor" })).await;
            Value::Null
        }
        "update-user, the role" => {
            scene.admin("update-user", json!({ "data": { "role": "instructor" } })).await;
            Value::Null
        }
        "set-user-password" => {
            scene.admin(how, json!({ "newPassword": OTHER_PASSWORD })).await;
            Value::Null
        }
        other => panic!("{other} is not known"),
    };
}

/// Each with whether another session of the same person goes on.
const WAYS_TO_END: [(&str, bool); 15] = [
    ("sign-out", true),
    ("revoke-session", true),
    ("revoke-other-sessions", true),
    ("revoke-sessions", false),
    ("change-password", true),
    ("change-password, its own session too", false),
    ("reset-password", false),
    ("delete-user", false),
    ("ban-user", false),
    ("revoke-user-session", true),
    ("revoke-user-sessions", false),
    ("set-role", false),
    ("update-user, the role", false),
    ("set-user-password", false),
    ("remove-user", false),
];

#[tokio::test(flavor = "multi_thread")]
async fn line_17_what_has_ended_is_refused_on_every_gateway_within_a_second() {
    let system = System::plan("line_17").replicas().start().await;
    let gateways = system.gateways();
    let admin = administrator(&system).await;
    for (nth, (how, other_goes_on)) in WAYS_TO_END.into_iter().enumerate() {
        let email = format!("ada{nth}@school.example");
        let mut mine = verified(&system, &email).await;
        let mut other = Visitor::new(&system);
        other.sign_in(&email, PASSWORD).await.expect(200);
        let (copy, other_copy) = (Copy::of(&mut mine).await, Copy::of(&mut other).await);
        // Seen, and kept in memory, by both gateways.
        copy.assert_open(gateways).await;
        other_copy.assert_open(gateways).await;
        let id = text(&mine.user().await, "id");
        let mut scene = Scene { admin: admin.clone(), other, email: email.clone(), id };
        end(&system, how, &mut scene, &mut mine).await;
        copy.assert_ends(gateways, how).await;
        if other_goes_on {
            other_copy.assert_open(gateways).await;
        } else {
            other_copy.assert_ends(gateways, how).await;
        }
    }
    // What was ended at the second gateway is known at the first.
    let mut last = verified(&system, "last@school.example").await;
    let copy = Copy::of(&mut last).await;
    copy.assert_open(gateways).await;
    last.at(gateways[1]).post("/api/auth/sign-out", &json!({})).await.expect(200);
    copy.assert_ends(gateways, "sign-out at the second gateway").await;
    system.assert_no_panic();
}
