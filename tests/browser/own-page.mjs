// A team's own consent page on another origin: the shipped example, as it is, in front of the server.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { Application, SCOPES, newClient, run, same, setting } from './kit.mjs';

const { origin, files } = setting.page;
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };

const served = createServer((request, response) => {
  const { pathname } = new URL(request.url, origin);
  const name = pathname === '/consent/' ? 'index.html' : pathname.replace('/consent/', '');
  if (!['index.html', 'page.js', 'consent.js'].includes(name)) return response.writeHead(404).end();
  // The one change that the example asks for: the server's address.
  const text = readFileSync(join(files, name), 'utf8').replace('http://127.0.0.1:8080', setting.issuer);
  response.writeHead(200, {
    'content-type': TYPES[extname(name)],
    'content-security-policy': `default-src 'none'; script-src 'self'; connect-src ${setting.issuer}; frame-ancestors 'none'`,
  });
  response.end(text);
});
served.listen(Number(new URL(origin).port), '127.0.0.1');

async function ownPage(person, button) {
  person.known.add(origin);
  const site = await person.application();
  const client = await newClient([site.uri], { name: 'Photo printer' });
  const app = new Application(client.clientId, site.uri);
  const { page } = person;
  await page.goto(await app.start(SCOPES.slice(0, 3)));
  same(new URL(page.url()).origin, origin, 'the browser is at the own page');
  await person.signIn(setting.editor);
  await page.getByRole('heading', { name: 'Photo printer asks for access' }).waitFor();
  await page.locator(`input[value="${SCOPES[1]}"]`).uncheck();
  const arrived = site.arrived();
  await page.getByRole('button', { name: button }).click();
  return { app, arrived: await arrived };
}

async function allowed(person) {
  const { app, arrived } = await ownPage(person, 'Allow');
  const token = await app.finish(arrived);
  same(token.scope.split(' ').sort(), [SCOPES[0], SCOPES[2]].sort(), 'the scope of the token');
}

async function denied(person) {
  const { app, arrived } = await ownPage(person, 'Deny');
  same(arrived.searchParams.get('error'), 'access_denied', 'a denial');
  same(arrived.searchParams.get('state'), app.state, 'with its state');
}

await run([
  ['allow at an own page', allowed],
  ['deny at an own page', denied],
]);
