// simple-oauth2, unmodified: code + PKCE with both ways of sending a secret, revocation, client credentials refused and granted.
import { randomBytes, createHash } from 'node:crypto';
import { AuthorizationCode, ClientCredentials } from 'simple-oauth2';
import { approve, check, metadata, setting } from './setting.mjs';

const server = await metadata();
const base = new URL(server.token_endpoint).origin;
const auth = {
  tokenHost: base,
  tokenPath: new URL(server.token_endpoint).pathname,
  revokePath: new URL(server.revocation_endpoint).pathname,
  authorizeHost: base,
  authorizePath: new URL(server.authorization_endpoint).pathname,
};

for (const authorizationMethod of ['header', 'body']) {
  const { id, secret } = setting.confidential;
  const options = { authorizationMethod };
  // The answer to a revocation has no body (RFC 7009 §2.2); by itself the library wants JSON there too.
  const client = new AuthorizationCode({ client: { id, secret }, auth, options, http: { json: true } });
  const verifier = randomBytes(32).toString('base64url');
  const state = 'a state with spaces & signs: é/+%';
  const url = client.authorizeURL({
    redirect_uri: setting.redirectUri,
    scope: setting.scope.split(' '),
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const answer = (await approve(url)).searchParams;
  check(answer.get('state') === state, `the state comes back byte for byte (${authorizationMethod})`);
  check(answer.get('iss') === setting.issuer, 'the answer names its issuer');
  const request = { code: answer.get('code'), redirect_uri: setting.redirectUri, code_verifier: verifier };
  const granted = await client.getToken(request);
  check(granted.token.token_type === 'Bearer' && !granted.expired(), `code + PKCE by ${authorizationMethod}`);
  await granted.revoke('access_token');
  const again = await client.getToken(request).then(() => 200, (error) => error.output.statusCode);
  check(again === 400, 'a code works once');
}

const { tokenHost, tokenPath } = auth;
const machine = (client) =>
  new ClientCredentials({ client, auth: { tokenHost, tokenPath } }).getToken({ scope: setting.scope.split(' ')[0] });
const refused = await machine(setting.confidential).catch((error) => error);
check(refused.data?.payload?.error === 'unauthorized_client', 'client credentials are off for most clients');
const granted = await machine(setting.machine);
check(granted.token.scope === setting.scope.split(' ')[0], 'and work for a client whose document has them');
