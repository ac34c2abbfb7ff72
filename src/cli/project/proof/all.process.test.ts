/** `slipway reproduce --all`: every model of an alias, what is said of each, and how the command ends. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { problem } from '../../../contract/errors.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { reproductionsApi, type Reproducible } from '../../../contract/pipelines/reproductions.ts'
import { pipelineRun } from '../../answers.fixture.ts'
import { startRecorded } from '../../recorded-server.fixture.ts'
import type { RecordedServer } from '../../recorded-server.fixture.ts'
import type { Said } from '../../run-command.fixture.ts'
import { usage } from '../../run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

const model = (name: string, changed: Partial<Reproducible> = {}): Reproducible => ({
  model: name,
  version: '3',
  run: `pr_${name}`,
  grade: null,
  verdict: 'ready',
  rot: [],
  last: null,
  ...changed,
})
const ROTTEN = model('rotten', {
  verdict: 'rot',
  rot: [{ kind: 'source', what: 'what source "rows" gave (sha256:a)' }],
})
const FOREIGN = model('foreign', {
  run: null,
  verdict: 'rot',
  rot: [{ kind: 'lineage', what: 'no pipeline run made it' }],
})
const graded = (grade: 'A' | 'B' | 'C' | 'D' | null, detail: string) => ({
  of_run: 'pr_0',
  grade,
  detail,
  first_divergent_step: grade === 'C' ? 'train' : null,
  missing: [],
  tolerance: 1e-9,
  steps: [],
})

describe('slipway reproduce --all --dry-run', () => {
  const all = (...flags: string[]): Promise<Said> => server.slipway('reproduce', '--all', '--dry-run', ...flags)

  it('reads all pages, says of each model one verdict, and ends with 1 where one has rotted', async () => {
    server.answer(
      reproductionsApi.listReproducible,
      { items: [model('good')], next_page_token: 'good' },
      { items: [FOREIGN, ROTTEN] },
    )
    server.answer(pipelinesApi.reproducePipelineRun, problem('conflict', { detail: 'nothing is to be run' }))
    const { code, lines, data } = await all()
    assert.deepEqual(
      [code, lines],
      [
        1,
        [
          'good@3: can be reproduced',
          'foreign@3: rot\n  lineage: no pipeline run made it',
          'rotten@3: rot\n  source: what source "rows" gave (sha256:a)',
        ],
      ],
    )
    const nothing = { reproduced_by: null, reproduction: null, failed: null }
    const items = [model('good'), FOREIGN, ROTTEN].map((one) => ({ ...one, ...nothing }))
    assert.deepEqual(data, [{ alias: 'production', items }])
    assert.deepEqual(
      server.asked(reproductionsApi.listReproducible).map(({ query }) => query),
      [
        { alias: 'production', limit: '20' },
        { alias: 'production', limit: '20', page_token: 'good' },
      ],
    )
    assert.deepEqual(server.asked(pipelinesApi.reproducePipelineRun), [])
  })

  it('ends with 0 where all can be reproduced, of the alias that is named', async () => {
    server.answer(reproductionsApi.listReproducible, { items: [model('good')] })
    const { code, lines } = await all('--alias', 'shadow')
    assert.deepEqual([code, lines], [0, ['good@3: can be reproduced']])
    assert.deepEqual(server.asked(reproductionsApi.listReproducible)[0]?.query, { alias: 'shadow', limit: '20' })
  })

  it('ends with 1 where no model has the alias: a name that is mistyped proves nothing', async () => {
    server.answer(reproductionsApi.listReproducible, { items: [] })
    const { code, lines } = await all('--alias', 'prodcution')
    assert.deepEqual([code, lines], [1, ['no model has a version with the alias prodcution: nothing was looked at']])
  })

  it('refuses a model beside --all, an alias without it, and an empty one', async () => {
    await assert.rejects(server.slipway('reproduce', 'iris', '--all'), usage(/"iris" is one: leave out one of the two/))
    await assert.rejects(server.slipway('reproduce', 'iris', '--alias', 'x'), usage(/--alias goes with --all/))
    await assert.rejects(all('--alias', ''), usage(/--alias got "", expected the name of an alias/))
  })
})

describe('slipway reproduce --all --schedule', () => {
  const schedule = { cron: '0 3 * * 0', timezone: 'Europe/Berlin', alias: 'shadow' }
  const next_at = '2026-05-03T01:00:00.000Z'

  it('sets the schedule of the server, says when it is next due, and runs nothing', async () => {
    server.answer(reproductionsApi.setSchedule, { schedule: { ...schedule, next_at, last_at: null } })
    server.answer(reproductionsApi.listReproducible, { items: [] })
    const flags = ['--alias', 'shadow', '--timezone', 'Europe/Berlin']
    const { code, lines } = await server.slipway('reproduce', '--all', '--schedule', '0 3 * * 0', ...flags)
    assert.deepEqual(
      [code, lines],
      [0, [`all models in shadow are made again by 0 3 * * 0 (Europe/Berlin), next ${next_at}`]],
    )
    assert.deepEqual(server.asked(reproductionsApi.setSchedule)[0]?.body, schedule)
    assert.deepEqual(server.asked(reproductionsApi.listReproducible), [])
  })

  it('takes it away', async () => {
    server.answer(reproductionsApi.removeSchedule, {})
    const { code, lines } = await server.slipway('reproduce', '--all', '--schedule', 'none')
    assert.deepEqual([code, lines], [0, ['nothing is made again by itself any more']])
    assert.equal(server.asked(reproductionsApi.removeSchedule).length, 1)
  })

  it('goes with --all alone, and a time zone with a schedule', async () => {
    const all = (...flags: string[]): Promise<Said> => server.slipway('reproduce', ...flags)
    await assert.rejects(all('iris', '--schedule', 'none'), usage(/--schedule goes with --all/))
    await assert.rejects(all('--all', '--dry-run', '--schedule', 'none'), usage(/--dry-run and --schedule/))
    await assert.rejects(all('--all', '--timezone', 'UTC'), usage(/--timezone goes with --schedule/))
  })
})

describe('slipway reproduce --all', () => {
  it('runs one after the other, but none without lineage; what is refused holds up no other', async () => {
    server.answer(reproductionsApi.listReproducible, {
      items: [model('same'), FOREIGN, ROTTEN, model('other'), model('refused')],
    })
    const order: string[] = []
    server.answer(pipelinesApi.reproducePipelineRun, ({ params: [id = ''] }) => {
      order.push(`start ${id}`)
      if (id === 'pr_refused') return problem('conflict', { detail: 'run pr_refused has not ended' })
      if (id === 'pr_rotten') return { run: null, reproduction: graded('D', 'it cannot be run again: rows') }
      return { run: pipelineRun({ id: `again_${id}`, finished_at: null }), reproduction: graded(null, 'It runs.') }
    })
    server.answer(pipelinesApi.getPipelineRun, ({ params: [id = ''] }) => {
      order.push(`end ${id}`)
      const reproduction = id === 'again_pr_same' ? graded('A', 'the same bytes') : graded('C', 'it diverged')
      return pipelineRun({ id, reproduction })
    })
    const { code, lines, data } = await server.slipway('reproduce', '--all')
    assert.equal(code, 1)
    assert.deepEqual(order, [
      'start pr_same',
      'end again_pr_same',
      'start pr_rotten',
      'start pr_other',
      'end again_pr_other',
      'start pr_refused',
    ])
    assert.deepEqual(
      lines.filter((line) => /@3: (?!run )/.test(line)),
      [
        'same@3: grade A: the same bytes',
        'foreign@3: rot\n  lineage: no pipeline run made it',
        'rotten@3: grade D: it cannot be run again: rows',
        'other@3: grade C: it diverged',
        'refused@3: not run again: run pr_refused has not ended',
      ],
    )
    const { items } = data[0] as { items: { reproduced_by: string | null; failed: string | null }[] }
    assert.deepEqual(
      items.map((one) => one.reproduced_by),
      ['again_pr_same', null, null, 'again_pr_other', null],
    )
    assert.equal(items[4]?.failed, 'run pr_refused has not ended')
  })

  it('ends with 0 where every grade is A or B, whatever had rotted', async () => {
    server.answer(reproductionsApi.listReproducible, { items: [ROTTEN] })
    server.answer(pipelinesApi.reproducePipelineRun, { run: pipelineRun(), reproduction: graded(null, 'It runs.') })
    server.answer(pipelinesApi.getPipelineRun, pipelineRun({ reproduction: graded('B', 'equal') }))
    assert.equal((await server.slipway('reproduce', '--all')).code, 0)
  })
})
