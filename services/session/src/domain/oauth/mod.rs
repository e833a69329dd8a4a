//! What the provider decides, without asking anybody.

pub(crate) mod claims_request;
pub(crate) mod client;
pub(crate) mod decision;
pub(crate) mod error;
pub(crate) mod params;
pub(crate) mod pkce;
pub(crate) mod redirect_uri;
pub(crate) mod request;
pub(crate) mod scope;

use api::events::session::{
    ClientChanged, ClientRegistered, ClientRemoved, ClientSecretRotated, ConsentGiven, ConsentWithdrawn,
    GrantIssued, GrantRevoked,
};

kernel::events! {
    /// What happens to applications, consents and grants.
    pub(crate) enum Event {
        ClientRegistered(ClientRegistered) = "client.registered" @ 1,
        ClientChanged(ClientChanged) = "client.changed" @ 1,
        ClientSecretRotated(ClientSecretRotated) = "client.secret_rotated" @ 1,
        ClientRemoved(ClientRemoved) = "client.removed" @ 1,
        ConsentGiven(ConsentGiven) = "consent.given" @ 1,
        ConsentWithdrawn(ConsentWithdrawn) = "consent.withdrawn" @ 1,
        GrantIssued(GrantIssued) = "grant.issued" @ 1,
        GrantRevoked(GrantRevoked) = "grant.revoked" @ 1,
    }
}
