import { useCallback, useEffect, useState } from "react";
import { asApiError, getJson, isAbort, type ApiError } from "./http";

export type Resource<T> =
  | { status: "loading" }
  | { status: "ready"; data: T }
  | { status: "failed"; error: ApiError };

interface Loaded<T> {
  key: string;
  resource: Resource<T>;
}

/**
 * What a GET of `url` answers; `null` asks for nothing yet. A reload keeps the old data on screen,
 * another `url` does not. `version` names whatever else the answer depends on, such as the user.
 */
export function useResource<T>(url: string | null, version = "") {
  const [attempt, setAttempt] = useState(0);
  const [loaded, setLoaded] = useState<Loaded<T> | null>(null);
  const key = `${url ?? ""} ${version}`;

  useEffect(() => {
    if (url === null) return;
    const controller = new AbortController();
    getJson<T>(url, controller.signal)
      .then((data) => setLoaded({ key, resource: { status: "ready", data } }))
      .catch((error: unknown) => {
        if (!isAbort(error)) setLoaded({ key, resource: { status: "failed", error: asApiError(error) } });
      });
    return () => controller.abort();
  }, [url, key, attempt]);

  const resource: Resource<T> = loaded?.key === key ? loaded.resource : { status: "loading" };
  const reload = useCallback(() => setAttempt((count) => count + 1), []);
  const replace = useCallback((data: T) => setLoaded({ key, resource: { status: "ready", data } }), [key]);
  return { resource, reload, replace };
}
