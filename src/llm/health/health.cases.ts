/** Cases: what came of what was sent to providers, by provider, model and time. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { LlmHealth } from '../../contract/llm/health.ts'
import type { AttemptRecord, LlmCallRecord } from '../../gateway/llm/records/record.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { callOf, folders, partOn, writeCallLog } from '../calls/call.fixture.ts'
import { createDefinition } from '../settings/definitions.ts'
import { settingsMaker } from '../settings/settings.fixture.ts'
import type { Definition } from '../settings/settings.fixture.ts'
import { providersHealth } from './health.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** 2026-05-06T10:20:00Z: within a part of half an hour. */
const NOW = Date.UTC(2026, 4, 6, 10, 20)
const text = (ms: number): string => new Date(ms).toISOString()
const NONE = { rate_limited: 0, server_error: 0, no_answer: 0, cut: 0, denied: 0 }

export function healthCases(bench: Bench): void {
  describe('health of providers', () => {
    const made = folders()
    after(() => made.remove())
    const red = () => bench.member('red')
    const db = () => bench.room.db
    const ids = { fast: '', slow: '' }
    const names = { fast: '', slow: '', idle: '' }
    let n = 0

    before(async () => {
      await db().tx((t) => t.run('DELETE FROM llm_calls'))
      const settings = settingsMaker(bench, 'health')
      for (const name of ['fast', 'slow', 'idle'] as const) {
        names[name] = `health-${name}`
        const { secret_id } = await settings.secret(red(), names[name])
        if (name === 'idle') continue
        const given = { name: names[name], secret_id, provider: 'openai', model_name: `model-${name}` }
        ids[name] = ((await createDefinition(bench.room, red(), given)) as Definition).model_definition_id
      }
    })

    /** Takes in a call of red that was sent so many minutes ago. */
    async function sent(minutes: number, attempts: readonly AttemptRecord[], more: Partial<LlmCallRecord> = {}) {
      const folder = made.make()
      const id = `h-${String(n++).padStart(3, '0')}`
      const of = { provider: names.fast, model: 'model-fast', first_us: null, ...more }
      await writeCallLog(folder, [callOf(id, { started: NOW - minutes * MINUTE, attempts, ...of })])
      await partOn(bench.room, folder).drain()
      return id
    }
    const fast = (status: number | null, us = 1000, error?: string): AttemptRecord => ({
      model: ids.fast,
      status,
      us,
      ...(error !== undefined && { error }),
    })
    const slow = (status: number | null, us = 1000): AttemptRecord => ({ model: ids.slow, status, us })
    async function read(more: { hours?: number; buckets?: number; most?: number; project?: string } = {}, who = red()) {
      const { most, ...wish } = { hours: 24, buckets: 48, ...more }
      const found = await providersHealth(db(), who, wish, { now: NOW, ...(most !== undefined && { most }) })
      const health = LlmHealth.parse(found)
      const of = (name: string) => {
        const one = health.providers.find((provider) => provider.name === name)
        assert.ok(one !== undefined, `${name} is listed`)
        return one
      }
      return { health, of }
    }

    it('count each try at its provider, whoever answered in the end, by kind of failure', async () => {
      await sent(5, [fast(429), fast(null, 1000, 'connect timed out'), slow(200, 5000)], {
        provider: names.slow,
        model: 'model-slow',
        own_us: 300,
        first_us: 4300,
      })
      await sent(6, [fast(503), fast(401)], { outcome: 'failed', status: 502, error: 'it refused' })
      // the caller's own fault
      await sent(7, [fast(400)], { outcome: 'ok', status: 400 })
      const { of } = await read()
      assert.deepEqual(of(names.fast).total, {
        calls: 5,
        failures: { ...NONE, rate_limited: 1, no_answer: 1, server_error: 1, denied: 1 },
        first_us: { p50: null, p95: null },
      })
      // 4300 after the beginning; 300 in the gateway, twice 1000 with the other one
      assert.deepEqual(of(names.slow).total, { calls: 1, failures: NONE, first_us: { p50: 2000, p95: 2000 } })
      assert.deepEqual(
        [names.fast, names.slow, names.idle].map((name) => of(name).state),
        ['failing', 'ok', 'idle'],
      )
      assert.deepEqual(of(names.idle).buckets, [])
      assert.deepEqual(
        of(names.slow).models.map(({ model, total }) => [model, total.calls]),
        [['model-slow', 1]],
      )
    })

    it('tell the newest failure with its words', async () => {
      const { of } = await read()
      const { call, ...told } = of(names.fast).last_failure ?? { call: '' }
      assert.deepEqual(told, {
        at: text(NOW - 5 * MINUTE),
        kind: 'no_answer',
        status: null,
        words: 'connect timed out',
        model: 'model-fast',
      })
      assert.match(call, /^h-/)
      assert.equal(of(names.slow).last_failure, null)
    })

    it('blame no provider for callers that left, and the one whose answer broke off', async () => {
      const before = (await read()).of(names.slow).total
      const of = { provider: names.slow, model: 'model-slow' }
      await sent(5, [slow(null)], { ...of, outcome: 'aborted', status: 499 })
      await sent(5, [slow(200)], { ...of, outcome: 'cut', error: 'the stream ended' })
      const after = (await read()).of(names.slow)
      assert.deepEqual([after.total.calls, after.total.failures], [before.calls + 2, { ...NONE, cut: 1 }])
      assert.equal(after.last_failure?.kind, 'cut')
      assert.equal(after.last_failure.words, 'the stream ended')
      // one of two that say something failed
      assert.equal(after.state, 'failing')
    })

    it('are in parts that stay where they are as time goes by, those with calls alone', async () => {
      await sent(90, [slow(200)], { provider: names.slow, model: 'model-slow' })
      const { health, of } = await read()
      assert.deepEqual(
        [health.step_ms, health.since, health.until],
        [HOUR / 2, text(NOW - 20 * MINUTE - 23.5 * HOUR), text(NOW)],
      )
      assert.deepEqual(
        of(names.slow).buckets.map(({ at, calls }) => [at, calls]),
        [
          ['2026-05-06T08:30:00.000Z', 1],
          ['2026-05-06T10:00:00.000Z', 3],
        ],
      )
      const short = await read({ hours: 1, buckets: 2 })
      assert.equal(short.of(names.slow).total.calls, 3)
    })

    it('of a provider or a model that was removed keep what calls say of it', async () => {
      await sent(
        3,
        [
          { model: 'def_gone', status: 500, us: 10 },
          { model: 'def_gone', status: 200, us: 10 },
        ],
        {
          provider: 'health-gone',
          model: 'model-gone',
        },
      )
      const { health, of } = await read()
      const gone = of('health-gone')
      assert.deepEqual([gone.id, gone.project, gone.total.calls, health.unknown], [null, 'red', 1, 1])
    })

    it('of parts with more calls than are read are made of their newest, and say so', async () => {
      const whole = await read()
      assert.deepEqual(whole.health.cut_parts, [])
      // in the last part lie 6 calls, of which each part may have 2, and what later ones leave over
      const part = await read({ most: 96 })
      assert.deepEqual(part.health.cut_parts, ['2026-05-06T10:00:00.000Z'])
      assert.deepEqual([part.health.read, whole.health.read], [3, 7])
      assert.deepEqual(
        part.of(names.slow).buckets.map(({ at }) => at),
        ['2026-05-06T08:30:00.000Z', '2026-05-06T10:00:00.000Z'],
      )
      assert.equal(part.of('health-gone').total.calls, 1, 'the newest call is read')
      assert.deepEqual((await read({ most: 48 * 6 })).health, whole.health)
    })

    it('are those of the projects that are seen, or of one of them', async () => {
      const blue = await read({}, bench.member('blue'))
      assert.deepEqual([blue.health.read, blue.health.providers.filter(({ project }) => project !== 'blue')], [0, []])
      assert.equal((await read({ project: 'blue' }, bench.root)).health.read, 0)
      const all = await read({ project: 'red' }, bench.root)
      assert.deepEqual(all.health, (await read()).health)
    })
  })
}
