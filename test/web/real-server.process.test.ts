/** The pages on the real server: no session, the login link, a run that appears by itself, the audit chain. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestApp } from '../app.ts'
import type { App } from '../../src/options.ts'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { axeBreaches, openBrowser, openContext } from './browser.ts'
import { buildPages } from './built.ts'

const executable = findChromium()
const skip = executable === undefined ? CHROMIUM_MISSING : false

/** What each page says on a server on which nothing has happened. */
const EMPTY: readonly (readonly [path: string, text: string])[] = [
  ['/models', 'No models yet'],
  ['/endpoints', 'No endpoints yet'],
  ['/monitoring', 'No monitors yet'],
  ['/incidents', 'is compared with its own history'],
  ['/pipelines', 'No pipeline runs yet'],
  ['/cost', 'Rate card'],
]

async function logRun(app: App, name: string): Promise<void> {
  const token = readFileSync(app.tokenFile, 'utf8').trim()
  const send = async (path: string, body: unknown): Promise<Record<string, never>> => {
    const response = await fetch(`${app.url}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.equal(response.status, 200, path)
    return (await response.json()) as Record<string, never>
  }
  const made = await send('runs/create', { experiment_id: '0', run_name: name, start_time: Date.now() })
  const { run_id } = (made['run'] as unknown as { info: { run_id: string } }).info
  await send('runs/log-metric', { run_id, key: 'auc', value: 0.7712, timestamp: Date.now(), step: 1 })
  await send('runs/log-parameter', { run_id, key: 'seed', value: '7' })
  await send('runs/update', { run_id, status: 'FINISHED', end_time: Date.now() })
}

test('the pages work on the real server', { skip }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-ui-'))
  const app = await startTestApp({
    dataDir,
    pages: buildPages(),
  })
  const browser = await openBrowser(executable ?? '')
  try {
    const page = await (await openContext(browser)).newPage()
    await page.goto(`${app.url}/runs`)
    await page.getByText('slipway env --link').waitFor()
    assert.match(page.url(), /\/login\?back=/)
    assert.deepEqual(await axeBreaches(page), [])

    await page.goto(app.loginUrl ?? '')
    await page.getByText('./slipway demo').waitFor()
    assert.equal(new URL(page.url()).pathname, '/')

    for (const [path, text] of EMPTY) {
      await page.goto(app.url + path)
      await page.getByText(text).first().waitFor()
    }
    await page.goto(`${app.url}/runs`)
    await page.getByText('No runs yet').waitFor()
    await logRun(app, 'first-light')
    await page.getByRole('link', { name: 'first-light' }).waitFor()
    await page.getByRole('link', { name: 'first-light' }).click()
    await page.getByText('0.7712').first().waitFor()

    await page.goto(`${app.url}/settings`)
    await page.getByRole('button', { name: 'Verify the chain' }).click()
    await page.getByText(/chain of \d+ rows verified/).waitFor()

    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Log out' }).click()
    await page.getByText('This browser has no session').waitFor()
  } finally {
    await browser.close()
    await app.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
})
