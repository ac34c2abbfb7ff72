/** The local driver passes what every driver must do. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../../../test/until.ts'
import { openDiskBlobs } from '../../../store/blobs/disk.ts'
import { putTree } from '../../../store/blobs/trees.ts'
import { driverCases } from '../driver.cases.ts'
import { programAttempt, python } from './attempt.fixture.ts'
import { localDriver } from './driver.ts'

driverCases({ python, open: ({ blobs, folder }) => localDriver({ blobs, folder, clock: Date.now }) })

test('a clock that is set makes no attempt silent, and one that is silent is told though the clock goes back', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-silence-'))
  t.after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  const blobs = openDiskBlobs(join(root, 'blobs'))
  mkdirSync(join(root, 'code'))
  writeFileSync(join(root, 'code', 'a.txt'), '')
  let off = 0
  const driver = localDriver({ blobs, folder: join(root, 'attempts'), clock: () => Date.now() + off })
  const code = (await putTree(blobs, join(root, 'code'))).digest
  const attempt = 'att_silence'
  await driver.submit(programAttempt(attempt, code, 'import time; time.sleep(600)'))
  t.after(() => driver.kill(attempt))
  const silence = async (): Promise<number> => {
    const status = await driver.get(attempt, 'f')
    return status.state === 'running' ? status.silent_ms : assert.fail(`it is ${status.state}`)
  }
  await silence()
  off = 3_600_000
  assert.ok((await silence()) < 1_800_000)
  // the clock goes back, and the supervisor is stopped: its silence grows all the same
  const { pid } = JSON.parse(readFileSync(join(root, 'attempts', attempt, 'process.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGSTOP')
  off = -86_400_000
  await silence()
  const first = await silence()
  await until('its silence grows', async () => (await silence()) > first)
  process.kill(pid, 'SIGCONT')
})

test('a file that a power cut left half written is none: the process is found by its mark, and without one the attempt is absent', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-cut-'))
  t.after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  const driver = localDriver({
    blobs: openDiskBlobs(join(root, 'blobs')),
    folder: join(root, 'attempts'),
    clock: Date.now,
  })
  const folder = join(root, 'attempts', 'att_cut')
  mkdirSync(folder, { recursive: true })
  for (const name of ['spec.json', 'process.json', 'exit.json', 'heartbeat.json'])
    writeFileSync(join(folder, name), '{"pid": 1')
  assert.deepEqual(await driver.get('att_cut', 'f'), { state: 'absent' })
  const command = ['-c', 'import sys; sys.stdin.read()', 'slipway.step']
  const child = spawn(python, command, { stdio: ['pipe', 'ignore', 'ignore'], env: { SLIPWAY_ATTEMPT: 'att_cut' } })
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  assert.equal((await driver.get('att_cut', 'f')).state, 'running')
})
