import { Icon } from "../components/icons";
import { RULES, type Rule } from "./password";

export function PasswordRules({ missing }: { missing: readonly Rule[] }) {
  return (
    <ul className="rules" aria-label="Requirements" data-testid="password-rules">
      {RULES.map(({ rule, label }) => {
        const met = !missing.includes(rule);
        return (
          <li key={rule} data-rule={rule} data-met={met}>
            <Icon name={met ? "check" : "close"} />
            {label}
            <span className="visually-hidden">{met ? " (met)" : " (missing)"}</span>
          </li>
        );
      })}
    </ul>
  );
}
