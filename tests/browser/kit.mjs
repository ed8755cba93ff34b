// What all stories share: the browser, people in it, listeners that play applications, and what must hold on
// every page: no request to anybody else, no broken content security policy, no error of a script.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import * as oauth from 'oauth4webapi';
import { chromium } from 'playwright-core';

/** What tests/suite/browser.rs says. */
export const setting = JSON.parse(process.env.SETTING);

/** Longer than any step takes on a busy machine, shorter than a person would wait. */
const STEP_MS = 20_000;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Hosts that play applications by https stand on this machine.
  '--host-resolver-rules=MAP *.test 127.0.0.1',
];

// A script that hangs ends here, with the story's name on its output.
setTimeout(() => {
  console.error('not done within four minutes');
  process.exit(1);
}, 240_000).unref();

/** Runs stories one after another in one browser, each with a context of its own; fails if one failed. */
export async function run(stories) {
  const profile = mkdtempSync(join(tmpdir(), 'grantwood-chromium-'));
  const browser = await chromium.launch({
    executablePath: setting.chromium,
    args: [...FLAGS, `--crash-dumps-dir=${profile}`],
  });
  let failed = 0;
  for (const [name, story, options] of stories) {
    const started = Date.now();
    const person = await Person.in(browser, options ?? {});
    try {
      await story(person);
      person.judge();
      console.log(`ok: ${name} (${Date.now() - started} ms)`);
    } catch (error) {
      failed += 1;
      const shown = await person.page.locator('body').innerText({ timeout: 1000 }).catch(() => '');
      console.error(`FAILED: ${name}\n  at ${person.page.url()}\n  ${error.stack}\n  the page: ${shown.slice(0, 900)}`);
    } finally {
      await person.context.close();
      person.listeners.forEach((listener) => listener.close());
    }
  }
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
  process.exit(failed === 0 ? 0 : 1);
}

/** A certificate that nobody vouches for; the story that uses it tells its browser to take it. */
function selfSigned(host) {
  const folder = mkdtempSync(join(tmpdir(), 'grantwood-tls-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...made, '-keyout', key, '-out', cert, ...subject], { stdio: 'pipe' });
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true, force: true });
  return pair;
}

/** Somebody with a browser window of their own. */
export class Person {
  static async in(browser, options) {
    const person = new Person();
    person.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    person.context.setDefaultTimeout(STEP_MS);
    person.listeners = [];
    person.known = new Set([setting.issuer]);
    person.wrong = [];
    person.context.on('request', (request) => person.watch(request));
    person.context.on('page', (page) => person.listen(page));
    person.page = await person.context.newPage();
    return person;
  }

  watch(request) {
    const url = new URL(request.url());
    if (['data:', 'blob:', 'about:', 'chrome-error:'].includes(url.protocol)) return;
    const origin = url.origin === 'null' ? url.protocol : url.origin;
    if (!this.known.has(origin)) this.wrong.push(`a request to ${request.url()}`);
  }

  listen(page) {
    page.on('pageerror', (error) => this.wrong.push(`a script failed on ${page.url()}: ${error}`));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to|violates/i.test(message.text())) {
        this.wrong.push(`on ${page.url()}: ${message.text()}`);
      }
    });
  }

  /** What must hold throughout. */
  judge() {
    if (this.wrong.length > 0) throw new Error(this.wrong.join('\n  '));
  }

  /**
   * An application on a port of its own; `arrived()` is the next address that the browser brings. With a host it speaks
   * https under that name.
   */
  async application(path = '/cb', host = null) {
    const waiting = [];
    const came = [];
    const answer = (request, response) => {
      const url = new URL(request.url, origin);
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end('<!doctype html><html lang="en"><title>The application</title><h1>The application</h1>');
      if (url.pathname !== path) return;
      const next = waiting.shift();
      if (next) next(url);
      else came.push(url);
    };
    const server = host ? createTlsServer(selfSigned(host), answer) : createServer(answer);
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address();
    const origin = host ? `https://${host}:${port}` : `http://127.0.0.1:${port}`;
    this.known.add(origin);
    this.listeners.push(server);
    return {
      origin,
      uri: origin + path,
      count: () => came.length,
      arrived: () => {
        const next = new Promise((done, fail) => {
          if (came.length > 0) return done(came.shift());
          waiting.push(done);
          setTimeout(() => fail(new Error(`nobody came to ${origin}${path}`)), STEP_MS).unref();
        });
        // A story that failed before it waited does not end the others.
        next.catch(() => null);
        return next;
      },
    };
  }

  open(path) {
    return this.page.goto(new URL(path, setting.issuer).href);
  }

  /** Fills the sign-in form that is shown. */
  async signIn(who) {
    await this.page.getByLabel('User name or e-mail address').fill(who.username);
    await this.page.getByLabel('Password', { exact: true }).fill(who.password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }
}

/** Fails with a sentence. */
export function check(holds, sentence) {
  if (!holds) throw new Error(`not so: ${sentence}`);
}

/** Compares as JSON. */
export function same(found, wanted, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: ${left}, wanted ${right}`);
}

let token = null;

/** A call of the management API as the administrator, for what a story only prepares. */
export async function manage(method, path, data) {
  if (!token) {
    const { username, password } = setting.admin;
    const body = JSON.stringify({ identifier: username, password });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${setting.issuer}/auth/local`, { method: 'POST', headers, body });
    token = (await answer.json()).jwt;
  }
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = data === undefined ? undefined : JSON.stringify({ data });
  const answer = await fetch(`${setting.issuer}/oauth2/${path}`, { method, headers, body });
  const text = await answer.text();
  check(answer.ok, `${method} ${path} answers 2xx, not ${answer.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

let made = 0;

/** A client of the code grant, made by the API. */
export async function newClient(redirectUris, more = {}) {
  made += 1;
  const data = {
    name: `Photo printer ${made}`,
    clientType: 'PUBLIC',
    grantTypes: ['authorization_code'],
    scopes: SCOPES,
    redirectUris,
    ...more,
  };
  return (await manage('POST', 'clients', data)).data;
}

/** Scopes of the shipped catalog, each within the ceiling. */
export const SCOPES = ['find', 'findOne', 'create', 'update', 'delete'].map((action) => `api::form.form.${action}`);

// The issuer of the suite is plain http on loopback; the library wants to be told that this is meant.
const insecure = { [oauth.allowInsecureRequests]: true };
let metadata = null;

async function server() {
  const issuer = new URL(setting.issuer);
  const found = () => oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  metadata ??= await oauth.processDiscoveryResponse(issuer, await found());
  return metadata;
}

/** An application with a stock OAuth library (oauth4webapi). */
export class Application {
  constructor(clientId, redirectUri, secret) {
    this.client = { client_id: clientId };
    this.redirectUri = redirectUri;
    this.proof = secret ? oauth.ClientSecretBasic(secret) : oauth.None();
  }

  /** The address that starts the code flow. */
  async start(scopes, more = {}) {
    this.verifier = oauth.generateRandomCodeVerifier();
    this.state = oauth.generateRandomState();
    const url = new URL((await server()).authorization_endpoint);
    const asked = {
      client_id: this.client.client_id,
      redirect_uri: this.redirectUri,
      response_type: 'code',
      scope: scopes.join(' '),
      state: this.state,
      code_challenge: await oauth.calculatePKCECodeChallenge(this.verifier),
      code_challenge_method: 'S256',
      ...more,
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    return url.href;
  }

  /** The token of the code that came back. */
  async finish(arrived) {
    const answer = oauth.validateAuthResponse(await server(), this.client, arrived, this.state);
    const reply = await oauth.authorizationCodeGrantRequest(
      await server(),
      this.client,
      this.proof,
      answer,
      this.redirectUri,
      this.verifier,
      insecure,
    );
    return oauth.processAuthorizationCodeResponse(await server(), this.client, reply);
  }

  async introspect(token) {
    const reply = await oauth.introspectionRequest(await server(), this.client, this.proof, token, insecure);
    return oauth.processIntrospectionResponse(await server(), this.client, reply);
  }

  /** A token by an assertion that the client signs with its private key (RFC 7523 §3). */
  async assert(privateKeyPem, scopes) {
    const der = Buffer.from(privateKeyPem.replace(/-----[^-]+-----/g, ''), 'base64');
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
    const now = Math.floor(Date.now() / 1000);
    const id = this.client.client_id;
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const { token_endpoint: aud } = await server();
    const claims = { iss: id, sub: id, aud, iat: now, exp: now + 120, jti: crypto.randomUUID() };
    const message = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
    const signature = Buffer.from(await crypto.subtle.sign(algorithm.name, key, Buffer.from(message)));
    const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const parameters = { assertion: `${message}.${signature.toString('base64url')}`, scope: scopes.join(' ') };
    const reply = await oauth.genericTokenEndpointRequest(
      await server(),
      this.client,
      oauth.None(),
      grant,
      parameters,
      insecure,
    );
    return oauth.processGenericTokenEndpointResponse(await server(), this.client, reply);
  }
}

/** WCAG 2.2 AA by axe, light and dark: no serious and no critical finding. */
export async function accessible(page, name) {
  // As the developers' tools would: the page's own policy forbids scripts in its text.
  await page.evaluate(axe.source);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const report = await page.evaluate(() =>
      globalThis.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        resultTypes: ['violations'],
      }),
    );
    const grave = report.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    const lines = grave.map(
      ({ id, help, nodes }) => `${id}: ${help}\n      ${nodes.slice(0, 4).map(({ html }) => html.slice(0, 160)).join('\n      ')}`,
    );
    check(grave.length === 0, `${name} (${colorScheme}) is accessible: ${lines.join('\n    ')}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** At each width the page does not scroll sideways, and every action can be seen without doing so. */
export async function fits(page, name) {
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    const found = await page.evaluate(() => {
      const strip = 'nav.menu, nav.tabs, pre';
      const out = [];
      const wide = document.documentElement.scrollWidth - innerWidth;
      if (wide > 0) out.push(`the page is ${wide} px too wide`);
      for (const action of document.querySelectorAll('a[href], button, input, select, textarea, summary')) {
        if (action.closest(strip) || !action.checkVisibility({ visibilityProperty: true })) continue;
        const box = action.getBoundingClientRect();
        const hidden = box.width <= 1 || action.closest('.skip, .visually-hidden, thead');
        // Links in the body of a wide table may be reached by its own scrolling; actions of its rows may not.
        const table = action.closest('.table-box') && !action.closest('.actions-column');
        if (hidden || table) continue;
        if (box.left < -1 || box.right > innerWidth + 1) out.push(action.outerHTML.slice(0, 120));
        if (action.matches('button, .button, select') && box.height < 24) out.push(`low: ${action.outerHTML.slice(0, 120)}`);
      }
      return out;
    });
    check(found.length === 0, `${name} fits ${width} px: ${found.join('\n    ')}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}
