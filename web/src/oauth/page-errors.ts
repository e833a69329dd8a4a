/** Codes with which `/oauth/error` is opened. Anybody can write such an address: the words are ours. */

export interface ErrorWords {
  title: string;
  text: string;
}

const WORDS: Record<string, ErrorWords> = {
  invalid_client: {
    title: "This application is not known here",
    text: "It asked to sign you in, but it is not registered with this site, or has been switched off. Whoever runs it can set it up.",
  },
  invalid_redirect_uri: {
    title: "This application asked for something unsafe",
    text: "It asked to be sent to an address that it has not registered. To protect you, nothing has been sent there.",
  },
  invalid_request: {
    title: "This request is not complete",
    text: "The application sent something that this site does not understand. Go back to it and start again.",
  },
  invalid_id_token_hint: {
    title: "Signing out did not work",
    text: "The application could not show for whom it asks. You can sign out here, with the button at the top of the page.",
  },
  expired_request: {
    title: "This took too long",
    text: "The request of an application is valid for a short time only. Go back to the application and start again.",
  },
};

export function describePageError(code: string | null): ErrorWords {
  const known = code !== null && Object.hasOwn(WORDS, code) ? WORDS[code] : undefined;
  if (known !== undefined) return known;
  const title = "This did not work";
  const again = "Go back to the application and start again.";
  // Nobody's sentence is shown as if it were ours.
  if (code === null || !/^[a-z0-9_.-]{1,48}$/i.test(code)) return { title, text: again };
  return { title, text: `The request of the application was refused (${code}). ${again}` };
}
