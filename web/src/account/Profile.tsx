import { useState, type SyntheticEvent } from "react";
import { authClient } from "../auth/client";
import { useAuthCall } from "../auth/use-auth-call";
import type { User } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { Field } from "../components/Field";
import { Panel } from "../components/Panel";

export function Profile({ user }: { user: User }) {
  const [name, setName] = useState(user.name);
  const [image, setImage] = useState(user.image ?? "");
  const [saved, setSaved] = useState(false);
  const { sending, error, run } = useAuthCall();
  const changed = name.trim() !== user.name || image !== (user.image ?? "");

  const save = async () => {
    setSaved(false);
    const settled = await run(() => authClient.updateUser({ name: name.trim(), image: image === "" ? null : image }));
    setSaved(settled.ok);
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void save();
  };

  return (
    <Panel title="Profile" id="profile">
      <form className="fields" onSubmit={submit}>
        <AuthProblem error={error} onRetry={() => void save()} />
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          required
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Field
          label="Address of a picture (optional)"
          name="image"
          type="url"
          placeholder="https://"
          maxLength={2048}
          value={image}
          onChange={(event) => setImage(event.target.value.trim())}
        >
          <p>For applications that you sign in to with this account. This site itself loads no pictures from elsewhere.</p>
        </Field>
        <div className="actions">
          <button type="submit" className="button primary" disabled={sending || !changed || name.trim() === ""}>
            {sending ? "Saving…" : "Save"}
          </button>
          <span className="meta" role="status">
            {saved && !changed && "Saved."}
          </span>
        </div>
      </form>
    </Panel>
  );
}
