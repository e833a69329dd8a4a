"""A program on a machine without a browser, such as a board in a classroom (RFC 8628).

    device.py <issuer> <client id>

It shows a code, somebody enters it in a browser elsewhere, and it is signed in as them.
"""

import sys
import time

import requests

from provider import SECONDS, provider, who

SCOPE = "openid profile email"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def ask(endpoint: str, **form: str) -> tuple[int, dict]:
    answer = requests.post(endpoint, data=form, timeout=SECONDS)
    return answer.status_code, answer.json()


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    issuer, client_id = sys.argv[1:]
    metadata = provider(issuer)
    status, begun = ask(metadata["device_authorization_endpoint"], client_id=client_id, scope=SCOPE)
    if status != 200:
        sys.exit(f"This device may not ask: {begun['error']}")
    print(f"Open {begun['verification_uri']} and enter {begun['user_code']}", flush=True)

    interval, ends = begun.get("interval", 5), time.monotonic() + begun["expires_in"]
    while time.monotonic() < ends:
        time.sleep(interval)
        form = {"grant_type": GRANT, "device_code": begun["device_code"], "client_id": client_id}
        status, said = ask(metadata["token_endpoint"], **form)
        if status == 200:
            person = who(metadata, client_id, said)
            print(f"Signed in as {person['name']} <{person['email']}>", flush=True)
            return
        if said["error"] == "slow_down":
            interval += 5
        elif said["error"] != "authorization_pending":
            sys.exit(f"Not signed in: {said['error']}")
    sys.exit("Not signed in: nobody entered the code in time.")


if __name__ == "__main__":
    main()
