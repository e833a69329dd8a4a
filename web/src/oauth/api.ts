import { oauth } from "../api/urls";
import type { Answer } from "../auth/settle";
import { asApiError, send } from "../lib/http";
import { stringMember } from "../lib/json";
import type { PublicClient } from "./application";

/**
 * The auth API for applications. Not by the Better-Auth client: that one goes by itself wherever an
 * answer leads, and our pages look at it first, and go once.
 */

export interface ConsentRequest {
  client: PublicClient;
  user: { name: string; email: string };
  scopes: { scope: string; granted: boolean }[];
  redirect_host: string;
  first_party: boolean;
}

export interface DeviceRequest {
  client: PublicClient;
  scopes: string[];
  user_code: string;
}

export interface Consent {
  id: string;
  clientId: string;
  clientName: string;
  scopes: string[];
  createdAt: string;
  updatedAt: string;
}

interface Onward {
  url: string;
}

export const prelogin = (query: string, clientId: string) =>
  post<PublicClient>(oauth.prelogin, { client_id: clientId, oauth_query: query });

export const consentRequest = (query: string) => get<ConsentRequest>(oauth.consentRequest(query));

/** `scopes`: what is agreed to of what was asked for. */
export const answerConsent = (query: string, accept: boolean, scopes: readonly string[]) =>
  post<Onward>(oauth.consent, { accept, ...(accept ? { scope: scopes.join(" ") } : {}), oauth_query: query });

export const deviceRequest = (code: string) => get<DeviceRequest>(oauth.deviceRequest(code));

export const answerDevice = (code: string, accept: boolean) => post<unknown>(oauth.device, { user_code: code, accept });

export const confirmSignOut = (query: string) => post<Onward>(oauth.endSession, { oauth_query: query });

export const listConsents = () => get<Consent[]>(oauth.consents);

export const withdrawConsent = (id: string) => post<unknown>(oauth.withdraw, { id });

export function get<T>(url: string): Promise<Answer<T>> {
  return answer<T>(send(url));
}

export function post<T>(url: string, body: object): Promise<Answer<T>> {
  const headers = { "content-type": "application/json" };
  return answer<T>(send(url, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** As the Better-Auth client answers: what the body of a refusal says, beside its status. */
async function answer<T>(request: Promise<Response>): Promise<Answer<T>> {
  try {
    const text = await (await request).text();
    return { data: (text === "" ? null : JSON.parse(text)) as T | null, error: null };
  } catch (thrown) {
    const { status, code, message, extras, retryAfterSeconds } = asApiError(thrown);
    // Some refusals are in the words of OAuth (RFC 6749, section 5.2).
    const own = stringMember(extras, "code") ?? stringMember(extras, "error")?.toUpperCase() ?? code;
    const told = stringMember(extras, "message") ?? stringMember(extras, "error_description") ?? message;
    return { data: null, error: { ...extras, status, code: own, message: told, retryAfter: retryAfterSeconds } };
  }
}
