import { expect, test } from "vitest";
import { hintedEmail, parameter, reportedError, resumePath, signedQuery } from "./signed-query";

const QUERY = "client_id=lms&scope=openid+email&redirect_uri=https%3A%2F%2Flms.example%2Fcb&exp=1&ba_iat=0&sig=aB%2Fc%3D";

test("a signed query is kept letter by letter", () => {
  expect(signedQuery(`?${QUERY}`)).toBe(QUERY);
  expect(signedQuery("?state=%7e~%20+&sig=x")).toBe("state=%7e~%20+&sig=x");
});

test.each(["", "?", "?next=/courses", "?sig=", "?signature=x", "?next=%3Fsig%3Dx"])("%j is not signed", (search) => {
  expect(signedQuery(search)).toBeNull();
});

test("what a service has added behind the signature is no part of the request", () => {
  const search = `?${QUERY}&error=access_denied&error_description=No`;
  expect(signedQuery(search)).toBe(QUERY);
  expect(reportedError(search)).toBe("access_denied");
});

test("what was signed stays, whatever it is called", () => {
  const search = "?error=mine&sig=x";
  expect(signedQuery(search)).toBe("error=mine&sig=x");
  expect(reportedError(search)).toBeNull();
  expect(reportedError(`${search}&error=access_denied`)).toBe("access_denied");
});

test("without a signed query the error is told as before", () => {
  expect(reportedError("?error=state_mismatch")).toBe("state_mismatch");
  expect(reportedError("?next=/courses")).toBeNull();
});

test("only an e-mail address is filled in", () => {
  expect(hintedEmail("login_hint=ada%40example.org&sig=x")).toBe("ada@example.org");
  expect(hintedEmail("login_hint=Ada+Lovelace&sig=x")).toBe("");
  expect(hintedEmail(`login_hint=${"a".repeat(320)}%40x&sig=x`)).toBe("");
  expect(hintedEmail(null)).toBe("");
});

test("parameters that are empty count as absent", () => {
  expect(parameter("client_id=&sig=x", "client_id")).toBeNull();
  expect(parameter(QUERY, "client_id")).toBe("lms");
});

test.each(["next=//evil.example&sig=x", "redirect_uri=https://evil.example&sig=x", "/../../evil&sig=x", "@evil.example&sig=x"])(
  "%j leads to our own authorization endpoint",
  (query) => {
    const url = new URL(resumePath(query), "https://school.example/sign-in");
    expect(url.origin + url.pathname).toBe("https://school.example/api/auth/oauth2/authorize");
  },
);
