import { adminClient } from "better-auth/client/plugins";
import { adminAc, userAc } from "better-auth/plugins/admin/access";
import { createAuthClient } from "better-auth/react";
import { withRetryAfter } from "./retry-after";

export const authClient = createAuthClient({
  baseURL: window.location.origin,
  basePath: "/api/auth",
  // The access rules are the server's; here they only name the roles.
  plugins: [adminClient({ roles: { student: userAc, instructor: userAc, admin: adminAc } })],
  fetchOptions: { onResponse: ({ response }) => withRetryAfter(response) },
});
