use anyhow::{Context, bail};
use identity::{ProviderKind, ProviderOptions, SocialOptions};
use secrecy::SecretString;
use url::Url;

use crate::config::Config;

/// Beginning of the settings of providers that speak OpenID Connect; the provider's id follows.
pub const OIDC: &str = "OIDC_";
/// What may follow the id.
const PARTS: [&str; 5] = ["ISSUER", "CLIENT_ID", "CLIENT_SECRET", "NAME", "SCOPES"];

impl Config {
    /// The providers that are set up: Google and GitHub by their own settings, others by
    /// `OIDC_PROVIDERS` and `OIDC_<ID>_…`.
    pub fn social(&self) -> anyhow::Result<SocialOptions> {
        let mut providers = Vec::new();
        let google = (self.text("GOOGLE_CLIENT_ID"), self.text("GOOGLE_CLIENT_SECRET"));
        if let Some((client_id, client_secret)) = pair("GOOGLE", google)? {
            let issuer = self.url("GOOGLE_ISSUER", "https://accounts.google.com")?;
            let kind = ProviderKind::Google { issuer };
            providers.push(provider("google", "Google", client_id, client_secret, kind));
        }
        let github = (self.text("GITHUB_CLIENT_ID"), self.text("GITHUB_CLIENT_SECRET"));
        if let Some((client_id, client_secret)) = pair("GITHUB", github)? {
            let url = self.url("GITHUB_URL", "https://github.com")?;
            let api_url = self.url("GITHUB_API_URL", "https://api.github.com")?;
            let kind = ProviderKind::GitHub { url, api_url };
            providers.push(provider("github", "GitHub", client_id, client_secret, kind));
        }
        let ids = self.text("OIDC_PROVIDERS").unwrap_or_default();
        let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        for id in &ids {
            providers.push(self.oidc(id)?);
        }
        self.check_oidc_names(&ids)?;
        let allow_private_networks = self.flag("SOCIAL_ALLOW_PRIVATE_NETWORKS")?;
        Ok(SocialOptions { providers, allow_private_networks })
    }

    fn oidc(&self, id: &str) -> anyhow::Result<ProviderOptions> {
        let part = |part: &str| self.text(&name(id, part));
        let needed = |wanted: &str| {
            part(wanted)
                .with_context(|| format!("OIDC_PROVIDERS names {id:?}: {} is not set", name(id, wanted)))
        };
        let issuer = needed("ISSUER")?;
        let issuer =
            issuer.parse().with_context(|| format!("{} {issuer:?} is no URL", name(id, "ISSUER")))?;
        let (client_id, client_secret) = (needed("CLIENT_ID")?, needed("CLIENT_SECRET")?);
        let label = part("NAME").unwrap_or_else(|| id.to_owned());
        let scopes = part("SCOPES").unwrap_or_default();
        let scopes = scopes.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        let kind = ProviderKind::OpenId { issuer };
        Ok(ProviderOptions { scopes, ..provider(id, &label, client_id, client_secret, kind) })
    }

    /// A setting of a provider that is not named is a slip of the pen, not to be passed over.
    fn check_oidc_names(&self, ids: &[&str]) -> anyhow::Result<()> {
        for given in self.names().filter(|given| given.starts_with(OIDC) && given != "OIDC_PROVIDERS") {
            let known = ids.iter().any(|id| PARTS.iter().any(|part| name(id, part) == given));
            if !known {
                bail!("{given} belongs to no provider that OIDC_PROVIDERS names");
            }
        }
        Ok(())
    }

    fn url(&self, name: &str, default: &str) -> anyhow::Result<Url> {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        text.parse().with_context(|| format!("{name} {text:?} is no URL"))
    }
}

/// The setting of a provider.
fn name(id: &str, part: &str) -> String {
    format!("{OIDC}{}_{part}", id.to_uppercase().replace('-', "_"))
}

fn pair(
    provider: &str,
    (id, secret): (Option<String>, Option<String>),
) -> anyhow::Result<Option<(String, String)>> {
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some((id, secret))),
        (None, None) => Ok(None),
        _ => bail!("{provider}_CLIENT_ID and {provider}_CLIENT_SECRET belong together"),
    }
}

fn provider(
    id: &str,
    name: &str,
    client_id: String,
    client_secret: String,
    kind: ProviderKind,
) -> ProviderOptions {
    ProviderOptions {
        id: id.to_owned(),
        name: name.to_owned(),
        client_id,
        client_secret: SecretString::from(client_secret),
        kind,
        scopes: Vec::new(),
    }
}
