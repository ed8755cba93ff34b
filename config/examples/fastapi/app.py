"""A small API with FastAPI, guarded by PyJWT. See README.md beside this file."""

import base64
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request

ISSUER = os.environ.get("ISSUER") or "http://127.0.0.1:8080"
AUDIENCE = os.environ.get("AUDIENCE") or ISSUER
CLIENT_ID, CLIENT_SECRET = os.environ.get("CLIENT_ID"), os.environ.get("CLIENT_SECRET")
ALGORITHMS = {"RS256", "ES256", "EdDSA"}
REQUIRED = ["exp", "iat", "sub", "client_id", "jti", "iss", "aud"]


class Unavailable(Exception):
    """The issuer does not answer, so nothing can be said about a token."""


class Inactive(Exception):
    """The token is not good."""


class Keys:
    """The issuer's public keys: kept for ten minutes, asked for again every five seconds at most, and good for an
    hour more while the issuer is away."""

    LIFE, FLOOR, STALE = 600, 5, 3600

    def __init__(self, url):
        self.url, self.lock = url, threading.Lock()
        self.keys, self.fetched, self.asked = {}, float("-inf"), float("-inf")

    def get(self, kid):
        with self.lock:
            now = time.monotonic()
            if (kid not in self.keys or now - self.fetched >= self.LIFE) and now - self.asked >= self.FLOOR:
                self._ask(now)
            if now - self.fetched >= self.LIFE + self.STALE:
                raise Unavailable
            return self.keys.get(kid)

    def _ask(self, now):
        self.asked = now
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                found = jwt.PyJWKSet.from_dict(json.loads(answer.read(262_144)))
        except (OSError, ValueError, jwt.PyJWKSetError):
            return
        self.keys, self.fetched = {key.key_id: key for key in found.keys}, now


keys = Keys(urllib.parse.urljoin(ISSUER, "/oauth2/jwks"))


def verify(token):
    """The claims of an access token: type, key, the key's own algorithm, signature, issuer, audience, times."""
    try:
        header = jwt.get_unverified_header(token)
        if str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
            raise Inactive
        key = keys.get(header.get("kid"))
        if key is None or key.algorithm_name not in ALGORITHMS:
            raise Inactive
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=30,
            options={"require": REQUIRED},
        )
    except jwt.InvalidTokenError as error:
        raise Inactive from error


def introspect(token):
    """The same by asking the issuer: what is permitted now. The answer is never kept."""
    quote = urllib.parse.quote_plus
    pair = f"{quote(CLIENT_ID)}:{quote(CLIENT_SECRET)}".encode()
    request = urllib.request.Request(
        urllib.parse.urljoin(ISSUER, "/oauth2/introspect"),
        data=urllib.parse.urlencode({"token": token}).encode(),
        headers={"Authorization": "Basic " + base64.b64encode(pair).decode()},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            claims = json.loads(answer.read(262_144))
    except (OSError, ValueError) as error:
        raise Unavailable from error
    audience = claims.get("aud")
    meant = AUDIENCE in (audience if isinstance(audience, list) else [audience])
    if claims.get("active") is not True or claims.get("iss") != ISSUER or not meant:
        raise Inactive
    return claims


def refused(status, error, challenge=None):
    headers = {"WWW-Authenticate": challenge} if challenge else {"Retry-After": "5"}
    return HTTPException(status, error, headers)


def guard(scope, check=verify):
    """A dependency that lets a request through with a good token that carries the scope (RFC 6750)."""

    def claims(request: Request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or not (token.isascii() and token.isprintable()):
            raise refused(401, "invalid_token", "Bearer")
        try:
            found = check(token)
        except Unavailable:
            raise refused(503, "temporarily_unavailable") from None
        except Inactive:
            raise refused(401, "invalid_token", 'Bearer error="invalid_token"') from None
        if scope not in str(found.get("scope", "")).split(" "):
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            raise refused(403, "insufficient_scope", challenge)
        return found

    return Depends(claims)


app = FastAPI(title="Forms")


@app.get("/api/forms")
def list_forms(claims: dict = guard("api::form.form.find")):
    return {"forms": [], "for": claims["sub"], "client": claims["client_id"]}


@app.post("/api/forms")
def create_form(claims: dict = guard("api::form.form.create")):
    return {"created": True, "for": claims["sub"]}


if CLIENT_ID and CLIENT_SECRET:

    @app.get("/live/forms")
    def list_live(claims: dict = guard("api::form.form.find", introspect)):
        return {"forms": [], "for": claims["sub"]}


if __name__ == "__main__":
    import uvicorn

    host, _, port = (os.environ.get("LISTEN") or "127.0.0.1:3000").rpartition(":")
    uvicorn.run(app, host=host, port=int(port), access_log=False)
