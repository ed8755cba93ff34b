// A small API with Express, guarded by jose. See README.md beside this file.

import express from "express";
import { createRemoteJWKSet, jwtVerify } from "jose";

const issuer = process.env.ISSUER || "http://127.0.0.1:8080";
const audience = process.env.AUDIENCE || issuer;
const clientId = process.env.CLIENT_ID;
const clientSecret = process.env.CLIENT_SECRET;

// Keys are kept for ten minutes. An unknown key is asked for at once, but not more often than every 30 seconds.
const keys = createRemoteJWKSet(new URL("/oauth2/jwks", issuer), { cacheMaxAge: 600_000, cooldownDuration: 30_000 });

/** The claims of an access token, verified with the issuer's keys: signature, type, issuer, audience, times. */
async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience,
    typ: "at+jwt",
    algorithms: ["RS256", "ES256", "EdDSA"],
    requiredClaims: ["sub", "client_id", "exp", "iat", "jti"],
    clockTolerance: 30,
  });
  return payload;
}

/** The same by asking the issuer: what is permitted now. The answer is never kept. */
async function introspect(token) {
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(":");
  const answer = await fetch(new URL("/oauth2/introspect", issuer), {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` },
    body: new URLSearchParams({ token }),
    redirect: "error",
    signal: AbortSignal.timeout(5_000),
  });
  if (!answer.ok) throw Object.assign(new Error("the issuer does not answer"), { unavailable: true });
  const claims = await answer.json();
  const meant = [claims.aud].flat().includes(audience);
  if (claims.active !== true || claims.iss !== issuer || !meant) throw new Error("the token is not active");
  return claims;
}

/** Middleware that lets a request through with a good token that carries the scope (RFC 6750). */
function guard(scope, check = verify) {
  return async (request, response, next) => {
    const [, token] = /^Bearer ([\x21-\x7e]+)$/i.exec(request.get("authorization") ?? "") ?? [];
    const refuse = (status, challenge, error) =>
      response.status(status).set("WWW-Authenticate", challenge).json({ error });
    if (!token) return refuse(401, "Bearer", "invalid_token");
    let claims;
    try {
      claims = await check(token);
    } catch (error) {
      // No keys or no answer: nothing can be said about the token.
      const away = error.unavailable || error.code === "ERR_JWKS_TIMEOUT" || error instanceof TypeError;
      if (away) return response.status(503).set("Retry-After", "5").json({ error: "temporarily_unavailable" });
      return refuse(401, 'Bearer error="invalid_token"', "invalid_token");
    }
    if (!String(claims.scope ?? "").split(" ").includes(scope)) {
      return refuse(403, `Bearer error="insufficient_scope", scope="${scope}"`, "insufficient_scope");
    }
    request.claims = claims;
    next();
  };
}

const app = express();
app.disable("x-powered-by");
app.get("/api/forms", guard("api::form.form.find"), (request, response) => {
  response.json({ forms: [], for: request.claims.sub, client: request.claims.client_id });
});
app.post("/api/forms", guard("api::form.form.create"), (request, response) => {
  response.json({ created: true, for: request.claims.sub });
});
if (clientId && clientSecret) {
  app.get("/live/forms", guard("api::form.form.find", introspect), (request, response) => {
    response.json({ forms: [], for: request.claims.sub });
  });
}

const [host, port] = (process.env.LISTEN || "127.0.0.1:3000").split(":");
app.listen(Number(port), host);
