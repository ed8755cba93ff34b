"""Authlib and requests-oauthlib, unchanged: code + PKCE, keys, introspection, revocation, client credentials."""

import os
import sys
import time
import warnings
from urllib.parse import parse_qs, urlsplit

# Of the libraries' own next versions.
warnings.simplefilter("ignore")
# The script's own folder has no packages; its name must not hide an installed one.
sys.path.pop(0)

import requests  # noqa: E402
from authlib.integrations.httpx_client import OAuth2Client  # noqa: E402
from authlib.integrations.requests_client import AssertionSession, OAuth2Session  # noqa: E402
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # noqa: E402
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata  # noqa: E402
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error  # noqa: E402
from requests_oauthlib import OAuth2Session as RequestsSession  # noqa: E402

# The issuer of the suite is plain http on loopback; the libraries want to be told that this is meant.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

ISSUER, REDIRECT, SCOPE = (os.environ[name] for name in ("ISSUER", "REDIRECT_URI", "SCOPE"))
WEB = (os.environ["CONFIDENTIAL_ID"], os.environ["CONFIDENTIAL_SECRET"])
MACHINE = (os.environ["MACHINE_ID"], os.environ["MACHINE_SECRET"])
SERVICE, KEY = os.environ["SERVICE_ID"], os.environ["SERVICE_KEY"]
FIND = SCOPE.split()[0]

document = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=20).json()
metadata = AuthorizationServerMetadata(document)
for name in metadata.REGISTRY_KEYS:
    # Its rules of https do not hold on loopback; all the others are checked.
    try:
        getattr(metadata, f"validate_{name}", lambda: None)()
    except ValueError as error:
        assert "https" in str(error), error
TOKEN, ASK = document["token_endpoint"], document["authorization_endpoint"]
INTROSPECT, REVOKE = document["introspection_endpoint"], document["revocation_endpoint"]


def approve(url):
    """The user says yes, as a custom consent page has it."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    answer = requests.post(
        os.environ["CONSENT_URL"],
        headers={"Authorization": f"Bearer {os.environ['USER_TOKEN']}"},
        json={
            "approve": True,
            "clientId": asked["client_id"],
            "redirectUri": asked["redirect_uri"],
            "scopes": asked["scope"].split(),
            "state": asked.get("state"),
            "codeChallenge": asked["code_challenge"],
            "codeChallengeMethod": asked["code_challenge_method"],
        },
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["redirectUri"]


def of_authlib(session, **ways):
    """Code + PKCE, introspection and revocation with Authlib."""
    verifier = "v" * 64
    url, state = session.create_authorization_url(ASK, code_verifier=verifier)
    token = session.fetch_token(
        TOKEN, authorization_response=approve(url), state=state, code_verifier=verifier
    )
    assert token["token_type"] == "Bearer" and token["expires_in"] > 0, token
    if ways.get("public"):
        assert session.revoke_token(REVOKE, token["access_token"]).status_code == 200
        return
    seen = session.introspect_token(INTROSPECT, token["access_token"]).json()
    assert seen["active"] and seen["client_id"] == WEB[0], seen
    assert session.revoke_token(REVOKE, token["access_token"]).status_code == 200
    assert session.introspect_token(INTROSPECT, token["access_token"]).json() == {"active": False}


for make in (OAuth2Session, OAuth2Client):
    for method in ("client_secret_basic", "client_secret_post"):
        of_authlib(
            make(*WEB, scope=SCOPE, redirect_uri=REDIRECT, code_challenge_method="S256",
                 token_endpoint_auth_method=method, revocation_endpoint_auth_method=method)
        )
of_authlib(
    OAuth2Session(os.environ["PUBLIC_ID"], scope=SCOPE, redirect_uri=REDIRECT, code_challenge_method="S256",
                  token_endpoint_auth_method="none", revocation_endpoint_auth_method="none"),
    public=True,
)

# JWT bearer (RFC 7523 §2.1): the session fetches its own tokens. Left alone, the library signs for an hour, and the
# server takes five minutes (assertions.max_ttl).
service = AssertionSession(TOKEN, SERVICE, SERVICE, audience=ISSUER, alg="RS256", key=KEY,
                           claims={"jti": os.urandom(16).hex()}, scope=FIND, expires_at=int(time.time()) + 120)
service.refresh_token()
assert service.token["scope"] == FIND, service.token

# private_key_jwt (RFC 7523 §2.2), addressed to the issuer.
short = {"exp": int(time.time()) + 120}
by_key = OAuth2Session(SERVICE, KEY, token_endpoint_auth_method=PrivateKeyJWT(ISSUER, claims=short))
seen = by_key.introspect_token(INTROSPECT, service.token["access_token"])
assert seen.status_code == 200 and seen.json()["active"], seen.text

machine = OAuth2Session(*MACHINE, scope=FIND)
assert machine.fetch_token(TOKEN, grant_type="client_credentials")["scope"] == FIND

# requests-oauthlib
session = RequestsSession(WEB[0], redirect_uri=REDIRECT, scope=SCOPE.split(), pkce="S256")
url, state = session.authorization_url(ASK)
token = session.fetch_token(TOKEN, authorization_response=approve(url), client_secret=WEB[1])
assert token["token_type"] == "Bearer" and sorted(token["scope"]) == sorted(SCOPE.split()), token
try:
    session.fetch_token(TOKEN, code="wrong", client_secret=WEB[1])
    raise SystemExit("a wrong code was accepted")
except OAuth2Error as error:
    assert error.error == "invalid_grant" and error.uri.startswith(ISSUER), error
machine = RequestsSession(client=BackendApplicationClient(MACHINE[0], scope=[FIND]))
assert machine.fetch_token(TOKEN, client_secret=MACHINE[1])["scope"] == [FIND]
