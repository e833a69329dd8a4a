//! The tokens that providers gave.

use api::identity::{
    Account, GetAccessTokenRequest, GetAccessTokenResponse, GetAccountInfoRequest, ListAccountsRequest, User,
};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::Error;
use serde_json::{Value, json};

use crate::env::Env;
use crate::issuer::{Issuer, Key};
use crate::social::{Scene, scene};

impl Scene {
    /// Somebody who came by the school, with what its token endpoint gave.
    async fn comer(&self, given: Value) -> (User, Account) {
        let state = self.begin_as(&self.claims(), None).await;
        self.gives(given);
        let user = self.complete(Self::brought(&state)).await.user.unwrap();
        let accounts = self.accounts(&user.id).await;
        (user, accounts.into_iter().find(|account| account.provider_id == "school").unwrap())
    }

    /// Changes what the token endpoint answers.
    fn gives(&self, given: Value) {
        let mut script = self.issuer.script.lock().unwrap();
        let Value::Object(given) = given else { panic!("{given}") };
        script.token.as_object_mut().unwrap().extend(given);
        script.asked.clear();
    }

    fn asked(&self) -> usize {
        self.issuer.script.lock().unwrap().asked.len()
    }

    async fn accounts(&self, user: &str) -> Vec<Account> {
        let request = ListAccountsRequest { user_id: user.to_owned() };
        self.env.client.clone().list_accounts(request).await.unwrap().into_inner().accounts
    }

    async fn tokens(
        &self,
        user: &str,
        (account, provider): (&str, &str),
        refresh: bool,
    ) -> Result<GetAccessTokenResponse, Error> {
        let request = GetAccessTokenRequest {
            user_id: user.to_owned(),
            account_id: account.to_owned(),
            provider_id: provider.to_owned(),
            refresh,
        };
        let answer = self.env.social.clone().get_access_token(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| api::from_status(&status))
    }
}

fn given(name: &str) -> Value {
    json!({ "access_token": format!("access-{name}"), "refresh_token": format!("refresh-{name}"), "expires_in": 100 })
}

#[tokio::test]
async fn a_token_is_handed_out_by_row_by_subject_and_by_provider_and_to_nobody_else() {
    let scene = scene().await;
    let (user, account) = scene.comer(given("1")).await;
    for named in
        [(account.id.as_str(), ""), (account.id.as_str(), "school"), ("grace", "school"), ("", "school")]
    {
        let tokens = scene.tokens(&user.id, named, false).await.unwrap();
        assert_eq!(tokens.access_token, "access-1", "{named:?}");
        assert_eq!(tokens.scopes, ["openid", "email", "profile"]);
    }
    let eve = scene.env.sign_up("eve@example.com").await.unwrap();
    for (who, named) in
        [(&eve.id, (account.id.as_str(), "")), (&user.id, ("grace", "")), (&user.id, ("", "github"))]
    {
        assert_eq!(
            scene.tokens(who, named, false).await.unwrap_err().reason,
            "ACCOUNT_NOT_FOUND",
            "{named:?}"
        );
    }
    let password = &scene.accounts(&eve.id).await[0];
    let refused = scene.tokens(&eve.id, (&password.id, ""), false).await.unwrap_err();
    assert_eq!(refused.reason, "PROVIDER_NOT_SUPPORTED");
    let request = GetAccountInfoRequest {
        user_id: eve.id,
        account_id: password.id.clone(),
        provider_id: String::new(),
    };
    let refused = scene.env.social.clone().get_account_info(request).await.unwrap_err();
    assert_eq!(api::from_status(&refused).reason, "PROVIDER_NOT_CONFIGURED");
}

#[tokio::test]
async fn a_token_with_less_than_five_seconds_left_is_renewed_and_kept() {
    let scene = scene().await;
    let (user, account) = scene.comer(given("1")).await;
    scene.gives(given("2"));
    scene.env.clock.advance(TimeDelta::seconds(95));
    assert_eq!(scene.tokens(&user.id, (&account.id, ""), false).await.unwrap().access_token, "access-1");
    scene.env.clock.advance(TimeDelta::seconds(1));
    for _ in 0..2 {
        let tokens = scene.tokens(&user.id, (&account.id, ""), false).await.unwrap();
        assert_eq!((tokens.access_token.as_str(), tokens.refresh_token.as_str()), ("access-2", "refresh-2"));
    }
    let asked = scene.issuer.script.lock().unwrap().asked.clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0]["grant_type"].as_str(), asked[0]["refresh_token"].as_str()),
        ("refresh_token", "refresh-1")
    );
}

#[tokio::test]
async fn a_provider_that_does_not_renew_is_told_apart() {
    let scene = scene().await;
    let (user, account) = scene.comer(given("1")).await;
    scene.issuer.script.lock().unwrap().refuses = true;
    let renewed = scene.tokens(&user.id, (&account.id, ""), true).await.unwrap_err();
    assert_eq!(renewed.reason, "FAILED_TO_REFRESH_ACCESS_TOKEN");
    scene.env.clock.advance(TimeDelta::seconds(100));
    let ended = scene.tokens(&user.id, (&account.id, ""), false).await.unwrap_err();
    assert_eq!(ended.reason, "FAILED_TO_GET_ACCESS_TOKEN");
    // Once it does, nothing stands in the way.
    scene.issuer.script.lock().unwrap().refuses = false;
    scene.gives(given("2"));
    assert_eq!(scene.tokens(&user.id, (&account.id, ""), true).await.unwrap().access_token, "access-2");
}

#[tokio::test]
async fn without_a_refresh_token_nothing_can_be_renewed() {
    let scene = scene().await;
    let (user, account) = scene.comer(json!({})).await;
    let refused = scene.tokens(&user.id, (&account.id, ""), true).await.unwrap_err();
    assert_eq!(refused.reason, "REFRESH_TOKEN_NOT_FOUND");
}

#[tokio::test]
async fn a_refresh_token_that_is_given_once_survives_later_sign_ins() {
    let scene = scene().await;
    let (user, account) = scene.comer(given("1")).await;
    // The provider gives no other, and a native client brings none at all.
    let state = scene.begin_as(&scene.claims(), None).await;
    scene.complete(Scene::brought(&state)).await.user.unwrap();
    scene.sign_in(Key::first().sign(&scene.claims()), "n").await.unwrap();
    let tokens = scene.tokens(&user.id, (&account.id, ""), false).await.unwrap();
    assert_eq!(
        (tokens.access_token.as_str(), tokens.refresh_token.as_str()),
        ("an-access-token", "refresh-1")
    );
}

#[tokio::test]
async fn of_many_who_renew_at_once_one_uses_the_refresh_token() {
    let scene = scene().await;
    let (user, account) = scene.comer(given("1")).await;
    scene.gives(given("2"));
    let asked = join_all((0..10).map(|_| scene.tokens(&user.id, (&account.id, ""), true))).await;
    let renewed = asked.iter().filter(|tokens| tokens.as_ref().unwrap().access_token == "access-2").count();
    assert_eq!(renewed, 10);
    let requests = scene.issuer.script.lock().unwrap().asked.clone();
    let first = requests.iter().filter(|asked| asked["refresh_token"] == "refresh-1").count();
    assert_eq!(first, 1, "{requests:?}");
}

#[tokio::test]
async fn account_info_is_of_the_same_subject_or_of_nobody() {
    let scene = scene().await;
    let (user, account) = scene.comer(given("1")).await;
    let info = |told: Value| {
        scene.issuer.script.lock().unwrap().userinfo = told;
        let request = GetAccountInfoRequest {
            user_id: user.id.clone(),
            account_id: account.id.clone(),
            provider_id: String::new(),
        };
        let mut client = scene.env.social.clone();
        async move { client.get_account_info(request).await.map(tonic::Response::into_inner) }
    };
    let told = json!({ "sub": "grace", "name": "G.", "email": "new@example.com", "x": 1 });
    let answer = info(told.clone()).await.unwrap();
    assert_eq!((answer.subject.as_str(), answer.email.as_str()), ("grace", "new@example.com"));
    assert_eq!(serde_json::from_str::<Value>(&answer.data_json).unwrap(), told);
    let other = info(json!({ "sub": "somebody-else" })).await.unwrap_err();
    assert_eq!(api::from_status(&other).reason, "FAILED_TO_GET_USER_INFO");
}

#[tokio::test]
async fn tokens_go_back_only_to_the_registration_and_issuer_that_gave_them() {
    let issuer = Issuer::start().await;
    let mut options = issuer.options(true);
    options.providers.push(issuer.provider("club"));
    let scene = Scene { env: Env::with_providers(options).await, issuer };
    let (user, account) = scene.comer(given("1")).await;
    // The same identity through the other registration: in, but its tokens are not kept.
    scene.gives(given("2"));
    let club = scene.sign_in_at("club", Key::first().sign(&scene.claims())).await.unwrap();
    assert_eq!(club.id, user.id);
    assert_eq!(scene.tokens(&user.id, (&account.id, ""), false).await.unwrap().access_token, "access-1");
    // `school` is another issuer by now.
    sqlx::query("update linked_accounts set issuer = 'https://former.example'")
        .execute(&scene.env.pool())
        .await
        .unwrap();
    let refused = scene.tokens(&user.id, (&account.id, ""), true).await.unwrap_err();
    assert_eq!(refused.reason, "PROVIDER_NOT_SUPPORTED");
    assert_eq!(scene.asked(), 0);
}
