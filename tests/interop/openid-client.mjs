// openid-client, unmodified: discovery, code + PKCE, jwt-bearer, introspection, revocation.
import * as client from 'openid-client';
import { JWT_BEARER, approve, assertion, check, serviceKey, setting } from './setting.mjs';

// The issuer of the suite is plain http on loopback; the library wants to be told that this is meant.
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };
const discover = (id, authentication) =>
  client.discovery(new URL(setting.issuer), id, undefined, authentication, options);

async function codeGrant(config) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: setting.redirectUri,
    scope: setting.scope,
    state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const answer = await approve(url);
  return client.authorizationCodeGrant(config, answer, { pkceCodeVerifier: verifier, expectedState: state });
}

const { confidential, service } = setting;
const web = await discover(confidential.id, client.ClientSecretBasic(confidential.secret));
check(web.serverMetadata().issuer === setting.issuer, 'the metadata names the issuer');
check(web.serverMetadata().supportsPKCE(), 'the metadata advertises S256');

const granted = await codeGrant(web);
check(granted.token_type === 'bearer' && granted.access_token, 'code + PKCE by a confidential client');
const seen = await client.tokenIntrospection(web, granted.access_token);
check(seen.active && seen.client_id === confidential.id, 'introspection tells of the token');
await client.tokenRevocation(web, granted.access_token);
check(!(await client.tokenIntrospection(web, granted.access_token)).active, 'a revoked token is inactive');

const posting = await discover(confidential.id, client.ClientSecretPost(confidential.secret));
check((await codeGrant(posting)).access_token, 'code + PKCE with client_secret_post');

const browser = await discover(setting.publicId, client.None());
check((await codeGrant(browser)).access_token, 'code + PKCE by a public client');

// The assertion authenticates the grant by itself; client authentication by key goes beside it elsewhere.
const machine = await discover(service.id, client.None());
const bearer = await client.genericGrantRequest(machine, JWT_BEARER, {
  assertion: await assertion(setting.issuer),
  scope: setting.scope,
});
check(bearer.access_token, 'jwt-bearer');

const byKey = await discover(service.id, client.PrivateKeyJwt(await serviceKey()));
const own = await client.tokenIntrospection(byKey, bearer.access_token);
check(own.active && own.scope.includes(setting.scope.split(' ')[0]), 'introspection with private_key_jwt');
await client.tokenRevocation(byKey, bearer.access_token);
check(!(await client.tokenIntrospection(byKey, bearer.access_token)).active, 'revocation with private_key_jwt');
