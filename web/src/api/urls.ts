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

/** The part of the auth API that deals with applications. */
export const oauth = {
  prelogin: "/api/auth/oauth2/public-client-prelogin",
  consentRequest: (query: string) => `/api/auth/oauth2/consent-request?oauth_query=${part(query)}`,
  consent: "/api/auth/oauth2/consent",
  device: "/api/auth/oauth2/device",
  deviceRequest: (code: string) => `/api/auth/oauth2/device?user_code=${part(code)}`,
  endSession: "/api/auth/oauth2/end-session/confirm",
  consents: "/api/auth/oauth2/get-consents",
  withdraw: "/api/auth/oauth2/delete-consent",
  clients: "/api/auth/admin/oauth2/list-clients",
  createClient: "/api/auth/admin/oauth2/create-client",
  updateClient: "/api/auth/admin/oauth2/update-client",
  deleteClient: "/api/auth/admin/oauth2/delete-client",
  rotateSecret: "/api/auth/admin/oauth2/rotate-secret",
};

/** Addresses of the app's own pages. */
export const page = {
  courses: "/courses",
  course: (course: string) => `/courses/${part(course)}`,
  lesson: (course: string, lesson: string) => `/courses/${part(course)}/lessons/${part(lesson)}`,
  signIn: (next: string) => `/sign-in?next=${part(next)}`,
  signUp: (next: string) => `/sign-up?next=${part(next)}`,
  /** With the request of an application: a signed query. */
  signInFor: (query: string) => `/sign-in?${query}`,
  signUpFor: (query: string) => `/sign-up?${query}`,
  forgotPassword: "/forgot-password",
  resetPassword: "/reset-password",
  account: "/account",
  accountDeleted: "/account/deleted",
  admin: "/admin",
  adminUsers: "/admin/users",
  adminApplications: "/admin/applications",
};

/** `url` with the members of `query` that are not empty. */
export function withQuery(url: string, query: Record<string, string | number | null>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== "") search.set(key, String(value));
  }
  return search.size === 0 ? url : `${url}?${search}`;
}
