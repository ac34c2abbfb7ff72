/** A server that was away, for hours or for a moment: what its nodes have done counts, and what it had not sent is sent. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { until } from '../../../../test/until.ts'
import { problem } from '../../../contract/errors.ts'
import { logOf } from '../logs.fixture.ts'
import { startOf } from '../local/processes.ts'
import { attemptOf, exitOf } from './attempts.fixture.ts'
import type { Launcher } from './launcher.ts'
import { launcherWith } from './process.fixture.ts'
import { openRig } from './rig.fixture.ts'
import { nodeRow } from './rows.ts'

const HOUR = 3_600_000
const rig = await openRig({ leaseMs: 5000 })
after(() => rig.close())

/** The launcher of the rig, with what is given in place of its own. */
const launcher = (more: Partial<Launcher>): Launcher => launcherWith(rig.launcher, more)

test('a server that was away for hours hears the node that went on, whatever the cluster has forgotten meanwhile', async (t) => {
  t.after(() => (rig.off = 0))
  const file = join(rig.folder, 'go')
  const program = `import os, time\nprint("pid", os.getpid(), flush=True)\nwhile not os.path.exists(${JSON.stringify(file)}): time.sleep(0.02)`
  const before = rig.driver()
  await before.submit(await attemptOf(rig, 'att_hours', program))
  // its line may come in pieces, the number in the last one
  await until('its line', async () => (await logOf(before, 'att_hours')).includes('\n'))
  const pid = Number(/pid (\d+)/.exec(await logOf(before, 'att_hours'))?.[1])
  const back = await rig.leave()
  rig.off = 5.9 * HOUR
  rig.tokens.forget()
  writeFileSync(file, '')
  await until('the step ends while nobody is there', async () => (await startOf(pid)) === undefined)
  const forgot = launcher({ state: () => Promise.resolve({ state: 'over', detail: 'knows no such job' }) })
  const next = rig.driver({ launcher: forgot, leaseMs: 600_000 })
  const status = await next.get('att_hours', 'f')
  assert.ok(status.state === 'running' && status.silent_ms < 600_000, JSON.stringify(status))
  await back()
  assert.equal((await exitOf(next, 'att_hours')).class, 'ok')
})

test('a job that was not sent, or that no cluster took, is sent by the server that comes after', async () => {
  const full = problem('unavailable', { what: 'the cluster', detail: 'too many jobs' })
  const refuses = rig.driver({ launcher: launcher({ launch: () => Promise.reject(full) }) })
  await refuses.submit(await attemptOf(rig, 'att_unsent', 'print("ran")', { cpus: 3 }))
  assert.equal((await refuses.get('att_unsent', 'f')).state, 'running')
  assert.equal((await nodeRow(rig.db, 'att_unsent'))?.waits, full.message)
  const sent: unknown[] = []
  const next = rig.driver({
    leaseMs: 0,
    launcher: launcher({
      launch(job) {
        sent.push([job.attempt, job.cpus, job.again])
        return rig.launcher.launch(job)
      },
    }),
  })
  assert.equal((await exitOf(next, 'att_unsent')).class, 'ok')
  assert.equal(await logOf(next, 'att_unsent'), 'ran\n')
  assert.deepEqual(sent, [['att_unsent', 3, true]])
})

test('a server that is killed before it wrote that a job was taken asks for it again, and it runs once', async () => {
  const taken = launcher({
    async launch(job) {
      await rig.launcher.launch(job)
      throw problem('unavailable', { what: 'the cluster', detail: 'the answer was lost' })
    },
  })
  await rig.driver({ launcher: taken }).submit(await attemptOf(rig, 'att_taken', 'print("ran")'))
  assert.notEqual((await nodeRow(rig.db, 'att_taken'))?.unsent, null)
  const next = rig.driver()
  assert.equal((await exitOf(next, 'att_taken')).class, 'ok')
  assert.equal(await logOf(next, 'att_taken'), 'ran\n')
})

test('a job that the cluster has is not sent again', async () => {
  let sent = 0
  const counts = launcher({ launch: (job) => (sent++, rig.launcher.launch(job)) })
  await rig.driver({ launcher: counts }).submit(await attemptOf(rig, 'att_once', 'import time; time.sleep(1)'))
  assert.equal((await nodeRow(rig.db, 'att_once'))?.unsent, null)
  assert.equal((await exitOf(rig.driver({ launcher: counts }), 'att_once')).class, 'ok')
  assert.equal(sent, 1)
})
