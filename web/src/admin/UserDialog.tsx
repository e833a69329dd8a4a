import { useId, useState, type SyntheticEvent } from "react";
import { authClient } from "../auth/client";
import { roleOf, type Role } from "../auth/role";
import { useAuthCall } from "../auth/use-auth-call";
import { AuthProblem } from "../components/AuthProblem";
import { Dialog } from "../components/Dialog";
import { BanUser } from "./BanUser";
import { ROLES, type ManagedUser } from "./managed-user";
import { UserSessions } from "./UserSessions";

interface UserDialogProps {
  user: ManagedUser;
  self: string;
  onChanged: () => void;
  onClose: () => void;
}

/** Everything an administrator can do about one user. */
export function UserDialog({ user: opened, self, onChanged, onClose }: UserDialogProps) {
  const [user, setUser] = useState(opened);
  const isSelf = user.id === self;
  const update = (changed: ManagedUser) => {
    setUser({ ...user, ...changed });
    onChanged();
  };
  return (
    <Dialog title={user.name} onClose={onClose}>
      <p className="meta">
        {user.email}
        {!user.emailVerified && " (not verified)"}
      </p>
      <ChangeRole key={user.role} user={user} onChanged={update} />
      {!isSelf && <BanUser user={user} onChanged={update} />}
      {/* A ban ends them. */}
      <UserSessions key={String(user.banned)} userId={user.id} />
      {!isSelf && <Impersonate user={user} />}
    </Dialog>
  );
}

function ChangeRole({ user, onChanged }: { user: ManagedUser; onChanged: (user: ManagedUser) => void }) {
  const present = roleOf(user);
  const [role, setRole] = useState<Role>(present);
  const { sending, error, run } = useAuthCall();
  const id = useId();

  const submit = async (event: SyntheticEvent) => {
    event.preventDefault();
    const settled = await run(() => authClient.admin.setRole({ userId: user.id, role }));
    if (settled.ok) onChanged(settled.data.user);
  };
  return (
    <form className="fields part" onSubmit={(event) => void submit(event)}>
      <h3>Role</h3>
      <AuthProblem error={error} testId="role-error" />
      <div className="inline-field">
        <label htmlFor={id} className="visually-hidden">
          Role of {user.name}
        </label>
        <select id={id} value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {ROLES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <button type="submit" className="button small" disabled={sending || role === present}>
          Change the role
        </button>
      </div>
    </form>
  );
}

function Impersonate({ user }: { user: ManagedUser }) {
  const { sending, error, run } = useAuthCall();
  const isAdmin = roleOf(user) === "admin";
  const start = async () => {
    const started = await run(() => authClient.admin.impersonateUser({ userId: user.id }));
    // Afresh, so that nothing of the administrator stays on any page.
    if (started.ok) window.location.assign("/courses");
  };
  return (
    <section className="fields part">
      <h3>See the app as {user.name}</h3>
      <p className="meta">
        {isAdmin
          ? "Not possible for administrators."
          : "For an hour at most, or until you stop. It is logged, and what you do counts as theirs."}
      </p>
      <AuthProblem error={error} />
      {!isAdmin && (
        <div className="actions">
          <button type="button" className="button small" disabled={sending} onClick={() => void start()}>
            Begin
          </button>
        </div>
      )}
    </section>
  );
}
