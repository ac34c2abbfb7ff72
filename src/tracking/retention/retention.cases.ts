/** Retention: rules by age, tag, status and rank; what is held on to stays; the bin gives back and is purged; bytes counted once. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SYSTEM } from '../../auth/tokens.ts'
import { putArtifact, reachableDigests } from '../artifacts/artifacts.ts'
import { applyRule } from './bin.ts'
import { createExperiment } from '../experiments/experiments.ts'
import { logMetric } from '../metrics/metrics.ts'
import { createRule, forgetRule, listRules, requireRule } from './retention.ts'
import type { NewRule } from './retention.ts'
import { planRemoval } from './plan.ts'
import { roomOf } from './room.fixture.ts'
import type { OpenedStore } from './room.fixture.ts'
import type { Tracking } from '../context/context.ts'
import { createRun, finishRun, projectOfRun, requireRun, setRunStage, setTag } from '../runs/runs.ts'

const DAY = 86_400_000

export function retentionCases(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name}: retention`, () => {
    let room: Tracking
    let now = 1_700_000_000_000
    const clock = (): number => now
    roomOf(open, clock, (opened) => {
      room = opened
    })
    const cited = { runs: new Set<string>(), models: new Set<string>(), digests: new Set<string>() }
    const elsewhere: string[] = []
    const deps = {
      cited: async () => cited,
      async *elsewhere() {
        yield* elsewhere
      },
    }
    let made = 0
    const rule = async (experiment: string | null, more: Partial<NewRule> = {}) =>
      createRule(room, SYSTEM, {
        project: 'default',
        name: `rule-${made++}`,
        experiment_id: experiment,
        stage: 'active',
        older_than_ms: 30 * DAY,
        filter: '',
        keep_best: 0,
        keep_order: null,
        enabled: true,
        ...more,
      })
    const experiment = () => createExperiment(room, SYSTEM, { name: `e${made++}` })
    const run = async (experiment_id: string, tags: Record<string, string> = {}): Promise<string> => {
      const list = Object.entries(tags).map(([key, value]) => ({ key, value }))
      const { run_id } = await createRun(room, SYSTEM, { experiment_id, tags: list })
      await finishRun(room, SYSTEM, run_id, 'FINISHED')
      return run_id
    }
    const file = (e: string, id: string, path: string, text: string) =>
      putArtifact(room, SYSTEM, `${e}/${id}/artifacts/${path}`, Buffer.from(text))
    const planned = async (one: Awaited<ReturnType<typeof rule>>): Promise<string[]> =>
      (await planRemoval(room, deps, one)).runs.map((row) => row.run_id).sort()

    it('age, tag and status choose; running runs and slipway.keep stay', async () => {
      const e = await experiment()
      const old = await run(e, { scratch: 'yes' })
      await run(e, { scratch: 'yes', 'slipway.keep': 'true' })
      await run(e, { scratch: 'no' })
      await createRun(room, SYSTEM, { experiment_id: e, tags: [{ key: 'scratch', value: 'yes' }] })
      now += 31 * DAY
      await run(e, { scratch: 'yes' })
      const one = await rule(e, { filter: "tags.scratch = 'yes'" })
      assert.deepEqual(await planned(one), [old])
      assert.equal((await planRemoval(room, deps, one)).kept.get('has the tag slipway.keep'), 1)
      assert.deepEqual(await planned(await rule(e, { filter: "attributes.status = 'FAILED'" })), [])
    })

    it('a rule comes back as it was made', async () => {
      const e = await experiment()
      const given = { stage: 'deleted', filter: "tags.a = 'b'", keep_best: 3, keep_order: 'metrics.m DESC' } as const
      const one = await rule(e, { ...given, enabled: false })
      assert.deepEqual(await requireRule(room.db, SYSTEM, one.id), one)
      const { enabled, experiment_id, older_than_ms, owner } = await requireRule(room.db, SYSTEM, one.id)
      assert.deepEqual([enabled, experiment_id, older_than_ms, owner], [false, e, 30 * DAY, SYSTEM.name])
    })

    it('the best by a metric stay', async () => {
      const e = await experiment()
      const runs: string[] = []
      for (const value of [0.7, 0.9, 0.8, 0.5]) {
        const id = await run(e)
        await logMetric(room, SYSTEM, id, { key: 'auc', value, timestamp: now, step: 0 })
        runs.push(id)
      }
      now += 31 * DAY
      const one = await rule(e, { keep_best: 2, keep_order: 'metrics.auc DESC' })
      assert.deepEqual(
        await planned(one),
        [runs[0] ?? '', runs[3] ?? ''].toSorted((a, b) => (a < b ? -1 : 1)),
      )
    })

    it('registered, cited and parent runs stay', async () => {
      const e = await experiment()
      const registered = await run(e)
      const data = await run(e)
      const parent = await run(e)
      const child = await run(e, { 'mlflow.parentRunId': parent })
      const grandchild = await run(e, { 'mlflow.parentRunId': child })
      const loose = await run(e)
      cited.runs.add(registered)
      cited.digests.add((await file(e, data, 'train.csv', 'a,b')).digest)
      now += 31 * DAY
      assert.deepEqual(await planned(await rule(e)), [parent, child, grandchild, loose].toSorted())
      await setTag(room, SYSTEM, grandchild, { key: 'slipway.keep', value: 'true' })
      now += 31 * DAY
      const one = await rule(e)
      assert.deepEqual(await planned(one), [loose])
      const { kept } = await planRemoval(room, deps, one)
      assert.equal(kept.get('parent of a run that stays'), 2)
    })

    it('bytes are those that become unreachable, each once; the bin gives back, then purges all', async () => {
      const e = await experiment()
      const [first, second, stays] = [await run(e, { go: '1' }), await run(e, { go: '1' }), await run(e)]
      await file(e, first, 'a.bin', 'both runs that go')
      await file(e, second, 'b.bin', 'both runs that go')
      await file(e, first, 'c.bin', 'a run that stays has it')
      await file(e, stays, 'c.bin', 'a run that stays has it')
      elsewhere.push((await file(e, second, 'd.bin', 'a version has it')).digest)
      now += 31 * DAY
      const toBin = await rule(e, { filter: "tags.go = '1'" })
      const plan = await applyRule(room, SYSTEM, deps, toBin)
      assert.deepEqual(plan.freed, { blobs: 1, bytes: 'both runs that go'.length })
      assert.equal((await requireRun(room.db, SYSTEM, first)).lifecycle_stage, 'deleted')
      const purge = await rule(e, { stage: 'deleted', older_than_ms: 7 * DAY })
      assert.deepEqual(await planned(purge), [])
      await setRunStage(room, SYSTEM, second, 'active')
      now += 8 * DAY
      await applyRule(room, SYSTEM, deps, purge)
      const left = await Promise.all([first, second, stays].map((id) => projectOfRun(room.db, id)))
      assert.deepEqual(
        left.map((project) => project !== undefined),
        [false, true, true],
      )
      const rows = await room.db.all('SELECT path FROM artifacts WHERE owner = ?', [`${e}/${first}`])
      assert.deepEqual(rows, [])
      const digests: string[] = []
      for await (const digest of reachableDigests(room)) digests.push(digest)
      assert.equal(digests.length > 0, true)
      const audit = await room.db.all<{ detail: string }>('SELECT detail FROM audit WHERE resource_id = ?', [first])
      assert.ok(audit.some((row) => row.detail.includes('"purged":true')))
    })

    it('rules are refused when they cannot be read, listed and forgotten', async () => {
      await assert.rejects(rule(null, { keep_best: 3 }), /keep_order/)
      await assert.rejects(rule(null, { filter: 'metrics.auc >' }))
      await assert.rejects(rule('no-such-experiment'))
      const one = await rule(null, { name: 'nightly' })
      await assert.rejects(rule(null, { name: 'nightly' }), /nightly/)
      assert.equal((await requireRule(room.db, SYSTEM, 'nightly')).id, one.id)
      await forgetRule(room, SYSTEM, 'nightly')
      assert.equal(
        (await listRules(room.db, SYSTEM)).some((row) => row.name === 'nightly'),
        false,
      )
    })
  })
}
