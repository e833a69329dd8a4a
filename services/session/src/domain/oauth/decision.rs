use chrono::{DateTime, TimeDelta, Utc};

use super::error::{Code, OAuthError};
use super::request::{AuthorizationRequest, Prompt};
use super::scope;

/// Who is signed in at this browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) user_id: String,
    pub(crate) signed_in_at: DateTime<Utc>,
    pub(crate) role: String,
    /// An administrator acts as the user: applications get nothing by that.
    pub(crate) impersonated: bool,
}

/// What is known beside the request.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) person: Option<&'a Person>,
    /// The user whom the client believes to be here (`id_token_hint`, `claims`).
    pub(crate) expected_user: Option<&'a str>,
    /// What the person has agreed to before.
    pub(crate) agreed: &'a [String],
    /// What the person says now.
    pub(crate) answer: Option<Answer<'a>>,
    /// The application is of the house, and people are not asked.
    pub(crate) trusted: bool,
    pub(crate) admitted: bool,
    /// When the request came first.
    pub(crate) requested_at: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    Denied,
    /// To these.
    Agreed(&'a [String]),
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    SignIn {
        create_account: bool,
    },
    AskConsent,
    Refuse(OAuthError),
    /// A code for these scopes; they are noted as agreed to where `note` says so.
    Grant {
        scopes: Vec<String>,
        note: bool,
    },
}

/// OpenID Connect Core 1.0, sections 3.1.2.3 and 3.1.2.4.
pub(crate) fn decide(request: &AuthorizationRequest, now: &Circumstances<'_>) -> Decision {
    let silent = request.has(Prompt::None);
    let person = match now.person {
        Some(person) if is_current(request, now, person) => person,
        _ if silent => return refuse(Code::LoginRequired, "The person has to sign in"),
        _ => return Decision::SignIn { create_account: request.has(Prompt::Create) },
    };
    if now.expected_user.is_some_and(|expected| expected != person.user_id) {
        return refuse(Code::LoginRequired, "Somebody else is signed in");
    }
    if person.impersonated || !now.admitted {
        return refuse(Code::AccessDenied, "This person may not use the application");
    }
    let asked = request.to_agree();
    match now.answer {
        Some(Answer::Denied) => return refuse(Code::AccessDenied, "The person has refused"),
        Some(Answer::Agreed(to)) => {
            let all = to.is_empty();
            let chosen = |scope: &&String| all || to.contains(scope) || *scope == scope::OPENID;
            return Decision::Grant { scopes: asked.iter().filter(chosen).cloned().collect(), note: true };
        }
        None => {}
    }
    let agreed = asked.iter().all(|scope| scope::contains(now.agreed, scope));
    let settled = now.trusted || agreed;
    if request.has(Prompt::Consent) || !settled {
        let refused = refuse(Code::ConsentRequired, "The person has to agree");
        return if silent { refused } else { Decision::AskConsent };
    }
    Decision::Grant { scopes: asked, note: false }
}

/// Is the sign-in recent enough? One after the request came always is.
fn is_current(request: &AuthorizationRequest, now: &Circumstances<'_>, person: &Person) -> bool {
    let again =
        [Prompt::Login, Prompt::SelectAccount, Prompt::Create].into_iter().any(|prompt| request.has(prompt));
    if person.signed_in_at >= now.requested_at {
        return true;
    }
    let seconds = request.max_age.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let longest = seconds.and_then(TimeDelta::try_seconds);
    let too_old = match seconds {
        Some(_) => {
            longest.is_some_and(|longest| now.now - person.signed_in_at > longest) || seconds == Some(0)
        }
        None => false,
    };
    !again && !too_old
}

fn refuse(code: Code, description: &'static str) -> Decision {
    Decision::Refuse(OAuthError::new(code, description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::oauth::claims_request::ClaimsRequest;
    use crate::domain::oauth::request::Bound;

    const REQUESTED: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn request(prompts: &[Prompt], max_age: Option<u64>) -> AuthorizationRequest {
        let scopes = vec!["openid".to_owned(), "email".to_owned()];
        let bound = Bound {
            redirect_uri: "https://lms.example/cb".to_owned(),
            scopes: scopes.clone(),
            resources: Vec::new(),
            code_challenge: None,
            nonce: None,
            dpop_jkt: None,
            claims: ClaimsRequest::default(),
        };
        AuthorizationRequest { scopes, prompts: prompts.to_vec(), max_age, id_token_hint: None, bound }
    }

    /// Signed in so many seconds before the request came.
    fn person(seconds: i64) -> Person {
        Person {
            user_id: "u1".to_owned(),
            signed_in_at: REQUESTED - TimeDelta::seconds(seconds),
            role: "student".to_owned(),
            impersonated: false,
        }
    }

    fn with<'a>(person: Option<&'a Person>, agreed: &'a [String]) -> Circumstances<'a> {
        Circumstances {
            person,
            expected_user: None,
            agreed,
            answer: None,
            trusted: false,
            admitted: true,
            requested_at: REQUESTED,
            now: REQUESTED + TimeDelta::seconds(5),
        }
    }

    fn code_of(decision: &Decision) -> Code {
        match decision {
            Decision::Refuse(error) => error.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nobody_is_asked_who_asked_not_to_be() {
        let silent = request(&[Prompt::None], None);
        let ada = person(60);
        assert_eq!(code_of(&decide(&silent, &with(None, &[]))), Code::LoginRequired);
        assert_eq!(code_of(&decide(&silent, &with(Some(&ada), &[]))), Code::ConsentRequired);
        let agreed = silent.scopes.clone();
        let granted = Decision::Grant { scopes: agreed.clone(), note: false };
        assert_eq!(decide(&silent, &with(Some(&ada), &agreed)), granted);
    }

    #[test]
    fn signing_in_again_is_done_after_the_request_came() {
        let agreed = request(&[], None).scopes;
        for again in [request(&[Prompt::Login], None), request(&[], Some(0)), request(&[], Some(30))] {
            let old = person(60);
            assert_eq!(
                decide(&again, &with(Some(&old), &agreed)),
                Decision::SignIn { create_account: false }
            );
            let new = person(-2);
            assert!(matches!(decide(&again, &with(Some(&new), &agreed)), Decision::Grant { .. }));
        }
        let patient = request(&[], Some(10_000));
        let old = person(60);
        assert!(matches!(decide(&patient, &with(Some(&old), &agreed)), Decision::Grant { .. }));
        let endless = request(&[], Some(u64::MAX));
        assert!(matches!(decide(&endless, &with(Some(&old), &agreed)), Decision::Grant { .. }));
    }

    #[test]
    fn a_third_party_never_spares_people_the_question() {
        let ada = person(60);
        let asks = request(&[], None);
        assert_eq!(decide(&asks, &with(Some(&ada), &["openid".to_owned()])), Decision::AskConsent);
        let again = request(&[Prompt::Consent], None);
        assert_eq!(decide(&again, &with(Some(&ada), &asks.scopes)), Decision::AskConsent);
        let house = Circumstances { trusted: true, ..with(Some(&ada), &[]) };
        assert!(matches!(decide(&asks, &house), Decision::Grant { note: false, .. }));
    }

    #[test]
    fn people_agree_to_a_part_or_to_nothing() {
        let ada = person(60);
        let asks = request(&[], None);
        let denied = Circumstances { answer: Some(Answer::Denied), ..with(Some(&ada), &[]) };
        assert_eq!(code_of(&decide(&asks, &denied)), Code::AccessDenied);
        let part = ["profile".to_owned()];
        let agreed = Circumstances { answer: Some(Answer::Agreed(&part)), ..with(Some(&ada), &[]) };
        let granted = Decision::Grant { scopes: vec!["openid".to_owned()], note: true };
        assert_eq!(decide(&asks, &agreed), granted);
    }

    #[test]
    fn neither_somebody_else_nor_an_impersonator_nor_who_is_not_admitted_gets_in() {
        let agreed = request(&[], None).scopes;
        let asks = request(&[], None);
        let ada = person(60);
        let other = Circumstances { expected_user: Some("u2"), ..with(Some(&ada), &agreed) };
        assert_eq!(code_of(&decide(&asks, &other)), Code::LoginRequired);
        let actor = Person { impersonated: true, ..person(60) };
        assert_eq!(code_of(&decide(&asks, &with(Some(&actor), &agreed))), Code::AccessDenied);
        let kept_out = Circumstances { admitted: false, ..with(Some(&ada), &agreed) };
        assert_eq!(code_of(&decide(&asks, &kept_out)), Code::AccessDenied);
    }
}
