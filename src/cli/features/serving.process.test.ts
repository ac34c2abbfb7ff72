/** Commands that join, materialise, push and read features: what they ask of a server, and how they say its answers. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { until } from '../../../test/until.ts'
import { dataSetsApi } from '../../contract/data/sets.ts'
import { problem } from '../../contract/errors.ts'
import { featuresApi, type FeatureService, type FeatureView } from '../../contract/features/catalogue.ts'
import { featureJobsApi, type FeatureJob } from '../../contract/features/jobs.ts'
import { onlineApi } from '../../contract/features/online.ts'
import { servingApi } from '../../contract/serving.ts'
import { AT } from '../answers.fixture.ts'
import { startRecorded, type RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-features-'))
let server: RecordedServer
before(async () => {
  server = await startRecorded()
})
after(() => {
  server.close()
  rmSync(root, { recursive: true, force: true })
})

const features = (...words: readonly string[]) => server.slipway('features', ...words)

function file(name: string, text: string): string {
  writeFileSync(join(root, name), text)
  return join(root, name)
}

const DIGEST = `sha256:${'a'.repeat(64)}`
const job = (changed: Partial<FeatureJob> = {}): FeatureJob => ({
  id: 'fj_1',
  project: 'default',
  kind: 'join',
  name: 'eta',
  version: 2,
  state: 'waiting',
  reason: '',
  created_at: AT,
  created_by: 'ada',
  started_at: null,
  ended_at: null,
  sources: [],
  views: [],
  join: null,
  materialised: null,
  ...changed,
})
const ended = { started_at: AT, ended_at: '2026-05-03T10:00:04.200Z' }
const about = { description: '', owner: '', tags: {}, changed_at: AT, changed_by: 'ada' }
const view: FeatureView = {
  name: 'stats',
  version: 1,
  entities: ['driver'],
  keys: [{ name: 'driver_id', type: 'int' }],
  sources: [],
  query: null,
  push: true,
  event_time: 'at',
  created_time: null,
  ttl_ms: null,
  features: [
    { name: 'trips', type: 'int', column: 'trips', window: null },
    { name: 'rate', type: 'float', column: 'rate', window: null },
    { name: 'new', type: 'bool', column: 'new', window: null },
    { name: 'note', type: 'text', column: 'note', window: null },
  ],
  ...about,
}
const service: FeatureService = {
  name: 'eta',
  version: 2,
  views: [{ name: 'stats', view: 'stats', version: 1, keys: ['driver_id'] }],
  columns: [
    { name: 'trips', type: 'int', of: 'stats:trips' },
    { name: 'rate', type: 'float', of: 'stats:rate' },
    { name: 'half', type: 'float', of: 'on_demand:half' },
  ],
  fields: [{ name: 'share', type: 'float' }],
  on_expired: 'null',
  ...about,
}

describe('slipway features join', () => {
  const outcome = {
    rows: 3,
    columns: [
      { name: 'trips', statuses: { present: 2, not_found: 1 } },
      { name: 'rate', statuses: { present: 1, null_value: 2 } },
    ],
    data_set: { name: 'eta_training', version: 4, digest: DIGEST },
  }
  const done = job({ state: 'done', join: outcome, ...ended })

  it('sends the table, waits, counts the statuses of each column and brings the result', async () => {
    const bytes = 'PAR1 stands for a table'
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    server.answer(dataSetsApi.uploadData, { digest: DIGEST, files: 1, size: 12 })
    server.answer(featureJobsApi.joinFeatures, job())
    server.answer(
      featureJobsApi.getFeatureJob,
      job({ state: 'running' }),
      problem('unavailable', { detail: 'it restarts' }),
      done,
    )
    server.answer(dataSetsApi.listDataFiles, { items: [{ path: 'part.parquet', size: bytes.length, digest }] })
    server.answer(dataSetsApi.readDataFile, bytes)
    const trips = file('trips.csv', 'driver_id,event_timestamp\n1,2026-05-01T00:00:00Z\n')
    const target = join(root, 'training.parquet')
    const { code, lines, tables, progress, data } = await features(
      'join',
      trips,
      '--service',
      'eta',
      '--output',
      target,
    )
    assert.equal(code, 0)
    assert.deepEqual(server.asked(featureJobsApi.joinFeatures)[0]?.body, {
      service: 'eta',
      tree: DIGEST,
      include_late_data: false,
      into: 'eta_training',
    })
    assert.deepEqual(lines, ['3 rows in data set eta_training@4', `it lies in ${target}`])
    assert.deepEqual(tables, [
      {
        head: ['column', 'present', 'null_value', 'not_found'],
        rows: [
          ['trips', '2', '0', '1'],
          ['rate', '1', '2', '0'],
        ],
      },
    ])
    assert.deepEqual(progress.slice(1), ['join of eta@2: waiting', 'join of eta@2: running', 'join of eta@2: running'])
    assert.equal(readFileSync(target, 'utf8'), bytes)
    assert.partialDeepStrictEqual(data[0], { id: 'fj_1', output: target })
    await assert.rejects(
      features('join', trips, '--service', 'eta', '--output', target),
      usage(/training\.parquet is there already; write over it: --force/),
    )
  })

  it('takes a data set, a version of the service, another column of time and rows that came late', async () => {
    server.answer(featureJobsApi.joinFeatures, done)
    const words = [
      '--service',
      'eta@2',
      '--time',
      'asked',
      '--into',
      'train',
      '--include-late-data',
      '--project',
      'rides',
    ]
    assert.equal((await features('join', 'data_set:trips@3', ...words)).code, 0)
    assert.deepEqual(server.asked(featureJobsApi.joinFeatures)[0]?.body, {
      project: 'rides',
      service: 'eta',
      version: 2,
      data_set: 'trips@3',
      time: 'asked',
      include_late_data: true,
      into: 'train',
    })
  })

  it('ends with 1 and why where it failed', async () => {
    server.answer(
      featureJobsApi.joinFeatures,
      job({ state: 'failed', reason: 'the table has no column "event_timestamp"' }),
    )
    const { code, lines } = await features('join', 'data_set:trips', '--service', 'eta')
    assert.deepEqual([code, lines], [1, ['join of eta@2 failed: the table has no column "event_timestamp"']])
  })

  it('refuses what is no table before anything is asked', async () => {
    const none = ['--service', 'eta'] as const
    await assert.rejects(features('join', 'trips.csv'), usage(/needs a table of entities and a service/))
    await assert.rejects(features('join', join(root, 'no.csv'), ...none), usage(/there is no file .*no\.csv/))
    await assert.rejects(
      features('join', file('trips.txt', 'x'), ...none),
      usage(/is no table; expected .* \.csv or \.parquet/),
    )
    await assert.rejects(
      features('join', 'data_set:trips', ...none, '--output', 'training.csv'),
      usage(/--output is "training\.csv"; expected the name of a Parquet file/),
    )
  })
})

describe('slipway features materialise', () => {
  const outcome = { rows: 10, tiles: 20, without_key: 1, later: 2, until: AT }
  const done = job({ kind: 'materialise', name: 'stats', version: 1, state: 'done', materialised: outcome, ...ended })

  it('begins all views, waits for each and tells what was read', async () => {
    server.answer(featureJobsApi.materialiseFeatures, ({ params }) => ({
      ...done,
      id: `fj_${params[0]}`,
      name: params[0] ?? '',
      state: 'waiting' as const,
      materialised: null,
    }))
    server.answer(featureJobsApi.getFeatureJob, ({ params }) => ({ ...done, name: (params[0] ?? '').slice(3) }))
    const { code, tables } = await features('materialise', 'stats', 'weather@2', '--until', '2026-05-03T12:00+02:00')
    assert.equal(code, 0)
    assert.deepEqual(
      server.asked(featureJobsApi.materialiseFeatures).map(({ params, body }) => [params[0], body]),
      [
        ['stats', { until: AT }],
        ['weather', { version: 2, until: AT }],
      ],
    )
    assert.deepEqual(tables[0]?.rows, [
      ['stats@1', '10', '20', '1', '2', AT],
      ['weather@1', '10', '20', '1', '2', AT],
    ])
  })

  it('takes with --all every view that has a source; ends with 1 where one fails', async () => {
    const sourced = {
      ...view,
      name: 'weather',
      push: false,
      sources: [{ name: 'w', kind: 'file', place: '/srv/w.csv' }],
    }
    server.answer(featuresApi.listFeatures, { entities: [], views: [view, sourced], on_demand: [], services: [] })
    server.answer(featureJobsApi.materialiseFeatures, {
      ...done,
      name: 'weather',
      state: 'failed',
      reason: 'no file',
      materialised: null,
    })
    const { code, lines } = await features('materialise', '--all')
    assert.deepEqual([code, lines], [1, ['materialise of weather@1 failed: no file']])
    assert.deepEqual(
      server.asked(featureJobsApi.materialiseFeatures).map(({ params }) => params[0]),
      ['weather'],
    )
    await assert.rejects(features('materialise'), usage(/needs views or --all/))
    await assert.rejects(features('materialise', 'a', '--until', 'soon'), usage(/--until is "soon", not a time/))
  })
})

describe('slipway features push', () => {
  const written = { version: 1, written: true, reason: null }
  const pushed = () => server.asked(onlineApi.pushFeatures).map(({ body }) => (body as { rows: unknown[] }).rows)

  it('gives cells of CSV the types that the view declares; an empty cell is null', async () => {
    server.answer(featuresApi.getFeatureView, { ...view, versions: [], services: [], statistics: null })
    const old = { version: 2, written: false, reason: 'it has no feature "note"' }
    server.answer(onlineApi.pushFeatures, { rows: 2, versions: [written, old] })
    const rows = file(
      'rows.csv',
      'driver_id,at,trips,rate,new,note\n1,2026-05-03T10:00:00Z,007,1.5e2,true,0012\n2,2026-05-03,-3,,False,"a, ""b"""\n',
    )
    const { code, lines, tables } = await features('push', 'stats', rows)
    assert.deepEqual([code, lines], [0, ['pushed 2 rows into view stats']])
    assert.deepEqual(pushed(), [
      [
        { driver_id: 1, at: '2026-05-03T10:00:00Z', trips: 7, rate: 150, new: true, note: '0012' },
        { driver_id: 2, at: '2026-05-03', trips: -3, rate: null, new: false, note: 'a, "b"' },
      ],
    ])
    assert.deepEqual(tables[0]?.rows, [
      ['2', 'no', 'it has no feature "note"'],
      ['1', 'yes', ''],
    ])
  })

  it('sends lists and lines of JSON as they are, at most 10,000 rows at once', async () => {
    server.answer(onlineApi.pushFeatures, ({ body }) => ({
      rows: (body as { rows: unknown[] }).rows.length,
      versions: [written],
    }))
    const many = Array.from({ length: 10_001 }, (_, i) => ({ driver_id: i, at: AT }))
    const { lines, data } = await features('push', 'stats@1', file('rows.json', JSON.stringify(many)))
    assert.deepEqual(lines, ['pushed 10001 rows into view stats'])
    assert.deepEqual(data, [{ rows: 10_001, versions: [written] }])
    assert.deepEqual(
      pushed().map((rows) => rows.length),
      [10_000, 1],
    )
    assert.deepEqual(pushed()[1], [{ driver_id: 10_000, at: AT }])
    await features('push', 'stats', file('rows.jsonl', '{"driver_id": 1}\n\n{"driver_id": 2, "note": null}\n'))
    assert.deepEqual(pushed()[2], [{ driver_id: 1 }, { driver_id: 2, note: null }])
  })

  it('names the row and the column of what is not of its type, and sends nothing', async () => {
    server.answer(featuresApi.getFeatureView, { ...view, versions: [], services: [], statistics: null })
    server.answer(onlineApi.pushFeatures, { rows: 0, versions: [] })
    for (const [name, text, message] of [
      [
        'a.csv',
        'driver_id,at,trips\n1,t,1\n1,t,2.5\n',
        /"trips" in row 2 of .*a\.csv is "2\.5"; expected a whole number/,
      ],
      ['b.csv', 'driver_id,rate\n1,fast\n', /"rate" in row 1 of .*b\.csv is "fast"; expected a number/],
      ['c.csv', 'driver_id,new\n1,yes\n', /"new" in row 1 .* is "yes"; expected true or false/],
      ['d.csv', 'driver_id,speed\n1,2\n', /has a column "speed"; expected driver_id, at, trips, rate, new, note/],
      ['e.csv', 'driver_id,at\n1\n', /row 1 of .*e\.csv has 1 cells; expected 2/],
      ['f.csv', 'driver_id,driver_id\n1,1\n', /has the column "driver_id" twice/],
      ['g.csv', 'driver_id,at\n', /g\.csv has no rows/],
      ['a.json', '[1]', /row 1 of .*a\.json is 1; expected an object/],
      ['b.json', '[{"a": 1}', /b\.json is not valid JSON/],
      ['c.json', '{"a": 1}\n{"a": }\n', /line 2 of .*c\.json is not valid JSON/],
    ] as const)
      await assert.rejects(features('push', 'stats', file(name, text)), usage(message))
    assert.deepEqual(pushed(), [])
    await assert.rejects(features('push', 'stats'), usage(/features push needs a view and rows/))
  })

  it('says how much is in where a later batch is refused', async () => {
    server.answer(
      onlineApi.pushFeatures,
      { rows: 10_000, versions: [written] },
      problem('conflict', { detail: 'rows[0]: no key' }),
    )
    const many = Array.from({ length: 10_001 }, () => ({ driver_id: 1 }))
    await assert.rejects(features('push', 'stats', file('late.json', JSON.stringify(many))), {
      code: 'conflict',
      message:
        /rows\[0\]: no key; the first 10000 rows are pushed, and rows\[0\] of this answer is row 10001 of the file$/,
    })
  })
})

describe('slipway features read', () => {
  const reply = {
    service: { name: 'eta', version: 2 },
    views: [{ name: 'stats', view: 'stats', version: 1, stored: true, horizon: AT }],
    rows: [
      {
        features: { trips: 7, rate: null, half: 3.5 },
        missing: { rate: 'null_value' as const },
        events: { stats: { at: AT, age_ms: 65_000 } },
      },
    ],
  }

  it('shows of one entity each feature with its value, status and age', async () => {
    server.answer(featuresApi.getFeatureService, { ...service, versions: [] })
    server.answer(onlineApi.readFeatures, reply)
    const { code, tables, lines } = await features(
      'read',
      'eta@2',
      'driver_id=9007199254740993',
      'share=0.50',
      '--on-expired',
      'value',
    )
    assert.deepEqual([code, lines], [0, []])
    assert.deepEqual(server.asked(onlineApi.readFeatures)[0]?.body, {
      service: 'eta',
      version: 2,
      entities: [{ driver_id: '9007199254740993', share: 0.5 }],
      on_expired: 'value',
    })
    assert.deepEqual(tables, [
      {
        head: ['feature', 'value', 'status', 'age'],
        rows: [
          ['trips', '7', 'present', '1 min 5 s'],
          ['rate', '', 'null_value', '1 min 5 s'],
          ['half', '3.5', 'present', ''],
        ],
      },
    ])
  })

  it('reads entities of a file, and says where a view has nothing at all', async () => {
    const missing = { trips: 'not_found' as const, rate: 'not_found' as const, half: 'null_value' as const }
    const nothing = { features: { trips: null, rate: null, half: null }, missing, events: {} }
    const views = [{ name: 'stats', view: 'stats', version: 1, stored: false, horizon: null }]
    server.answer(featuresApi.getFeatureService, { ...service, versions: [] })
    server.answer(onlineApi.readFeatures, { ...reply, views, rows: [nothing, nothing] })
    const { tables, lines } = await features(
      'read',
      'eta',
      '--entities',
      file('who.csv', 'driver_id,share\n7,1\n007,\n'),
    )
    assert.deepEqual(server.asked(onlineApi.readFeatures)[0]?.body, {
      service: 'eta',
      entities: [
        { driver_id: '7', share: 1 },
        { driver_id: '007', share: null },
      ],
    })
    assert.deepEqual(tables[0]?.rows[0], ['driver_id=7 share=1', 'trips', '', 'not_found', ''])
    assert.equal(tables[0]?.rows.length, 6)
    assert.deepEqual(lines, [
      'nothing of stats@1 was ever materialised or pushed; slipway features materialise stats or push stats FILE fills it',
    ])
  })

  it('asks for definitions in vain with a token that may only read features', async () => {
    server.answer(
      featuresApi.getFeatureService,
      problem('forbidden', { verb: 'read', resource: 'artifacts', role: 'service' }),
    )
    server.answer(onlineApi.readFeatures, reply)
    const { tables } = await features('read', 'eta', 'driver_id=7')
    assert.deepEqual(tables[0]?.rows[0], ['trips', '7', 'present', ''])
  })

  it('needs a service, and entities in one way', async () => {
    for (const words of [[], ['eta'], ['eta', 'driver_id=1', '--entities', 'x.csv']])
      await assert.rejects(features('read', ...words), usage(/features read needs a service and entities/))
    await assert.rejects(features('read', 'eta', 'driver'), usage(/"driver" is no entity; expected KEY=VALUE/))
    await assert.rejects(features('read', 'eta', 'd=1', '--on-expired', 'drop'), usage(/--on-expired is "drop"/))
  })
})

describe('a job that is waited for', () => {
  it('goes on after Ctrl-C, which names how to see it and how to end it', async () => {
    server.answer(featureJobsApi.materialiseFeatures, job({ kind: 'materialise', name: 'stats', version: 1 }))
    server.answer(
      featureJobsApi.getFeatureJob,
      job({ kind: 'materialise', name: 'stats', version: 1, state: 'running' }),
    )
    const words = ['features', 'materialise', 'stats', '--data', server.data]
    const child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts'), ...words], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (part: Buffer) => (said += part.toString()))
    const closed = new Promise<number | null>((done) => child.once('close', done))
    await until('the job to be followed', () => said.includes('materialise of stats@1: running'))
    child.kill('SIGINT')
    assert.equal(await closed, 130)
    assert.match(said, /job fj_1 goes on\. See it: slipway features jobs fj_1\. End it: slipway features cancel fj_1/)
  })
})

describe('slipway features jobs', () => {
  it('has a row for each, shows one with what it read, and ends one', async () => {
    const outcome = { rows: 10, tiles: 20, without_key: 1, later: 2, until: AT }
    const first = job({ kind: 'materialise', name: 'stats', state: 'done', materialised: outcome, ...ended })
    const second = job({ id: 'fj_2', state: 'failed', reason: 'no file', ...ended })
    server.answer(featureJobsApi.listFeatureJobs, { items: [first, second, job({ id: 'fj_3' })] })
    const { tables } = await features('jobs', '--limit', '3')
    assert.deepEqual(server.asked(featureJobsApi.listFeatureJobs)[0]?.query, { limit: '3' })
    assert.deepEqual(tables[0]?.rows, [
      ['fj_1', 'materialise of stats@2', 'done', 'ada', AT, '4.2 s', `10 rows, 20 tiles, until ${AT}`],
      ['fj_2', 'join of eta@2', 'failed', 'ada', AT, '4.2 s', 'no file'],
      ['fj_3', 'join of eta@2', 'waiting', 'ada', AT, '', ''],
    ])
    const source = { name: 'stats', place: '/srv/stats.csv', digest: DIGEST, rows: 12, read_at: AT }
    server.answer(featureJobsApi.getFeatureJob, { ...first, sources: [source], views: [{ name: 'stats', version: 1 }] })
    assert.deepEqual((await features('jobs', 'fj_1')).lines, [
      `fj_1: materialise of stats@2 of project default, done; begun ${AT} by ada`,
      'reads view stats@1',
      `read stats of /srv/stats.csv at ${AT}: 12 rows, ${DIGEST}`,
      `10 rows, 20 tiles, until ${AT}`,
    ])
    server.answer(featureJobsApi.cancelFeatureJob, job({ state: 'canceled' }))
    assert.deepEqual((await features('cancel', 'fj_1')).lines, ['join of eta@2 is canceled'])
    await assert.rejects(features('cancel'), usage(/features cancel needs a job/))
  })
})

describe('slipway features serve', () => {
  it('sets the service of an endpoint or of one version of its model, and ends it', async () => {
    const eta = { service: 'eta', version: 2 }
    server.answer(servingApi.putEndpointFeatures, { all: eta, model_versions: {} })
    assert.deepEqual((await features('serve', 'eta@2', '--endpoint', 'late')).lines, [
      'late: requests bring keys, and eta@2 fills the rest',
    ])
    server.answer(servingApi.putEndpointFeatures, { all: null, model_versions: { 7: eta } })
    assert.deepEqual((await features('serve', 'eta', '--endpoint', 'late', '--model-version', '7')).lines, [
      'late: version 7 of the model takes eta@2; of all others requests bring all inputs',
    ])
    const asked = server.asked(servingApi.putEndpointFeatures)
    assert.deepEqual(
      asked.map(({ params, body }) => [params, body]),
      [[['late'], { service: 'eta', model_version: '7' }]],
    )
    server.answer(servingApi.putEndpointFeatures, { all: null, model_versions: {} })
    assert.deepEqual((await features('serve', 'none', '--endpoint', 'late')).lines, ['late: requests bring all inputs'])
    assert.deepEqual(server.asked(servingApi.putEndpointFeatures)[0]?.body, { service: null })
    await assert.rejects(features('serve', 'eta'), usage(/features serve needs a service and an endpoint/))
  })
})
