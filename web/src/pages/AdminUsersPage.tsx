import { AdminFrame } from "../admin/AdminFrame";
import { Users } from "../admin/Users";
import { useTitle } from "../lib/hooks";

export default function AdminUsersPage() {
  useTitle("Users");
  return <AdminFrame>{(user) => <Users self={user.id} />}</AdminFrame>;
}
