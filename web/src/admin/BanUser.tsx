import { useState, type SyntheticEvent } from "react";
import { authClient } from "../auth/client";
import { useAuthCall } from "../auth/use-auth-call";
import { AuthProblem } from "../components/AuthProblem";
import { Field } from "../components/Field";
import { useNow } from "../lib/hooks";
import { banText, type ManagedUser } from "./managed-user";

const DAY_SECONDS = 86_400;

interface BanUserProps {
  user: ManagedUser;
  onChanged: (user: ManagedUser) => void;
}

export function BanUser({ user, onChanged }: BanUserProps) {
  const ban = banText(user, useNow(60_000));
  return ban === null ? <Ban user={user} onChanged={onChanged} /> : <Unban user={user} ban={ban} onChanged={onChanged} />;
}

function Ban({ user, onChanged }: BanUserProps) {
  const [reason, setReason] = useState("");
  const [days, setDays] = useState("");
  const { sending, error, run } = useAuthCall();

  const submit = async (event: SyntheticEvent) => {
    event.preventDefault();
    const seconds = Number(days) * DAY_SECONDS;
    const settled = await run(() =>
      authClient.admin.banUser({
        userId: user.id,
        ...(reason.trim() === "" ? {} : { banReason: reason.trim() }),
        ...(seconds > 0 ? { banExpiresIn: seconds } : {}),
      }),
    );
    if (settled.ok) onChanged(settled.data.user);
  };
  return (
    <form className="fields part" onSubmit={(event) => void submit(event)}>
      <h3>Ban</h3>
      <p className="meta">Ends all sessions at once; signing in is refused until the ban ends.</p>
      <AuthProblem error={error} />
      <Field label="Reason (optional)" maxLength={200} value={reason} onChange={(event) => setReason(event.target.value)} />
      <Field
        label="Days (empty: until it is lifted)"
        type="number"
        inputMode="numeric"
        min={1}
        max={3650}
        step={1}
        value={days}
        onChange={(event) => setDays(event.target.value)}
      />
      <div className="actions">
        <button type="submit" className="button small danger" disabled={sending}>
          Ban {user.name}
        </button>
      </div>
    </form>
  );
}

function Unban({ user, ban, onChanged }: BanUserProps & { ban: string }) {
  const { sending, error, run } = useAuthCall();
  const lift = async () => {
    const settled = await run(() => authClient.admin.unbanUser({ userId: user.id }));
    if (settled.ok) onChanged({ ...settled.data.user, banned: false });
  };
  return (
    <section className="fields part">
      <h3>Ban</h3>
      <p>
        <span className="badge" data-tone="danger">
          {ban}
        </span>{" "}
        {user.banReason}
      </p>
      <AuthProblem error={error} />
      <div className="actions">
        <button type="button" className="button small" disabled={sending} onClick={() => void lift()}>
          Lift the ban
        </button>
      </div>
    </section>
  );
}
