import { oauth } from "../api/urls";
import type { JsonObject } from "../lib/json";
import { get, post } from "../oauth/api";
import type { OAuthClient } from "./client-draft";

export const listClients = () => get<{ clients: OAuthClient[] }>(oauth.clients);

export const createClient = (metadata: JsonObject) => post<OAuthClient>(oauth.createClient, metadata);

export const updateClient = (id: string, update: JsonObject) =>
  post<OAuthClient>(oauth.updateClient, { client_id: id, update });

export const deleteClient = (id: string) => post<unknown>(oauth.deleteClient, { client_id: id });

export const rotateSecret = (id: string) => post<OAuthClient>(oauth.rotateSecret, { client_id: id });
