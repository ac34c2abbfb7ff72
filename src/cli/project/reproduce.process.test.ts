/** What is asked of runs that are over: why a step ran, its log, and whether a version can be made again. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { z } from 'zod'
import { problem } from '../../contract/errors.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import type { Reproduction } from '../../contract/runs/reproduction.ts'
import { registryApi } from '../../contract/registry.ts'
import type { Reply } from '../../contract/route.ts'
import { AT, pipelineRun, step, version } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import type { Said } from '../run-command.fixture.ts'
import { usage } from '../run-command.fixture.ts'

let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => server.close())

type Graded = z.output<typeof Reproduction>

function reproduction(changed: Partial<Graded> = {}): Graded {
  return {
    of_run: 'run_0',
    grade: null,
    detail: 'It runs.',
    first_divergent_step: null,
    missing: [],
    tolerance: 1e-9,
    steps: [],
    ...changed,
  }
}

describe('slipway reproduce', () => {
  function model(aliases: Record<string, string>, latest_version: string | null): void {
    const made = { name: 'iris-model', description: '', created_at: AT, tags: {}, versions: 3 }
    server.answer(registryApi.getModel, { ...made, aliases, latest_version })
  }

  async function asked(wanted: string): Promise<string | undefined> {
    server.answer(registryApi.getVersion, version({ pipeline_run_id: 'run_0' }))
    server.answer(pipelinesApi.reproducePipelineRun, { run: null, reproduction: reproduction() })
    await server.slipway('reproduce', wanted, '--dry-run')
    return server.asked(registryApi.getVersion)[0]?.params[1]
  }

  it('takes the version that is named, by number or alias, else that in production, else the newest', async () => {
    model({ production: '2', blue: '1' }, '3')
    assert.deepEqual(
      [await asked('iris-model'), await asked('iris-model@blue'), await asked('iris-model@7')],
      ['2', '1', '7'],
    )
    assert.deepEqual(server.asked(pipelinesApi.reproducePipelineRun)[0]?.params, ['run_0'])
    model({ blue: '1' }, '3')
    assert.equal(await asked('iris-model'), '3')
  })

  it('refuses a model without versions, and a version that no pipeline made', async () => {
    model({}, null)
    await assert.rejects(asked('iris-model'), usage(/^model iris-model has no version yet$/))
    model({}, '3')
    server.answer(registryApi.getVersion, version())
    await assert.rejects(server.slipway('reproduce', 'iris-model'), usage(/version 3 was not made by a pipeline run/))
    await assert.rejects(server.slipway('reproduce'), usage(/reproduce needs a model/))
  })

  /** Reproduces to this end. */
  async function ended(end: Graded): Promise<Said> {
    model({}, '3')
    server.answer(registryApi.getVersion, version({ pipeline_run_id: 'run_0' }))
    server.answer(pipelinesApi.reproducePipelineRun, { run: pipelineRun(), reproduction: reproduction() })
    server.answer(pipelinesApi.getPipelineRun, pipelineRun({ reproduction: end }))
    return server.slipway('reproduce', 'iris-model')
  }

  for (const [grade, code] of [
    ['A', 0],
    ['B', 0],
    ['C', 1],
    ['D', 1],
  ] as const)
    it(`ends with ${code} for grade ${grade}`, async () => {
      const steps = [{ step: 'train', outputs: 'identical' as const, metrics: [] }]
      const said = await ended(
        reproduction({ grade, detail: 'Told.', steps, missing: grade === 'D' ? ['raw.csv'] : [] }),
      )
      assert.equal(said.code, code)
      assert.deepEqual(said.lines.slice(2), [
        '  train: outputs identical',
        ...(grade === 'D' ? ['  missing: raw.csv'] : []),
        `grade ${grade}: Told.`,
      ])
      assert.deepEqual(server.asked(pipelinesApi.reproducePipelineRun)[0]?.body, { dry_run: false })
    })

  it('says in a dry run what is missing, and starts nothing', async () => {
    model({}, '3')
    server.answer(registryApi.getVersion, version({ pipeline_run_id: 'run_0' }))
    const checked = (missing: string[]): void =>
      server.answer(pipelinesApi.reproducePipelineRun, {
        run: null,
        reproduction: reproduction({ detail: 'Checked.', missing }),
      })
    checked([])
    assert.deepEqual((await server.slipway('reproduce', 'iris-model', '--dry-run')).lines, ['Checked.'])
    checked(['raw.csv'])
    const { code, lines, data } = await server.slipway('reproduce', 'iris-model', '--dry-run')
    assert.deepEqual([code, lines], [1, ['  missing: raw.csv', 'Checked.']])
    assert.deepEqual((data[0] as { run: unknown }).run, null)
    assert.deepEqual(server.asked(pipelinesApi.reproducePipelineRun)[0]?.body, { dry_run: true })
  })
})

describe('slipway explain', () => {
  type Explained = Reply<typeof pipelinesApi.explainStep>
  const explained = (name: string, changed: Partial<Explained> = {}): Explained => ({
    step: name,
    key: 'k',
    hit: true,
    reason: 'nothing changed',
    changes: [],
    from_run: 'run_0',
    components: { code: 'abc', 'params.rows': '5' },
    files: [],
    left_out: ['.git', '/notes/'],
    compared_with: null,
    reads: [],
    warnings: [],
    ...changed,
  })
  const changes = [
    { component: 'params', what: 'params.rows', before: '4', after: '5' },
    { component: 'code', what: 'code a.py', before: null, after: 'def' },
    { component: 'code', what: 'code b.py', before: 'abc', after: null },
  ]

  it('tells of each step that was looked for in the cache what differs', async () => {
    const cache = { key: 'k', hit: true, reason: '', changes: [], from_run: null }
    const steps = [step({ name: 'load', cache }), step({ name: 'wait' }), step({ name: 'fit', cache })]
    server.answer(pipelinesApi.getPipelineRun, pipelineRun({ steps }))
    const reads = [{ kind: 'network' as const, name: 'db:5432', digest: null }]
    const missed = explained('fit', { hit: false, reason: 'rows differ', changes, reads, warnings: ['x'] })
    server.answer(pipelinesApi.explainStep, ({ params }) => (params[1] === 'fit' ? missed : explained(params[1] ?? '')))
    const { lines } = await server.slipway('explain', 'run_1')
    assert.deepEqual(lines, [
      'load: hit: nothing changed',
      'fit: miss: rows differ',
      '  params.rows: 4 -> 5',
      '  code a.py: nothing -> def',
      '  code b.py: abc -> nothing',
      '  warning: it read network db:5432, which its cache key does not hold',
      '  note: x',
    ])
    assert.deepEqual(
      new Set(server.asked(pipelinesApi.explainStep).map(({ params }) => params[1])),
      new Set(['fit', 'load']),
    )
  })

  it('tells of one step every component of its key', async () => {
    server.answer(pipelinesApi.getPipelineRun, pipelineRun())
    server.answer(pipelinesApi.explainStep, explained('train'))
    const { lines } = await server.slipway('explain', 'run_1', 'train')
    assert.deepEqual(lines, [
      'train: hit: nothing changed',
      '  code = abc',
      '  params.rows = 5',
      '  left out = .git, /notes/',
    ])
    server.answer(pipelinesApi.explainStep, explained('train', { reads: null }))
    const unwatched = await server.slipway('explain', 'run_1', 'train')
    assert.ok(unwatched.lines.includes('  nobody watched what it read'))
    await assert.rejects(server.slipway('explain'), usage(/explain needs a run/))
  })
})

describe('slipway logs', () => {
  it('prints the log so far as it is', async () => {
    server.answer(pipelinesApi.readLogs, 'one\n  two ü\n')
    const { lines, data, code } = await server.slipway('logs', 'run_1', 'train')
    assert.deepEqual([code, lines], [0, ['one\n  two ü']], 'a line has one line break')
    assert.deepEqual(data, [{ run: 'run_1', step: 'train', log: 'one\n  two ü\n' }])
    assert.deepEqual(server.asked(pipelinesApi.readLogs)[0]?.params, ['run_1', 'train'])
    for (const [log, printed] of [
      ['', []],
      ['one', ['one']],
      ['one\n\n', ['one\n']],
    ] as const) {
      server.answer(pipelinesApi.readLogs, log)
      assert.deepEqual((await server.slipway('logs', 'run_1', 'train')).lines, printed)
    }
    for (const words of [[], ['run_1']])
      await assert.rejects(server.slipway('logs', ...words), usage(/logs needs a run and a step/))
    server.answer(pipelinesApi.readLogs, problem('not_found', { what: 'step', id: 'x' }))
    await assert.rejects(server.slipway('logs', 'run_1', 'x'), { code: 'not_found' })
  })
})
