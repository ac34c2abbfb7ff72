/** Commands about definitions of features, against a server: what is applied, listed, shown and compared, and how faults are told. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startTestApp } from '../../../test/app.ts'
import type { App } from '../../options.ts'
import { runCommand, usage, type Said } from '../run-command.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-features-'))
const folder = mkdtempSync(join(root, 'project-'))
const data = join(root, 'data')
let app: App

const FILE = `project: rides
sources:
  stats: {file: /srv/stats.parquet, table: parquet}
features:
  entities:
    driver: {keys: {driver_id: int}, description: who drives}
  views:
    stats:
      entities: [driver]
      source: stats
      event_time: at
      created_time: known
      ttl: 2d
      features: {trips: int, rate: {type: float, column: acceptance}}
      windows: {trips_1d: {take: sum, of: trips, over: 1d}}
      owner: ana
  on_demand:
    half: {inputs: {trips: "stats:trips", share: "request:share"}, sql: trips * share, type: float}
  services:
    eta: {features: ["stats:trips", "stats:trips_1d", "on_demand:half"]}
    stats: {features: [stats]}
`

const write = (text: string): void => writeFileSync(join(folder, 'slipway.yaml'), text)
const features = (...words: readonly string[]): Promise<Said> => runCommand(data, 'features', ...words)
const ofRides = (...words: readonly string[]): Promise<Said> => features(...words, '--project', 'rides')

before(async () => {
  app = await startTestApp({ dataDir: data })
  writeFileSync(join(data, 'server.json'), JSON.stringify({ url: app.url, token_file: app.tokenFile }))
})
after(async () => {
  await app.stop()
  rmSync(root, { recursive: true, force: true })
})

test('a dry run tells what would be added and adds nothing; applying it does; the same once more changes nothing', async () => {
  write(FILE)
  const added = [
    'added      entity driver@1',
    'added      view stats@1',
    'added      on-demand feature half@1',
    'added      service eta@1',
    'added      service stats@1',
  ]
  const dry = await features('apply', folder, '--dry-run')
  assert.deepEqual([dry.code, dry.lines], [0, [...added, 'project rides: 5 added; a dry run, so nothing was applied']])
  assert.deepEqual((await ofRides()).lines, [
    'there are no features in project rides; slipway features apply brings those of a project file',
  ])
  const applied = await features('apply', folder)
  assert.deepEqual([applied.code, applied.lines], [0, [...added, 'project rides: 5 added']])
  assert.partialDeepStrictEqual(applied.data[0], { project: 'rides', applied: true })
  assert.equal((await features('apply', folder)).lines.at(-1), 'project rides: 5 unchanged')
})

test('they are listed with what they have', async () => {
  assert.deepEqual((await ofRides('list')).tables[0]?.rows, [
    ['entity', 'driver', '1', 'driver_id int', '', 'who drives'],
    ['view', 'stats', '1', 'trips, rate, trips_1d', 'ana', ''],
    ['on-demand feature', 'half', '1', 'trips * share', '', ''],
    ['service', 'eta', '1', 'trips, trips_1d, half', '', ''],
    ['service', 'stats', '1', 'trips, rate, trips_1d', '', ''],
  ])
})

test('a change is previewed with the services that read the view now, and becomes a version', async () => {
  write(FILE.replace('ttl: 2d', 'ttl: 3d').replace('owner: ana', 'owner: ben'))
  const changed = [
    'changed    view stats@2',
    '  ttl_ms: 172800000 → 259200000',
    '  service eta@1 reads stats@1 now',
    '  service stats@1 reads stats@1 now',
    'changed    service eta@2',
    '  views.stats.version: 1 → 2',
    'changed    service stats@2',
    '  views.stats.version: 1 → 2',
    'project rides: 3 changed, 2 unchanged if it is applied',
  ]
  const { code, lines } = await features('diff', folder)
  assert.deepEqual([code, lines], [0, changed])
  assert.equal((await features('apply', folder)).code, 0)
  assert.deepEqual((await ofRides('diff', 'stats', '1', '2', '--kind', 'view')).lines, [
    'view stats, from 1 to 2',
    '  ttl_ms: 172800000 → 259200000',
  ])
  assert.deepEqual((await ofRides('diff', 'eta', '2')).lines, [
    'service eta, from 2 to the newest',
    '  both mean the same',
  ])
  write(FILE.replace('ttl: 2d', 'ttl: 3d').replace('owner: ana', 'tags: {team: fleet}'))
  assert.deepEqual((await features('diff', folder)).lines.slice(0, 3), [
    'described  view stats@2',
    '  owner: "ben" → ""',
    '  tags.team: nothing → "fleet"',
  ])
})

test('in a folder with a project file its project is meant; where that says none, one has to be named', async (t) => {
  const before = process.cwd()
  t.after(() => process.chdir(before))
  process.chdir(folder)
  assert.equal((await features('list')).tables[0]?.rows.length, 5)
  assert.equal((await features('list', '--project', 'other')).tables.length, 0)
  writeFileSync(join(folder, 'slipway.yaml'), 'features: {}\n')
  await assert.rejects(
    features('list'),
    usage(/slipway\.yaml of this folder does not say its project \(line 1: .*--project/),
  )
})

test('one is shown by its name, an older version of it too; two of one name are told apart by their kind', async () => {
  await assert.rejects(
    ofRides('show', 'stats'),
    usage(/"stats" is a view and a service; say which: --kind view or --kind service/),
  )
  const { lines, tables } = await ofRides('show', 'stats@1', '--kind', 'view')
  assert.match(lines[0] ?? '', /^view stats@1, changed \S+ by \S+$/)
  assert.deepEqual(lines.slice(1), [
    'owner ben',
    'of driver by driver_id (int)',
    'source stats: file /srv/stats.parquet',
    'happens at at, known by known; time to live 2 d',
    'service eta@2 reads stats@2',
    'service stats@2 reads stats@2',
  ])
  assert.deepEqual(tables[0]?.rows, [
    ['trips', 'int', 'trips', ''],
    ['rate', 'float', 'acceptance', ''],
    ['trips_1d', 'float', 'trips', 'sum over 1 d, by 1 h'],
  ])
  assert.deepEqual(
    tables[1]?.rows.map(([version]) => version),
    ['2', '1'],
  )
  const eta = await ofRides('show', 'eta')
  assert.deepEqual(eta.lines.slice(1), [
    'reads stats@2 by driver_id',
    'a request gives share (float)',
    'a value older than its time to live: null',
  ])
  assert.deepEqual(eta.tables[0]?.rows, [
    ['trips', 'int', 'stats:trips'],
    ['trips_1d', 'float', 'stats:trips_1d'],
    ['half', 'float', 'on_demand:half'],
  ])
  assert.deepEqual((await ofRides('show', 'driver')).tables[0]?.rows, [['driver_id', 'int']])
  assert.deepEqual((await ofRides('show', 'half')).lines.slice(1), ['float: trips * share'])
})

test('what is not there, or no name, is told', async () => {
  await assert.rejects(ofRides('show', 'other'), usage(/there is no feature view, service, entity or on-demand/))
  await assert.rejects(ofRides('show', 'eta@7'), { code: 'not_found' })
  await assert.rejects(
    ofRides('show', 'driver@7'),
    usage(/of an entity the newest version is shown, driver@1; .*diff driver 7/),
  )
  await assert.rejects(ofRides('show', 'e-ta'), usage(/"e-ta" names no definition; expected NAME or NAME@3/))
  await assert.rejects(ofRides('show'), usage(/features show needs a name/))
  await assert.rejects(
    ofRides('show', 'eta', '--kind', 'table'),
    usage(/--kind is "table"; expected one of entity, view/),
  )
  await assert.rejects(ofRides('diff', 'eta', 'one'), usage(/"one" is no version/))
  await assert.rejects(ofRides('melt'), usage(/features has no "melt"; expected one of list, apply, /))
})

test('a file with faults is not applied: those of the section and those that the server finds have their lines', async () => {
  write(FILE.replace('ttl: 2d', 'tttl: 2d'))
  await assert.rejects(features('apply', folder), {
    code: 'unprocessable',
    message: /^slipway\.yaml:13: features\.views\.stats\.tttl: unknown key; did you mean "ttl"\?/,
  })
  write(
    FILE.replace('source: stats', 'source: stat').replace(
      '"stats:trips", "stats:trips_1d"',
      '"stats:trips", "other:x"',
    ),
  )
  await assert.rejects(features('apply', folder), {
    code: 'unprocessable',
    message:
      /^slipway\.yaml:10: features\.views\.stats\.source: there is no source "stat" .*; slipway\.yaml:20: features\.services\.eta\.features\.1: there is no feature view "other"/,
  })
  write('project: rides\npipeline: {steps: {a: {run: a:main}}}\n')
  await assert.rejects(features('apply', folder), usage(/slipway\.yaml has no section "features"/))
  // what is wrong with the pipeline is none of it
  write(`${FILE}pipeline: {steps: {a: {runs: x}}}\n`)
  assert.equal((await features('apply', folder, '--dry-run')).code, 0)
})
