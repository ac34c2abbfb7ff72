/** The life of what moves runs on: nothing before it leads or after it stops, who is told, and starts that throw. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { Leases } from '../../jobs/leases.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import type { Server } from './attempts.fixture.ts'
import { LOCK } from './idle.fixture.ts'
import { held, open, type Room } from './moves.fixture.ts'

/** Enough turns of the database for what was begun to be seen. */
async function turns(server: Server): Promise<void> {
  for (let i = 0; i < 50; i++) await server.read('pr_1')
}

test('before it leads and after it has stopped a run that is woken does not move', async (t) => {
  const server = await open(t)
  server.room.wake('pr_1')
  await turns(server)
  assert.equal(await server.state('a'), 'waiting')
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it leads')
  const attempt = server.driver.submitted[0]?.attempt ?? ''
  await server.room.stop()
  server.driver.finish(attempt)
  server.room.wake('pr_1')
  await turns(server)
  assert.equal(await server.state('a'), 'running')
})

/** Starts the room, and stops it while a call is not answered. */
async function stopDuring(server: Room, call: ReturnType<typeof held>): Promise<void> {
  server.room.start()
  await server.until(() => call.called, 'it is called')
  let stopped = false
  const stopping = server.room.stop().then(() => (stopped = true))
  // a lease that is given back is a write as well, and would come before these
  for (let i = 0; i < 20; i++) await server.setRun('pr_1', { message: '' })
  assert.equal(stopped, false)
  call.answer()
  await stopping
}

describe('a stop waits for what is under way', () => {
  test('a step that is being decided', async (t) => {
    const lock = held()
    const envs = { lock: () => lock.call().then(() => LOCK) } as unknown as PipelinesDeps['envs']
    const server = await open(t, { envs })
    await stopDuring(server, lock)
    assert.equal(await server.state('a'), 'ready')
    assert.deepEqual((await server.read('pr_1')).attempts, [], 'nothing is begun after that')
  })
  test('an attempt that is being submitted', async (t) => {
    const server = await open(t)
    const submission = held()
    server.driver.submit = submission.call
    await stopDuring(server, submission)
    assert.equal((await server.read('pr_1')).attempts[0]?.state, 'running')
  })
})

describe('a process that looks after the attempts of its machine', () => {
  interface OfMachine extends Room {
    /** The attempt of step `a`, which runs there. */
    readonly running: string
  }

  async function withAttempt(t: TestContext): Promise<OfMachine> {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-moves-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const server = await open(t, { machine: { id: 'here', leaseFile: join(folder, 'lease'), awayMs: 60_000 } })
    const attempt = await server.attempt('pr_1', 'a', 1, { machine: 'here' })
    await server.setStep('pr_1', 'a', { state: 'running', cache_key: 'key of a' })
    server.driver.states.set(attempt, { state: 'running', silent_ms: 0, quiet_ms: 0 })
    return { ...server, running: attempt }
  }

  const asked = ['before it has looked at any', 'before it moves runs on']
  for (const [place, when] of asked.entries()) {
    test(`and is stopped ${when} leaves what ends later to the next one`, async (t) => {
      const server = await withAttempt(t)
      const list = server.driver.list.bind(server.driver)
      const answer = held()
      let calls = 0
      server.driver.list = async () => {
        if (calls++ === place) await answer.call()
        return list()
      }
      await stopDuring(server, answer)
      const looks = server.driver.looks.get(server.running)
      server.driver.finish(server.running)
      server.room.wake('pr_1')
      await turns(server)
      assert.equal(server.driver.looks.get(server.running), looks, 'nobody asks how it is')
      assert.deepEqual([await server.state('a'), server.driver.asked, server.errors], ['running', [], []])
    })
  }

  test('while another one moves runs on has stopped only when what has ended there is kept', async (t) => {
    const server = await withAttempt(t)
    const [led, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const other = new Leases(server.store.db).hold('pipelines', 60_000, () => (led.resolve(), over.promise))
    await led.promise
    const kept = held()
    server.driver.storeLog = async () => {
      await kept.call()
      return undefined
    }
    server.driver.finish(server.running)
    try {
      await stopDuring(server, kept)
      assert.deepEqual([await server.state('a'), server.driver.submitted, server.errors], ['succeeded', [], []])
    } finally {
      over.resolve()
      await other
    }
  })
})

describe('proofs that earlier rules graded', () => {
  /** Adds a proof of a run that is gone, `pr_2`, which rules 1 graded B. */
  async function proofOf(server: Room): Promise<void> {
    const yaml = 'project: p\npipeline: {steps: {x: {run: a:main}}}\n'
    const options = { reproduces: 'pr_gone', tolerance: 0 }
    await server.begin({ 'slipway.yaml': yaml, 'a.py': 'def main(): pass\n' }, { id: 'pr_2', options })
    const proof = { of_run: 'pr_gone', grade: 'B', detail: '', missing: [], tolerance: 0, steps: [] }
    await server.setRun('pr_2', { state: 'succeeded', reproduction: JSON.stringify(proof) })
  }

  test('are graded anew by the process that leads, which has stopped only when that is kept', async (t) => {
    const telling = held()
    const server = await open(t, { proved: telling.call })
    await proofOf(server)
    await stopDuring(server, telling)
    assert.partialDeepStrictEqual((await server.read('pr_2')).run.reproduction, { grade: 'D', regraded_from: 'B' })
    assert.deepEqual(server.errors, [])
  })
  test('and cannot be read are told, and runs move on', async (t) => {
    const server = await open(t)
    await proofOf(server)
    await server.setRun('pr_2', { reproduction: '{cut' })
    server.room.start()
    await server.until(() => server.errors.length > 0, 'it is told')
    assert.match(String(server.errors[0]), /the proof of run pr_2 cannot be read: .*JSON/)
    await server.until(() => server.driver.submitted.length === 1, 'the run moves on')
    server.driver.finish(server.driver.submitted[0]?.attempt ?? '')
    await server.until(() => server.driver.submitted.length === 2, 'and its next step')
    assert.equal(server.errors.length, 1)
    // it is told before it is mended, and until then no run of it can be read
    const isMended = async (): Promise<boolean> =>
      (await server.store.db.get("SELECT id FROM pipeline_runs WHERE reproduction = '{cut'")) === undefined
    await server.until(isMended, 'its proof can be read')
    assert.partialDeepStrictEqual((await server.read('pr_2')).run.reproduction, { grade: 'D', of_run: 'pr_gone' })
  })
})

test('whoever watches is told of what changes, and of nothing while nothing does', async (t) => {
  let told = 0
  const server = await open(t, { changed: () => void told++ })
  server.room.start()
  const attempt = (): string => server.driver.submitted[0]?.attempt ?? ''
  const looks = (): number => server.driver.looks.get(attempt()) ?? 0
  await server.until(() => looks() >= 3, 'it runs')
  const before = { told, looks: looks() }
  assert.ok(told > 0)
  await server.until(() => looks() >= before.looks + 3, 'it is looked at')
  assert.equal(told, before.told)
  server.driver.finish(attempt())
  await server.until(() => server.driver.submitted.length === 2, 'the next step runs')
  assert.ok(told > before.told)
})

describe('whoever watches is told of an attempt that', () => {
  const silent = (silent_ms: number) => (server: Server, id: string) => {
    server.clock.now += 3_600_000
    server.driver.states.set(id, { state: 'running', silent_ms, quiet_ms: 0 })
  }
  const ends: [string, (server: Server, id: string) => void, string][] = [
    ['says nothing', silent(30_001), 'running'],
    ['is ended for its silence, and is repeated later', silent(60_001), 'ready'],
    [
      'fails and is repeated later',
      (server, id) => server.driver.finish(id, { class: 'infrastructure', message: '' }),
      'ready',
    ],
  ]
  for (const [what, act, state] of ends) {
    test(what, async (t) => {
      let told = 0
      const server = await open(t, { changed: () => void told++ })
      server.room.start()
      const attempt = (): string => server.driver.submitted[0]?.attempt ?? ''
      await server.until(() => (server.driver.looks.get(attempt()) ?? 0) >= 3, 'it runs')
      const before = told
      act(server, attempt())
      await server.until(() => told > before, 'it is told')
      assert.equal(await server.state('a'), state)
    })
  }
})

test('a process that dies where nobody sees it is replaced after ten seconds at most', async (t) => {
  const server = await open(t)
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it leads')
  const lease = await server.store.db.get<{ at: number }>(
    "SELECT expires_at AS at FROM leases WHERE name = 'pipelines'",
  )
  assert.equal(lease?.at, server.clock.now + 10_000)
})

test('a run that has its environment, as a proof has, is given no other', async (t) => {
  const resolve = () => Promise.reject(new Error('it was asked for another'))
  const envs = { lock: () => Promise.resolve(LOCK), python: () => Promise.resolve(''), resolve }
  const server = await open(t, { envs })
  await server.setRun('pr_1', { state: 'waiting' })
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it runs')
  assert.equal((await server.read('pr_1')).run.environment, LOCK.digest)
  assert.deepEqual(server.errors, [])
})

test('an attempt is asked to stop only when that is noted', async (t) => {
  const server = await open(t)
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it runs')
  await server.store.db.tx((tx) =>
    tx.run(`CREATE TRIGGER full BEFORE UPDATE ON pipeline_attempts WHEN NEW.cancelled_at IS NOT NULL
      BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`),
  )
  await server.setRun('pr_1', { desired_state: 'cancel' })
  await server.until(() => server.errors.length > 0, 'it cannot be noted')
  assert.deepEqual(server.driver.asked, [])
  await server.store.db.tx((tx) => tx.run('DROP TRIGGER full'))
  await server.until(() => server.driver.asked.length > 0, 'it is asked')
  assert.deepEqual(server.driver.asked, [`cancel ${server.driver.submitted[0]?.attempt}`])
})

describe('a start that throws', () => {
  const SAID = 'cannot be started by a fault of the server, whose log has the reason; it is tried again'

  /** A run that cannot be noted as preparing. */
  async function stuck(t: TestContext): Promise<Room> {
    const envs = {
      resolve: () => Promise.resolve(LOCK),
      lock: () => Promise.resolve(LOCK),
      python: () => Promise.resolve(''),
    }
    const server = await open(t, { envs })
    await server.setRun('pr_1', { state: 'waiting', environment: null })
    await server.store.db.tx((tx) =>
      tx.run(
        `CREATE TRIGGER full BEFORE UPDATE ON pipeline_runs WHEN NEW.state = 'preparing'
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`,
      ),
    )
    server.room.start()
    await server.until(() => server.errors.length >= 2, 'it is tried again')
    assert.match(String(server.errors[1]), /the disk is full/)
    assert.equal(server.room.context.doing('pr_1'), SAID)
    return server
  }

  test('says so until it succeeds', async (t) => {
    const server = await stuck(t)
    await server.store.db.tx((tx) => tx.run('DROP TRIGGER full'))
    await server.until(() => server.driver.submitted.length === 1, 'it goes on')
    assert.equal(server.room.context.doing('pr_1'), undefined)
  })
  test('says so until the run has ended in another way', async (t) => {
    const server = await stuck(t)
    await server.setRun('pr_1', { state: 'cancelled' })
    await server.until(() => server.room.context.doing('pr_1') === undefined, 'it says nothing any more')
  })
})

test('a driver that cannot say what it holds is asked again before anything moves', async (t) => {
  const server = await open(t)
  const list = server.driver.list.bind(server.driver)
  let faults = 0
  server.driver.list = () => (faults++ === 0 ? Promise.reject(new Error('EIO')) : list())
  server.room.start()
  await server.until(() => server.driver.submitted.length === 1, 'it leads all the same')
  assert.match(String(server.errors[0]), /EIO/)
})
