// node --env-file=CLIENT.env first.mjs
import { randomUUID, sign } from 'node:crypto';

const { OAUTH_ISSUER: issuer, OAUTH_CLIENT_ID: id } = process.env;
const key = process.env.OAUTH_PRIVATE_KEY.replaceAll('\\n', '\n');
const now = Math.floor(Date.now() / 1000);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = { iss: id, sub: id, aud: issuer, iat: now, exp: now + 120, jti: randomUUID() };
const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' });
form.set('assertion', `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`);
const answer = await fetch(new URL('/oauth2/token', issuer), { method: 'POST', body: form });
console.log(await answer.text());
