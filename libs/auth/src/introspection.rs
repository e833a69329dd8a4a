use serde_json::{Map, Value, json};

const TOLD: [&str; 13] =
    ["client_id", "azp", "iss", "sub", "aud", "sid", "exp", "iat", "nbf", "jti", "scope", "role", "cnf"];

/// What is told of an access token that is good (RFC 7662, section 2.2): what resource servers know
/// how to read, nothing of the person behind it.
pub fn introspection(claims: &Map<String, Value>) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("active".to_owned(), json!(true));
    for name in TOLD {
        if let Some(value) = claims.get(name) {
            told.insert(name.to_owned(), value.clone());
        }
    }
    let kind = if claims.contains_key("cnf") { "DPoP" } else { "Bearer" };
    told.insert("token_type".to_owned(), json!(kind));
    told
}
