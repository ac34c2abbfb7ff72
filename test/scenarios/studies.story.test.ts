/** Searches on a real server: trials that are runs, failures, early stops by what is logged, stop and resume, the winner and its gates. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import { submitProject } from '../../src/cli/project/files.ts'
import { authApi } from '../../src/contract/auth.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { studiesApi } from '../../src/contract/pipelines/studies.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { LOSS, openSearched, PIPELINE, type Searched, type Study } from '../fixtures/searched.ts'

describe('searches', () => {
  let searched: Searched
  before(async () => void (searched = await openSearched('SQLite')))
  after(() => searched.close())

  test('a grid tries each point once, by a run each; the best and what matters are told', async () => {
    searched.write([...LOSS, 'method: grid', 'params: {x: {min: 0, max: 4, points: 3}, n: {}}', 'trials: 100'])
    const { out, said, code } = await searched.slipway('search', searched.project)
    assert.equal(code, 0, said)
    assert.match(out, /finished: the grid is at its end/)
    assert.match(out, /^12 succeeded, 0 pruned, 0 failed, 0 cancelled$/m)
    assert.match(out, /^Best: 0 by trial 6 \(pr_study_\w+_6\): x=2(\.0)? n=3$/m)
    assert.match(out, /^What matters: x \d+ %, n \d+ %$/m)
    assert.match(out, /the best of 12 trials lies \d\.\d standard deviations from their mean/)
    const { items } = await searched.server().client.call(studiesApi.listStudies, { query: {} })
    assert.equal(items.length, 1)
    const study = await searched.read(items[0]?.id ?? '')
    assert.deepEqual(
      study.trials.map(({ value }) => value),
      [0, 2, 4].flatMap((x) => [1, 2, 3, 4].map((n) => (x - 2) ** 2 + (n - 3) ** 2)),
    )
    assert.equal((await searched.runsOf(study.id)).length, 12)
    assert.equal(study.winner, null, 'there is neither a hold-out nor a model')
  })

  test('the same search again takes every trial from the cache', async () => {
    const id = await searched.begin()
    const study = await searched.ended(id)
    assert.equal(study.counts.succeeded, 12)
    const runs = await Promise.all(
      (await searched.runsOf(id)).map((run) =>
        searched.server().client.call(pipelinesApi.getPipelineRun, { params: { id: run } }),
      ),
    )
    assert.deepEqual(new Set(runs.map(({ steps }) => steps[0]?.state)), new Set(['cached']))
    assert.deepEqual(new Set(runs.map(({ trigger }) => trigger)), new Set(['search']))
  })

  test('failed trials are told, count as failed and not as bad values, and constraints hold', async () => {
    const pipeline = PIPELINE.replace('default: 99', 'default: 1')
    searched.write(
      [
        ...LOSS,
        'params: {x: {min: -4, max: 4}, n: {}}',
        'constraints: ["params.x <= params.n"]',
        'trials: 14',
        'at_once: 3',
        'failures: 1000',
      ],
      pipeline,
    )
    const study = await searched.ended(await searched.begin())
    assert.equal(study.trials.length, 14)
    for (const { params, state, value, message } of study.trials) {
      const { x, n } = params as { x: number; n: number }
      assert.ok(x <= n)
      assert.equal(state, x > 1 ? 'failed' : 'succeeded')
      assert.equal(value === null, x > 1)
      if (x > 1) assert.match(message, /step "fit" failed: .*x is too large/)
    }
    assert.ok(study.counts.failed > 0 && study.counts.succeeded > 0, JSON.stringify(study.counts))
  })

  test('a study whose trials all fail ends as failed with the reason', async () => {
    const pipeline = PIPELINE.replace('default: 99', 'default: -99')
    searched.write([...LOSS, 'params: {x: {}}', 'trials: 50', 'at_once: 2', 'failures: 3'], pipeline)
    const study = await searched.ended(await searched.begin())
    assert.equal(study.state, 'failed')
    assert.match(study.reason, /^\d trials failed one after the other, the last with: step "fit" failed/)
    assert.ok(study.trials.length <= 6, String(study.trials.length))
  })

  test('a trial without the objective has failed, and says what there was', async () => {
    searched.write([...LOSS, 'params: {x: {}}', 'trials: 1'])
    const text =
      PIPELINE + 'search: {objective: steps.fit.metrics.auc, direction: maximize, params: {x: {}}, trials: 1}\n'
    writeFileSync(join(searched.project, 'slipway.yaml'), text)
    const study = await searched.ended(await searched.begin())
    assert.equal(study.trials[0]?.message, 'step "fit" left no metric "auc"; it left the metrics loss')
    assert.equal(study.state, 'failed')
    assert.equal(study.reason, 'all 1 trials have ended, and none of them has succeeded')
  })

  test('an infinite objective is no value, whichever way it lies', async () => {
    const grid = ['method: grid', 'params: {x: {min: 0, max: 4, points: 5}}', 'trials: 5', 'at_once: 1']
    searched.write([...LOSS, ...grid], PIPELINE.replace('step:fit', 'step:endless'))
    const study = await searched.ended(await searched.begin())
    assert.deepEqual(
      study.trials.map(({ state, value }) => [state, value]),
      [['failed', null], ...[1, 2, 3].map((value) => ['succeeded', value]), ['failed', null]],
    )
    assert.equal(study.trials[0]?.message, 'metric "loss" of step "fit" is minus infinite, expected a number')
    assert.equal(study.trials[4]?.message, 'metric "loss" of step "fit" is infinite, expected a number')
    assert.equal(study.best?.value, 1)
  })

  test('trials that are behind are stopped by what they log, and their runs are cancelled', async () => {
    searched.write(
      [
        ...LOSS,
        'method: grid',
        'params: {x: {min: 0, max: 4, points: 8}}',
        'trials: 8',
        // the first two have shown all that they have before the next begins
        'at_once: 1',
        'stop: {rule: median, first: 2, others: 2}',
      ],
      PIPELINE.replace('step:fit', 'step:curve'),
    )
    const study = await searched.ended(await searched.begin())
    assert.equal(study.state, 'finished')
    assert.equal(study.best?.number, 0)
    const pruned = study.trials.filter(({ state }) => state === 'pruned')
    assert.equal(pruned.length, 6, JSON.stringify(study.trials))
    for (const { pruned_at, message, run, value } of pruned) {
      assert.match(message, /^at step \d+ its best was behind the median of \d+ others$/)
      assert.ok((pruned_at ?? 0) >= 2 && value !== null)
      const { outcome } = await searched
        .server()
        .client.call(pipelinesApi.getPipelineRun, { params: { id: run ?? '' } })
      assert.equal(outcome, 'cancelled')
    }
  })

  test('a study that is stopped cancels its trials; resumed it tries the same points', async () => {
    searched.write([...LOSS, 'params: {x: {}}', 'trials: 4', 'at_once: 2'], PIPELINE.replace('step:fit', 'step:slow'))
    const id = await searched.begin()
    await searched.until(id, ({ counts }) => counts.running === 2)
    const { out, code, said } = await searched.slipway('search', 'stop', id)
    assert.equal(code, 0, said)
    assert.match(out, /stopped: stopped by /)
    const stopped = await searched.read(id)
    assert.deepEqual([stopped.state, stopped.counts.cancelled, stopped.trials.length], ['stopped', 2, 2])
    await searched.server().client.call(studiesApi.resumeStudy, { params: { id }, body: {} })
    const resumed = await searched.until(id, ({ counts }) => counts.running === 2)
    assert.deepEqual(
      resumed.trials.map(({ params }) => params),
      stopped.trials.map(({ params }) => params),
    )
    await assert.rejects(
      searched.server().client.call(studiesApi.resumeStudy, { params: { id }, body: {} }),
      /has not ended; it can be resumed when it has/,
    )
    await searched.server().client.call(studiesApi.stopStudy, { params: { id } })
    await searched.ended(id)
    assert.equal((await searched.runsOf(id)).length, 4)
  })

  test('time that is over ends a study, and cancels what is under way', async () => {
    searched.write(
      [...LOSS, 'params: {x: {}}', 'trials: 4', 'at_once: 1', 'time: 20s'],
      PIPELINE.replace('step:fit', 'step:slow'),
    )
    const study = await searched.ended(await searched.begin())
    assert.equal(study.reason, 'its time of 20 s is over, and none of them has succeeded')
    assert.deepEqual([study.state, study.counts.cancelled, study.trials.length], ['failed', 1, 1])
  })

  test('the winner runs once more with the params of the hold-out', async () => {
    searched.write([
      ...LOSS,
      'method: grid',
      'params: {x: {min: 0, max: 4, points: 3}}',
      'trials: 3',
      'holdout: {split: test}',
    ])
    const { out, code, said } = await searched.slipway('search', 'start', searched.project)
    assert.equal(code, 0, said)
    assert.match(out, /^On the hold-out: 1004 \(run pr_study_\w+_winner_0, succeeded\)$/m)
  })

  test('the example of the guide runs: the winner is better than the defaults, on the hold-out too', async () => {
    const example = join(import.meta.dirname, '../../examples/search')
    const { out, code, said } = await searched.slipway('search', example, '--trials', '14', '--json')
    assert.equal(code, 0, said)
    const study = JSON.parse(out) as Study
    assert.deepEqual([study.state, study.counts.succeeded], ['finished', 14])
    const version = study.pipeline_version
    const losses = await Promise.all(
      ['validation', 'test'].map(async (split) => {
        const body = { pipeline_version: version, set: { split } }
        const { id } = await searched.server().client.call(pipelinesApi.createPipelineRun, { body })
        const run = await endedRun(searched.server(), id)
        return run.steps.find(({ name }) => name === 'smooth')?.metrics['mse'] ?? 0
      }),
    )
    assert.ok((study.best?.value ?? 9) < (losses[0] ?? 0), JSON.stringify([study.best, losses]))
    assert.ok((study.winner?.value ?? 9) < (losses[1] ?? 0), JSON.stringify([study.winner, losses]))
    assert.equal(study.winner?.on_holdout, true)
  })

  for (const [limit, verdict] of [
    [0.5, 'accepted'],
    [-1, 'refused'],
  ] as const)
    test(`the winner is a candidate like any other, and its gates say that it is ${verdict}`, async () => {
      const model = `model: {name: best-of-${verdict}, from: fit.model, gates: [{metric: loss, at_most: ${limit}}]}\n`
      const step = PIPELINE.replace('step:fit', 'step:trained').trimEnd()
      const search = ['method: grid', 'params: {x: {min: 1, max: 3, points: 3}, n: {min: 3, max: 3}}', 'trials: 3']
      searched.write([...LOSS, ...search], `${step}\n      outputs: [model]\n${model}`)
      const { out, code, said } = await searched.slipway('search', searched.project)
      assert.equal(code, 0, said)
      assert.match(out, new RegExp(`^best-of-${verdict} version 1 was ${verdict}: `, 'm'))
      const versions = await searched
        .server()
        .client.call(registryApi.listVersions, { params: { name: `best-of-${verdict}` }, query: {} })
      assert.equal(versions.items.length, 1, 'trials are not registered')
    })

  test('a token of another project sees no study, and one that may only look starts none', async () => {
    const { client, url } = searched.server()
    const id = (await client.call(studiesApi.listStudies, { query: {} })).items[0]?.id ?? ''
    const tokenOf = async (body: { name: string; role: 'viewer' | 'contributor'; project?: string }) =>
      createClient({ url, token: (await client.call(authApi.createToken, { body })).token })
    const other = await tokenOf({ name: 'other', role: 'contributor', project: 'elsewhere' })
    assert.deepEqual((await other.call(studiesApi.listStudies, { query: {} })).items, [])
    for (const call of [studiesApi.getStudy, studiesApi.stopStudy] as const)
      await assert.rejects(other.call(call, { params: { id } }), new RegExp(`study "${id}" does not exist`))
    await assert.rejects(other.call(studiesApi.resumeStudy, { params: { id }, body: {} }), new RegExp(id))
    await assert.rejects(other.call(studiesApi.createStudy, { body: { project: 'searched' } }), /project/)
    const viewer = await tokenOf({ name: 'viewer', role: 'viewer' })
    assert.equal((await viewer.call(studiesApi.getStudy, { params: { id } })).id, id)
    await assert.rejects(viewer.call(studiesApi.createStudy, { body: { project: 'searched' } }), /viewer/)
    await assert.rejects(viewer.call(studiesApi.stopStudy, { params: { id } }), /viewer/)
  })

  test('bad questions are refused by name', async () => {
    writeFileSync(join(searched.project, 'slipway.yaml'), PIPELINE)
    const version = await submitProject(searched.server().client, searched.project)
    await assert.rejects(
      searched.server().client.call(studiesApi.createStudy, { body: { pipeline_version: version.id } }),
      /pipeline version \w+ has no search: expected a section "search" in its project file/,
    )
    searched.write([...LOSS, 'params: {x: {}}'])
    const known = await submitProject(searched.server().client, searched.project)
    await assert.rejects(
      searched.server().client.call(studiesApi.createStudy, { body: { pipeline_version: known.id, method: 'grid' } }),
      /another method than "grid": a float of its space says no "points"/,
    )
    await assert.rejects(searched.server().client.call(studiesApi.createStudy, { body: {} }), /a version, or "project"/)
    await assert.rejects(searched.read('study_none'), /study_none/)
    const { code, said } = await searched.slipway('search', searched.project, '--method', 'anneal')
    assert.equal(code, 2)
    assert.match(said, /--method is "anneal"; expected one of gp, tpe, random, grid/)
  })
})
