const part = encodeURIComponent;

/** Addresses of the API. */
export const api = {
  courses: "/api/v1/courses",
  course: (course: string) => `/api/v1/courses/${part(course)}`,
  enrolment: (course: string) => `/api/v1/courses/${part(course)}/enrolment`,
  lesson: (course: string, lesson: string) => `/api/v1/courses/${part(course)}/lessons/${part(lesson)}`,
  completion: (course: string, lesson: string) =>
    `/api/v1/courses/${part(course)}/lessons/${part(lesson)}/completion`,
  quota: "/api/v1/me/quota",
  signInMethods: "/api/v1/sign-in-methods",
  chatkit: "/api/v1/chatkit",
  authEvents: "/api/v1/admin/auth-events",
  aiUsage: "/api/v1/admin/ai-usage",
};

/** Addresses of the app's own pages. */
export const page = {
  course: (course: string) => `/courses/${part(course)}`,
  lesson: (course: string, lesson: string) => `/courses/${part(course)}/lessons/${part(lesson)}`,
  signIn: (next: string) => `/sign-in?next=${part(next)}`,
  signUp: (next: string) => `/sign-up?next=${part(next)}`,
  forgotPassword: "/forgot-password",
  resetPassword: "/reset-password",
  account: "/account",
  accountDeleted: "/account/deleted",
  admin: "/admin",
  adminUsers: "/admin/users",
};

/** `url` with the members of `query` that are not empty. */
export function withQuery(url: string, query: Record<string, string | number | null>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== "") search.set(key, String(value));
  }
  return search.size === 0 ? url : `${url}?${search}`;
}
