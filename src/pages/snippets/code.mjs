// node --env-file=CLIENT.env first.mjs
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';

const { OAUTH_ISSUER: issuer, OAUTH_CLIENT_ID: id, OAUTH_CLIENT_SECRET: secret } = process.env;
const { OAUTH_REDIRECT_URI: redirect } = process.env;
const verifier = randomBytes(32).toString('base64url');
const state = randomBytes(16).toString('base64url');
const ask = new URL('/oauth2/authorize', issuer);
ask.search = new URLSearchParams({
  response_type: 'code',
  client_id: id,
  redirect_uri: redirect,
  state,
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 'S256',
});
console.log(`Open ${ask}`);
const lines = createInterface({ input: process.stdin, output: process.stdout });
const came = new URL(await lines.question('Paste the address that the browser came to:\n')).searchParams;
lines.close();
if (came.get('state') !== state || came.get('iss') !== issuer) throw new Error('not the answer to this request');
const form = new URLSearchParams({ grant_type: 'authorization_code', code: came.get('code') });
form.set('redirect_uri', redirect);
form.set('code_verifier', verifier);
form.set('client_id', id);
const headers = {};
if (secret) headers.authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const answer = await fetch(new URL('/oauth2/token', issuer), { method: 'POST', headers, body: form });
console.log(await answer.text());
