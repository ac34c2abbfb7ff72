/** Starting a run with other params on the real server, in a real browser: fields by type, what is refused, the run that comes of it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { writeArchive } from '../../src/store/blobs/archive.ts'
import { startTestApp } from '../app.ts'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { axeBreaches, fits, keepPicture, openBrowser, openContext, SCHEMES, SIZES } from './browser.ts'
import { buildPages } from './built.ts'

const executable = findChromium()
const skip = executable === undefined ? CHROMIUM_MISSING : false

const YAML = `project: typed
python: {packages: []}
pipeline:
  params:
    lr: {type: float, default: 1, min: 0, max: 10, help: how fast it learns}
    mode: {type: choice, default: full, choices: [full, quick]}
    sizes: {type: list, of: int, default: [1, 2], min: 1}
  steps:
    fit: {run: "step:fit", params: {lr: "{params.lr}", mode: "{params.mode}", sizes: "{params.sizes}"}}
`
const FILES = { 'slipway.yaml': YAML, 'step.py': 'def fit(**params): print(sorted(params.items()))\n' }

function archive(): ReadableStream<Uint8Array> {
  const files = Object.entries(FILES).map(([path, text]) => ({
    path,
    size: Buffer.byteLength(text),
    executable: false,
    source: () => Readable.from([Buffer.from(text)]),
  }))
  return Readable.toWeb(Readable.from(writeArchive(files))) as ReadableStream<Uint8Array>
}

test('a run is started with other params', { skip }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-start-'))
  const app = await startTestApp({ dataDir, pages: buildPages() })
  const client = createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
  const browser = await openBrowser(executable ?? '')
  try {
    const { digest } = await client.call(pipelinesApi.uploadTree, { body: archive() })
    const version = await client.call(pipelinesApi.createPipelineVersion, { body: { text: YAML, tree: digest } })
    const run = await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version.id } })

    const page = await (await openContext(browser)).newPage()
    await page.goto(app.loginUrl ?? '')
    await page.waitForURL((url) => url.pathname === '/')
    await page.goto(`${app.url}/pipelines/${run.id}`)
    const open = page.getByRole('button', { name: 'Run with other params' })
    await open.click()
    const dialog = page.getByRole('dialog', { name: 'Run with other params' })
    const start = dialog.getByRole('button', { name: 'Start the run' })
    assert.equal(await dialog.getByLabel('sizes').inputValue(), '1\n2')
    await dialog.getByLabel('lr').fill('11')
    await dialog.getByText('Expected a number from 0 to 10.').waitFor()
    assert.equal(await start.isDisabled(), true)
    assert.deepEqual(await axeBreaches(page), [])
    for (const { width, height } of SIZES)
      for (const colorScheme of SCHEMES) {
        await page.setViewportSize({ width, height })
        await page.emulateMedia({ colorScheme })
        await keepPicture(page, `start-run-${width}-${colorScheme}`)
        await fits(page, `${width} ${colorScheme}`)
      }
    await dialog.getByLabel('lr').fill('0.5')
    await dialog.getByLabel('mode').selectOption('quick')
    await dialog.getByLabel('sizes').fill('3')
    await start.click()
    await page.waitForURL((url) => url.pathname.startsWith('/pipelines/') && !url.pathname.endsWith(run.id))
    // Exactly: the step's own line of params has the word too once it is read.
    await page.getByText('"quick"', { exact: true }).waitFor()

    const id = new URL(page.url()).pathname.split('/').at(-1) ?? ''
    const started = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
    assert.equal(JSON.stringify(started.set), '{"lr":0.5,"mode":"quick","sizes":[3]}')
    assert.equal(started.pipeline_version, version.id)
    await page.getByText("('sizes', [3])").first().waitFor()
    await keepPicture(page, 'started-run')
  } finally {
    await browser.close()
    await app.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
})
