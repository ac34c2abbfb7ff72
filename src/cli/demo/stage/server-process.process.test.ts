/** The end of a demo, whenever it comes: its server, its gateway and its steps end, and nothing else does. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../../../../test/until.ts'
import { ServerProcess } from './server-process.ts'

const LINUX = { skip: process.platform !== 'linux' && 'processes are found in /proc' }

/** A process that stands for a wrapper: it has its attempt's folder among its arguments. */
async function wrapper(folder: string, argument: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', 'console.log("up"); setInterval(() => {}, 1000)', argument], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout ?? child, 'data')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'process.json'), JSON.stringify({ pid: child.pid, start: 'unknown' }))
  return child
}

test('stop ends the steps of its own data folder only', LINUX, async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'slipway-demo-'))
  const folder = (name: string): string => join(data, 'attempts', name)
  const mine = await wrapper(folder('att_1'), join(folder('att_1'), 'spec.json'))
  // the pid of an attempt that ended long ago, used again by somebody else's program
  const other = await wrapper(folder('att_2'), '/elsewhere/spec.json')
  t.after(async () => {
    mine.kill('SIGKILL')
    other.kill('SIGKILL')
    await rm(data, { recursive: true, force: true })
  })
  await mkdir(folder('att_3'))
  const ended = once(mine, 'exit')
  await new ServerProcess(data).stop()
  assert.deepEqual(await ended, [null, 'SIGTERM'])
  assert.equal(other.exitCode, null)
  assert.equal(other.signalCode, null)
})

async function folder(t: TestContext): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'slipway-demo-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  return data
}

/** A server that was started on a fresh folder and killed. */
async function killedServer(t: TestContext): Promise<{ data: string; server: ServerProcess }> {
  const data = await folder(t)
  const server = new ServerProcess(data)
  t.after(() => server.stop())
  await server.start()
  await server.kill()
  return { data, server }
}

/** Commands of all processes that name a data folder. */
async function commandsOf(data: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return commands.filter((command) => command.includes(data))
}

test('stop ends the gateway of a server that was killed, and no server starts after it', LINUX, async (t) => {
  const { data, server } = await killedServer(t)
  let left: string[] = []
  await until(
    () => `the gateway to be left alone: ${left.join('; ')}`,
    async () => (left = await commandsOf(data)).length === 1 && left[0]?.includes('gateway'),
  )
  await server.stop()
  assert.deepEqual(await commandsOf(data), [])
  await assert.rejects(server.start(), /the story is over/)
  assert.deepEqual(await commandsOf(data), [])
})

test('stop ends a gateway whose server was killed before the gateway said that it is there', LINUX, async (t) => {
  const { data, server } = await killedServer(t)
  await rm(join(data, 'run', 'gateway-0.json'))
  await server.stop()
  assert.deepEqual(await commandsOf(data), [])
})

test('a server that is stopped while it starts leaves nothing, however far it came', LINUX, async (t) => {
  for (const ms of [0, 200, 500, 900]) {
    const data = await folder(t)
    const server = new ServerProcess(data)
    const started = server.start().catch((error: Error) => error)
    // by the clock: it has come more or less far, and the outcome is the same
    await wait(ms)
    await server.stop()
    await started
    assert.deepEqual(await commandsOf(data), [], `after ${ms} ms`)
  }
})

test('stop ends a step that the server had no time to write of', LINUX, async (t) => {
  const data = await folder(t)
  const step = spawn(
    process.execPath,
    [
      '-e',
      'console.log("up"); setInterval(() => {}, 1000)',
      '--',
      '/python/slipway/step/__main__.py',
      join(data, 'attempts/att_9/spec.json'),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  t.after(() => step.kill('SIGKILL'))
  await once(step.stdout ?? step, 'data')
  const ended = once(step, 'exit')
  await new ServerProcess(data).stop()
  assert.deepEqual(await ended, [null, 'SIGTERM'])
})
