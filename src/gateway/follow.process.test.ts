/** A gateway that follows the routing table of a folder: what a container beside a server runs. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../test/until.ts'
import { writeModel } from '../cli/image/image.fixture.ts'
import { runFiles, writeWhole } from './run-files.ts'
import { BREAKER } from './table/table.ts'
import type { RoutingTable } from './table/table.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-follow-'))
const running: ChildProcess[] = []
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

async function start(dataDir: string, env: Record<string, string> = {}): Promise<{ child: ChildProcess; url: string }> {
  const settings = { SLIPWAY_HOST: '127.0.0.1', SLIPWAY_PORT: '0', SLIPWAY_DATA: dataDir, SLIPWAY_ISOLATION: 'off' }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'follow.ts')], {
    env: { PATH: process.env['PATH'], ...settings, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string]
  return { child, url: `http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}` }
}

function table(epoch: number, dir: string): RoutingTable {
  const inputs = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }] as const
  const backend = { kind: 'native', dir } as const
  const variant = { role: 'stable', version: String(epoch), weight: 0, since: 0, inputs, backend } as const
  const endpoint = { name: 'e', project: 'p', model: 'm', salt: 'm', threshold: null, breaker: BREAKER, standby: [] }
  return {
    format: 'slipway.routing/1',
    epoch,
    open: true,
    tokens: [],
    endpoints: [{ ...endpoint, variants: [variant] }],
  }
}

async function predicted(url: string): Promise<unknown> {
  const reply = await fetch(`${url}/v1/endpoints/e:predict`, { method: 'POST', body: '{"inputs": [{"x": 5}]}' })
  return reply.ok ? ((await reply.json()) as { predictions: unknown }).predictions : reply.status
}

async function untilPredicted(wanted: number, url: string): Promise<void> {
  let found: unknown
  await until(
    () => `[${wanted}]; at last it was ${JSON.stringify(found)}`,
    async () => JSON.stringify((found = await predicted(url))) === `[${wanted}]`,
  )
}

/** A gateway in a folder of its own whose first table has a model that answers 11. */
async function startWith(name: string): Promise<{ routing: string } & Awaited<ReturnType<typeof start>>> {
  const dataDir = join(root, name)
  const { routing, run } = runFiles(dataDir)
  mkdirSync(run, { recursive: true })
  writeWhole(routing, JSON.stringify(table(1, writeModel(join(root, `${name}-model`)))))
  return { routing, ...(await start(dataDir)) }
}

it('is not ready without a table, and answers with the newest that is written, but no older one; it writes none itself', async () => {
  const dataDir = join(root, 'data')
  const { routing, run } = runFiles(dataDir)
  mkdirSync(run, { recursive: true })
  const [first, second] = [writeModel(join(root, 'first')), writeModel(join(root, 'second'), 5)]
  const { child, url } = await start(dataDir)
  assert.equal((await fetch(`${url}/v2/health/ready`)).status, 503)
  writeWhole(routing, JSON.stringify(table(3, first)))
  await untilPredicted(11, url)
  assert.equal((await fetch(`${url}/v2/health/ready`)).status, 200)
  writeWhole(routing, JSON.stringify(table(4, second)))
  await untilPredicted(15, url)
  const { mtimeMs } = statSync(routing)
  writeWhole(routing, JSON.stringify(table(2, first)))
  // by the clock: three of its looks; where it has had none yet, less is shown
  await delay(1500)
  assert.deepEqual(await predicted(url), [15])
  assert.ok(statSync(routing).mtimeMs >= mtimeMs)
  assert.equal((JSON.parse(readFileSync(routing, 'utf8')) as RoutingTable).epoch, 2)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

it('keeps answering while the table is torn or names a model that is gone, and says so', async () => {
  const { routing, child, url } = await startWith('torn')
  let said = ''
  child.stderr?.on('data', (part: Buffer) => (said += part.toString()))
  assert.deepEqual(await predicted(url), [11])
  writeWhole(routing, '{"format": "slip')
  await until('what is said of the torn table', () => said.includes('not a routing table'))
  assert.deepEqual(await predicted(url), [11])
  writeWhole(routing, JSON.stringify(table(2, join(root, 'gone'))))
  await until('what is said of the model', () => said.includes('e 2 did not load'))
})

it('answers what is open when it is told to end, and then ends with 0', async () => {
  const { child, url } = await startWith('ending')
  const body = '{"inputs": [{"x": 50}]}'
  const call = request(`${url}/v1/endpoints/e:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
  })
  const begun = once(call, 'continue')
  const reply = once(call, 'response') as Promise<[NodeJS.ReadableStream & { statusCode: number }]>
  call.write(body.slice(0, 5))
  // the gateway has read who asks for what
  await begun
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const isReady = (): Promise<boolean> =>
    fetch(`${url}/v2/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  await until('it to be ready no more', async () => !(await isReady()))
  call.end(body.slice(5))
  const [answer] = await reply
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(await ended, [0, null])
})

it('says which variable is wrong', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'follow.ts')], {
    env: { PATH: process.env['PATH'], SLIPWAY_DATA: join(root, 'none'), SLIPWAY_ISOLATION: 'some' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (part: Buffer) => (said += part.toString()))
  const [code] = (await once(child, 'close')) as [number]
  assert.deepEqual([code, said.includes('SLIPWAY_ISOLATION is "some"; expected one of auto')], [2, true], said)
})
