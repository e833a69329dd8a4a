import { expect, test } from "vitest";
import { banText, roleLabel, type ManagedUser } from "./managed-user";

const now = new Date(2026, 10, 23);
const user: ManagedUser = { id: "1", name: "Ada", email: "ada@example.org", emailVerified: true, createdAt: now };

test("a role the app does not know counts as the least one", () => {
  expect(roleLabel({ ...user, role: "instructor" })).toBe("Instructor");
  expect(roleLabel({ ...user, role: "user" })).toBe("Student");
  expect(roleLabel({ ...user, role: null })).toBe("Student");
});

test("a ban tells its end, and nothing once it is over", () => {
  expect(banText(user, now)).toBeNull();
  expect(banText({ ...user, banned: true, banExpires: null }, now)).toBe("banned");
  expect(banText({ ...user, banned: true, banExpires: new Date(2026, 10, 30) }, now, "en-GB")).toBe(
    "banned until 30 Nov 2026",
  );
  expect(banText({ ...user, banned: true, banExpires: new Date(2026, 10, 1) }, now)).toBeNull();
});
