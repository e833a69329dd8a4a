import { useCallback, useState } from "react";
import { authClient } from "../auth/client";
import { useAuthResource } from "../auth/use-auth-resource";
import { AuthProblem } from "../components/AuthProblem";
import { useNow } from "../lib/hooks";
import { dateText } from "../lib/time";
import { Filters, type FilterField } from "./Filters";
import { banText, roleLabel, ROLES, type ManagedUser } from "./managed-user";
import { UserDialog } from "./UserDialog";
import { filtersFrom, NO_FILTERS, PAGE_SIZE, rangeText, userQuery } from "./user-query";

const FIELDS: FilterField[] = [
  { name: "search", label: "Search", type: "search" },
  {
    name: "field",
    label: "In",
    options: [
      ["email", "E-mail"],
      ["name", "Name"],
    ],
  },
  { name: "role", label: "Role", options: [["", "All roles"], ...ROLES] },
];

export function Users({ self }: { self: string }) {
  const [filters, setFilters] = useState(NO_FILTERS);
  const [offset, setOffset] = useState(0);
  const [open, setOpen] = useState<ManagedUser | null>(null);
  const load = useCallback(() => authClient.admin.listUsers({ query: userQuery(filters, offset) }), [filters, offset]);
  const { resource, reload } = useAuthResource(load);

  return (
    <section aria-labelledby="users">
      <h2 id="users">Users</h2>
      <Filters
        fields={FIELDS}
        onApply={(values) => {
          setFilters(filtersFrom(values));
          setOffset(0);
        }}
      />
      {resource.status === "failed" && <AuthProblem error={resource.error} onRetry={reload} />}
      {resource.status === "loading" && <p className="loading">Loading the users…</p>}
      {resource.status === "ready" && (
        <>
          <UserTable users={resource.data.users} self={self} onManage={setOpen} />
          <Paging offset={offset} shown={resource.data.users.length} total={resource.data.total} onMove={setOffset} />
        </>
      )}
      {open !== null && <UserDialog user={open} self={self} onChanged={reload} onClose={() => setOpen(null)} />}
    </section>
  );
}

interface UserTableProps {
  users: ManagedUser[];
  self: string;
  onManage: (user: ManagedUser) => void;
}

function UserTable({ users, self, onManage }: UserTableProps) {
  const now = useNow(60_000);
  if (users.length === 0) return <p className="loading">No users match.</p>;
  return (
    <div className="table-scroll">
      <table className="data users" data-testid="users">
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col" className="hide-narrow">
              Role
            </th>
            <th scope="col">State</th>
            <th scope="col" className="hide-narrow">
              Since
            </th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.id}>
              <th scope="row">
                {user.name} {user.id === self && <span className="badge">you</span>}
                <span className="meta">{user.email}</span>
              </th>
              <td className="hide-narrow">{roleLabel(user)}</td>
              <td>
                <UserState user={user} now={now} />
              </td>
              <td className="hide-narrow">{dateText(user.createdAt)}</td>
              <td>
                <button type="button" className="button small" onClick={() => onManage(user)}>
                  Manage<span className="visually-hidden"> {user.name}</span>
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function UserState({ user, now }: { user: ManagedUser; now: Date }) {
  const ban = banText(user, now);
  if (ban !== null) {
    return (
      <span className="badge" data-tone="danger" title={user.banReason ?? undefined}>
        {ban}
      </span>
    );
  }
  return user.emailVerified ? (
    "active"
  ) : (
    <span className="badge" data-tone="warning">
      not verified
    </span>
  );
}

interface PagingProps {
  offset: number;
  shown: number;
  total: number;
  onMove: (offset: number) => void;
}

function Paging({ offset, shown, total, onMove }: PagingProps) {
  return (
    <div className="actions">
      <button
        type="button"
        className="button small"
        disabled={offset === 0}
        onClick={() => onMove(Math.max(0, offset - PAGE_SIZE))}
      >
        Previous
      </button>
      <button
        type="button"
        className="button small"
        disabled={offset + shown >= total}
        onClick={() => onMove(offset + PAGE_SIZE)}
      >
        Next
      </button>
      <span className="meta" role="status">
        {rangeText(offset, shown, total)}
      </span>
    </div>
  );
}
