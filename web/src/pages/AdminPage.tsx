import { AdminFrame } from "../admin/AdminFrame";
import { AiUsage } from "../admin/AiUsage";
import { AuthEvents } from "../admin/AuthEvents";
import { useTitle } from "../lib/hooks";

export default function AdminPage() {
  useTitle("Admin");
  return (
    <AdminFrame>
      {() => (
        <>
          <AuthEvents />
          <AiUsage />
        </>
      )}
    </AdminFrame>
  );
}
