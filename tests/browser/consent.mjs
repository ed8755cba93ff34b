// Sign-in and consent: as people meet them, by labels and roles.
import { Application, SCOPES, accessible, check, fits, newClient, run, same, setting } from './kit.mjs';

const { admin, editor, reader } = setting;

/** A public application on a port of its own, and its client. */
async function printer(person, more = {}) {
  const site = await person.application();
  const client = await newClient([site.uri], more);
  return { site, name: client.name, app: new Application(client.clientId, site.uri) };
}

const box = (page, scope) => page.locator(`input[type=checkbox][value="${scope}"]`);

async function untickedScopesAreNotGranted(person) {
  const { site, app, name } = await printer(person);
  await person.page.goto(await app.start(SCOPES));
  await accessible(person.page, 'sign-in');
  await fits(person.page, 'sign-in');
  await person.signIn(editor);
  await person.page.getByRole('heading', { name: new RegExp(name) }).waitFor();
  await accessible(person.page, 'consent');
  await fits(person.page, 'consent');
  check(await person.page.getByText(editor.username).first().isVisible(), 'the page says who is signed in');
  check(await person.page.getByText(site.origin).first().isVisible(), 'the page says where it leads');
  await box(person.page, SCOPES[2]).uncheck();
  await box(person.page, SCOPES[4]).uncheck();
  const arrived = site.arrived();
  await person.page.getByRole('button', { name: 'Allow' }).click();
  const token = await app.finish(await arrived);
  const granted = SCOPES.filter((_, at) => at !== 2 && at !== 4);
  same(token.scope.split(' ').sort(), [...granted].sort(), 'the scope of the token');
  const claims = JSON.parse(Buffer.from(token.access_token.split('.')[1], 'base64url'));
  same(claims.scope.split(' ').sort(), [...granted].sort(), 'the claim scope');
}

async function denyAndNothing(person) {
  const { site, app } = await printer(person);
  await person.page.goto(await app.start(SCOPES));
  await person.signIn(editor);
  let arrived = site.arrived();
  const [allow, deny] = await Promise.all(
    ['Allow', 'Deny'].map((name) => person.page.getByRole('button', { name }).boundingBox()),
  );
  check(Math.abs(allow.width - deny.width) < 2 && Math.abs(allow.height - deny.height) < 2, 'Allow and Deny weigh the same');
  await person.page.getByRole('button', { name: 'Deny' }).click();
  let answer = (await arrived).searchParams;
  same([answer.get('error'), answer.get('state'), answer.has('code')], ['access_denied', app.state, false], 'a denial');
  await person.page.goto(await app.start(SCOPES));
  for (const scope of SCOPES) await box(person.page, scope).uncheck();
  arrived = site.arrived();
  await person.page.getByRole('button', { name: 'Allow' }).click();
  answer = (await arrived).searchParams;
  same(answer.get('error'), 'access_denied', 'nothing ticked is a denial');
}

async function loopbackWithAnyPort(person) {
  const site = await person.application('/callback');
  const client = await newClient(['http://127.0.0.1/callback']);
  const app = new Application(client.clientId, site.uri);
  await person.page.goto(await app.start([SCOPES[0]]));
  await person.signIn(reader);
  const arrived = site.arrived();
  await person.page.getByRole('button', { name: 'Allow' }).click();
  same((await app.finish(await arrived)).scope, SCOPES[0], 'a loopback port of the moment');
}

async function anotherOriginByHttps(person) {
  // A listener with TLS under another name: the browser goes there by itself, with all that it enforces on the way.
  const site = await person.application('/cb', 'c1.test');
  const client = await newClient([site.uri]);
  const app = new Application(client.clientId, site.uri);
  await person.page.goto(await app.start([SCOPES[0]]));
  await person.signIn(reader);
  let arrived = site.arrived();
  await person.page.getByRole('button', { name: 'Allow' }).click();
  same((await app.finish(await arrived)).scope, SCOPES[0], 'another origin');
  await person.page.getByRole('heading', { name: 'The application' }).waitFor();
  check(person.page.url().startsWith(`${site.origin}/cb?`), 'the browser is at the application');

  // Asked again only for what is new: the same scope passes without a page.
  arrived = site.arrived();
  await person.page.goto(await app.start([SCOPES[0]]));
  check((await app.finish(await arrived)).access_token, 'remembered consent needs no click');
  await person.page.goto(await app.start(SCOPES.slice(0, 2)));
  await person.page.getByRole('button', { name: 'Allow' }).waitFor();
  check(await person.page.getByText('granted before').isVisible(), 'the page says what is not new');
  arrived = site.arrived();
  await person.page.getByRole('button', { name: 'Deny' }).click();
  same((await arrived).searchParams.get('error'), 'access_denied', 'a denial to another origin');
}

async function customScheme(person) {
  const uri = 'com.example.printer:/cb';
  const client = await newClient([uri]);
  const app = new Application(client.clientId, uri);
  person.known.add('com.example.printer:');
  await person.page.goto(await app.start([SCOPES[0]]));
  await person.signIn(reader);
  await person.page.getByRole('button', { name: 'Allow' }).waitFor();
  const led = person.page.waitForResponse((response) => response.request().method() === 'POST');
  await person.page.getByRole('button', { name: 'Allow' }).click();
  const address = new URL((await led).headers().location);
  same([address.protocol, address.pathname], ['com.example.printer:', '/cb'], 'the way to the program');
  same((await app.finish(address)).scope, SCOPES[0], 'a code for a custom scheme');
  // Chromium would write a line to the console if the page's policy had held the navigation back.
  await person.page.waitForTimeout(500);
}

async function wrongPasswordKeepsTheName(person) {
  const { app } = await printer(person);
  await person.page.goto(await app.start([SCOPES[0]]));
  await person.signIn({ username: reader.username, password: 'not-this-one-at-all' });
  const alert = person.page.getByRole('alert');
  await alert.waitFor();
  check(await alert.evaluate((element) => element === document.activeElement), 'the focus is at the error');
  same(await person.page.getByLabel('User name or e-mail address').inputValue(), reader.username, 'the name stays');
  same(await person.page.getByLabel('Password', { exact: true }).inputValue(), '', 'the password does not');
  await accessible(person.page, 'sign-in with an error');
}

async function whatThePolicyRefusesIsShown(person) {
  const { app, site } = await printer(person);
  await person.page.goto(await app.start(SCOPES.slice(0, 3)));
  await person.signIn(reader);
  const refused = box(person.page, SCOPES[2]);
  await refused.waitFor();
  check(await refused.isDisabled(), 'what the role does not permit cannot be ticked');
  const why = await refused.getAttribute('aria-describedby');
  check((await person.page.locator(`[id="${why}"]`).innerText()).length > 20, 'and the reason is named');
  await accessible(person.page, 'consent with refusals');
  const arrived = site.arrived();
  await person.page.getByRole('button', { name: 'Allow' }).click();
  const token = await app.finish(await arrived);
  same(token.scope.split(' ').sort(), SCOPES.slice(0, 2).sort(), 'the rest is granted');
}

async function byKeyboardAlone(person) {
  const { app, site } = await printer(person);
  const { page } = person;
  const keys = page.keyboard;
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('name') ?? document.activeElement.textContent.trim());
  const tabTo = async (name) => {
    for (let step = 0; step < 40; step += 1) {
      if ((await focused()) === name) return;
      await keys.press('Tab');
    }
    throw new Error(`the keyboard does not reach ${name}`);
  };
  await page.goto(await app.start(SCOPES.slice(0, 2)));
  await keys.press('Tab');
  same(await focused(), 'Skip to content', 'the first stop');
  await tabTo('identifier');
  await keys.type(reader.username);
  await keys.press('Tab');
  same(await focused(), 'password', 'the next stop');
  await keys.type(reader.password);
  await keys.press('Enter');
  await page.getByRole('button', { name: 'Allow' }).waitFor();
  await tabTo('scope');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  check(Number.parseFloat(outline) >= 2, `the focus can be seen (${outline})`);
  await keys.press('Space');
  const arrived = site.arrived();
  // The first checkbox is unticked now; on to the button.
  for (let step = 0; step < 40 && (await page.evaluate(() => document.activeElement.value)) !== 'approve'; step += 1) {
    await keys.press('Tab');
  }
  await keys.press('Enter');
  const token = await app.finish(await arrived);
  same(token.scope.split(' ').length, 1, 'scopes ticked by keyboard');
}

async function withoutScripts(person) {
  const { app, site } = await printer(person);
  await person.page.goto(await app.start(SCOPES));
  await person.signIn(editor);
  check(!(await person.page.getByRole('button', { name: /Theme|Select/ }).first().isVisible()), 'no button without effect');
  await box(person.page, SCOPES[1]).uncheck();
  const arrived = site.arrived();
  await person.page.getByRole('button', { name: 'Allow' }).click();
  same((await app.finish(await arrived)).scope.split(' ').length, 4, 'consent without scripts');
}

async function errorsArePages(person) {
  const answer = await person.open('/oauth2/authorize?response_type=code&client_id=nobody&redirect_uri=https://evil.test/cb');
  check(answer.status() === 400, 'an unknown client is a page, never a redirect');
  await accessible(person.page, 'error');
  await fits(person.page, 'error');
  const id = answer.headers()['x-request-id'];
  check(await person.page.getByText(id).isVisible(), 'the page names the request');
}

async function aNameOfMarkupIsInert(person) {
  const name = '<img src=x onerror="document.title=1">' + '"><script>document.title=2</script>';
  const { app } = await printer(person, { name });
  await person.page.goto(await app.start([SCOPES[0]], { login_hint: '"><b onclick=x>' }));
  await person.signIn(admin);
  await person.page.getByRole('button', { name: 'Deny' }).waitFor();
  check((await person.page.title()).includes('<img'), 'the name is text in the title');
  check((await person.page.locator('main img, main script, main b').count()) === 0, 'and nothing of it is an element');
  await fits(person.page, 'consent of a client with a long name');
}

async function aChosenTheme(person) {
  await person.open('/oauth2/authorize?response_type=code');
  const paper = () => person.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  const button = person.page.getByRole('button', { name: /^Theme/ });
  await button.click();
  await button.click();
  check((await paper()) !== light, 'a dark page');
  const dark = await paper();
  await person.page.reload();
  same(await paper(), dark, 'the choice stays');
}

await run([
  ['consent with some scopes unticked', untickedScopesAreNotGranted],
  ['deny, and nothing ticked', denyAndNothing],
  ['a loopback port', loopbackWithAnyPort],
  ['another origin by https', anotherOriginByHttps, { ignoreHTTPSErrors: true }],
  ['a custom scheme', customScheme],
  ['a wrong password', wrongPasswordKeepsTheName],
  ['what the policy refuses', whatThePolicyRefusesIsShown],
  ['the keyboard alone', byKeyboardAlone],
  ['without scripts', withoutScripts, { javaScriptEnabled: false }],
  ['an error page', errorsArePages],
  ['a hostile name', aNameOfMarkupIsInert],
  ['the theme switch', aChosenTheme],
]);
