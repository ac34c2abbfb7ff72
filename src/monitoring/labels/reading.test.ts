/** Labels that cannot be: refused by row and reason, so that of their delivery nothing is taken; what only looks wrong is flagged. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { DAY_MS } from '../../contract/ids.ts'
import { Problem, problem } from '../../contract/errors.ts'
import { openTemporaryStore } from '../../store/open.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import { labelsOf, putLabels } from './labels.ts'
import type { LabelCounts } from './labels.ts'
import type { GivenLabel } from './reading.ts'

const NOW = Date.UTC(2026, 3, 1)
const table = (labels: readonly (number | string)[]): Uint8Array =>
  Buffer.from(`y,score\n${labels.map((label) => `${label},0.5\n`).join('')}`)
const many = (values: readonly number[]): number[] => Array.from({ length: 20 }, () => values).flat()
/** Hold-outs by their digest. */
const TABLES: Readonly<Record<string, Uint8Array>> = {
  binary: table(many([0, 1])),
  one_sided: table(many([0])),
  three: table(many([0, 1, 2])),
  counts: table(many([0, 1, 2])),
  numbers: table(many([0.5, 17, -3])),
  no_labels: Buffer.from('score\n1\n'),
}

let store: Awaited<ReturnType<typeof openTemporaryStore>>
let deps: MonitoringDeps
before(async () => {
  store = await openTemporaryStore()
  const references = new Map(Object.keys(TABLES).map((name) => [name, referenceTo(name)]))
  deps = testDeps(store.db, () => NOW, {
    referenceOf: async (endpoint) => references.get(endpoint),
    readTable: async (tree) => TABLES[tree] ?? assert.fail(tree),
  })
  for (const name of [...Object.keys(TABLES), 'none', 'decides']) {
    await addEndpoint(store.db, name)
    await ingest(
      deps,
      name,
      Array.from({ length: 6 }, (_, i) => ({ id: `p${i}`, et: NOW - DAY_MS + i, score: 0.5 })),
    )
  }
  await store.db.tx((t) => t.run("UPDATE endpoints SET threshold = 0.5 WHERE name = 'decides'"))
})
after(() => store.close())

function referenceTo(name: string): Reference {
  const metrics: Record<string, number> = name === 'counts' || name === 'numbers' ? { rmse: 1 } : { accuracy: 0.9 }
  return { version: '1', table: null, evaluation: name, inputs: [], metrics }
}

const label = (value: GivenLabel['label'], id = 'p0'): GivenLabel => ({ prediction_id: id, label: value })
const put = (endpoint: string, ...given: GivenLabel[]): Promise<LabelCounts> => putLabels(deps, endpoint, given)

/** The refusal of a delivery, of which nothing may be there afterwards. */
async function refused(endpoint: string, ...given: GivenLabel[]): Promise<Problem> {
  const before = await labelsOf(store.db, endpoint, ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'])
  const error = await put(endpoint, ...given).then(
    () => assert.fail(`taken: ${JSON.stringify(given).slice(0, 100)}`),
    (caught: unknown) => caught,
  )
  assert.ok(error instanceof Problem, String(error))
  assert.deepEqual(await labelsOf(store.db, endpoint, ['p0', 'p1', 'p2', 'p3', 'p4', 'p5']), before)
  return error
}

describe('labels that cannot be', () => {
  for (const [value, expected] of [
    ['nan', /^labels\.1\.label: got nan, expected a finite number/],
    ['NaN', /expected a finite number; leave a label out until it is known/],
    ['inf', /expected a finite number/],
    ['-Infinity', /expected a finite number/],
    ['None', /expected a finite number/],
    ['<NA>', /expected a finite number/],
    ['1e999', /expected a finite number/],
    [Number.NaN, /expected a finite number/],
    [Number.POSITIVE_INFINITY, /expected a finite number/],
    ['', /expected a number, true or false, or the name of a class/],
    ['   ', /expected a number, true or false, or the name of a class/],
    ['x'.repeat(10_240), /expected a name of at most 256 characters, not 10240/],
  ] as const) {
    it(`"${String(value).slice(0, 12)}" is refused by its row whatever the endpoint predicts, and nothing is taken`, async () => {
      for (const endpoint of ['none', 'binary', 'numbers']) {
        const error = await refused(endpoint, label(1, 'p1'), label(value), label(0, 'p2'))
        assert.equal(error.status, 400)
        assert.match(error.message, expected)
        assert.match(error.message, /nothing of this delivery was taken$/)
        assert.equal(error.data['field'], 'labels.1.label')
      }
    })
  }

  it('−1 and 2 of a target that is 0 or 1 are, and so is the name of a class', async () => {
    for (const value of [-1, 2, 0.5, '2', 'late', 'yes'])
      for (const endpoint of ['binary', 'one_sided']) {
        const error = await refused(endpoint, label(value))
        assert.match(
          error.message,
          /^labels\.0\.label: got .*, expected one of 0, 1, as in the hold-out/,
          String(value),
        )
      }
    const { accepted, flagged } = await put(
      'binary',
      label(1),
      label('0', 'p1'),
      label(true, 'p2'),
      label('False', 'p3'),
    )
    assert.deepEqual([accepted, flagged], [4, []])
    const known = await labelsOf(store.db, 'binary', ['p0', 'p1', 'p2', 'p3'])
    assert.deepEqual([...known.values()], [1, 0, 1, 0])
  })

  it('an unknown class is; counts and measures have no end', async () => {
    assert.match((await refused('three', label(3))).message, /expected one of 0, 1, 2, as in the hold-out/)
    assert.equal((await put('three', label(2))).accepted, 1)
    assert.equal((await put('counts', label(3))).accepted, 1)
    assert.equal((await put('numbers', label(-1e6))).accepted, 1)
    for (const value of ['late', '0x10', '0b1', true, false, 'True'])
      assert.match(
        (await refused('numbers', label(value))).message,
        /^labels\.0\.label: got ("?0x10|"?0b1|"?late|"?true|"?false|"?True).*expected a number, as in the hold-out/,
        String(value),
      )
    for (const value of ['1e-3', '-.5', '+2.', ' 7 '])
      assert.equal((await put('numbers', label(value))).accepted, 1, value)
    assert.match((await refused('three', label(true))).message, /expected one of 0, 1, 2, as in the hold-out/)
  })

  it('a label that becomes known in the future is; clocks may differ by hours', async () => {
    const at = (time: number): GivenLabel => ({ ...label(1, 'p5'), at: new Date(time).toISOString() })
    const error = await refused('none', at(Date.UTC(2050, 0, 1)))
    assert.match(
      error.message,
      /^labels\.0\.at: got 2050-01-01T00:00:00\.000Z, expected a time that is not in the future \(it is 2026-04-01/,
    )
    assert.match((await refused('none', at(NOW + DAY_MS + 1))).message, /^labels\.0\.at/)
    assert.equal((await put('none', at(NOW + DAY_MS))).accepted, 1)
  })

  it('name the first row at fault and list the others, twenty at most', async () => {
    const given = Array.from({ length: 50 }, (_, i) => label(i < 10 ? 1 : 'nan', `q${i}`))
    const { message, data } = await refused('none', ...given)
    assert.match(message, /^labels\.10\.label: .*; 40 rows are at fault; nothing of this delivery was taken$/)
    const rows = data['rows'] as { row: number; prediction_id: string; field: string; expected: string }[]
    assert.deepEqual([rows.length, rows[0]?.row, rows.at(-1)?.prediction_id], [20, 10, 'q29'])
    assert.deepEqual([data['taken'], rows[0]?.field], [0, 'label'])
  })
})

describe('labels that look wrong', () => {
  it('are taken and flagged: neither 0 nor 1 where a threshold decides, no prediction of that id, two that differ', async () => {
    const { accepted, flagged } = await put('decides', label(2), label(1, 'p1'), label(0, 'p1'), label(1, 'stranger'))
    assert.equal(accepted, 3)
    assert.deepEqual(
      flagged.map(({ row, prediction_id }) => [row, prediction_id]),
      [
        [0, 'p0'],
        [2, 'p1'],
        [3, 'stranger'],
      ],
    )
    assert.match(flagged[0]?.reason ?? '', /^is neither 0 nor 1, although the endpoint decides between two/)
    assert.match(flagged[1]?.reason ?? '', /^says 0, and another label says 1/)
    assert.match(flagged[2]?.reason ?? '', /^no prediction has this id yet/)
  })

  it('are named by the first hundred', async () => {
    const given = Array.from({ length: 150 }, (_, i) => label(1, `unknown${i}`))
    const { orphans, flagged } = await put('none', ...given)
    assert.deepEqual([orphans, flagged.length, flagged.at(-1)?.row], [150, 100, 99])
  })

  it('are not guessed where the hold-out has no labels or the version is gone', async () => {
    assert.equal((await put('no_labels', label(7))).accepted, 1)
    const gone = { ...deps, referenceOf: () => Promise.reject(problem('not_found', { what: 'version', id: '1' })) }
    assert.equal((await putLabels(gone, 'no_labels', [label(7, 'p1')])).accepted, 1)
  })
})
