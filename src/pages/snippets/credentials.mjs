// node --env-file=CLIENT.env first.mjs
const { OAUTH_ISSUER: issuer, OAUTH_CLIENT_ID: id, OAUTH_CLIENT_SECRET: secret } = process.env;
const answer = await fetch(new URL('/oauth2/token', issuer), {
  method: 'POST',
  headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
  body: new URLSearchParams({ grant_type: 'client_credentials' }),
});
console.log(await answer.text());
