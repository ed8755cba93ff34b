// The calls of a consent page: nothing of the page itself. Works wherever there is `fetch`.

/** The authorization request that the server checked and sent here. */
export function requestOf(search) {
  const query = new URLSearchParams(search);
  const one = (name) => query.get(name) ?? undefined;
  return {
    clientId: one("client_id"),
    redirectUri: one("redirect_uri"),
    scope: one("scope"),
    state: one("state"),
    codeChallenge: one("code_challenge"),
    codeChallengeMethod: one("code_challenge_method"),
    loginHint: one("login_hint"),
  };
}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Error(body.error?.message ?? body.error_description ?? `the server answered ${response.status}`);
}

/** Signs in; answers the user token and the user. */
export async function signIn(issuer, identifier, password) {
  return answer(await fetch(`${issuer}/auth/local`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ identifier, password }),
  }));
}

/** What the application asks for: its name, the scopes with titles, what was granted before, what is refused and why. */
export async function load(issuer, token, request) {
  const url = new URL(`${issuer}/oauth2/oauth-clients-authorization/${encodeURIComponent(request.clientId)}`);
  if (request.scope) url.searchParams.set("scope", request.scope.replaceAll(" ", ","));
  return answer(await fetch(url, { headers: { authorization: `Bearer ${token}` } }));
}

/** Sends the decision; answers where the browser goes next: always to the application, with a code or an error. */
export async function decide(issuer, token, request, approve, scopes) {
  const { clientId, redirectUri, state, codeChallenge, codeChallengeMethod } = request;
  const body = { approve, clientId, redirectUri, scopes, state, codeChallenge, codeChallengeMethod };
  const { redirectUri: next } = await answer(await fetch(`${issuer}/oauth2/oauth-authorization-codes/authorize`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  }));
  return next;
}
