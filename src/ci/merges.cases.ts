/** Cases: the time from merge to promoted, from rows that the case wrote; figures by hand. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { TestDatabase } from '../../test/databases.ts'
import type { Db } from '../store/db.ts'
import type { MergeTime } from '../contract/changes/merges.ts'
import { mergeRuns } from '../pipelines/context/merges.ts'
import { promotionsOf } from '../rollout/promotions.ts'
import { mergeTimes } from './merges.ts'

const COMMIT = 'ab'.repeat(20)
const START = Date.UTC(2026, 0, 10)
const SECOND = 1000

interface Told {
  readonly id: string
  readonly version: string
  /** Seconds after the start; absent = no run of a merge. */
  readonly merged?: number
  readonly created: number
  readonly project?: string
  /** When it was asked for its endpoint apart. */
  readonly shipped?: number
}

interface Rolled {
  readonly id: string
  readonly version: string
  readonly began: number
  readonly promoted?: number
  readonly by?: string
  readonly model?: string
}

export function mergeCases(name: string, open: () => Promise<TestDatabase>): void {
  describe(`${name}: merge to promoted`, () => {
    let database: TestDatabase
    let db: Db
    before(async () => {
      database = await open()
      db = database.db
    })
    after(() => database.close())
    beforeEach(async () => {
      for (const table of ['pipeline_runs', 'pipeline_steps', 'rollouts', 'rollout_verdicts'])
        await db.tx((t) => t.run(`DELETE FROM ${table}`))
    })

    const at = (seconds: number): number => START + seconds * SECOND
    const asked = (of: Parameters<typeof mergeTimes>[1] = {}) =>
      mergeTimes(
        {
          mergeRuns: (wish, limit) => mergeRuns(db, wish, limit),
          promotionsOf: (models, since) => promotionsOf(db, models, since),
        },
        of,
      )
    const ids = async (of?: Parameters<typeof mergeTimes>[1]): Promise<string[]> =>
      (await asked(of)).items.map((one) => `${one.run} ${one.rollout} ${one.ms / SECOND}`)

    /** A run that began 2 s after it was made, prepared for 3 s, ran two steps to 20 s, and was judged at 21 s. */
    async function run({ id, version, merged, created, project = 'tides', shipped }: Told): Promise<void> {
      const registered = { model: 'tide', version, verdict: 'accepted', detail: '', tree: '', deployed: true }
      await db.tx(async (t) => {
        await t.run(
          `INSERT INTO pipeline_runs (id, project, version_id, state, desired_state, outcome, message, trigger_kind, params, options,
             created_at, created_by, started_at, finished_at, registered, merge_commit, merged_at, shipped_at)
           VALUES (?, ?, 'v', 'succeeded', 'run', 'succeeded', '', 'merge', '{}', '{}', ?, 'ana', ?, ?, ?, ?, ?, ?)`,
          [
            id,
            project,
            at(created),
            at(created + 2),
            at(created + 21),
            JSON.stringify(registered),
            merged === undefined ? null : COMMIT,
            merged === undefined ? null : at(merged),
            shipped === undefined ? null : at(shipped),
          ],
        )
        for (const [step, ready, ended] of [
          ['one', 5, 12],
          ['two', 12, 20],
        ] as const)
          await t.run(
            `INSERT INTO pipeline_steps (run_id, name, project, position, state, reason, changes, outputs, metrics, ready_at, finished_at)
             VALUES (?, ?, ?, 0, 'succeeded', '', '[]', '{}', '{}', ?, ?)`,
            [id, step, project, at(created + ready), at(created + ended)],
          )
      })
    }

    async function rollout({ id, version, began, promoted, by = 'slipway', model = 'tide' }: Rolled): Promise<void> {
      await db.tx(async (t) => {
        await t.run(
          `INSERT INTO rollouts (id, endpoint, model, version, state, step, plan, slices, reason, created_at, created_by, seq, evidence,
             curve, step_from) VALUES (?, 'sea', ?, ?, 'promoted', 0, '{}', '[]', '', ?, ?, 0, '{}', '[]', '{}')`,
          [id, model, version, at(began), by],
        )
        const verdicts: [decision: string, seconds: number][] = [['advance', began + 1]]
        if (promoted !== undefined) verdicts.push(['promote', promoted])
        for (const [decision, when] of verdicts)
          await t.run(
            `INSERT INTO rollout_verdicts (id, rollout_id, at, step, decision, reason, gates, seq, inputs)
             VALUES (?, ?, ?, 0, ?, '', '[]', 0, '{}')`,
            [`${id} ${decision}`, id, at(when), decision],
          )
      })
    }

    it('is nothing where nothing was merged, or what was merged is not promoted', async () => {
      const nothing = { items: [], median_ms: null, slowest: null }
      assert.deepEqual(await asked(), nothing)
      await run({ id: 'hand', version: '1', created: 0 })
      await rollout({ id: 'first', version: '1', began: 21, promoted: 22 })
      await run({ id: 'merge', version: '2', merged: 90, created: 100 })
      await rollout({ id: 'second', version: '2', began: 121 })
      assert.deepEqual(await asked(), nothing)
    })

    it('has parts that add up, from the commit to the verdict', async () => {
      await run({ id: 'merge', version: '2', merged: 90, created: 100 })
      // taken up a moment before the run was closed
      await rollout({ id: 'second', version: '2', began: 120, promoted: 181 })
      const { items, median_ms, slowest } = await asked()
      const [one] = items as [MergeTime]
      assert.deepEqual(one, {
        commit: COMMIT,
        merged_at: '2026-01-10T00:01:30.000Z',
        run: 'merge',
        project: 'tides',
        model: 'tide',
        version: '2',
        rollout: 'second',
        endpoint: 'sea',
        promoted_at: '2026-01-10T00:03:01.000Z',
        ms: 91_000,
        parts: { queue: 12_000, environment: 3000, training: 15_000, gates: 1000, image: 0, rollout: 60_000 },
      })
      assert.deepEqual([median_ms, slowest], [91_000, { part: 'rollout', median_ms: 60_000 }])
    })

    it('has the image between the gates and the rollout, where the version was asked for apart', async () => {
      await run({ id: 'merge', version: '2', merged: 90, created: 100, shipped: 151 })
      await rollout({ id: 'second', version: '2', began: 153, promoted: 181 })
      const [one] = (await asked()).items as [MergeTime]
      assert.deepEqual(one.parts, {
        queue: 12_000,
        environment: 3000,
        training: 15_000,
        gates: 1000,
        image: 30_000,
        rollout: 30_000,
      })
      assert.equal(one.ms, 91_000)
    })

    it('goes to the first merge that asked for the version, and to none that came after its rollout', async () => {
      await run({ id: 'first', version: '2', merged: 90, created: 100 })
      await run({ id: 'second', version: '2', merged: 101, created: 110 })
      await rollout({ id: 'taken', version: '2', began: 131, promoted: 140 })
      await run({ id: 'readme', version: '2', merged: 200, created: 210 })
      assert.deepEqual(await ids(), ['first taken 50'])
      // the same version once more, after a merge that brought it back
      await rollout({ id: 'again', version: '2', began: 240, promoted: 250 })
      assert.deepEqual(await ids(), ['readme again 50', 'first taken 50'])
    })

    it('knows no rollout that a person started, and no version of that number of another model', async () => {
      await run({ id: 'merge', version: '2', merged: 90, created: 100 })
      await rollout({ id: 'hand', version: '2', began: 121, promoted: 140, by: 'ana' })
      await rollout({ id: 'other', version: '2', began: 122, promoted: 141, model: 'moon' })
      assert.deepEqual(await ids(), [])
    })

    it('is told of a project, a model or a version alone', async () => {
      await run({ id: 'a', version: '2', merged: 90, created: 100 })
      await rollout({ id: 'ra', version: '2', began: 121, promoted: 140 })
      await run({ id: 'b', version: '22', merged: 190, created: 200, project: 'other' })
      await rollout({ id: 'rb', version: '22', began: 221, promoted: 290 })
      assert.deepEqual(await ids(), ['b rb 100', 'a ra 50'])
      assert.deepEqual((await asked()).median_ms, 75_000)
      assert.deepEqual(await ids({ project: 'tides' }), ['a ra 50'])
      assert.deepEqual(await ids({ model: 'tide', version: '2' }), ['a ra 50'])
      assert.deepEqual(await ids({ model: 'tide', version: '%' }), [])
      assert.deepEqual(await ids({ model: 'ti_e' }), [])
      assert.deepEqual(await ids({ project: 'nobody' }), [])
    })

    it('tells the last twenty, whose median is that of what is told', async () => {
      for (let i = 0; i < 22; i++) {
        await run({ id: `run${i}`, version: String(i), merged: i * 1000, created: i * 1000 + 10 })
        await rollout({ id: `rol${i}`, version: String(i), began: i * 1000 + 31, promoted: i * 1000 + 100 + i })
      }
      const { items, median_ms } = await asked()
      assert.deepEqual([items.length, items[0]?.run, items.at(-1)?.run], [20, 'run21', 'run2'])
      // 102 … 121 s
      assert.equal(median_ms, 111_500)
    })
  })
}
