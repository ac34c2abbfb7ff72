/** `slipway demo llm` with the real model, offline: every fact holds, its figures agree with each other, and nothing that it started outlives it. */
// covers: src/cli/main.ts, src/cli/demo/llm/story.ts, src/cli/demo/llm/model/server.ts, src/cli/operation/serve.ts
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../../test/until.ts'
import type { ActResult } from '../stage/world.ts'
import { partsOrSkip } from './parts/parts.fixture.ts'

const MAIN = resolve(import.meta.dirname, '../../main.ts')
const LINUX = { skip: process.platform !== 'linux' && 'processes are found in /proc' }

interface Told {
  readonly ok: boolean
  readonly url: string
  readonly acts: readonly ActResult[]
}

/** Begins the demo in a folder of its own. */
async function begin(t: TestContext, ...args: string[]) {
  const data = await mkdtemp(join(tmpdir(), 'slipway-demo-llm-'))
  const demo = spawn(process.execPath, [MAIN, 'demo', 'llm', '--data', data, ...args], {
    env: { ...process.env, SLIPWAY_OFFLINE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  demo.stdout.on('data', (part) => (said.out += String(part)))
  demo.stderr.on('data', (part) => (said.err += String(part)))
  t.after(async () => {
    demo.kill('SIGKILL')
    for (const pid of await left(data)) process.kill(pid, 'SIGKILL')
    await rm(data, { recursive: true, force: true, maxRetries: 5 })
  })
  return { demo, data, said, ended: once(demo, 'exit') as Promise<[number | null]> }
}

/** Processes of a data folder: the demo, the server and its gateways have it among their arguments, the models write into it. */
async function left(data: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map(async (pid) => ({ pid, of: await isOf(data, pid) })))
  return found.filter(({ of }) => of).map(({ pid }) => pid)
}

/** False of a process that has ended meanwhile, or is another user's. */
async function isOf(data: string, pid: number): Promise<boolean> {
  const command = readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const log = readlink(`/proc/${pid}/fd/2`).catch(() => '')
  return (await Promise.all([command, log])).some((text) => text.includes(data))
}

function factOf({ acts }: Told, act: number, what: string): string {
  return acts[act - 1]?.facts.find((fact) => fact.what === what)?.found ?? assert.fail(`no ${what} in act ${act}`)
}

test('every act holds, and the figures agree with each other', LINUX, async (t) => {
  if ((await partsOrSkip(t)) === undefined) return
  const { data, said, ended } = await begin(t, '--no-keep', '--json')
  const [code] = await ended
  assert.equal(code, 0, said.out + said.err)
  const told = JSON.parse(said.out) as Told
  const wrong = told.acts.flatMap(({ facts }) => facts.filter(({ ok }) => !ok))
  assert.deepEqual([told.ok, told.acts.length, wrong], [true, 4, []])

  const [, input = '', output = ''] = /^(\d+) in, (\d+) out/.exec(factOf(told, 1, 'tokens')) ?? []
  const nanodollars = 1000 * Number(input) + 2000 * Number(output)
  assert.ok(nanodollars > 0)
  assert.ok(factOf(told, 1, 'cost').startsWith(`$${(nanodollars / 1e9).toFixed(9)} `))
  assert.ok(factOf(told, 1, 'ledger').startsWith(`1 call, ${nanodollars / 1000} micro-dollars`))
  const [, answered, refused] = /^(\d+) answered, (\d+) refused/.exec(factOf(told, 3, '20 calls at once')) ?? []
  assert.equal(Number(answered) + Number(refused), 20)
  assert.match(factOf(told, 4, 'waiting calls'), /^4 of 4 answered by spare/)
  assert.match(factOf(told, 4, 'near is back'), /^it answers again/)
  assert.deepEqual(await left(data), [])
})

test('kept, all goes on until the server is ended, and then the models end too', LINUX, async (t) => {
  if ((await partsOrSkip(t)) === undefined) return
  const { data, said, ended } = await begin(t, '--acts', '1')
  assert.deepEqual(await ended, [0, null], said.out + said.err)
  const pid = Number(/Stop it: kill (\d+)/.exec(said.out)?.[1])
  const [, near] = /near (http:\S+),/.exec(said.out) ?? []
  assert.equal((await fetch(`${near}/v1/models`)).status, 200)
  assert.ok((await left(data)).length >= 4, 'server, gateway and two models')
  process.kill(pid, 'SIGTERM')
  await until(
    async () => `processes to end: ${(await left(data)).join(', ')}`,
    async () => (await left(data)).length === 0,
  )
  await assert.rejects(fetch(`${near}/v1/models`), TypeError)
})

test('a signal in the middle of the story ends all', LINUX, async (t) => {
  if ((await partsOrSkip(t)) === undefined) return
  const { demo, data, said, ended } = await begin(t)
  await until('the second act', async () => said.out.includes('Act 2.'))
  assert.ok((await left(data)).length >= 5, 'demo, server, gateway and two models')
  demo.kill('SIGINT')
  assert.deepEqual(await ended, [130, null], said.out + said.err)
  assert.deepEqual(await left(data), [])
})
