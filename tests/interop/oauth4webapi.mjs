// oauth4webapi, unmodified: discovery, code + PKCE, jwt-bearer, introspection, revocation, RFC 9068 tokens.
import * as oauth from 'oauth4webapi';
import { JWT_BEARER, approve, assertion, check, serviceKey, setting } from './setting.mjs';

// The issuer of the suite is plain http on loopback; the library wants to be told that this is meant.
const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(setting.issuer);
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
const server = await oauth.processDiscoveryResponse(issuer, found);
check(server.authorization_response_iss_parameter_supported === true, 'the metadata promises iss (RFC 9207)');

async function codeGrant(client, authentication) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  const asked = {
    client_id: client.client_id,
    redirect_uri: setting.redirectUri,
    response_type: 'code',
    scope: setting.scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  const answer = oauth.validateAuthResponse(server, client, await approve(url), state);
  const reply = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    authentication,
    answer,
    setting.redirectUri,
    verifier,
    insecure,
  );
  return oauth.processAuthorizationCodeResponse(server, client, reply);
}

async function introspect(client, authentication, token) {
  const reply = await oauth.introspectionRequest(server, client, authentication, token, insecure);
  return oauth.processIntrospectionResponse(server, client, reply);
}

async function revoke(client, authentication, token) {
  const reply = await oauth.revocationRequest(server, client, authentication, token, insecure);
  return oauth.processRevocationResponse(reply);
}

const web = { client_id: setting.confidential.id };
const secret = oauth.ClientSecretBasic(setting.confidential.secret);
const granted = await codeGrant(web, secret);
check(granted.access_token, 'code + PKCE by a confidential client');

const { aud } = JSON.parse(Buffer.from(granted.access_token.split('.')[1], 'base64url').toString());
const call = new Request('http://resource.test/api/forms', {
  headers: { authorization: `Bearer ${granted.access_token}` },
});
const audience = Array.isArray(aud) ? aud[0] : aud;
const claims = await oauth.validateJwtAccessToken(server, call, audience, insecure);
check(claims.client_id === web.client_id, 'the access token is a JWT as RFC 9068 §4 has it, by the published keys');

check((await introspect(web, secret, granted.access_token)).active, 'introspection tells of the token');
await revoke(web, secret, granted.access_token);
check(!(await introspect(web, secret, granted.access_token)).active, 'a revoked token is inactive');

check((await codeGrant({ client_id: setting.publicId }, oauth.None())).access_token, 'a public client');

const machine = { client_id: setting.service.id };
const reply = await oauth.genericTokenEndpointRequest(
  server,
  machine,
  oauth.None(),
  JWT_BEARER,
  { assertion: await assertion(server.token_endpoint), scope: setting.scope },
  insecure,
);
const bearer = await oauth.processGenericTokenEndpointResponse(server, machine, reply);
check(bearer.access_token, 'jwt-bearer, addressed to the token endpoint');

const key = oauth.PrivateKeyJwt(await serviceKey());
check((await introspect(machine, key, bearer.access_token)).active, 'introspection with private_key_jwt');
await revoke(machine, key, bearer.access_token);
check(!(await introspect(machine, key, bearer.access_token)).active, 'revocation with private_key_jwt');
