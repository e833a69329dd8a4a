use api::common::Client as Visitor;
use api::session as wire;
use api::session::o_auth_clients_server::OAuthClients;
use async_trait::async_trait;
use kernel::{Error, UserId};
use secrecy::ExposeSecret;
use tonic::{Request, Status};

use super::{Answer, Grpc, origin, some, status};
use crate::commands::Actor;
use crate::commands::oauth::{Made, create_client, delete_client, rotate_secret, update_client};
use crate::domain::oauth::client::Client;
use crate::error;
use crate::postgres::oauth::clients;

#[async_trait]
impl OAuthClients for Grpc {
    async fn create_client(
        &self,
        request: Request<wire::CreateClientRequest>,
    ) -> Answer<wire::CreateClientResponse> {
        let request = request.into_inner();
        let actor = self.actor(request.actor, request.client).await?;
        let made =
            create_client(&self.0.books(), &request.metadata_json, request.self_registered, &actor).await;
        Ok(wire::CreateClientResponse { client: Some(made.and_then(shown).map_err(status)?) }.into())
    }

    async fn get_client(&self, request: Request<wire::GetClientRequest>) -> Answer<wire::GetClientResponse> {
        let found = clients::find(self.0.store.pool(), &request.get_ref().client_id).await;
        let found = found.map_err(|error| status(error.into()))?;
        let client = found.ok_or_else(|| status(error::client_not_found()))?;
        Ok(wire::GetClientResponse { client: Some(to_wire(client, "").map_err(status)?) }.into())
    }

    async fn list_clients(&self, _: Request<wire::ListClientsRequest>) -> Answer<wire::ListClientsResponse> {
        let all = clients::all(self.0.store.pool()).await.map_err(|error| status(error.into()))?;
        let clients = all.into_iter().map(|client| to_wire(client, "")).collect::<Result<_, _>>();
        Ok(wire::ListClientsResponse { clients: clients.map_err(status)? }.into())
    }

    async fn update_client(
        &self,
        request: Request<wire::UpdateClientRequest>,
    ) -> Answer<wire::UpdateClientResponse> {
        let request = request.into_inner();
        let actor = self.actor(request.actor, request.client).await?;
        let made = update_client(&self.0.books(), &request.client_id, &request.metadata_json, &actor).await;
        Ok(wire::UpdateClientResponse { client: Some(made.and_then(shown).map_err(status)?) }.into())
    }

    async fn delete_client(
        &self,
        request: Request<wire::DeleteClientRequest>,
    ) -> Answer<wire::DeleteClientResponse> {
        let request = request.into_inner();
        let actor = self.actor(request.actor, request.client).await?;
        delete_client(&self.0.books(), &request.client_id, &actor).await.map_err(status)?;
        Ok(wire::DeleteClientResponse {}.into())
    }

    async fn rotate_client_secret(
        &self,
        request: Request<wire::RotateClientSecretRequest>,
    ) -> Answer<wire::RotateClientSecretResponse> {
        let request = request.into_inner();
        let actor = self.actor(request.actor, request.client).await?;
        let made = rotate_secret(&self.0.books(), &request.client_id, &actor).await;
        Ok(wire::RotateClientSecretResponse { client: Some(made.and_then(shown).map_err(status)?) }.into())
    }
}

impl Grpc {
    async fn actor(&self, id: String, client: Option<Visitor>) -> Result<Actor, Status> {
        match some(id).map(UserId::from) {
            Some(id) => Actor::at(&self.0, &id, &origin(client)).await.map_err(|error| status(error.into())),
            None => Ok(Actor::system(None)),
        }
    }
}

fn shown(made: Made) -> Result<wire::OAuthClient, Error> {
    to_wire(made.client, made.secret.as_ref().map_or("", |secret| secret.expose_secret()))
}

fn to_wire(client: Client, secret: &str) -> Result<wire::OAuthClient, Error> {
    Ok(wire::OAuthClient {
        client_id: client.id,
        metadata_json: serde_json::to_string(&client.metadata).map_err(|_| Error::internal())?,
        created_at: Some(api::timestamp(client.created_at)),
        updated_at: Some(api::timestamp(client.updated_at)),
        client_secret: secret.to_owned(),
    })
}

/// For the provider's own answers.
pub(super) fn metadata(client: &Client) -> Result<String, Status> {
    serde_json::to_string(&client.metadata).map_err(|_| status(Error::internal()))
}
