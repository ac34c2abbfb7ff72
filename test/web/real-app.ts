/** A real server with the built pages, for browser tests: sessions of each role, and what a client of MLflow logs. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { startTestApp } from '../app.ts'
import { lookAt } from './browser.ts'
import { startedSite } from './started.ts'
import type { Role } from '../../src/contract/access.ts'

type Json = Record<string, unknown>

export interface RealApp {
  readonly url: string
  /** Calls MLflow's protocol as an admin. */
  mlflow(path: string, body: Json): Promise<Json>
  /** Opens a page with the session of a role and demands that nothing failed in it: no error in its console, no refusal. */
  look(role: Role, path: string, use: (page: Page) => Promise<void>): Promise<void>
  /** Logs a trace without spans and gives its id. */
  trace(name: string): Promise<string>
  stop(): Promise<void>
}

/** `pages` is the folder of the built pages. */
async function startReal(browser: Browser, pages: string): Promise<RealApp> {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-ui-'))
  const app = await startTestApp({
    dataDir,
    pages,
  })
  const admin = readFileSync(app.tokenFile, 'utf8').trim()
  const send = async (path: string, body: Json, token = admin): Promise<Json> => {
    const response = await fetch(app.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.equal(response.status, 200, `${path}: ${response.ok ? '' : await response.text()}`)
    return (await response.json()) as Json
  }
  return {
    url: app.url,
    mlflow: (path, body) => send(`/api/2.0/mlflow/${path}`, body),
    async trace(name) {
      const trace_id = `tr-${randomBytes(16).toString('hex')}`
      const info = {
        trace_id,
        trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
        request_time: new Date().toISOString(),
        execution_duration: '0.2s',
        state: 'OK',
        tags: { 'mlflow.traceName': name },
      }
      await send('/api/3.0/mlflow/traces', { trace: { trace_info: info } })
      return trace_id
    },
    async look(role, path, use) {
      const { token } = await send('/v1/tokens', { name: `one ${role}`, role })
      const { url } = await send('/v1/login-links', {}, String(token))
      await lookAt(browser, { viewport: { width: 1280, height: 800 } }, async (page, failures) => {
        page.on('response', (response) => {
          if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`)
        })
        // the link gives the session to the context; Home, to which it leads, need not be drawn for that
        const opened = await page.context().request.get(String(url), { maxRedirects: 0 })
        assert.equal(opened.status(), 303)
        await page.goto(app.url + path)
        await use(page)
      })
    },
    async stop() {
      await app.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Waits until a page knows who looks: before that no act is offered to anybody. */
export async function whoIsKnown(page: Page, role: Role): Promise<void> {
  await page.getByText(`one ${role} · ${role}`).waitFor({ state: 'attached' })
}

export interface RealSite {
  /** Options of a test that needs the browser. */
  readonly options: { readonly skip: string | false }
  readonly app: RealApp
}

/** Called once at the top of a test file: builds the pages and starts server and browser before its tests, stops them after. */
export function realSite(): RealSite {
  const started = startedSite((folder, browser) => startReal(browser, folder))
  return {
    options: { skip: started.skip },
    get app() {
      return started.server
    },
  }
}

/** Logs a run as a client does and gives its id. */
export async function logRun(
  app: RealApp,
  given: {
    readonly name: string
    readonly metrics?: Readonly<Record<string, number>>
    readonly params?: Readonly<Record<string, string>>
    readonly tags?: Readonly<Record<string, string>>
  },
): Promise<string> {
  const pairs = (of: Readonly<Record<string, string>> = {}) =>
    Object.entries(of).map(([key, value]) => ({ key, value }))
  const made = await app.mlflow('runs/create', {
    experiment_id: '0',
    run_name: given.name,
    start_time: Date.now(),
    tags: pairs(given.tags),
  })
  const { run_id } = (made['run'] as { info: { run_id: string } }).info
  await app.mlflow('runs/log-batch', {
    run_id,
    metrics: Object.entries(given.metrics ?? {}).map(([key, value]) => ({
      key,
      value,
      timestamp: Date.now(),
      step: 0,
    })),
    params: pairs(given.params),
  })
  await app.mlflow('runs/update', { run_id, status: 'FINISHED', end_time: Date.now() })
  return run_id
}
