import { api } from "../api/urls";
import { isObject, stringMember } from "../lib/json";
import { useResource } from "../lib/use-resource";

export interface Provider {
  id: string;
  name: string;
}

/** The services one can sign in with; none while unknown, and on a server that knows none. */
export function useProviders(): Provider[] {
  const { resource } = useResource<unknown>(api.signInMethods);
  return resource.status === "ready" ? parseProviders(resource.data) : [];
}

export function parseProviders(body: unknown): Provider[] {
  const listed: unknown = isObject(body) ? body.providers : null;
  if (!Array.isArray(listed)) return [];
  return listed.filter(isObject).flatMap((member) => {
    const id = stringMember(member, "id");
    return id === null ? [] : [{ id, name: stringMember(member, "name") ?? id }];
  });
}

/** What to call a connected account; `credential` is a password. */
export function providerName(id: string, providers: readonly Provider[]): string {
  if (id === "credential") return "Password";
  return providers.find((provider) => provider.id === id)?.name ?? id.charAt(0).toUpperCase() + id.slice(1);
}
