import { useCallback } from "react";
import { useLocation } from "react-router";
import { useAuthResource, type AuthResource } from "../auth/use-auth-resource";
import { prelogin } from "./api";
import type { PublicClient } from "./application";
import { parameter, signedQuery } from "./signed-query";

/** The request of an application that the page was opened with, if it was. */
export function useSignedQuery(): string | null {
  const { search } = useLocation();
  return signedQuery(search);
}

/** Who has sent the request; nobody for a page without one, and for one that names no application. */
export function useApplication(query: string | null): AuthResource<PublicClient | null> {
  const load = useCallback(() => {
    const clientId = query === null ? null : parameter(query, "client_id");
    return query === null || clientId === null
      ? Promise.resolve({ data: null, error: null })
      : prelogin(query, clientId);
  }, [query]);
  return useAuthResource<PublicClient | null>(load).resource;
}
