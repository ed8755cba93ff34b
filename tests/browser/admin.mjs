// The admin pages: clients of each kind and their shown-once credentials, scopes, tokens; and the faults of the
// plugin's screens that must not come back.
import { Application, SCOPES, check, manage, newClient, run, same, setting } from './kit.mjs';

const { admin, reader } = setting;

async function enter(person, path) {
  await person.open(path);
  await person.signIn(admin);
  await person.page.waitForURL(new URL(path, setting.issuer).href);
}

const tick = (page, scope) => page.locator(`input[name=scope][value="${scope}"]`).check();

/** Fills and sends the form for a new client; answers what the next page shows once. */
async function create(page, kind, name, redirectUri, scopes) {
  await page.goto(new URL('/admin/clients', setting.issuer).href);
  await page.getByRole('link', { name: 'Create client' }).first().click();
  await page.locator(`input[name=kind][value="${kind}"]`).check();
  await page.getByLabel(/^Name/).fill(name);
  if (redirectUri) await page.getByLabel('Redirect URIs').fill(redirectUri);
  for (const scope of scopes) await tick(page, scope);
  await page.getByRole('button', { name: 'Create client' }).click();
  await page.locator('#shown-client-id').waitFor();
  const shown = async (id) => {
    const place = page.locator(`#shown-${id}`);
    return (await place.count()) > 0 ? (await place.textContent()).trim() : null;
  };
  return { id: await shown('client-id'), secret: await shown('client-secret'), key: await shown('private-key') };
}

/** The code flow of somebody who is signed in. */
async function consent(person, app, site, scopes) {
  const arrived = site.arrived();
  await person.page.goto(await app.start(scopes));
  await person.page.getByRole('button', { name: 'Allow' }).click();
  return app.finish(await arrived);
}

async function aConfidentialClient(person) {
  const site = await person.application();
  await enter(person, '/admin/clients');
  const made = await create(person.page, 'confidential', 'Web shop', site.uri, SCOPES.slice(0, 2));
  check(made.secret?.length > 30, 'the secret is shown');
  const address = person.page.url();
  const app = new Application(made.id, site.uri, made.secret);
  same((await consent(person, app, site, SCOPES.slice(0, 2))).scope.split(' ').length, 2, 'its credentials work');
  await person.page.goto(address);
  await person.page.reload();
  check(!(await person.page.content()).includes(made.secret), 'the secret is shown once');
}

async function aPublicClient(person) {
  const site = await person.application();
  await enter(person, '/admin/clients');
  const made = await create(person.page, 'public', 'Phone app', site.uri, SCOPES.slice(0, 1));
  same(made.secret, null, 'a public client has no secret');
  const token = await consent(person, new Application(made.id, site.uri), site, SCOPES.slice(0, 1));
  same(token.scope, SCOPES[0], 'its client ID is enough');
}

async function aService(person) {
  await enter(person, '/admin/clients');
  const made = await create(person.page, 'service', 'Night job', '', SCOPES.slice(0, 2));
  check(made.key?.includes('PRIVATE KEY'), 'the private key is shown');
  const [download] = await Promise.all([
    person.page.waitForEvent('download'),
    person.page.getByRole('link', { name: /Download .*\.pem/ }).first().click(),
  ]);
  check(download.suggestedFilename().endsWith('.pem'), 'and can be downloaded');
  const token = await new Application(made.id).assert(made.key, SCOPES.slice(0, 1));
  same(token.scope, SCOPES[0], 'a token by its own key');
}

async function judgedWhileTyping(person) {
  await enter(person, '/admin/clients/new');
  const { page } = person;
  const uris = page.getByLabel('Redirect URIs');
  const live = page.locator('#redirect_uris-live');
  await uris.fill('http://shop.example/cb');
  await page.locator('#redirect_uris-live[data-state=bad]').waitFor();
  check((await live.innerText()).length > 15, 'it says what is wrong');
  same(await uris.getAttribute('aria-invalid'), 'true', 'the field is marked');
  await uris.fill('https://shop.example/cb\nhttp://127.0.0.1/cb');
  await page.locator('#redirect_uris-live[data-state=good]').waitFor();
  // Completion asks the server for what was typed, not for the first users of all.
  const owner = page.getByLabel('Owner');
  await owner.fill(reader.username.slice(0, reader.username.length - 1));
  await page.locator(`datalist option[value="${reader.username}"]`).waitFor({ state: 'attached' });
  await owner.fill('nobody-of-that-name');
  await page.waitForFunction(() => document.querySelectorAll('datalist option').length === 0);
}

async function selectAllOfAGroup(person) {
  await enter(person, '/admin/clients/new');
  const group = person.page.locator('fieldset.group', { has: person.page.locator(`input[value="${SCOPES[0]}"]`) });
  await group.getByRole('button', { name: /^Select all/ }).click();
  const boxes = group.locator('input[type=checkbox]');
  const ticked = () => boxes.evaluateAll((all) => all.filter((box) => box.checked).length);
  same(await ticked(), await boxes.count(), 'all are ticked');
  await group.getByRole('button', { name: /^Select none/ }).click();
  same(await ticked(), 0, 'none is ticked');
}

async function aGlobalScopeLess(person) {
  const site = await person.application();
  await enter(person, '/admin/scopes');
  const secret = (await newClient([site.uri], { clientType: 'CONFIDENTIAL', name: 'Ceiling' }));
  const app = new Application(secret.clientId, site.uri, secret.clientSecret);
  const token = await consent(person, app, site, [SCOPES[0], SCOPES[3]]);
  await person.open('/admin/scopes');
  await person.page.locator(`input[name=scope][value="${SCOPES[3]}"]`).uncheck();
  await person.page.getByRole('button', { name: 'Save global scopes' }).click();
  await person.page.getByText('Saved.').waitFor();
  same((await app.introspect(token.access_token)).scope, SCOPES[0], 'the live token lost the scope');
  await person.page.locator(`input[name=scope][value="${SCOPES[3]}"]`).check();
  await person.page.getByRole('button', { name: 'Save global scopes' }).click();
  await person.page.getByText('Saved.').waitFor();
}

async function aNewSecret(person) {
  const client = await newClient(['https://c1.test/cb'], { clientType: 'CONFIDENTIAL', name: 'Rotated' });
  await enter(person, `/admin/clients/${client.documentId}/credentials`);
  await person.page.getByRole('button', { name: 'Rotate secret' }).click();
  const secret = (await person.page.locator('#shown-client-secret').textContent()).trim();
  check(secret !== client.clientSecret, 'a new secret');
  const works = async (it) => {
    const app = new Application(client.clientId, 'https://c1.test/cb', it);
    return app.introspect('nothing').then(() => true, () => false);
  };
  same([await works(secret), await works(client.clientSecret)], [true, false], 'only the new secret works');
}

/** A token of the person who is signed in, for a client of its own. */
async function aToken(person, name) {
  const site = await person.application();
  const client = await newClient([site.uri], { clientType: 'CONFIDENTIAL', name });
  const app = new Application(client.clientId, site.uri, client.clientSecret);
  const token = (await consent(person, app, site, [SCOPES[0]])).access_token;
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  return { app, client, token, jti };
}

async function filterAndRevoke(person) {
  const { page } = person;
  await enter(person, '/admin/tokens');
  const mine = await aToken(person, 'Filtered');
  const other = await aToken(person, 'Not filtered');
  await person.open('/admin/tokens');
  // The plugin called the page of all tokens by its first row's client, and every live token "Revoked".
  same(await page.getByRole('heading', { level: 1 }).innerText(), 'Access tokens', 'the heading');
  const row = page.getByRole('row').filter({ hasText: mine.jti });
  check(await row.getByText('Active', { exact: true }).isVisible(), 'a live token reads Active');
  check(await row.getByRole('button', { name: /^Revoke/ }).isVisible(), 'and can be revoked from its row');
  await page.getByRole('textbox', { name: 'Client' }).fill(mine.client.clientId);
  await page.getByLabel('Status').selectOption('Active');
  await page.getByRole('button', { name: 'Apply' }).click();
  await row.waitFor();
  same(await page.getByRole('row').filter({ hasText: other.jti }).count(), 0, 'others are filtered out');
  await row.getByRole('button', { name: /^Revoke/ }).click();
  await page.getByText(/^Revoked:/).waitFor();
  same((await mine.app.introspect(mine.token)).active, false, 'the revoked one');
  same((await other.app.introspect(other.token)).active, true, 'the other one');
  await person.open(`/admin/tokens?client=${mine.client.clientId}`);
  check(await row.getByText('Revoked', { exact: true }).isVisible(), 'it reads Revoked now');
}

async function oddClientsBreakNoPage(person) {
  const { page } = person;
  const hostile = '<b>bold</b><script>document.title=1</script>';
  const ownerless = await newClient(['https://c1.test/cb'], { name: `Ownerless ${hostile}` });
  const uris = Array.from({ length: 20 }, (_, at) => `https://c1.test/callback/number/${at}`);
  const long = await newClient(uris, { name: 'Long '.repeat(19).trim() });
  await enter(person, '/admin/clients');
  await page.getByLabel('Search').fill('Ownerless');
  await page.getByRole('button', { name: 'Apply' }).click();
  same(await page.locator('main tbody tr').count(), 1, 'search finds what was asked for');
  same(await page.locator('main tbody b, main tbody script').count(), 0, 'names are text');
  for (const client of [ownerless, long]) {
    for (const part of ['', '/scopes', '/credentials', '/tokens', '/access', '/activity', '/delete']) {
      const answer = await person.open(`/admin/clients/${client.documentId}${part}`);
      same(answer.status(), 200, `${client.name}${part}`);
    }
  }
}

async function aNameCanBeChanged(person) {
  const client = await newClient(['https://c1.test/cb'], { name: 'Before' });
  const { page } = person;
  await enter(person, `/admin/clients/${client.documentId}`);
  await page.getByLabel(/^Name/).fill('');
  await page.getByLabel(/^Name/).pressSequentially('After all');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  same((await manage('GET', `clients/${client.documentId}`)).data.name, 'After all', 'the name');
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await page.getByText(/is inactive/).waitFor();
  same((await manage('GET', `clients/${client.documentId}`)).data.active, false, 'switched off');
  await page.getByRole('button', { name: 'Activate' }).click();
  await page.getByText(/is active/).waitFor();
  // Deletion wants the name typed; until then its button cannot be used.
  await page.getByRole('link', { name: 'Delete' }).click();
  const button = page.getByRole('button', { name: 'Delete client' });
  check(await button.isDisabled(), 'not yet');
  await page.getByLabel(/Type the/).fill('After all');
  await button.click();
  await page.waitForURL(/\/admin\/clients(\?|$)/);
}

async function whoMayNotIsTold(person) {
  await person.open('/admin/clients');
  await person.signIn(reader);
  await person.page.locator('#permission').waitFor();
  same(await person.page.locator('#permission').innerText(), 'admin:client.read', 'the missing permission');
  same(await person.page.getByRole('link', { name: 'Create client' }).count(), 0, 'no button that cannot be used');
}

async function withoutScripts(person) {
  const { page } = person;
  const site = await person.application();
  await enter(person, '/admin/clients');
  const made = await create(page, 'confidential', 'Without scripts', site.uri, SCOPES.slice(0, 1));
  const app = new Application(made.id, site.uri, made.secret);
  const { access_token: token } = await consent(person, app, site, SCOPES.slice(0, 1));
  await person.open(`/admin/tokens?client=${made.id}`);
  await page.getByRole('checkbox', { name: /^Select token/ }).check();
  await page.getByRole('button', { name: 'Revoke selected' }).click();
  await page.getByText(/^Revoked:/).waitFor();
  same((await app.introspect(token)).active, false, 'revoked without scripts');
  await person.open('/admin/clients?pageSize=10');
  await page.getByRole('columnheader', { name: 'Name' }).getByRole('link').click();
  check((await page.locator('main tbody tr').count()) > 0, 'sorted by a link');
}

await run([
  ['a confidential client', aConfidentialClient],
  ['a public client', aPublicClient],
  ['a service', aService],
  ['redirect URIs and owners while typing', judgedWhileTyping],
  ['select all of a group', selectAllOfAGroup],
  ['a global scope less', aGlobalScopeLess],
  ['a new secret', aNewSecret],
  ['filter tokens and revoke one', filterAndRevoke],
  ['odd clients', oddClientsBreakNoPage],
  ['a name can be changed', aNameCanBeChanged],
  ['who may not is told', whoMayNotIsTold],
  ['without scripts', withoutScripts, { javaScriptEnabled: false }],
]);
