// SPDX-License-Identifier: Apache-2.0
// The console in a real browser: enter with a key, ask, open the source at the quote, pipeline, documents, ledger; light and
// dark, 400 px and 1600 px. Saves screenshots; fails on console errors and on pages that scroll sideways.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const { CAIRN_URL: url, CAIRN_ADMIN_KEY: adminKey, CAIRN_USER_KEY: userKey } = process.env;
const folder = process.env.CAIRN_SCREENSHOTS ?? 'build/screenshots';
const question = process.env.CAIRN_QUESTION ?? 'Within how many days may customers return unused goods?';
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CAIRN_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync',
    '--disable-component-update', '--no-first-run', '--disable-dev-shm-usage'],
});

async function enter(page, key) {
  await page.goto(url);
  await page.getByLabel('Your key').fill(key);
  await page.getByRole('button', { name: 'Enter' }).click();
}
const view = (page, name) => page.getByRole('navigation').getByRole('link', { name, exact: true }).click();

async function walk(width, scheme) {
  const context = await browser.newContext({ viewport: { width, height: width < 800 ? 800 : 900 }, colorScheme: scheme });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  const look = async (name) => {
    await page.screenshot({ path: `${folder}/${name}-${width}-${scheme}.png` });
    const [have, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(have <= room, `${name} at ${width} px is ${have} px wide`);
  };

  await page.goto(url);
  await look('login');
  await enter(page, adminKey);
  await page.getByRole('heading', { name: 'Ask your documents' }).waitFor();
  await look('empty');

  await page.getByLabel('Question').fill(question);
  await page.getByLabel('Question').press('Enter');
  await page.locator('.sources').waitFor();
  await look('answer');
  const cite = page.getByRole('button', { name: 'Open source [1]' });
  await cite.click();
  const mark = page.locator('mark');
  await mark.waitFor();
  const quote = await mark.innerText();
  const said = await page.locator('.answer').first().innerText();
  assert.ok(quote.length > 10 && said.replace(/\s+/g, ' ').includes(quote.replace(/\s+/g, ' ').trim()), `marked: ${quote}`);
  assert.ok(await mark.isVisible());
  await look('source');
  await page.keyboard.press('Escape');
  await mark.waitFor({ state: 'detached' });

  await page.getByLabel('Question').fill('Which colour does the moon have?');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await page.locator('.answer.refused').waitFor();
  await look('refusal');
  // What a refusal shows instead opens like a source; it shows nothing where nothing is near.
  const refused = page.locator('.answer.refused');
  if ((await refused.innerText()).includes('[1]')) {
    await refused.getByRole('button', { name: 'Open source [1]' }).click();
    await mark.waitFor();
    await page.keyboard.press('Escape');
    await mark.waitFor({ state: 'detached' });
  }

  await view(page, 'Pipeline');
  await page.locator('.steps li').first().waitFor();
  if (process.env.CAIRN_LIVE_PROGRESS !== '0') await page.getByRole('progressbar').waitFor();
  await look('pipeline');
  const report = page.getByRole('button', { name: 'Report' }).first();
  await report.click();
  await page.frameLocator('iframe').locator('h1').first().waitFor();
  await look('report');
  await page.keyboard.press('Escape');
  await page.locator('iframe').waitFor({ state: 'detached' });

  await view(page, 'Documents');
  await page.locator('tbody tr').first().waitFor();
  await page.getByLabel('Filter').fill('failed');
  await page.locator('tr.failed').first().waitFor();
  assert.equal(await page.locator('tr.done').count(), 0);
  await page.getByLabel('Filter').fill('');
  await look('documents');
  await page.locator('tr.done button').first().click();
  await page.locator('.overlay pre').waitFor();
  await look('document');
  await page.keyboard.press('Escape');

  await view(page, 'Ledger');
  await page.getByText('Sums agree with the request log').waitFor();
  await look('ledger');
  const [download] = await Promise.all([
    page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).first().click(),
  ]);
  assert.match(download.suggestedFilename(), /^invoice-.*\.csv$/);

  await page.getByRole('button', { name: 'Leave' }).click();
  await page.getByLabel('Your key').waitFor();
  assert.deepEqual(problems, []);
  await context.close();
}

/** A user sees no ledger; a wrong key is refused in words. */
async function others() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await enter(page, 'ck_wrong');
  await page.getByRole('alert').getByText('the key is missing, not known or revoked').waitFor();
  await enter(page, userKey);
  await page.getByRole('heading', { name: 'Ask your documents' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Ledger' }).count(), 0);
  await context.close();
}

/** A model that writes freely is not called one that quotes; a long name leaves room for the question. */
async function freely() {
  const context = await browser.newContext({ viewport: { width: 400, height: 800 } });
  const page = await context.newPage();
  const id = 'Organisation/A-Model-With-A-Long-Name-Instruct-Q4_K_M';
  await page.route('**/v1/models', (route) => route.fulfill({ json: { data: [{ id, cairn: { kind: 'base' } }, { id: 'x', cairn: { kind: 'encoder' } }] } }));
  await enter(page, userKey);
  await page.getByRole('heading', { name: `Talk to ${id}` }).waitFor();
  await page.getByText('nothing is quoted from your documents').waitFor();
  assert.equal(await page.getByText('word for word').count(), 0);
  assert.equal(await page.locator('#model option').count(), 1, 'an encoder cannot be talked to');
  const [question, button] = [await page.getByLabel('Question').boundingBox(), await page.getByRole('button', { name: 'Ask', exact: true }).boundingBox()];
  assert.ok(question.width >= 120 && question.height < 80, `the question has ${question.width} x ${question.height} px`);
  assert.ok(button.x + button.width <= 400, 'the button is outside of the window');
  const choice = await page.locator('#model').boundingBox();
  assert.ok(choice.x + choice.width <= 400, 'the choice of models is outside of the window');
  await page.screenshot({ path: `${folder}/freely-400.png` });
  await context.close();
}

try {
  for (const width of [1600, 400]) for (const scheme of ['light', 'dark']) await walk(width, scheme);
  await others();
  await freely();
  console.log(`console: walked 4 times, screenshots in ${folder}`);
} finally {
  await browser.close();
}
