import type { ReactNode } from "react";
import type { AuthError } from "../auth/errors";
import { AuthProblem } from "./AuthProblem";
import { Dialog } from "./Dialog";

interface ConfirmDialogProps {
  title: string;
  /** On the button that does it, and while it is done. */
  action: readonly [string, string];
  sending: boolean;
  error: AuthError | null;
  onConfirm: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** Asks before what cannot be undone. */
export function ConfirmDialog({ title, action, sending, error, onConfirm, onClose, children }: ConfirmDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="fields">
        {children}
        <AuthProblem error={error} onRetry={onConfirm} />
        <div className="actions">
          <button type="button" className="button danger" disabled={sending} onClick={onConfirm}>
            {sending ? action[1] : action[0]}
          </button>
          <button type="button" className="button quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      </div>
    </Dialog>
  );
}
