use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::api::{Answer, Api};
use crate::process::{Process, free_port};
use crate::settings::root;
use crate::wait::eventually;

/// The identifier of the generic OpenID provider in `/sign-in/social`.
const SCHOOL: &str = "school";

/// Real sign-in providers on this machine: npm's `oidc-provider`, which also plays Google, and a
/// double of GitHub. Their `POST /control` changes what they do.
#[derive(Debug)]
pub struct Providers {
    openid: String,
    github: String,
    _processes: [Process; 2],
}

impl Providers {
    /// `origin` is the gateway's, the only one that they send browsers back to.
    pub async fn start(origin: &str, folder: &Path) -> Self {
        let (openid_port, github_port) = (free_port(), free_port());
        let callback = |id: &str| format!("{origin}/api/auth/callback/{id}");
        // Where versions before 1.7 were sent back to.
        let old_callback = |id: &str| format!("{origin}/api/auth/oauth2/callback/{id}");
        let clients = [SCHOOL, "google"].map(|id| {
            json!({
                "client_id": format!("{id}-client"),
                "client_secret": format!("{id}-secret"),
                "redirect_uris": [callback(id), old_callback(id)],
            })
        });
        let mut openid = node("oidc.mjs", openid_port);
        openid.env("CLIENTS", json!(clients).to_string());
        let mut github = node("github.mjs", github_port);
        github.envs([("CLIENT_ID", "github-client"), ("CLIENT_SECRET", "github-secret")]);
        github.env("REDIRECT_URIS", callback("github"));
        let providers = Self {
            openid: format!("http://127.0.0.1:{openid_port}"),
            github: format!("http://127.0.0.1:{github_port}"),
            _processes: [
                Process::start("openid-provider", openid, folder),
                Process::start("github-double", github, folder),
            ],
        };
        for url in [&providers.openid, &providers.github] {
            let api = Api::new(url);
            eventually("a provider answers: is tests/e2e/node installed? ./dev test does it", || {
                let request = api.request(reqwest::Method::GET, "/control");
                async { Answer::try_of(request).await.ok() }
            })
            .await;
        }
        providers
    }

    /// The issuer, and where its control is.
    pub fn openid(&self) -> &str {
        &self.openid
    }

    pub fn github(&self) -> &str {
        &self.github
    }

    /// The settings of the binary.
    pub fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("SOCIAL_ALLOW_PRIVATE_NETWORKS", "true"),
            ("GOOGLE_CLIENT_ID", "google-client"),
            ("GOOGLE_CLIENT_SECRET", "google-secret"),
            ("GOOGLE_ISSUER", &self.openid),
            ("GITHUB_CLIENT_ID", "github-client"),
            ("GITHUB_CLIENT_SECRET", "github-secret"),
            ("GITHUB_URL", &self.github),
            ("GITHUB_API_URL", &self.github),
            ("OIDC_PROVIDERS", SCHOOL),
            ("OIDC_SCHOOL_ISSUER", &self.openid),
            ("OIDC_SCHOOL_CLIENT_ID", "school-client"),
            ("OIDC_SCHOOL_CLIENT_SECRET", "school-secret"),
            ("OIDC_SCHOOL_NAME", "The school"),
            ("OIDC_SCHOOL_SCOPES", "openid email profile offline_access"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

fn node(script: &str, port: u16) -> Command {
    let mut command = Command::new("node");
    command.args([script, &port.to_string()]).current_dir(root().join("tests/e2e/node"));
    command
}
