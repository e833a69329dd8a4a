use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use intellistack_e2e::{Answer, MailCatcher, SERVICES, Student, System, Turn, ledger, within};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::lessons;

/// Students at work at any time.
const AT_ONCE: usize = 3;
/// Questions of each, each in the same thread.
const QUESTIONS: usize = 4;
/// Answered questions between two kills: the next one always hits work.
const BETWEEN: usize = 2;
/// Longer than anything is away.
const PATIENCE: Duration = Duration::from_secs(90);

/// A question as its student saw it.
#[derive(Debug, Clone)]
struct Asked {
    student: Student,
    text: String,
    turn: Turn,
}

/// What happened so far, seen from the students' side.
#[derive(Debug, Default)]
struct Journal {
    asked: Vec<Asked>,
    signed_up: Vec<Student>,
    /// Statuses of typed answers that told of trouble.
    refusals: BTreeMap<u16, usize>,
    broken_connections: usize,
}

#[derive(Debug, Clone)]
struct Load {
    journal: Arc<Mutex<Journal>>,
    stop: watch::Receiver<bool>,
}

/// Sign-ups and questions go on while each process dies once. Nothing that was told to a student
/// is lost, nothing is there twice.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_or_doubled_while_every_process_is_killed_under_load() {
    let mut system = System::plan("kill_everything").one_process_per_service().own_postgres().start().await;
    let (stop, stopped) = watch::channel(false);
    let load = Load { journal: Arc::default(), stop: stopped };
    let mail = Arc::clone(&system.mail);
    let mut students = JoinSet::new();
    for seat in 0..AT_ONCE {
        students.spawn(load.clone().work(system.api.clone(), Arc::clone(&mail), system.course(), seat));
    }

    for victim in SERVICES.into_iter().chain(["nats-server", "postgres"]) {
        load.progress(victim).await;
        match victim {
            "nats-server" => {
                system.nats.kill();
                system.nats.restart().await;
            }
            "postgres" => {
                system.postgres.kill();
                system.postgres.restart().await;
            }
            service => {
                system.kill(service);
                system.restart(service).await;
            }
        }
    }
    load.progress("the end").await;
    stop.send_replace(true);
    while let Some(outcome) = students.join_next().await {
        outcome.expect("a student at work");
    }
    for service in SERVICES {
        system.ready(service).await;
    }

    ledger::assert_nothing_lost_or_doubled(&system).await;
    let (everyone, asked) = load.report();
    for student in everyone {
        let mine: Vec<&Asked> = asked.iter().filter(|asked| asked.student.email == student.email).collect();
        assert_all_is_there(&student, &mine).await;
    }
    assert_registered_once(&system).await;
    system.assert_no_panic();
}

/// Every accepted question stands in its thread once; every answer that was seen stands there as it
/// was seen; no item stands there twice.
async fn assert_all_is_there(student: &Student, asked: &[&Asked]) {
    let threads = student.chatkit("threads.list", json!({ "limit": 100 })).await.expect(200);
    let mut items: Vec<Value> = Vec::new();
    for thread in threads["data"].as_array().expect("threads") {
        items.extend(student.items(thread["id"].as_str().expect("an id")).await);
    }
    let mut ids: Vec<&str> = items.iter().filter_map(|item| item["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), items.len(), "an item stands twice: {items:#?}");
    for asked in asked {
        let text = |item: &&Value| item["content"][0]["text"] == asked.text;
        assert_eq!(items.iter().filter(text).count(), 1, "{}: {}", student.email, asked.text);
        if let Some(answer) = asked.turn.item("assistant_message") {
            assert_eq!(items.iter().filter(|item| *item == answer).count(), 1, "{answer}");
        }
    }
    let by = |kind: &str| items.iter().filter(|item| item["type"] == kind).count();
    assert!(by("assistant_message") <= by("user_message"), "{items:#?}");
    // Every question costs one message if it was answered, none if not.
    let answered = u64::try_from(by("assistant_message")).expect("a small number");
    assert_eq!(student.remaining().await, Some(20 - answered), "{}", student.email);
}

async fn assert_registered_once(system: &System) {
    let pool = system.postgres.pool();
    let users: i64 = sqlx::query_scalar("select count(*) from identity.users")
        .fetch_one(&pool)
        .await
        .expect("count the users");
    assert_eq!(ledger::count(&pool, "identity", "user.registered").await, users);
    let verified: i64 = sqlx::query_scalar("select count(*) from identity.users where email_verified")
        .fetch_one(&pool)
        .await
        .expect("count the users");
    assert_eq!(ledger::count(&pool, "identity", "user.email_verified").await, verified);
}

impl Load {
    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints what happened, and answers who came and what they asked.
    fn report(&self) -> (Vec<Student>, Vec<Asked>) {
        let journal = self.journal();
        println!(
            "{} sign-ups, {} questions accepted, {} of them seen to their end, {} connections broken, refusals {:?}",
            journal.signed_up.len(),
            journal.asked.len(),
            journal.asked.iter().filter(|asked| asked.turn.whole).count(),
            journal.broken_connections,
            journal.refusals,
        );
        (journal.signed_up.clone(), journal.asked.clone())
    }

    /// Waits until some more questions have been answered.
    async fn progress(&self, what: &str) {
        let answered = || self.journal().asked.iter().filter(|asked| asked.turn.whole).count();
        let before = answered();
        within(PATIENCE, &format!("questions are answered before {what}"), || async {
            (answered() >= before + BETWEEN).then_some(())
        })
        .await;
    }

    async fn work(
        self,
        api: intellistack_e2e::Api,
        mail: Arc<MailCatcher>,
        course: &'static str,
        seat: usize,
    ) {
        for nth in 0.. {
            if *self.stop.borrow() {
                return;
            }
            let student =
                self.enter(Student::new(&api, &format!("student-{seat}-{nth}@school.example")), &mail).await;
            self.journal().signed_up.push(student.clone());
            let enrolment = format!("/api/v1/courses/{course}/enrolment");
            let seen =
                self.insist("enrol", &[200, 201], || student.request(Method::POST, &enrolment)).await.json();
            let slug = lessons(&seen).first().expect("a lesson").0.clone();
            self.insist("read", &[200], || {
                student.request(Method::GET, &format!("/api/v1/courses/{course}/lessons/{slug}"))
            })
            .await;
            self.ask_all(&student, course, &slug).await;
        }
    }

    /// Signs up, by all means, and follows the mailed link.
    async fn enter(&self, mut student: Student, mail: &MailCatcher) -> Student {
        // The first try may have been carried out though its answer never came.
        let answer = self.insist("sign up", &[200, 422], || student.sign_up_request()).await;
        let answer = if answer.status.as_u16() == 422 {
            self.insist("sign in", &[200], || student.sign_in_request()).await
        } else {
            answer
        };
        student.keep(&answer);
        let link = mail.first_to(&student.email).await.link();
        within(PATIENCE, "the link verifies", || async {
            let answer = self.insist("verify", &[302], || student.api.request(Method::GET, &link)).await;
            (answer.header("location") == "/verified").then_some(())
        })
        .await;
        student
    }

    async fn ask_all(&self, student: &Student, course: &str, slug: &str) {
        let lesson = within(PATIENCE, "the lesson opens", || async {
            let path = format!("/api/v1/courses/{course}/lessons/{slug}");
            let answer = Answer::try_of(student.request(Method::GET, &path)).await.ok()?;
            answer.status.is_success().then_some(())
        });
        lesson.await;
        let page = json!({ "course": course, "lesson": slug });
        let mut thread: Option<String> = None;
        let mut tries = 0;
        for nth in 0..QUESTIONS {
            within(PATIENCE, "a question is accepted", || {
                tries += 1;
                // Each try has words of its own: one that was cut may have been accepted.
                let text = format!("Question {nth}, try {tries}: how does {slug} work?");
                let thread = thread.clone();
                let page = page.clone();
                async move {
                    let sent = student.question(thread.as_deref(), &text, &page).send().await;
                    let Ok(response) = sent else {
                        self.journal().broken_connections += 1;
                        return None;
                    };
                    let turn = Turn::read(response).await;
                    if turn.status != 200 {
                        self.refused(turn.status, turn.refusal.as_ref());
                        return None;
                    }
                    if turn.accepted() {
                        let student = student.clone();
                        self.journal().asked.push(Asked { student, text, turn: turn.clone() });
                    }
                    turn.accepted().then_some(turn)
                }
            })
            .await;
            thread = thread.or_else(|| {
                self.journal()
                    .asked
                    .iter()
                    .rev()
                    .find(|asked| asked.student.email == student.email)
                    .map(|asked| asked.turn.thread_id())
            });
        }
    }

    /// Repeats a request until one of the wanted statuses comes. Trouble must be typed.
    async fn insist(&self, what: &str, wanted: &[u16], request: impl Fn() -> RequestBuilder) -> Answer {
        within(PATIENCE, what, || async {
            let Ok(answer) = Answer::try_of(request()).await else {
                self.journal().broken_connections += 1;
                return None;
            };
            let status = answer.status.as_u16();
            if wanted.contains(&status) {
                return Some(answer);
            }
            self.refused(status, serde_json::from_slice(&answer.body).ok().as_ref());
            None
        })
        .await
    }

    fn refused(&self, status: u16, body: Option<&Value>) {
        let typed = body.is_some_and(|body| body["code"].is_string() || body["reason"].is_string());
        assert!(typed && matches!(status, 409 | 503 | 504), "{status}: {body:?}");
        *self.journal().refusals.entry(status).or_default() += 1;
    }
}
