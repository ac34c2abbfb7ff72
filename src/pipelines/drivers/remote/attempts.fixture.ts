/** Attempts for tests of nodes: small Python programs, and calls that a node would make, well or badly. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../../../test/until.ts'
import { putTree } from '../../../store/blobs/trees.ts'
import type { AttemptSpec, AttemptStatus, Driver, Exit } from '../driver.ts'
import { programAttempt } from '../local/attempt.fixture.ts'
import type { Rig } from './rig.fixture.ts'

/** Stores files as a tree. */
export async function treeOf(rig: Rig, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = mkdtempSync(join(rig.folder, 'tree-'))
  mkdirSync(join(folder, 'it'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'it', name), text)
  return (await putTree(rig.blobs, join(folder, 'it'))).digest
}

/** An attempt that runs a program; its fence is `f`. */
export async function attemptOf(
  rig: Rig,
  attempt: string,
  program = 'pass',
  more: Partial<AttemptSpec> = {},
): Promise<AttemptSpec> {
  const code = more.code ?? (await treeOf(rig, { 'a.txt': 'a' }))
  return { ...programAttempt(attempt, code, program), log_bytes: 100_000, grace_ms: 500, ...more }
}

/** How an attempt stands once it no longer runs. */
export async function overAs(driver: Driver, attempt: string): Promise<Exclude<AttemptStatus, { state: 'running' }>> {
  return until(`the end of ${attempt}`, async () => {
    const status = await driver.get(attempt, 'f')
    return status.state !== 'running' && status
  })
}

/** How an attempt ended, as its node said. */
export async function exitOf(driver: Driver, attempt: string): Promise<Exit> {
  const status = await overAs(driver, attempt)
  if (status.state !== 'finished') throw new Error(`the attempt is ${status.state}`)
  return status.exit
}

/** A reply to a node. */
export interface Told {
  readonly status: number
  readonly body: { readonly error?: { readonly code: string; readonly message: string } } & Record<string, unknown>
}

/** Asks as a node would. Bytes are sent as they are, all else as JSON. */
export async function ask(rig: Rig, token: string, ...[method, path, body]: [string, string, unknown?]): Promise<Told> {
  const bytes = body instanceof Uint8Array
  const reply = await fetch(`${rig.server.url}/v1/attempts/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': bytes ? 'application/octet-stream' : 'application/json',
    },
    ...(body !== undefined && { body: bytes ? Buffer.from(body) : JSON.stringify(body) }),
  })
  const text = await reply.text()
  const isJson = reply.headers.get('content-type')?.includes('json') === true
  return { status: reply.status, body: isJson ? (JSON.parse(text) as Told['body']) : { text } }
}

/** An end of which all is well. */
export const WELL = {
  class: 'ok',
  message: '',
  traceback: null,
  code: 0,
  signal: null,
  metrics: { loss: '0.5' },
  cpu_seconds: 1,
  max_rss_bytes: 2,
  memory_kib_s: 3,
  started_at: 1000,
  finished_at: 1002.5,
  log_bytes: 0,
  log_truncated: false,
  reads: null,
}
