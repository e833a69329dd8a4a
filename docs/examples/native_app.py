"""A program on somebody's own device that signs them in with their browser (RFC 8252).

    native_app.py login <issuer> <client id>                         through an address of this machine
    native_app.py login <issuer> <client id> --scheme edu.school.desk through a scheme of its own
    native_app.py open  <address>                                     the operating system calls this
    native_app.py whoami
    native_app.py logout

It keeps no secret: PKCE (RFC 7636) proves that whoever redeems a code is who asked for it.
"""

import argparse
import os
import secrets
import sys
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session

from provider import SECONDS, keep, kept, provider, who

FOLDER = os.environ.get("NATIVE_APP_FOLDER", os.path.expanduser("~/.config/intellistack-native-app"))
PENDING = os.path.join(FOLDER, "pending.json")
TOKENS = os.path.join(FOLDER, "tokens.json")
SCOPE = "openid profile email offline_access"


def session(client_id: str, **more: object) -> OAuth2Session:
    return OAuth2Session(client_id, token_endpoint_auth_method="none", scope=SCOPE, **more)


def begin(issuer: str, client_id: str, redirect_uri: str) -> None:
    """Opens the browser; what must fit the answer is kept until it comes."""
    metadata = provider(issuer)
    pending = {
        "issuer": issuer,
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_verifier": secrets.token_urlsafe(48),
        "nonce": secrets.token_urlsafe(16),
    }
    address, pending["state"] = session(
        client_id, redirect_uri=redirect_uri, code_challenge_method="S256"
    ).create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=pending["code_verifier"], nonce=pending["nonce"]
    )
    keep(PENDING, pending)
    print(f"Go on in the browser: {address}", flush=True)
    webbrowser.open(address)


def end(answer: str) -> None:
    """Redeems the code with which the browser came back."""
    pending = kept(PENDING)
    # One answer for each question, whatever it is.
    os.remove(PENDING)
    said = parse_qs(urlsplit(answer).query)
    # The answer of another provider must not reach this one (RFC 9207).
    if said.get("iss") != [pending["issuer"]] or said.get("state") != [pending["state"]]:
        sys.exit("This answer is not for a question of this program.")
    if "error" in said:
        sys.exit(f"Not signed in: {said['error'][0]}")
    metadata = provider(pending["issuer"])
    client = session(pending["client_id"], redirect_uri=pending["redirect_uri"], state=pending["state"])
    tokens = client.fetch_token(
        metadata["token_endpoint"], authorization_response=answer, code_verifier=pending["code_verifier"]
    )
    person = who(metadata, pending["client_id"], tokens, nonce=pending["nonce"])
    keep(TOKENS, {"issuer": pending["issuer"], "client_id": pending["client_id"], "tokens": tokens})
    print(f"Signed in as {person['name']} <{person['email']}>", flush=True)


class Loopback(BaseHTTPRequestHandler):
    """Receives the browser once (RFC 8252, section 7.3)."""

    answer = None

    def do_GET(self) -> None:
        wanted = urlsplit(self.path).path == "/signed-in"
        if wanted:
            Loopback.answer = f"http://127.0.0.1:{self.server.server_port}{self.path}"
        self.send_response(200 if wanted else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"You can close this page." if wanted else b"")

    def log_message(self, *_: object) -> None:
        """A code in a log would be one too many."""


def login(arguments: argparse.Namespace) -> None:
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    if arguments.scheme:
        # The system starts this program again with the address: see `open`.
        return begin(arguments.issuer, arguments.client_id, f"{arguments.scheme}:/signed-in")
    with HTTPServer(("127.0.0.1", 0), Loopback) as server:
        begin(arguments.issuer, arguments.client_id, f"http://127.0.0.1:{server.server_port}/signed-in")
        while Loopback.answer is None:
            server.handle_request()
    return end(Loopback.answer)


def whoami(_: argparse.Namespace) -> None:
    """Asks with the access token, which is renewed when it has expired."""
    state = kept(TOKENS)
    metadata = provider(state["issuer"])
    client = session(
        state["client_id"],
        token=state["tokens"],
        token_endpoint=metadata["token_endpoint"],
        # Each refresh token is good once: the new one must be kept before anything else happens.
        update_token=lambda token, **_: keep(TOKENS, {**state, "tokens": {**state["tokens"], **token}}),
    )
    answer = client.get(metadata["userinfo_endpoint"], timeout=SECONDS)
    if answer.status_code == 401:
        sys.exit("The session has ended: sign in again.")
    answer.raise_for_status()
    print(f"{answer.json()['name']} <{answer.json()['email']}>")


def logout(_: argparse.Namespace) -> None:
    """Ends what this program was given; the browser stays signed in."""
    state = kept(TOKENS)
    form = {"token": state["tokens"]["refresh_token"], "client_id": state["client_id"]}
    endpoint = provider(state["issuer"])["revocation_endpoint"]
    requests.post(endpoint, data=form, timeout=SECONDS).raise_for_status()
    os.remove(TOKENS)
    print("Signed out.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Sign in with IntelliStack.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("login")
    command.add_argument("issuer")
    command.add_argument("client_id")
    command.add_argument("--scheme", help="a scheme of this program, e.g. edu.school.desk")
    command.set_defaults(run=login)
    command = commands.add_parser("open")
    command.add_argument("address")
    command.set_defaults(run=lambda arguments: end(arguments.address))
    commands.add_parser("whoami").set_defaults(run=whoami)
    commands.add_parser("logout").set_defaults(run=logout)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
