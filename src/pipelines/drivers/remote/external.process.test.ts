/** Attempts that tasks of a foreign scheduler run: they wait without end, and are lost once whoever took them up is silent. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { never, until } from '../../../../test/until.ts'
import { jumping } from '../monotonic.fixture.ts'
import { attemptOf, exitOf, overAs } from './attempts.fixture.ts'
import { externalLauncher } from './external.ts'
import { claimToken, invitation, NODE_COMMAND } from './invitation.ts'
import { startNode } from './process.fixture.ts'
import { openRig } from './rig.fixture.ts'
import { nodeRow } from './rows.ts'

const rig = await openRig({ leaseMs: 400 })
after(() => rig.close())
const launcher = externalLauncher(rig.db)
const driver = rig.driver({ launcher })
/** One for which a busy machine is no silence. */
const patient = rig.driver({ launcher, leaseMs: 60_000 })

/** What a task does that was given the attempt. */
async function take(attempt: string): Promise<ChildProcess> {
  const token = await rig.db.tx((t) => claimToken(t, rig.tokens, attempt, Date.now()))
  const variables = invitation(attempt, token, rig.server.url)
  const output = join(rig.folder, `${attempt}.said`)
  return startNode({ command: NODE_COMMAND, variables }, { folder: rig.folder, home: rig.folder, output })
}

/** How a process ended. */
async function codeOf(child: ChildProcess): Promise<number | null> {
  return child.exitCode ?? ((await once(child, 'exit'))[0] as number | null)
}

test('one that nobody takes waits beyond the lease, and is run by whoever comes then', async (t) => {
  await driver.submit(await attemptOf(rig, 'e1', 'print("at last")'))
  const jump = jumping(t)
  await never(
    'it runs no more',
    async () => (await driver.get('e1', 'f')).state !== 'running',
    5,
    () => Promise.resolve(jump(60_000)),
  )
  assert.match((await nodeRow(rig.db, 'e1'))?.waits ?? '', /^no task of the scheduler has taken it up/)
  await take('e1')
  assert.equal((await exitOf(patient, 'e1')).class, 'ok')
})

test('one that was taken is lost when its task is killed, and that task’s token takes nothing more', async () => {
  await driver.submit(await attemptOf(rig, 'e2', 'import time; time.sleep(600)'))
  const node = await take('e2')
  await until('its first beat', async () => (await driver.usage('e2')) !== undefined)
  assert.equal((await patient.get('e2', 'f')).state, 'running')
  process.kill(-(node.pid ?? 0), 'SIGKILL')
  assert.deepEqual(await overAs(driver, 'e2'), { state: 'absent' })
  await driver.kill('e2')
  const late = await take('e2')
  assert.notEqual(await codeOf(late), 0)
})

test('one that is cancelled before a task came never begins', async () => {
  await driver.submit(await attemptOf(rig, 'e3', 'print("no")'))
  await driver.cancel('e3')
  assert.deepEqual(await overAs(driver, 'e3'), { state: 'absent' })
  assert.notEqual(await codeOf(await take('e3')), 0)
})
