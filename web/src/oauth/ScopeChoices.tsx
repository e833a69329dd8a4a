import { Choice } from "../components/Choice";
import { describeScope, OPENID } from "./scopes";

interface ScopeChoicesProps {
  legend: React.ReactNode;
  scopes: readonly { scope: string; granted: boolean }[];
  unticked: ReadonlySet<string>;
  disabled: boolean;
  onChange: (unticked: Set<string>) => void;
}

export function ScopeChoices({ legend, scopes, unticked, disabled, onChange }: ScopeChoicesProps) {
  const toggle = (scope: string) => {
    const next = new Set(unticked);
    if (!next.delete(scope)) next.add(scope);
    onChange(next);
  };
  return (
    <fieldset className="choices">
      <legend>{legend}</legend>
      {scopes.map(({ scope, granted }) => {
        const { title, detail } = describeScope(scope);
        const always = scope === OPENID;
        return (
          <Choice
            key={scope}
            label={title}
            checked={always || !unticked.has(scope)}
            disabled={disabled || always}
            onChange={() => toggle(scope)}
          >
            {detail}
            {always && " Needed for signing in."}
            {granted && !always && " You have agreed to it before."}
          </Choice>
        );
      })}
    </fieldset>
  );
}

/** The same, where all of it is agreed to or nothing. */
export function ScopeList({ scopes }: { scopes: readonly string[] }) {
  return (
    <ul className="scope-list">
      {scopes.map((scope) => {
        const { title, detail } = describeScope(scope);
        return (
          <li key={scope}>
            <strong>{title}</strong>
            <span className="meta">{detail}</span>
          </li>
        );
      })}
    </ul>
  );
}
