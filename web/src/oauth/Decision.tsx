interface DecisionProps {
  onDecide: (accept: boolean) => void;
  /** The decision that is on its way. */
  deciding: boolean | null;
  mayAllow?: boolean;
}

/** Two buttons alike: neither is the one to press. */
export function Decision({ onDecide, deciding, mayAllow = true }: DecisionProps) {
  return (
    <div className="decision">
      <button type="button" className="button" disabled={deciding !== null || !mayAllow} onClick={() => onDecide(true)}>
        {deciding === true ? "Allowing…" : "Allow"}
      </button>
      <button type="button" className="button" disabled={deciding !== null} onClick={() => onDecide(false)}>
        {deciding === false ? "Denying…" : "Deny"}
      </button>
    </div>
  );
}
