/** Codes that signing in or connecting with another service reports as `?error=`. */

const WORDS: Record<string, string> = {
  account_not_linked:
    "There is already an account with this e-mail address, and it is not connected to that service. Sign in with your password and verify your e-mail address, then connect the service under Account.",
  account_already_linked_to_different_user: "That account is already connected to someone else here.",
  email_does_not_match: "That account has another e-mail address than yours here, so it cannot be connected.",
  email_not_found: "The service did not tell us an e-mail address. Make one visible there, or create an account with a password.",
  email_not_verified: "Your e-mail address is not verified at that service. Verify it there and try again.",
  access_denied: "Signing in was cancelled at the other service.",
  state_mismatch: "This took too long, or was begun in another window. Please try again.",
  signup_disabled: "New accounts cannot be created this way. Create an account with a password first.",
  banned_user:
    "This account has been suspended by an administrator. Contact whoever runs this site if you think that is a mistake.",
};
const SAME_AS: Record<string, string> = { state_not_found: "state_mismatch", state_invalid: "state_mismatch" };

export function describeProviderError(code: string): string {
  const name = code.toLowerCase();
  const known = Object.hasOwn(SAME_AS, name) ? (SAME_AS[name] ?? name) : name;
  const words = Object.hasOwn(WORDS, known) ? WORDS[known] : undefined;
  return words ?? "Signing in with the other service did not work. Try again, or use your password.";
}
