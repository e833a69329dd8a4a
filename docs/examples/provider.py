"""What both examples need to know of the provider."""

import json
import os
import sys
from urllib.parse import urlsplit

import requests
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

SECONDS = 10


def provider(issuer: str) -> dict:
    """Its metadata (OpenID Connect Discovery 1.0, section 4)."""
    if urlsplit(issuer).hostname in ("127.0.0.1", "localhost"):
        # An IntelliStack of your own on this machine has no certificate.
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    answer = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=SECONDS)
    answer.raise_for_status()
    found = answer.json()
    if found["issuer"] != issuer:
        sys.exit(f"{issuer} says that it is {found['issuer']}")
    return found


def who(metadata: dict, client_id: str, tokens: dict, **expected: object) -> dict:
    """The person, as the userinfo endpoint tells of the subject of the ID token."""
    subject = id_token(metadata, client_id, tokens, **expected)["sub"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = requests.get(metadata["userinfo_endpoint"], headers=bearer, timeout=SECONDS)
    answer.raise_for_status()
    person = answer.json()
    # OpenID Connect Core 1.0, section 5.3.2.
    if person["sub"] != subject:
        sys.exit("The tokens are of two people.")
    return person


def id_token(metadata: dict, client_id: str, tokens: dict, **expected: object) -> dict:
    """The claims of the ID token, verified (OpenID Connect Core 1.0, section 3.1.3.7)."""
    answer = requests.get(metadata["jwks_uri"], timeout=SECONDS)
    answer.raise_for_status()
    token = jwt.decode(tokens["id_token"], KeySet.import_key_set(answer.json()), algorithms=["RS256"])
    options = {
        "iss": {"essential": True, "value": metadata["issuer"]},
        "aud": {"essential": True, "value": client_id},
    }
    params = {"client_id": client_id, "access_token": tokens["access_token"], **expected}
    claims = CodeIDToken(token.claims, token.header, options, params)
    claims.validate(leeway=30)
    return dict(claims)


def keep(path: str, what: dict) -> None:
    """Tokens are for their owner's eyes only."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(what, file)


def kept(path: str) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        sys.exit("Nobody is signed in.")
