"""The programs of docs/examples, run as their users run them."""

import os
import subprocess
import sys
import tempfile

import requests

from person import ISSUER, EMAIL, Browser, application, finish, step

EXAMPLES = os.environ["EXAMPLES"]
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
FOLDER = tempfile.mkdtemp()
# What would open a window.
QUIET = {**os.environ, "BROWSER": "true", "NATIVE_APP_FOLDER": FOLDER}


def start(program, *arguments):
    command = [sys.executable, os.path.join(EXAMPLES, program), *arguments]
    return subprocess.Popen(command, env=QUIET, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ended(process):
    said, _ = process.communicate(timeout=30)
    return process.returncode, said.strip()


def run(program, *arguments):
    return ended(start(program, *arguments))


def app(**metadata):
    made = application(
        client_name="Desk",
        token_endpoint_auth_method="none",
        application_type="native",
        scope="openid profile email offline_access",
        **metadata,
    )
    return made["client_id"]


def desk():
    return app(
        redirect_uris=["http://127.0.0.1/signed-in", "edu.school.desk:/signed-in"],
        grant_types=["authorization_code", "refresh_token"],
    )


def address_of(process):
    return process.stdout.readline().strip().partition("browser: ")[2]


def assert_signed_in():
    code, said = run("native_app.py", "whoami")
    assert code == 0 and said.endswith(f"<{EMAIL}>"), said


@step("a native app signs in through an address of its machine, and out")
def _():
    login = start("native_app.py", "login", ISSUER, desk())
    landing = Browser().authorize(address_of(login))
    assert landing.startswith("http://127.0.0.1:"), landing
    assert requests.get(landing, timeout=20).text == "You can close this page."
    code, said = ended(login)
    assert code == 0 and said.startswith("Signed in as "), said
    assert_signed_in()
    assert oct(os.stat(os.path.join(FOLDER, "tokens.json")).st_mode & 0o777) == "0o600"
    assert run("native_app.py", "logout") == (0, "Signed out.")
    code, said = run("native_app.py", "whoami")
    assert (code, said) == (1, "Nobody is signed in."), said


@step("a native app signs in through a scheme of its own")
def _():
    login = start("native_app.py", "login", ISSUER, desk(), "--scheme", "edu.school.desk")
    address = address_of(login)
    assert ended(login)[0] == 0
    landing = Browser().authorize(address)
    assert landing.startswith("edu.school.desk:/signed-in?"), landing
    # What another program may have sent.
    forged = landing.replace("state=", "state=x")
    code, said = run("native_app.py", "open", forged)
    assert code == 1 and "not for a question" in said, said
    code, said = run("native_app.py", "open", landing)
    assert (code, said) == (1, "Nobody is signed in."), "one answer for each question"

    login = start("native_app.py", "login", ISSUER, desk(), "--scheme", "edu.school.desk")
    landing = Browser().authorize(address_of(login))
    ended(login)
    code, said = run("native_app.py", "open", landing)
    assert code == 0 and said.startswith("Signed in as "), said
    assert_signed_in()


def board():
    process = start("device.py", ISSUER, app(grant_types=[DEVICE]))
    said = process.stdout.readline().split()
    return process, said[-1]


@step("a device is signed in by somebody who enters its code elsewhere")
def _():
    process, code = board()
    browser = Browser()
    browser.sign_in()
    browser.json("/oauth2/device", {"user_code": code, "accept": True})
    status, said = ended(process)
    assert status == 0 and said.endswith(f"<{EMAIL}>"), said


@step("a device that is refused says so")
def _():
    process, code = board()
    browser = Browser()
    browser.sign_in()
    browser.json("/oauth2/device", {"user_code": code, "accept": False})
    status, said = ended(process)
    assert (status, said) == (1, "Not signed in: access_denied"), said


finish()
