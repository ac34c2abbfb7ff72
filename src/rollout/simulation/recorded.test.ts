/** Recorded traffic as a simulation reads it: which rows, in which order, and what stands in each. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../../test/databases.ts'
import type { RowRecord } from '../../gateway/records/records.ts'
import { ingest } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import { rolloutWorld } from '../world.fixture.ts'
import { recordedRows } from './recorded.ts'

const ENDPOINT = 'taped'
const COMMON = { ep: ENDPOINT, at: 1, ep_epoch: 1, p: null }
const ANSWERED = {
  ...COMMON,
  t: 'p',
  ver: '1',
  role: 'stable',
  key: null,
  us: 300,
  st: 200,
  x: [7, 'UA'],
  s: 0.5,
} as const
const SCORED = { ...COMMON, t: 's', ver: '2', us: 900, s: null } as const

describe('recorded rows', () => {
  let bench: RolloutBench
  const { begun } = rolloutWorld(migratedSqlite, (world) => ({ bench } = world))
  const answer = (id: string, et: number, more: object = {}): RowRecord => ({
    ...ANSWERED,
    id,
    et,
    ...more,
  })
  const shadow = (id: string, et: number, more: object): RowRecord => ({
    ...SCORED,
    id,
    et,
    ...more,
  })
  const read = (more: object = {}) =>
    recordedRows(bench.deps, { endpoint: ENDPOINT, slices: ['carrier', 'distance'], limit: 10, ...more })
  const row = { at: 10, stable: 0.5, failed: false, stable_us: 300, label: null, slices: ['carrier=UA', 'distance=7'] }

  it('are those that stable answered itself, oldest first, the newest of them', async () => {
    await begun(ENDPOINT)
    await ingest(bench, [
      answer('b', 30, { s: null, x: [8, null] }),
      answer('a', 10),
      answer('refused', 11, { st: 400 }),
      answer('for another', 12, { fb: true }),
      answer('of another', 13, { ver: '2', role: 'canary' }),
      answer('c', 20, { us: 400 }),
    ])
    bench.known.set('c', 0)
    const alone = { candidate: null, candidate_us: 300 }
    const wanted = [
      { ...row, ...alone },
      { ...row, ...alone, at: 20, stable_us: 400, candidate_us: 400, label: 0 },
      { ...row, ...alone, at: 30, stable: null, slices: ['distance=8'] },
    ]
    assert.deepEqual(await read(), wanted)
    assert.deepEqual(await read({ limit: 2 }), wanted.slice(1))
    assert.deepEqual(
      (await read({ slices: [] })).map((one) => one.slices),
      [[], [], []],
    )
  })

  it('beside a shadow are those that it scored too, with its time and its failures', async () => {
    await ingest(bench, [
      shadow('a', 10, { s: 0.25 }),
      shadow('c', 20, { err: 'it raised' }),
      shadow('none', 20, { s: 0.1 }),
      shadow('b', 30, { ver: '3', s: 0.75 }),
    ])
    const scored = { candidate_us: 900 }
    assert.deepEqual(await read({ version: '2' }), [
      { ...row, ...scored, candidate: 0.25 },
      { ...row, ...scored, candidate: null, failed: true, at: 20, stable_us: 400, label: 0 },
    ])
  })

  it('of an endpoint without a version there are none, and of no endpoint they are refused', async () => {
    await bench.serving.put({ id: 'p1', name: 'ann', role: 'admin', project: null, token_id: null }, 'bare', {
      project: 'default',
      model: ENDPOINT,
      monitor: {},
    })
    await ingest(bench, [answer('x', 10, { ep: 'bare', ver: 'undefined' })])
    assert.deepEqual(await read({ endpoint: 'bare' }), [])
    await assert.rejects(read({ endpoint: 'none' }), { code: 'not_found', message: /endpoint "?none/ })
  })
})
