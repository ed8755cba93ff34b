// Swagger UI: "Authorize" completes the server's own code flow with PKCE, and an endpoint answers with its token.
import { check, fits, run, same, setting } from './kit.mjs';

async function authorizeAndCall(person) {
  const { page } = person;
  await person.open('/docs');
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const dialog = page.locator('.modal-ux');
  await dialog.waitFor();
  const asked = dialog.locator('.auth-container').filter({ hasText: 'authorizationCode' });
  const scopes = asked.locator('input[type=checkbox]');
  check((await scopes.count()) > 0, 'scopes to choose from');
  await asked.getByText('select all', { exact: false }).click();
  const [popup] = await Promise.all([
    person.context.waitForEvent('page'),
    asked.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click(),
  ]);
  const first = new URL(popup.url() === 'about:blank' ? (await popup.waitForEvent('framenavigated'), popup.url()) : popup.url());
  await popup.getByLabel('User name or e-mail address').fill(setting.admin.username);
  await popup.getByLabel('Password', { exact: true }).fill(setting.admin.password);
  await popup.getByRole('button', { name: 'Sign in' }).click();
  const closed = popup.waitForEvent('close');
  await popup.getByRole('button', { name: 'Allow' }).click();
  await closed;
  check(first.origin === setting.issuer, 'the pop-up stays on this server');
  await asked.getByRole('button', { name: 'Remove authorization' }).waitFor();
  await page.getByRole('button', { name: 'Close' }).first().click();

  const operation = page.locator('#operations-Clients-listClients');
  await operation.scrollIntoViewIfNeeded();
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/oauth2/clients');
  await operation.getByRole('button', { name: 'Execute' }).click();
  const answer = await answered;
  same(answer.status(), 200, 'GET /oauth2/clients with the token of Authorize');
  check((await answer.request().headerValue('authorization')).startsWith('Bearer '), 'by a bearer token');
  await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).first().waitFor();
}

async function itIsServedOnce(person) {
  const answer = await person.open('/docs');
  same(answer.headers()['cross-origin-opener-policy'], undefined, 'no Cross-Origin-Opener-Policy');
  check((await answer.text()).length < 4_000, 'nothing is written into the page');
  await person.page.getByRole('button', { name: 'Authorize' }).first().waitFor();
  const bundle = await fetch(`${setting.issuer}/docs/swagger-ui-bundle.js`, { headers: { 'accept-encoding': 'gzip' } });
  check(/max-age=\d+/.test(bundle.headers.get('cache-control')), 'the bundle may be kept');
  same(await person.page.locator('html').getAttribute('lang'), 'en', 'the language');
}

async function aLoneReceiverExplainsItself(person) {
  await person.open('/docs/oauth-receiver.html?code=x&state=y');
  await person.page.getByText('No API documentation is waiting').waitFor();
  check(!person.page.url().includes('code='), 'the code leaves the address');
  await fits(person.page, 'the receiver');
}

await run([
  ['Authorize, then a call', authorizeAndCall],
  ['small and cacheable', itIsServedOnce],
  ['a receiver that nobody waits for', aLoneReceiverExplainsItself],
]);
