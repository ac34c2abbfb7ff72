/** The end of a demo: steps that its server left running end too, and nothing else does. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ServerProcess } from './server-process.ts'

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

test('stop ends the steps of its own data folder only', { skip: process.platform !== 'linux' }, async (t) => {
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
