"""Python Authlib against the real binary."""

import os

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from urllib.parse import urlencode

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import RSAKey

from person import ISSUER, EMAIL, Browser, application, finish, step
from provider import provider, who

REDIRECT_URI = "https://rp.example/cb"
VERIFIER = "a" * 64
METADATA = provider(ISSUER)
SCOPE = "openid profile email offline_access"


def new_client(method="client_secret_basic", **metadata):
    made = application(
        redirect_uris=[REDIRECT_URI],
        grant_types=["authorization_code", "refresh_token"],
        scope=SCOPE,
        token_endpoint_auth_method=method,
        **metadata,
    )
    return made["client_id"], made.get("client_secret")


def code_flow(client_id, secret, method="client_secret_basic", prepare=lambda session: None):
    client = OAuth2Session(
        client_id,
        secret,
        scope=SCOPE,
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )
    prepare(client)
    address, _ = client.create_authorization_url(
        METADATA["authorization_endpoint"], code_verifier=VERIFIER, nonce="a-nonce", max_age="600"
    )
    browser = Browser()
    landing = browser.authorize(address)
    assert landing.startswith(REDIRECT_URI + "?"), landing
    tokens = client.fetch_token(
        METADATA["token_endpoint"], authorization_response=landing, code_verifier=VERIFIER
    )
    person = who(METADATA, client_id, tokens, nonce="a-nonce", max_age=600)
    assert person["email"] == EMAIL, person
    return client, tokens, landing, browser


def refused(error, action):
    try:
        action()
    except OAuthError as refusal:
        assert refusal.error == error, refusal
    else:
        raise AssertionError(f"was not refused as {error}")


@step("code, userinfo, refresh, introspection, revocation with a secret in the header")
def _():
    client, tokens, landing, _ = code_flow(*new_client())
    assert client.get(METADATA["userinfo_endpoint"]).json()["email"] == EMAIL
    again = client.refresh_token(METADATA["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert again["access_token"] != tokens["access_token"]
    said = client.introspect_token(METADATA["introspection_endpoint"], token=again["access_token"]).json()
    assert said["active"] is True and said["client_id"] == client.client_id, said
    assert client.revoke_token(METADATA["revocation_endpoint"], token=again["refresh_token"]).status_code == 200
    refused(
        "invalid_grant",
        lambda: client.refresh_token(METADATA["token_endpoint"], refresh_token=again["refresh_token"]),
    )
    assert client.get(METADATA["userinfo_endpoint"]).status_code == 401
    refused(
        "invalid_grant",
        lambda: client.fetch_token(
            METADATA["token_endpoint"], authorization_response=landing, code_verifier=VERIFIER
        ),
    )


@step("a secret in the body")
def _():
    method = "client_secret_post"
    code_flow(*new_client(method), method)


@step("no secret, but PKCE")
def _():
    client_id, secret = new_client("none", require_pkce=True)
    assert secret is None
    code_flow(client_id, None, "none")


@step("an assertion signed with a key of its own")
def _():
    key = RSAKey.generate_key(2048, parameters={"kid": "k1", "use": "sig"})
    client_id, _ = new_client("private_key_jwt", jwks={"keys": [key.as_dict(private=False)]})

    def prepare(session):
        session.register_client_auth_method(PrivateKeyJWT(METADATA["token_endpoint"], headers={"kid": "k1"}))

    code_flow(client_id, key, "private_key_jwt", prepare)


@step("an application for itself")
def _():
    made = application(grant_types=["client_credentials"], scope="courses:read", redirect_uris=[])
    client = OAuth2Session(made["client_id"], made["client_secret"], scope="courses:read")
    tokens = client.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials")
    assert tokens["scope"] == "courses:read" and "refresh_token" not in tokens, tokens
    assert client.get(METADATA["userinfo_endpoint"]).status_code in (401, 403)


@step("a wrong secret, a wrong verifier and an answer with another state are refused")
def _():
    client_id, secret = new_client()
    wrong = OAuth2Session(client_id, secret + "x", scope=SCOPE, redirect_uri=REDIRECT_URI)
    refused("invalid_client", lambda: wrong.fetch_token(METADATA["token_endpoint"], code="x"))
    client = OAuth2Session(
        client_id, secret, scope=SCOPE, redirect_uri=REDIRECT_URI, code_challenge_method="S256"
    )
    address, _ = client.create_authorization_url(METADATA["authorization_endpoint"], code_verifier=VERIFIER)
    landing = Browser().authorize(address)
    refused(
        "invalid_grant",
        lambda: client.fetch_token(
            METADATA["token_endpoint"], authorization_response=landing, code_verifier="b" * 64
        ),
    )


@step("signing out by the ID token leads back and ends the tokens")
def _():
    client_id, secret = new_client(post_logout_redirect_uris=["https://rp.example/bye"])
    client, tokens, _, browser = code_flow(client_id, secret)
    bye = "https://rp.example/bye"
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": bye, "state": "s"}
    landing = browser.authorize(f"{METADATA['end_session_endpoint']}?{urlencode(query)}")
    assert landing == f"{bye}?state=s", landing
    assert client.get(METADATA["userinfo_endpoint"]).status_code == 401


finish()
