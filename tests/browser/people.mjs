// A first administrator with the generated password, and people who look after what they allowed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, SCOPES, check, newClient, run, same, setting } from './kit.mjs';

const { editor } = setting;

async function theFirstSignIn(person) {
  const { page } = person;
  await person.open('/admin');
  // Before the first sign-in the page says where the password is; then a person reads it there.
  await page.getByText('data/admin-password').waitFor();
  const password = readFileSync(join(setting.folder, 'data/admin-password'), 'utf8').trim();
  check(password.length >= 16, 'a password was made');
  await person.signIn({ username: 'admin', password });
  await page.waitForURL(/\/admin$/);
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password', { exact: true }).waitFor();
  await person.open('/login');
  same(await page.getByText('data/admin-password').count(), 0, 'nobody is told any more');
  await person.open('/admin');
  check(page.url().includes('/login'), 'signed out is signed out');
}

async function withdrawn(person) {
  const { page } = person;
  const site = await person.application();
  const client = await newClient([site.uri], { clientType: 'CONFIDENTIAL', name: 'Photo printer' });
  const app = new Application(client.clientId, site.uri, client.clientSecret);
  await page.goto(await app.start([SCOPES[0]]));
  await person.signIn(editor);
  const arrived = site.arrived();
  await page.getByRole('button', { name: 'Allow' }).click();
  const token = (await app.finish(await arrived)).access_token;
  same((await app.introspect(token)).active, true, 'the token lives');
  await person.open('/account');
  await page.getByRole('link', { name: 'Applications' }).click();
  const row = page.getByRole('row').filter({ hasText: 'Photo printer' });
  await row.getByRole('button', { name: /^Revoke/ }).click();
  await page.getByRole('status').filter({ hasText: 'Revoked' }).first().waitFor();
  same((await app.introspect(token)).active, false, 'introspection says inactive');
  same(await page.getByRole('row').filter({ hasText: 'Photo printer' }).count(), 0, 'it left the list');
}

async function aSessionEnds(person) {
  const { page } = person;
  await person.open('/account');
  await person.signIn(editor);
  await page.waitForURL(/\/account/);
  const other = await person.context.browser().newContext();
  const elsewhere = await other.newPage();
  await elsewhere.goto(new URL('/account', setting.issuer).href);
  await elsewhere.getByLabel('User name or e-mail address').fill(editor.username);
  await elsewhere.getByLabel('Password', { exact: true }).fill(editor.password);
  await elsewhere.getByRole('button', { name: 'Sign in' }).click();
  await elsewhere.waitForURL(/\/account/);
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.getByRole('row').getByRole('button', { name: /^End/ }).first().click();
  await page.getByRole('status').filter({ hasText: 'ended' }).first().waitFor();
  await elsewhere.reload();
  check(elsewhere.url().includes('/login'), 'the other browser is signed out');
  await other.close();
}

await run([
  ...(setting.first ? [['the first sign-in', theFirstSignIn]] : []),
  ...(setting.first ? [] : [['a grant withdrawn', withdrawn], ['a session ended', aSessionEnds]]),
  ...(setting.first ? [] : [['a grant withdrawn without scripts', withdrawn, { javaScriptEnabled: false }]]),
]);
