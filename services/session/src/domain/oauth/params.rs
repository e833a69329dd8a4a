use super::error::OAuthError;

const MAX_PARAMETERS: usize = 64;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 8 * 1024;

/// The parameters of a request. None comes twice (RFC 6749, section 3.1) but `resource` (RFC 8707,
/// section 2); one without a value counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// # Errors
    /// `invalid_request` for a parameter that comes twice, or is too long, or too many.
    pub(crate) fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, OAuthError> {
        let mut read: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            if read.len() == MAX_PARAMETERS || name.len() > MAX_NAME || value.len() > MAX_VALUE {
                return Err(OAuthError::request("A parameter is too long, or there are too many"));
            }
            if name != "resource" && read.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::request("A parameter is given twice"));
            }
            read.push((name, value));
        }
        read.retain(|(_, value)| !value.is_empty());
        Ok(Self(read))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// `invalid_request` naming the one that is absent.
    pub(crate) fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::request(format!("The parameter {name} is missing")))
    }

    /// Text divided by spaces.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        self.get(name)
            .unwrap_or_default()
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn resources(&self) -> Vec<String> {
        self.0.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.clone()).collect()
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Params, OAuthError> {
        Params::read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn nothing_comes_twice_but_resources_and_what_is_empty_is_absent() {
        assert!(read(&[("state", "a"), ("state", "a")]).is_err());
        assert!(read(&[("state", ""), ("state", "a")]).is_err());
        let params = read(&[("resource", "a"), ("resource", "b"), ("nonce", "")]).unwrap();
        assert_eq!(params.resources(), ["a", "b"]);
        assert_eq!(params.get("nonce"), None);
        assert!(params.require("nonce").is_err());
    }

    #[test]
    fn size_is_bounded() {
        assert!(read(&[("scope", &"x".repeat(MAX_VALUE + 1))]).is_err());
        let many: Vec<(String, String)> = (0..65).map(|n| (format!("p{n}"), String::new())).collect();
        assert!(Params::read(many).is_err());
    }
}
