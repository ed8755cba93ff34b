// passport-oauth2, unmodified, as a web application has it: state in the session, PKCE, the code redeemed by the library.
import OAuth2Strategy from 'passport-oauth2';
import { approve, check, metadata, setting } from './setting.mjs';

const server = await metadata();
const strategy = new OAuth2Strategy(
  {
    authorizationURL: server.authorization_endpoint,
    tokenURL: server.token_endpoint,
    clientID: setting.confidential.id,
    clientSecret: setting.confidential.secret,
    callbackURL: setting.redirectUri,
    scope: setting.scope.split(' '),
    state: true,
    pkce: true,
  },
  (accessToken, refreshToken, parameters, profile, done) => done(null, { accessToken, parameters }),
);
strategy.userProfile = (token, done) => done(null, {});

/** One request of the application, as passport hands it to a strategy. */
function request(session, url) {
  return new Promise((resolve, reject) => {
    const turn = Object.create(strategy);
    turn.redirect = (location) => resolve({ location });
    turn.success = (user) => resolve({ user });
    turn.fail = (info, status) => resolve({ failed: info, status });
    turn.error = reject;
    const query = Object.fromEntries(new URL(url).searchParams);
    turn.authenticate({ session, query, url, connection: {}, headers: {} }, {});
  });
}

const session = {};
const { location } = await request(session, 'https://app.test/login');
check(new URL(location).searchParams.get('code_challenge_method') === 'S256', 'the library asks with S256');
const back = await approve(location);
const { user } = await request(session, back.href);
check(user.accessToken && user.parameters.token_type === 'Bearer', 'signed in: code + PKCE');

const other = {};
await request(other, 'https://app.test/login');
const stolen = await request(other, back.href);
check(stolen.status === 403, 'an answer to another session is refused by its state');

const denied = new URL(setting.redirectUri);
const asked = new URL((await request(session, 'https://app.test/login')).location).searchParams;
denied.search = (await approve(`${server.authorization_endpoint}?${asked}`, false)).search;
const no = await request(session, denied.href);
check(no.failed && !no.user, 'a user who says no is no fault of the library');
