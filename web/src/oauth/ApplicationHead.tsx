import { applicationName, initialOf, type PublicClient } from "./application";
import { webAddress } from "./targets";

/** The application's sign and, beside it, what it is about. */
export function ApplicationHead({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <header className="application-head">
      <span className="initial" aria-hidden="true">
        {initialOf(name)}
      </span>
      {children}
    </header>
  );
}

/** A name that others have chosen: it must not run into our own words. */
export function ApplicationName({ client }: { client: Pick<PublicClient, "client_name" | "client_id"> }) {
  return (
    <strong>
      <bdi>{applicationName(client)}</bdi>
    </strong>
  );
}

export function PolicyLinks({ client }: { client: PublicClient }) {
  const links = [
    ["Privacy policy", webAddress(client.policy_uri)],
    ["Terms of use", webAddress(client.tos_uri)],
  ] as const;
  const given = links.filter(([, url]) => url !== null);
  if (given.length === 0) return null;
  return (
    <ul className="policy-links" aria-label={`From ${applicationName(client)}`}>
      {given.map(([label, url]) => (
        <li key={label}>
          <a href={url ?? undefined} target="_blank" rel="noopener noreferrer">
            {label}
            <span className="visually-hidden"> (opens in a new tab)</span>
          </a>
        </li>
      ))}
    </ul>
  );
}
