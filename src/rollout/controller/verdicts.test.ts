/** A rollout as it is judged: how long it has waited, how a challenger stands, and what of a verdict is shown and judged again. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import { newest, QUICK, round, send } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import { freshEvidence, observe, RULES } from '../evidence/evidence.ts'
import type { Observation } from '../evidence/evidence.ts'
import { getRollout } from '../read.ts'
import { rolloutWorld } from '../world.fixture.ts'
import { judge, replayVerdict, standing } from './verdicts.ts'

describe('a rollout that is judged', () => {
  let bench: RolloutBench
  const { begun } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))

  it('has waited for the time of its rows or that since its step began, whichever is longer', async () => {
    await begun('waiting')
    const row = await newest(bench.db, 'waiting')
    const now = 1000 * HOUR_MS
    const hours = (more: Partial<typeof row>, at?: number): number =>
      judge(
        { ...row, first_event: null, last_event: null, step_at: null, ...more },
        at === undefined ? {} : { now: at },
      ).inputs.hours
    const rows = { first_event: 3 * HOUR_MS, last_event: 5 * HOUR_MS }
    const began = (before: number) => ({ step_at: now - before * HOUR_MS })
    assert.deepEqual([hours({}), hours({}, now), hours({ last_event: now }, now)], [0, 0, 0])
    assert.deepEqual([hours(rows), hours(rows, now), hours({ ...rows, ...began(7) })], [2, 2, 2])
    assert.deepEqual([hours({ ...rows, ...began(7) }, now), hours({ ...rows, ...began(1) }, now)], [7, 2])
  })

  it('stands by its mean loss against stable over all rows, and has none without labels', async () => {
    const plan = Plan.parse({ ...QUICK, slices: ['c'], gates: { quality: { tolerance: 0.9 } } })
    await begun('standing', { plan })
    const row = await newest(bench.db, 'standing')
    assert.deepEqual(standing(row), { ready: false, loss: null })
    const evidence = freshEvidence()
    const labels = Array.from({ length: 40 }, (_, i): Observation[] => [
      ['c', 0, 300, 1],
      ['p', 0.1, 0.2],
      ['l', 0.1, i < 20 ? 0.3 : 0.5, [i < 20 ? 'c=UA' : 'c=AA']],
    ])
    observe(evidence, plan, labels.flat())
    const { ready, loss } = standing({ ...row, evidence: JSON.stringify(evidence) })
    assert.equal(ready, false, 'a hundred pairs are asked for')
    assert.ok(loss !== null && Math.abs(loss - 0.3) < 1e-9, String(loss))
  })

  it('shows each verdict with the time of the newest row that it rests on', async () => {
    const id = await begun('timed')
    const { records } = await send(bench, 'timed', { rows: 110, seed: 1 })
    await round(bench)
    const last = Math.max(...records.map((one) => ('et' in one ? one.et : 0)))
    const { verdicts } = await getRollout(bench.db, id)
    assert.deepEqual(
      verdicts.map((one) => [one.decision, one.event_time]),
      [['advance', new Date(last).toISOString()]],
    )
  })

  it('is judged again by the rules of now where its own are too old, numbered or not', async () => {
    const { id } = await newest(bench.db, 'timed')
    const verdict = (await getRollout(bench.db, id)).verdicts[0]?.id ?? ''
    const inputs = (
      await bench.db.get<{ inputs: string }>('SELECT inputs FROM rollout_verdicts WHERE id = ?', [verdict])
    )?.inputs
    for (const rules of [1, undefined]) {
      const old = JSON.stringify({ ...(JSON.parse(inputs ?? '{}') as object), rules })
      await bench.db.tx((t) => t.run('UPDATE rollout_verdicts SET inputs = ? WHERE id = ?', [old, verdict]))
      const { says, stored, replayed } = await replayVerdict(bench.db, id, verdict)
      assert.deepEqual([stored.rules, replayed.rules], [1, RULES])
      assert.equal(says, `the same result by rules 1 and by rules ${RULES}`)
    }
  })
})
