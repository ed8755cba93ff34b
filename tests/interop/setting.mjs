// What the suite hands over, and the part that a person plays: saying yes on the consent page.

/** The environment that tests/suite/interop.rs sets. */
export const setting = {
  issuer: need('ISSUER'),
  consent: need('CONSENT_URL'),
  user: need('USER_TOKEN'),
  scope: need('SCOPE'),
  redirectUri: need('REDIRECT_URI'),
  confidential: { id: need('CONFIDENTIAL_ID'), secret: need('CONFIDENTIAL_SECRET') },
  publicId: need('PUBLIC_ID'),
  service: { id: need('SERVICE_ID'), key: need('SERVICE_KEY') },
  machine: { id: need('MACHINE_ID'), secret: need('MACHINE_SECRET') },
};

/** The grant type of RFC 7523 §2.1. */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** The server's metadata (RFC 8414), for libraries that do not read it themselves. */
export async function metadata() {
  const answer = await fetch(`${setting.issuer}/.well-known/oauth-authorization-server`);
  if (answer.status !== 200) throw new Error(`metadata: ${answer.status}`);
  return answer.json();
}

/** Decides an authorization request as the user, as a custom consent page does; answers where to go. */
export async function approve(authorizationUrl, yes = true) {
  const asked = new URL(authorizationUrl).searchParams;
  const answer = await fetch(setting.consent, {
    method: 'POST',
    headers: { authorization: `Bearer ${setting.user}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      approve: yes,
      clientId: asked.get('client_id'),
      redirectUri: asked.get('redirect_uri'),
      scopes: asked.get('scope').split(' '),
      state: asked.get('state') ?? undefined,
      codeChallenge: asked.get('code_challenge'),
      codeChallengeMethod: asked.get('code_challenge_method'),
    }),
  });
  if (answer.status !== 200) throw new Error(`consent: ${answer.status} ${await answer.text()}`);
  return new URL((await answer.json()).redirectUri);
}

/** The service's private key as the platform's own type. */
export async function serviceKey() {
  const der = Buffer.from(setting.service.key.replace(/-----[^-]+-----/g, ''), 'base64');
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

/** A grant assertion (RFC 7523 §3) signed with RS256. */
export async function assertion(audience) {
  const now = Math.floor(Date.now() / 1000);
  const { id } = setting.service;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: id, sub: id, aud: audience, iat: now, exp: now + 120, jti: crypto.randomUUID() };
  const message = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', await serviceKey(), Buffer.from(message));
  return `${message}.${Buffer.from(signature).toString('base64url')}`;
}

/** Fails with a sentence. */
export function check(holds, sentence) {
  if (!holds) throw new Error(`not so: ${sentence}`);
  console.log(`ok: ${sentence}`);
}
