import { AdminFrame } from "../admin/AdminFrame";
import { Clients } from "../admin/Clients";
import { useTitle } from "../lib/hooks";

export default function AdminApplicationsPage() {
  useTitle("Applications");
  return <AdminFrame>{() => <Clients />}</AdminFrame>;
}
