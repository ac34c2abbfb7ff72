/** Two processes that both believe they lead: what they do with a study at the same time is done once. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import type { Principal } from '../../contract/access.ts'
import type { Leases } from '../../jobs/leases.ts'
import { putTree } from '../../store/blobs/trees.ts'
import { ANA, benchOnce, type Bench } from '../bench.fixture.ts'
import { createVersion } from '../spec/versions.ts'
import { beginEnding, conclude } from './ending.ts'
import type { SearchDeps } from './deps.ts'
import { propose } from './propose.ts'
import { Studies } from './reconciler.ts'
import { readStudy, type StudyTree } from './rows.ts'
import { createStudy, resumeStudy, stopStudy } from './start.ts'
import { beginTrial } from './trials.ts'
import { viewStudy } from './view.ts'

const YAML = `project: p
python: {packages: []}
pipeline:
  params:
    x: {type: float, default: 0, min: 0, max: 1}
  steps:
    one: {run: "job:main", params: {x: "{params.x}"}}
search: {objective: steps.one.metrics.loss, direction: minimize, params: {x: {}}, trials: 9}
`

describe('two that lead', () => {
  let bench: Bench
  const revoked = new Set<string>()
  const root = benchOnce('leaders', (opened) => void (bench = opened))

  async function open(): Promise<{ deps: SearchDeps; id: string; tree: () => Promise<StudyTree> }> {
    const { context } = bench.room
    const deps: SearchDeps = {
      context,
      wakeRun: () => undefined,
      history: () => Promise.resolve([]),
      isRevoked: (token) => Promise.resolve(revoked.has(token)),
    }
    const folder = join(root, 'project')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'job.py'), 'def main(x):\n    return {"loss": x}\n')
    const { digest } = await putTree(bench.store.blobs, folder)
    const version = await createVersion(context.deps, ANA, { text: YAML, tree: digest, file: 'slipway.yaml' })
    const id = await createStudy(deps, ANA, version, {})
    return { deps, id, tree: async () => (await readStudy(bench.store.db, id)) as StudyTree }
  }

  test('propose one trial, and make one run of it', async () => {
    const { deps, tree } = await open()
    const before = await tree()
    await Promise.all([propose(deps, before), propose(deps, before), propose(deps, before)])
    const [trial, ...others] = (await tree()).trials
    assert.ok(trial !== undefined && others.length === 0)
    await Promise.all([1, 2, 3].map(() => beginTrial(deps, before.study, trial)))
    const runs = await bench.store.db.all('SELECT id FROM pipeline_runs WHERE id = ?', [trial.run_id])
    assert.equal(runs.length, 1)
    assert.deepEqual(
      (await tree()).trials.map(({ state }) => state),
      ['running'],
    )
  })

  test('propose nothing for a study that was stopped meanwhile, and resume it once', async () => {
    const { deps, id, tree } = await open()
    const before = await tree()
    await stopStudy(deps, ANA, id)
    await propose(deps, before)
    assert.equal((await tree()).trials.length, 0)
    assert.equal(await conclude(deps, await tree()), true)
    assert.equal(await conclude(deps, await tree()), false)
    const ended = await tree()
    assert.deepEqual([ended.study.state, ended.study.reason], ['stopped', 'stopped by ana'])
    await Promise.all([resumeStudy(deps, ANA, ended), resumeStudy(deps, ANA, ended)])
    assert.deepEqual([(await tree()).study.state, (await tree()).study.round], ['running', 1])
    await assert.rejects(resumeStudy(deps, ANA, await tree()), /has not ended/)
  })

  test('a study is resumed with no fewer trials than it has tried', async () => {
    const { deps, id, tree } = await open()
    await propose(deps, await tree())
    await propose(deps, await tree())
    await stopStudy(deps, ANA, id)
    await conclude(deps, await tree())
    const ended = await tree()
    await assert.rejects(resumeStudy(deps, ANA, ended, 1), /at least 2, which it has tried/)
    await resumeStudy(deps, ANA, ended, 12)
    assert.equal((await tree()).study.plan.trials, 12)
  })

  /** One process that leads, until the test is over. */
  function lead(deps: SearchDeps, t: TestContext): Studies {
    const leases = {
      lead: (
        _name: string,
        _ms: number,
        { signal, fn }: { signal: AbortSignal; fn: (lease: object) => Promise<void> },
      ) => fn({ signal }),
    }
    const studies = new Studies(deps, leases as unknown as Leases)
    studies.start()
    t.after(() => studies.stop())
    return studies
  }

  function met(tree: () => Promise<StudyTree>, holds: (tree: StudyTree) => boolean): Promise<StudyTree> {
    return until(
      async () => JSON.stringify(await tree()),
      async () => {
        const now = await tree()
        return holds(now) && now
      },
    )
  }

  test('a study that cannot be moved on says why, goes on once it can, and says nothing more', async (t) => {
    const { deps, id, tree } = await open()
    const { version_id: version } = (await tree()).study
    const set = (to: string): Promise<number> =>
      bench.store.db.tx((tx) => tx.run('UPDATE pipeline_studies SET version_id = ? WHERE id = ?', [to, id]))
    await set('pv_gone')
    lead(deps, t)
    const stuck = await met(tree, ({ study }) => study.trouble !== null)
    assert.match(stuck.study.trouble ?? '', /pipeline version "pv_gone" does not exist/)
    assert.match((await viewStudy(deps, stuck)).trouble ?? '', /pv_gone/)
    await set(version)
    const moved = await met(tree, ({ study, trials }) => study.trouble === null && trials.length > 0)
    assert.equal(moved.study.state, 'running')
  })

  test('a study ends with the token for which its runs are made; who resumes it goes on in their own name', async (t) => {
    const { deps, tree } = await open()
    await propose(deps, await tree())
    revoked.add(ANA.id)
    t.after(() => revoked.clear())
    lead(deps, t)
    const stopped = await met(tree, ({ study }) => study.finished_at !== null)
    assert.equal(stopped.study.state, 'stopped')
    assert.match(stopped.study.reason, /^the token of ana, for whom its runs are made, was revoked/)
    assert.deepEqual(
      stopped.trials.map(({ state }) => state),
      ['cancelled'],
    )
    const bob: Principal = { ...ANA, id: 'tok_bob', name: 'bob', role: 'contributor' }
    await resumeStudy(deps, bob, stopped)
    const resumed = await met(tree, ({ trials }) => trials.some(({ state }) => state === 'running'))
    const run = await bench.store.db.get<{ created_by: string; role: string }>(
      'SELECT created_by, role FROM pipeline_runs WHERE id = ?',
      [resumed.trials.find(({ state }) => state === 'running')?.run_id ?? ''],
    )
    assert.deepEqual({ ...run }, { created_by: 'bob', role: 'contributor' })
  })

  test('a study whose time is over and that waits for its runs can be stopped, and runs no winner', async () => {
    const { deps, id, tree } = await open()
    await propose(deps, await tree())
    await beginEnding(deps, (await tree()).study, { ending: 'finished', reason: 'its time is over', cancels: true })
    await stopStudy(deps, ANA, id)
    const { study } = await tree()
    assert.deepEqual([study.state, study.ending, study.reason], ['stopping', 'stopped', 'stopped by ana'])
  })

  test('a winner whose run cannot be made ends the study, and says so', async () => {
    const { deps, id, tree } = await open()
    const { plan } = (await tree()).study
    await bench.store.db.tx((t) =>
      t.run(
        "UPDATE pipeline_studies SET state = 'evaluating', ending = 'finished', run_of_winner = 'pr_w', plan = ? WHERE id = ?",
        [JSON.stringify({ ...plan, holdout: { gone: 1 } }), id],
      ),
    )
    assert.equal(await conclude(deps, await tree()), true)
    const { study } = await tree()
    assert.equal(study.state, 'failed')
    assert.match(study.reason, /the run of the winner could not be made: .*gone/)
  })
})
