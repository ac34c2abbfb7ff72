/**
 * Takes the two pictures of the README from the data folder of a demo that was kept.
 *
 * `npm run pictures -- DATA`; a server that runs there is used, else one is started for the time of the pictures.
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Page } from 'playwright-core'
import { connect } from '../../src/cli/invocation/server.ts'
import { output } from '../../src/cli/invocation/output.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { CHROMIUM_MISSING, findChromium } from '../tools.ts'
import { openBrowser } from './browser.ts'

const root = resolve(import.meta.dirname, '../..')
const MAIN = join(root, 'src/cli/main.ts')
const FOLDER = join(root, 'docs/pictures')
const SIZE = { width: 1440, height: 900 }
/** Charts are drawn and live figures have come by then, ms. */
const SETTLE_MS = 1500

/** A running server of the data folder, started here when none answers. */
async function ensureServer(data: string): Promise<ChildProcess | undefined> {
  if (await answers(data)) return undefined
  const args = [MAIN, 'serve', '--data', data, '--port', '0', '--gateway-port', '0', '--json']
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ready = once(createInterface({ input: server.stdout }), 'line')
  await Promise.race([
    ready,
    once(server, 'exit').then(([code]) => Promise.reject(new Error(`the server ended with code ${String(code)}`))),
  ])
  return server
}

async function answers(data: string): Promise<boolean> {
  try {
    const { client } = await connectTo(data)
    return (await fetch(`${client.url}/v1/health`)).ok
  } catch {
    return false
  }
}

function connectTo(data: string): ReturnType<typeof connect> {
  return connect({ args: [], flags: { data }, out: output(false) })
}

/** The incident that tells most: a changed unit of high severity, else one that paged, else the newest. */
async function pickIncident(data: string): Promise<string> {
  const { client } = await connectTo(data)
  const { items } = await client.call(monitoringApi.listIncidents, { query: { limit: 100 } })
  const named = items.find((one) => one.causes[0]?.kind === 'unit_change' && one.severity === 'high')
  const chosen = named ?? items.find((one) => one.pages) ?? items[0]
  if (chosen === undefined) throw new Error(`${data} has no incident; take the data folder of a whole demo`)
  return chosen.id
}

function loginLink(data: string): string {
  return execFileSync(process.execPath, [MAIN, 'env', '--link', '--data', data], { encoding: 'utf8' }).trim()
}

async function take(page: Page, address: string, name: string): Promise<void> {
  await page.goto(address)
  await page.locator('h1').first().waitFor()
  // by the clock: no test; what is drawn later is seen in the picture
  await page.waitForTimeout(SETTLE_MS)
  const path = join(FOLDER, `${name}.png`)
  await page.screenshot({ path })
  console.log(`wrote ${path}`)
}

async function main(given: string | undefined): Promise<void> {
  if (given === undefined) throw new Error('name the data folder of a kept demo: npm run pictures -- .slipway/demo/…')
  const data = resolve(given)
  if (!existsSync(join(data, 'slipway.db'))) throw new Error(`${data} is no data folder; keep one: ./slipway demo`)
  const executable = findChromium()
  if (executable === undefined) throw new Error(CHROMIUM_MISSING)
  const server = await ensureServer(data)
  const browser = await openBrowser(executable)
  try {
    const incident = await pickIncident(data)
    mkdirSync(FOLDER, { recursive: true })
    const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' })
    await page.goto(loginLink(data))
    const { origin } = new URL(page.url())
    await take(page, `${origin}/`, 'home')
    await take(page, `${origin}/incidents/${incident}`, 'incident')
  } finally {
    await browser.close()
    server?.kill('SIGTERM')
  }
}

try {
  await main(process.argv[2])
} catch (error) {
  console.error(`pictures: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
