/** The section `features` of a project file: beside a pipeline, without one, and never in a key. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysOf, PLAIN, specOf } from './edits.fixture.ts'
import { readFeatures, readProject } from './parse.ts'

const FEATURES = `sources:
  stats: {file: /srv/stats.parquet}
features:
  entities:
    driver: {keys: {driver_id: int}}
  views:
    stats: {entities: [driver], source: stats, event_time: at, features: {trips: int}}
`
const PIPELINE = 'pipeline: {steps: {a: {run: a:main}}}\n'

const told = (text: string): string[] =>
  readFeatures(text).faults.map(({ line, key, message }) => `${line} ${key}: ${message}`)

test('a file has features beside its pipeline', () => {
  const { project, faults } = readProject(`project: p\n${PIPELINE}${FEATURES}`)
  assert.deepEqual(faults, [])
  assert.deepEqual(Object.keys(project?.features?.views ?? {}), ['stats'])
  const { project: same, whole } = readFeatures(`project: p\n${PIPELINE}${FEATURES}`)
  assert.deepEqual(same, project)
  assert.deepEqual(whole?.project, project)
})

test('of a file the features may be asked that has no pipeline; it cannot be run', () => {
  const { project, whole, faults } = readFeatures(`project: p\n${FEATURES}`)
  assert.deepEqual(faults, [])
  assert.equal(project?.project, 'p')
  assert.deepEqual(project?.features?.entities['driver']?.keys, { driver_id: 'int' })
  assert.equal(whole, undefined)
  assert.deepEqual(
    readProject(`project: p\n${FEATURES}`).faults.map(({ key }) => key),
    ['pipeline'],
  )
})

test('without features a file has to have a pipeline', () => {
  assert.match(told('project: p\n').join('\n'), /^1 pipeline: missing;/)
})

test('each fault of the section has its line and its key', () => {
  const text = `project: p
model: {name: m, from: a.b}
features:
  entities:
    driver: {keys: {driver_id: number}}
  views:
    stats: {entities: [driver], event_tim: at, features: {trips: int}}
`
  assert.deepEqual(told(text), [
    '2 model: it needs a pipeline; expected the key "pipeline" too',
    '5 features.entities.driver.keys.driver_id: got "number", expected one of "int", "text"',
    '7 features.views.stats.event_tim: unknown key; did you mean "event_time"? Expected one of: entities, source, query, push, event_time, created_time, ttl, features, windows, description, owner, tags',
  ])
})

test('a key of a step does not hold the features, and neither does the pipeline that is kept', async () => {
  const before = PLAIN['slipway.yaml'] ?? ''
  const edit = { 'slipway.yaml': `${before}${FEATURES}` }
  const [first, second] = await keysOf(['features', {}, edit])
  assert.equal(second, first)
  const specs = [await specOf(PLAIN), await specOf({ ...PLAIN, ...edit })]
  const [old, other] = specs.map((spec) => ({ ...spec, tree: 'any' }))
  assert.deepEqual(other, old)
})
