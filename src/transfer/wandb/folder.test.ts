/** Folders of wandb as a source: which runs are found, what they are called here, their rows, and what of them cannot be read. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Client } from '../../client/client.ts'
import { trackingApi } from '../../contract/tracking.ts'
import type { Row } from '../../store/db.ts'
import { wandbFolder } from './folder.ts'
import { exit, field, history, item, recordFile, runRecord, whole } from './record-file.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-wandb-folder-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** A server that has these experiments, one on a page. */
function serverWith(...experiments: readonly (readonly [id: string, name: string, project: string])[]): Client {
  const call = async (route: unknown, { query }: { query: { page_token?: string } }): Promise<unknown> => {
    assert.equal(route, trackingApi.listExperiments)
    const at = Number(query.page_token ?? 0)
    const items = experiments.slice(at, at + 1).map(([id, name, project]) => ({ id, name, project }))
    return { items, ...(at + 1 < experiments.length && { next_page_token: String(at + 1) }) }
  }
  return { call } as unknown as Client
}

let made = 0
/** A folder of runs; each by the name of its folder, with the id of its file and its records. */
function folderOf(runs: Readonly<Record<string, readonly [id: string, records: readonly Buffer[] | string]>>): string {
  const place = join(root, `w${made++}`)
  for (const [name, [id, records]] of Object.entries(runs)) {
    mkdirSync(join(place, name), { recursive: true })
    const bytes = typeof records === 'string' ? records : recordFile(records)
    writeFileSync(join(place, name, `run-${id}.wandb`), bytes)
  }
  mkdirSync(place, { recursive: true })
  return place
}

interface Read {
  readonly parts: string[]
  readonly rows: Record<string, Row[]>
  readonly notes: readonly string[]
}

async function read(place: string, client = serverWith()): Promise<Read> {
  const source = await wandbFolder(client, place, { follow: false })
  const parts: string[] = []
  const rows: Record<string, Row[]> = {}
  for await (const part of source.parts()) {
    parts.push(part.name)
    for await (const [table, some] of part.rows()) (rows[table] ??= []).push(...some)
  }
  return { parts, rows, notes: source.notes ?? [] }
}

const NAMED = { 1: 'abc', 2: 'team', 3: 'flights', 8: 'first try' }
const step = (number: number, time: string, ...items: readonly Buffer[]): Buffer =>
  history(item('_step', String(number)), item('_timestamp', time), ...items)
const column = (rows: readonly Row[] | undefined, name: string): unknown[] => (rows ?? []).map((row) => row[name])

describe('a folder of wandb', () => {
  const names = ['run-20260503_101500-abc', 'offline-run-20260503_101600-def']
  const runs = Object.fromEntries(names.map((name, i) => [name, [`id${i}`, [runRecord({ 1: `id${i}` })]] as const]))

  it('is one of runs, one above it, or a run itself', async () => {
    const above = join(root, 'above')
    const place = folderOf(Object.fromEntries(Object.entries(runs).map(([name, run]) => [`wandb/${name}`, run])))
    const found = async (where: string): Promise<unknown[]> => column((await read(where)).rows['run_tags'], 'value')
    const ids = async (where: string): Promise<unknown[]> =>
      (await found(where))
        .map(String)
        .filter((value) => /^id\d$/.test(value))
        .toSorted()
    // each id is the name of its run too
    assert.deepEqual(await ids(place), ['id0', 'id0', 'id1', 'id1'])
    assert.deepEqual(await ids(join(place, 'wandb')), ['id0', 'id0', 'id1', 'id1'])
    assert.deepEqual(await ids(join(place, 'wandb', names[0] ?? '')), ['id0', 'id0'])
    mkdirSync(join(above, 'other'), { recursive: true })
    await assert.rejects(read(above), { code: 'unprocessable', message: /holds no runs of wandb/ })
    await assert.rejects(read(join(root, 'nowhere')), { code: 'not_found', message: /nowhere" does not exist/ })
  })

  it('has other folders beside runs, which are left alone', async () => {
    const place = folderOf({
      ...runs,
      'run-notes': ['x', [runRecord({ 1: 'x' })]],
      latest: ['y', [runRecord({ 1: 'y' })]],
    })
    mkdirSync(join(place, 'run-20260503_101700-empty'))
    assert.equal((await read(place)).rows['runs']?.length, 2)
  })

  it('gives a run the same id wherever it lies, and one of its own in each project', async () => {
    const record = [runRecord(NAMED)]
    const [first, again] = [
      folderOf({ 'run-20260503_101500-a': ['abc', record] }),
      folderOf({ 'run-20260504_101500-b': ['abc', record] }),
    ]
    const [here] = column((await read(first)).rows['runs'], 'run_id')
    assert.equal(here, createHash('sha256').update('["team","flights","abc"]').digest('hex').slice(0, 32))
    assert.deepEqual(column((await read(again)).rows['runs'], 'run_id'), [here])
    const other = folderOf({
      'run-20260503_101500-a': ['abc', record],
      'run-20260503_101600-b': ['abc', [runRecord({ ...NAMED, 3: 'trains' })]],
    })
    const ids = column((await read(other)).rows['runs'], 'run_id')
    assert.deepEqual([ids.length, new Set(ids).size, ids.includes(here)], [2, 2, true])
  })

  it('goes to the experiment of its project, which is made where there is none', async () => {
    const place = folderOf({
      'run-20260503_101500-a': ['a', [runRecord({ ...NAMED, 1: 'a' }, field(17, whole(1, 1_700_000_000)))]],
      'run-20260503_101600-b': ['b', [runRecord({ ...NAMED, 1: 'b' })]],
      'run-20260503_101700-c': ['c', [runRecord({ 1: 'c' })]],
    })
    const known = await read(
      place,
      serverWith(['1', 'flights', 'other'], ['2', 'x', 'default'], ['77', 'flights', 'default']),
    )
    assert.deepEqual(column(known.rows['experiments'], 'name'), ['uncategorized'])
    assert.deepEqual(column(known.rows['runs'], 'experiment_id').slice(0, 2), ['77', '77'])
    const fresh = await read(place)
    assert.deepEqual(column(fresh.rows['experiments'], 'name'), ['flights', 'uncategorized'])
    assert.equal(fresh.rows['experiments']?.[0]?.['creation_time'], 1_700_000_000_000)
    const [flights, none] = column(fresh.rows['experiments'], 'experiment_id')
    for (const id of [flights, none]) assert.match(String(id), /^[1-9]\d{17}$/)
    assert.notEqual(flights, none)
    assert.deepEqual(column(fresh.rows['runs'], 'experiment_id'), [flights, flights, none])
    assert.deepEqual(
      fresh.parts.map((name) => name.split(' ')[0]),
      ['experiment', 'run', 'run', 'experiment', 'run'],
    )
  })

  it('tells what cannot be read, and brings the rest', async () => {
    const place = folderOf({
      'run-20260503_101500-bad': ['bad', 'not a record file'],
      'run-20260503_101600-good': ['good', [runRecord({ 1: 'good' }), field(2, item('loss', '{')), exit(0, 1)]],
    })
    const { rows, notes } = await read(place)
    assert.deepEqual(column(rows['runs'], 'run_name'), ['good'])
    assert.match(notes[0] ?? '', /^run-20260503_101500-bad left out: .* is not a record file of the wandb SDK/)
    assert.match(notes[1] ?? '', /run-good\.wandb: a record of \d+ bytes is not understood$/)
    assert.equal(notes.length, 2)
  })
})

describe('a run of wandb', () => {
  const records = [
    runRecord(
      NAMED,
      field(10, 'one'),
      field(4, item('lr', '0.1'), item('_wandb', '{"v": 1}'), item('deep', '{"a": true, "b": null}')),
    ),
    step(0, '1700000000.5', item('loss', '3'), item('odd key!', '1')),
    step(1, '1700000001.5', item('loss', '2'), item('note', '"hi"')),
    field(3, item('loss', '2'), item('best', '1.5'), item('done', '"yes"'), item('_runtime', '9')),
    exit(0, 60),
  ]
  const place = folderOf({ 'run-20260503_101500-abc': ['abc', records] })

  it('has its times, its state and who it is', async () => {
    const { rows, notes } = await read(place)
    const [run] = rows['runs'] ?? []
    const { run_name, status, start_time, end_time, lifecycle_stage, artifact_uri, run_id, experiment_id } = run ?? {}
    assert.deepEqual(
      [run_name, status, start_time, end_time, lifecycle_stage],
      ['first try', 'FINISHED', 1_700_000_000_500, 1_700_000_060_500, 'active'],
    )
    assert.equal(artifact_uri, `mlflow-artifacts:/${String(experiment_id)}/${String(run_id)}/artifacts`)
    assert.deepEqual(notes, ['run abc: "odd key!" is called "odd key_" here, since MLflow allows no such name'])
  })

  it('has params in the words of Python, without those of wandb itself', async () => {
    const { rows } = await read(place)
    const params = (rows['run_params'] ?? []).map(({ key, value }) => [key, value])
    assert.deepEqual(params, [
      ['lr', '0.1'],
      ['deep.a', 'True'],
      ['deep.b', 'None'],
    ])
  })

  it('has a point for each number, and for what only the summary says', async () => {
    const { rows } = await read(place)
    const points = (rows['metric_points'] ?? []).map(({ key, step: at, timestamp, value }) => [
      key,
      at,
      timestamp,
      value,
    ])
    assert.deepEqual(points, [
      ['loss', 0, 1_700_000_000_500, 3],
      ['odd key_', 0, 1_700_000_000_500, 1],
      ['loss', 1, 1_700_000_001_500, 2],
      ['best', 1, 1_700_000_060_500, 1.5],
    ])
    const latest = (rows['latest_metrics'] ?? []).map(({ key, value, first_value }) => [key, value, first_value])
    assert.deepEqual(latest, [
      ['loss', 2, 3],
      ['odd key_', 1, 1],
      ['best', 1.5, 1.5],
    ])
  })

  it('has tags of where it comes from, and texts of its summary', async () => {
    const { rows } = await read(place)
    const tags = Object.fromEntries((rows['run_tags'] ?? []).map(({ key, value }) => [key, value]))
    assert.deepEqual(tags, {
      'mlflow.runName': 'first try',
      'wandb.id': 'abc',
      'wandb.entity': 'team',
      'wandb.project': 'flights',
      'wandb.exit': '0',
      'wandb.tag.one': 'true',
      'wandb.summary.done': 'yes',
    })
  })

  it('that failed, or whose record ends before it did, is failed', async () => {
    const ended = async (...last: readonly Buffer[]): Promise<unknown[]> => {
      const other = folderOf({ 'run-20260503_101500-abc': ['abc', [runRecord(NAMED), ...last]] })
      const { rows, notes } = await read(other)
      const exits = (rows['run_tags'] ?? []).filter(({ key }) => key === 'wandb.exit')
      return [rows['runs']?.[0]?.['status'], exits[0]?.['value'], notes.length]
    }
    assert.deepEqual(await ended(exit(1, 5)), ['FAILED', '1', 0])
    assert.deepEqual(await ended(), ['FAILED', 'none: the record ends before the run did', 1])
  })

  for (const [first, second] of [
    ['run-20260503_101500-abc', 'run-20260503_111500-abc'],
    ['run-20260503_101500-abc', 'offline-run-20260503_111500-abc'],
    ['offline-run-20260503_101500-abc', 'run-20260503_111500-abc'],
    ['wandb/run-20260503_101500-abc', 'run-20260503_111500-abc'],
  ] as const)
    it(`that was begun in ${first} and resumed in ${second} is one, whose later part comes last`, async () => {
      const start = field(17, whole(1, 1_700_000_000))
      const parts = folderOf({
        [second]: [
          'abc',
          [runRecord({ ...NAMED, 8: 'second try' }, start), step(2, '1700000100', item('loss', '1')), exit(0, 100)],
        ],
        'run-20260503_101500-abc': [
          'abc',
          [runRecord(NAMED, start), step(0, '1700000001', item('loss', '3')), exit(1, 1)],
        ],
      })
      const { rows } = await read(parts)
      assert.deepEqual(column(rows['runs'], 'run_name'), ['second try'])
      assert.deepEqual(column(rows['runs'], 'status'), ['FINISHED'])
      assert.deepEqual(
        [column(rows['metric_points'], 'step'), column(rows['metric_points'], 'value')],
        [
          [0, 2],
          [3, 1],
        ],
      )
    })
})
