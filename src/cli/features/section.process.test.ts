/** `slipway validate` of a section `features`: each fault at its line, and what only the project can know as a note. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { projectsOf } from '../project/projects.fixture.ts'

const { project, validate } = projectsOf('features')

const GOOD = `project: rides
sources:
  stats: {file: /srv/stats.parquet}
features:
  entities:
    driver: {keys: {driver_id: int}}
  views:
    stats: {entities: [driver], source: stats, event_time: at, features: {trips: int, rate: float}}
  on_demand:
    half: {inputs: {trips: "stats:trips"}, sql: trips / 2, type: float}
  services:
    eta: {features: [stats, "on_demand:half"]}
`
const PIPELINE = 'pipeline: {steps: {load: {run: job:load}}}\n'
const CODE = 'def load(): pass\n'

describe('slipway validate of features', () => {
  it('says that they can be applied, alone or beside a pipeline', async () => {
    const alone = await validate(project({ 'slipway.yaml': GOOD }))
    const counts = '1 entity, 1 feature view, 1 on-demand feature, 1 service'
    assert.deepEqual([alone.code, alone.lines], [0, [`slipway.yaml can be applied: ${counts}`]])
    const both = await validate(project({ 'slipway.yaml': `${GOOD}${PIPELINE}`, 'job.py': CODE }))
    assert.deepEqual([both.code, both.lines], [0, [`slipway.yaml can be run: 1 step; can be applied: ${counts}`]])
  })

  it('tells every fault with its line, and beside those of the pipeline', async () => {
    const text = GOOD.replace('source: stats', 'source: stat')
      .replace('sql: trips / 2', 'sql: trips /')
      .replace('keys: {driver_id: int}', 'keys: {driver_id: int}, kind: x')
    // the view cannot be judged while a key of the entity is wrong: what is left is told
    const first = await validate(project({ 'slipway.yaml': text }))
    assert.deepEqual(
      [first.code, first.lines],
      [
        1,
        ['slipway.yaml:6: features.entities.driver.kind: unknown key; expected one of: keys, description', '1 fault'],
      ],
    )
    const second = await validate(
      project({
        'slipway.yaml': `${text.replace(', kind: x', '')}${PIPELINE.replace('job:load', 'job:loda')}`,
        'job.py': CODE,
      }),
    )
    assert.deepEqual(
      second.lines.map((line) => line.replace(/(defines no "loda").*/, '$1')),
      [
        'slipway.yaml:8: features.views.stats.source: there is no source "stat" in `sources`; there are "stats"',
        'slipway.yaml:13: pipeline.steps.load.run: got "job:loda", and job.py defines no "loda"',
        '2 faults',
      ],
    )
    const third = await validate(
      project({ 'slipway.yaml': text.replace(', kind: x', '').replace('source: stat,', 'source: stats,') }),
    )
    assert.match(third.lines.join('\n'), /^slipway\.yaml:10: features\.on_demand\.half\.sql: column 8: /)
    assert.equal(third.lines.at(-1), '1 fault')
  })

  it('names a feature that a view of the file does not have', async () => {
    const { lines } = await validate(
      project({ 'slipway.yaml': GOOD.replace('features: [stats, ', 'features: ["stats:speed", ') }),
    )
    assert.deepEqual(lines, [
      'slipway.yaml:12: features.services.eta.features.0: view "stats" has no feature "speed"; it has "trips", "rate"',
      '1 fault',
    ])
  })

  it('notes what the project may have from another file, or in another version', async () => {
    const text = GOOD.replace('entities: [driver]', 'entities: [driver, car]').replace(
      'features: [stats, ',
      'features: ["stats@2:trips", weather, ',
    )
    const { code, data, lines } = await validate(project({ 'slipway.yaml': text }))
    const notes = [
      'features.views.stats.entities.1: not checked here: whether the project has the entity "car"',
      'features.services.eta.features.0: not checked here: whether the project has the feature view "stats@2"',
      'features.services.eta.features.1: not checked here: whether the project has the feature view "weather"',
    ]
    assert.partialDeepStrictEqual(data[0], { valid: true, faults: [], warnings: notes })
    assert.deepEqual([code, lines.length], [0, notes.length + 1])
  })
})
