"""A person with a browser that knows our pages' API, and applications made by the administrator."""

import os
import traceback

import requests

BASE_URL = os.environ["BASE_URL"]
EMAIL, PASSWORD = os.environ["EMAIL"], os.environ["PASSWORD"]
ADMIN_EMAIL = os.environ["ADMIN_EMAIL"]
ISSUER = f"{BASE_URL}/api/auth"

passed = failed = 0


def step(name):
    """Runs a function at once as one step; says what failed and goes on."""

    def run(function):
        global passed, failed
        try:
            function()
            passed += 1
            print(f"ok {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name}: {traceback.format_exc()}", flush=True)

    return run


def finish():
    print(f"{passed} steps passed, {failed} failed")
    raise SystemExit(failed != 0)


class Browser(requests.Session):
    def json(self, path, body):
        answer = self.post(f"{ISSUER}{path}", json=body, headers={"Origin": BASE_URL}, timeout=20)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def sign_in(self, email=EMAIL, **more):
        return self.json("/sign-in/email", {"email": email, "password": PASSWORD, **more})

    def authorize(self, address):
        """From a request to where its answer leads, signing in and agreeing on the way."""
        for _ in range(6):
            if not address.startswith(BASE_URL + "/"):
                return address
            query = address.partition("?")[2]
            if address.startswith(f"{BASE_URL}/sign-in"):
                address = self.sign_in(oauth_query=query)["url"]
            elif address.startswith(f"{BASE_URL}/oauth/consent"):
                address = self.json("/oauth2/consent", {"accept": True, "oauth_query": query})["url"]
            else:
                navigation = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
                answer = self.get(address, headers=navigation, allow_redirects=False, timeout=20)
                assert answer.is_redirect, f"{address}: {answer.status_code} {answer.text}"
                address = requests.compat.urljoin(address, answer.headers["Location"])
        raise AssertionError(f"no end in sight: {address}")


def application(**metadata):
    admin = Browser()
    admin.sign_in(ADMIN_EMAIL)
    return admin.json("/admin/oauth2/create-client", {"client_name": "Learning platform", **metadata})
