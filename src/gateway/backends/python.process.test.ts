import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { servingModels } from '../../../test/serving-models.ts'
import type { ServingModels } from '../../../test/serving-models.ts'
import { until } from '../../../test/until.ts'
import { readInputs } from '../../scoring/model/inputs.ts'
import { isAlive } from '../run-files.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { CallLimits } from '../../scoring/rows/backend.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import { scorerPools, writeModel } from './pool.fixture.ts'
import type { PythonBackend } from './python.ts'
import type { PoolOptions } from './python.ts'

let models: ServingModels
let inputs: readonly InputField[]
const pools = scorerPools()
const PLAIN = `
class Model:
    def predict(self, frame):
        return frame["distance"].to_numpy()
`
/** A model of no library, for what is the scorer's alone. */
let plain: string
before(async () => {
  models = await servingModels()
  plain = writeModel(join(pools.folder, 'plain'), PLAIN)
  inputs = (await readInputs(models.dir('hgb'), null)).inputs
})

const pool = (name: 'hgb' | 'faulty' | 'plain' | 'nothing-here', options: Partial<PoolOptions> = {}): PythonBackend =>
  pools.make({ python: models.python, dir: name === 'plain' ? plain : models.dir(name), inputs, ...options })

const limits = (ms = 240_000): CallLimits => ({
  deadline: Date.now() + ms,
  params: null,
  bytes: 100,
  priority: 'normal',
})
const row = (distance: number): Value[][] => [[distance, 60, 45, 12, 'UA']]

interface Described {
  readonly batches: number
  readonly deaths: number
  readonly rows: number
  readonly scorers: { readonly pid: number; readonly state: string }[]
}

const describe = (backend: PythonBackend): Described => backend.describe() as unknown as Described
const pidOf = (backend: PythonBackend): number => describe(backend).scorers[0]?.pid ?? 0

/** Keeps the timers of this length back, until they are told to call. */
function holdTimersOf(t: TestContext, length: number): () => void {
  const held: (() => void)[] = []
  const real = globalThis.setTimeout
  t.mock.method(globalThis, 'setTimeout', (call: () => void, ms?: number) => {
    if (ms === length) held.push(call)
    return real(ms === length ? () => undefined : call, ms)
  })
  return () => held.splice(0).forEach((call) => call())
}

test('scores equal scikit-learn bit for bit, with missing values; what waits goes in one batch', async () => {
  const backend = pool('hgb')
  await backend.start()
  const some = models.rows.slice(0, 100)
  const scored = await Promise.all(
    some.map((one) => backend.score([[one.distance, one.temp, one.dewp, one.hour, one.carrier]], limits())),
  )
  some.forEach((one, i) => assert.ok(Math.abs((scored[i]?.[0]?.score ?? 0) - one.score) < 1e-14, `row ${i}`))
  const { batches, rows } = describe(backend)
  assert.equal(rows, 100)
  assert.ok(batches <= 4, `${batches} batches for 100 calls at once`)
})

test('a row that makes the model raise fails its caller only', async () => {
  const backend = pool('faulty')
  await backend.start()
  const calls = Array.from({ length: 40 }, (_, i) => backend.score(row(100 + i), limits()))
  const results = await Promise.allSettled(calls)
  for (const [i, result] of results.entries()) {
    const bad = (100 + i) % 5 === 4
    assert.equal(result.status, bad ? 'rejected' : 'fulfilled', `call ${i}`)
    if (result.status !== 'rejected') continue
    assert.equal((result.reason as { code: string }).code, 'upstream_failed')
    assert.match(String(result.reason), /ValueError: distance ends in 4 or 9/)
  }
})

test('kill -9 of the scorer under load: every call is answered, by its successor', async () => {
  const backend = pool('plain')
  await backend.start()
  const before = pidOf(backend)
  const calls = Array.from({ length: 50 }, (_, i) => backend.score(row(i * 10), limits()))
  process.kill(before, 'SIGKILL')
  const scored = await Promise.all(calls)
  assert.equal(scored.length, 50)
  assert.notEqual(pidOf(backend), before)
})

test('a crash loop holds back new scorers; one that lives answers on, and without any callers are told at once', async (t) => {
  // its deaths are within a minute, and no scorer is tried again before the test says so
  t.mock.method(performance, 'now', () => 1000)
  const again = holdTimersOf(t, 1000)
  const backend = pool('plain', { workers: 2 })
  await backend.start()
  const idle = (): number[] => describe(backend).scorers.flatMap(({ pid, state }) => (state === 'idle' ? [pid] : []))
  await until('both to answer', () => idle().length === 2)
  const [survivor = 0] = idle()
  for (let deaths = 0; deaths < 5; deaths++) {
    await until('an answer of its sibling', () => idle().length === 2)
    const [victim = 0] = idle().filter((pid) => pid !== survivor)
    process.kill(victim, 'SIGKILL')
    await until('its end', () => !idle().includes(victim))
  }
  assert.deepEqual(idle(), [survivor], 'no other is started for a while')
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => backend.score(row(i), limits())))
  assert.equal(answers.length, 20)
  process.kill(survivor, 'SIGKILL')
  await until('nobody to be left', () => describe(backend).scorers.length === 0)
  await assert.rejects(backend.score(row(1), limits()), { code: 'unavailable' })
  again()
  await until('as many as before to answer again', () => idle().length === 2)
  assert.equal((await backend.score(row(1), limits())).length, 1)
})

test('a row that kills its scorer is refused after two deaths; its neighbours are answered', async () => {
  const backend = pool('faulty')
  await backend.start()
  const killer = backend.score(row(-999), limits())
  const neighbours = Array.from({ length: 5 }, (_, i) => backend.score(row(100 + i * 5), limits()))
  await assert.rejects(killer, { code: 'upstream_failed' })
  assert.equal((await Promise.all(neighbours)).length, 5)
  const survivor = pidOf(backend)
  for (let i = 0; i < 3; i++) await assert.rejects(backend.score(row(-999), limits()), { code: 'upstream_failed' })
  assert.equal(pidOf(backend), survivor, 'the input is known, and no scorer is given it')
})

test('a request that takes more memory than a scorer may have fails alone; the scorer lives', async () => {
  const backend = pool('faulty', { capMb: 1500 })
  await backend.start()
  const before = pidOf(backend)
  await assert.rejects(backend.score(row(-997), limits()), /MemoryError/)
  assert.equal((await backend.score(row(100), limits())).length, 1)
  assert.equal(pidOf(backend), before)
})

test('a call beyond its deadline fails in time, and a scorer that hangs is replaced', async () => {
  const backend = pool('faulty', { killGraceMs: 200 })
  await backend.start()
  const before = pidOf(backend)
  await assert.rejects(backend.score(row(-998), limits(300)), { code: 'deadline_exceeded' })
  const scorers = describe(backend).scorers.map(({ pid, state }) => [pid, state])
  assert.deepEqual(scorers, [[before, 'busy']], 'the caller does not wait for the model, which sleeps')
  await until('an answer of a new scorer', () => backend.ready() && pidOf(backend) !== before)
  assert.equal((await backend.score(row(100), limits())).length, 1)
})

test('a full queue refuses with the time to wait', async () => {
  const backend = pool('plain', { maxQueue: 20, maxBatch: 4 })
  await backend.start()
  const calls = Array.from({ length: 60 }, (_, i) => backend.score(row(i), limits()))
  const results = await Promise.allSettled(calls)
  const refused = results.filter((result) => result.status === 'rejected')
  assert.ok(refused.length >= 30 && refused.length < 60, `${refused.length} of 60 refused`)
  for (const { reason } of refused) {
    assert.equal((reason as { code: string }).code, 'too_many_requests')
    assert.ok((reason as { data: { retry_after: number } }).data.retry_after >= 1)
  }
})

test('a scorer that outgrows its memory answers until its successor can', async () => {
  const [dir, gate] = [join(pools.folder, 'slow'), join(pools.folder, 'gate')]
  const text = `
import os, time
while os.path.exists(${JSON.stringify(gate)}): time.sleep(0.01)
${PLAIN}`
  const backend = pools.make({ python: models.python, dir: writeModel(dir, text), inputs, memoryMb: 1 })
  await backend.start()
  const before = pidOf(backend)
  writeFileSync(gate, '')
  await until('its successor to load', () => describe(backend).scorers.length === 2)
  assert.match(backend.outgrown()?.reason ?? '', /^a scorer outgrew 1 MB/)
  assert.equal((await backend.score(row(7), limits())).length, 1, 'the successor cannot answer yet')
  rmSync(gate)
  await until('it to be replaced', () => !describe(backend).scorers.some(({ pid }) => pid === before))
  assert.equal((await backend.score(row(8), limits())).length, 1)
})

test('what outgrew its memory in the middle of a call is ended after the answer', async () => {
  const dir = join(pools.folder, 'growing')
  const text = `
import time
grown = []
class Model:
    def predict(self, frame):
        if frame["distance"].iloc[0] == 5:
            grown.append(bytearray(200_000_000))
            time.sleep(4)
        return frame["distance"].to_numpy()
`
  const backend = pools.make({ python: models.python, dir: writeModel(dir, text), inputs, memoryMb: 150 })
  await backend.start()
  const before = pidOf(backend)
  assert.equal((await backend.score(row(5), limits())).length, 1)
  await until('its end', () => !describe(backend).scorers.some(({ pid }) => pid === before))
  assert.equal(describe(backend).deaths, 0)
})

test('a model that cannot be loaded says why, and leaves no process', async () => {
  const backend = pool('nothing-here')
  await assert.rejects(backend.start(), /loading the model failed: .*MLmodel/)
  const noPython = pool('hgb', { python: '/does/not/exist' })
  await assert.rejects(noPython.start(), /could not be started/)
})

test('the scorer ends with its gateway', async () => {
  const backend = pool('plain')
  await backend.start()
  const pid = pidOf(backend)
  await backend.close()
  await until('the end of the scorer', () => !isAlive(pid, null))
})

test('language, zone and telemetry are the same on each machine', async (t) => {
  const names = { LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8', TZ: 'Asia/Tokyo', ORT_DISABLE_TELEMETRY: '0' }
  const kept = Object.keys(names).map((name) => [name, process.env[name]] as const)
  t.after(() =>
    kept.forEach(([name, value]) => (value === undefined ? delete process.env[name] : (process.env[name] = value))),
  )
  Object.assign(process.env, names)
  const text = `
import os
class Model:
    def predict(self, frame):
        return [" ".join(os.environ.get(name, "-") for name in ${JSON.stringify(Object.keys(names))})] * len(frame)
`
  const backend = pools.make({ python: models.python, dir: writeModel(join(pools.folder, 'env'), text), inputs })
  await backend.start()
  const [answer] = await backend.score(row(1), limits())
  assert.equal(answer?.prediction, 'C.UTF-8 - UTC 1')
})
