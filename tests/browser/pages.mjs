// Every page that a signed-in person sees: accessible in light and dark, nothing cut off at 1280 and 360 px.
// GRANTWOOD_TEST_SCREENSHOTS=1 keeps pictures of some of them for the README.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Application, SCOPES, accessible, check, fits, manage, newClient, run, same, setting } from './kit.mjs';

const { admin, editor } = setting;

async function keep(page, name) {
  if (!setting.screenshots) return;
  mkdirSync(setting.screenshots, { recursive: true });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.screenshot({ path: join(setting.screenshots, `${name}.png`) });
}

async function look(person, path, name) {
  const answer = await person.open(path);
  check(answer.status() === 200, `${path} answers 200, not ${answer.status()}`);
  await accessible(person.page, path);
  await fits(person.page, path);
  if (name) await keep(person.page, name);
}

/** A token of the code grant for whoever is signed in. */
async function grant(person, name, scopes) {
  const site = await person.application();
  const client = await newClient([site.uri], { clientType: 'CONFIDENTIAL', name });
  const app = new Application(client.clientId, site.uri, client.clientSecret);
  const arrived = site.arrived();
  await person.page.goto(await app.start(scopes));
  await person.page.getByRole('button', { name: 'Allow' }).click();
  const { access_token: token } = await app.finish(await arrived);
  return { client, jti: JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).jti };
}

async function adminPages(person) {
  await person.open('/admin');
  await person.signIn(admin);
  await person.page.waitForURL(/\/admin$/);
  const { client, jti } = await grant(person, 'Quarterly reports', SCOPES.slice(0, 3));
  await grant(person, 'Photo printer', SCOPES.slice(0, 1));
  for (const name of ['Warehouse sync', 'Mobile app', 'Partner portal']) {
    await newClient(['https://c1.test/cb'], { name, scopes: SCOPES.slice(0, 2) });
  }
  const own = `/admin/clients/${client.documentId}`;
  for (const [path, name] of [
    ['/admin'],
    ['/admin/clients', 'clients'],
    ['/admin/clients?search=nothing-has-this-name'],
    ['/admin/clients/new'],
    [own],
    [`${own}/scopes`],
    [`${own}/credentials`],
    [`${own}/tokens`],
    [`${own}/access`, 'client'],
    [`${own}/activity`],
    [`${own}/delete`],
    ['/admin/scopes'],
    ['/admin/tokens', 'tokens'],
    [`/admin/tokens/${jti}`],
    ['/admin/keys'],
    ['/admin/policies', 'policies'],
    ['/admin/policies/bench'],
    ['/admin/policies/bench?ask=yes&kind=grant&client=reporting&grantType=jwt-bearer&action=api::form.form.delete'],
    [`/admin/decisions/${jti}`],
    ['/admin/audit'],
    ['/admin/settings'],
    ['/admin/users'],
    ['/admin/roles'],
  ]) {
    await look(person, path, name);
  }
  // Every page of the menu is among them, and so is what its first row leads to.
  await person.open('/admin');
  const menu = await person.page.locator('nav.menu a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  for (const path of menu) {
    await person.open(path);
    const first = person.page.locator('main tbody a[href^="/admin/"]').first();
    if ((await first.count()) > 0) await look(person, await first.getAttribute('href'));
  }
}

/** A deleted owner, no owner, the most redirect URIs, names of markup: every page of such clients still works. */
async function oddClients(person) {
  await person.open('/admin');
  await person.signIn(admin);
  await person.page.waitForURL(/\/admin$/);
  const markup = '<img src=x onerror="document.title=1">"><script>document.title=2</script>';
  const owner = { username: 'short-lived', email: 'short-lived@suite.test', password: 'a password of a while' };
  const user = (await manage('POST', 'users', owner)).data;
  const uris = Array.from({ length: 20 }, (_, at) => `https://c${at}.test/${'a'.repeat(1200)}`);
  const made = [
    await newClient(['https://c1.test/cb'], { name: 'Odd: deleted owner', user: user.documentId ?? user.id }),
    await newClient(['https://c1.test/cb'], { name: 'Odd: no owner' }),
    await newClient(uris, { name: 'Odd: many URIs' }),
    await newClient(['https://c1.test/cb'], { name: `Odd: ${markup}` }),
  ];
  await manage('DELETE', `users/${user.documentId ?? user.id}`);
  for (const client of made) {
    for (const part of ['', '/scopes', '/credentials', '/tokens', '/access', '/activity', '/delete']) {
      const answer = await person.open(`/admin/clients/${client.documentId}${part}`);
      check(answer.status() === 200, `${client.name} ${part} answers 200, not ${answer.status()}`);
      await fits(person.page, `${client.name.slice(0, 20)} ${part}`);
      check((await person.page.locator('main img, main script').count()) === 0, 'no name is markup');
    }
  }
  await look(person, '/admin/clients?search=Odd');
  same(await person.page.locator('main tbody tr').count(), 4, 'the list shows all of them');
  // 10 kB of markup as a name: refused on a page that still fits, with what was typed inert.
  await person.open('/admin/clients/new');
  const name = person.page.locator('#name');
  await name.evaluate((field) => field.removeAttribute('maxlength'));
  await name.fill(markup.repeat(140));
  await person.page.getByRole('button', { name: 'Create client' }).click();
  await person.page.getByRole('alert').first().waitFor();
  await fits(person.page, 'a name of 10 kB');
  check((await person.page.locator('main img, main script').count()) === 0, 'it is text');
}

async function accountPages(person) {
  await person.open('/account');
  await person.signIn(editor);
  await person.page.waitForURL(/\/account/);
  await grant(person, 'Photo printer', SCOPES.slice(0, 2));
  await look(person, '/account');
  const menu = await person.page.locator('nav.menu a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  for (const path of menu) await look(person, path);
}

async function theConsentPage(person) {
  const site = await person.application();
  const client = await newClient([site.uri], { name: 'Quarterly reports' });
  const app = new Application(client.clientId, site.uri);
  await person.page.goto(await app.start(SCOPES));
  await keep(person.page, 'sign-in');
  await person.signIn(editor);
  await person.page.getByRole('button', { name: 'Allow' }).waitFor();
  await keep(person.page, 'consent');
}

check(await manage('GET', 'clients?pageSize=10'), 'the management API answers');
await run([
  ['admin pages', adminPages],
  ['odd clients', oddClients],
  ['account pages', accountPages],
  ['the consent page', theConsentPage],
]);
