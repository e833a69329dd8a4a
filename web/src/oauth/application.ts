/** An application, as people are shown it. */
export interface PublicClient {
  client_id: string;
  client_name: string;
  client_uri?: string;
  tos_uri?: string;
  policy_uri?: string;
}

/** Marks that turn the direction of what follows them: a name must not change how others read. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function applicationName({ client_name, client_id }: Pick<PublicClient, "client_name" | "client_id">): string {
  const name = client_name.replace(DIRECTION, "").trim();
  return name === "" ? client_id : name;
}

/** Stands in for the logo: pictures of other sites are not loaded. */
export function initialOf(name: string): string {
  const [first = "?"] = /[\p{L}\p{N}]/u.exec(name) ?? Array.from(name);
  return first.toUpperCase();
}
