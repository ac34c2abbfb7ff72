/** `slipway rollout simulate`: which versions it plays on which rows, how it counts their ends, and what it refuses. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { z } from 'zod'
import { rolloutApi } from '../../contract/rollout.ts'
import type { RecordedRow } from '../../contract/rollout.ts'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'

let server: RecordedServer
let file: string
before(async () => {
  server = await startRecorded()
  file = project('slipway.yaml', 'endpoint: {name: delay, rollout: {slices: [origin, dest]}}\n')
})
after(() => server.close())

function project(name: string, end: string): string {
  const path = join(server.data, name)
  writeFileSync(
    path,
    `project: delay\npython: {requires: ">=3.10", packages: []}\npipeline: {steps: {train: {run: "train:main", outputs: [model]}}}\nmodel: {name: delay, from: train.model, gates: []}\n${end}`,
  )
  return path
}

interface Told {
  readonly recorded_rows: number | null
  readonly results: readonly { readonly name: string; readonly runs: number }[]
}

async function simulated(...words: string[]): Promise<{ rows: string[][]; told: Told; line: string | undefined }> {
  const quick = ['--runs', '10', '--rows', '1000', '--label-delay', '0']
  const { code, tables, lines, data } = await server.slipway('rollout', 'simulate', file, ...quick, ...words)
  assert.equal(code, 0)
  return { rows: (tables[0]?.rows ?? []).map((row) => [...row]), told: data[0] as Told, line: lines[0] }
}

/** Rows of recorded traffic, most of them of the slice `origin=JFK`. */
const RECORDED: z.output<typeof RecordedRow>[] = Array.from({ length: 300 }, (_, i) => ({
  at: 1_700_000_000_000 + i * 1000,
  stable: (i % 10) / 10,
  candidate: (i % 10) / 10,
  failed: false,
  stable_us: 100,
  candidate_us: 100,
  label: i % 2,
  slices: [i % 3 === 0 ? 'origin=EWR' : 'origin=JFK'],
}))

describe('slipway rollout simulate', () => {
  it('plays an equal version, failing ones, a slow one and one that is wrong for a slice', async () => {
    const { rows, told, line } = await simulated()
    assert.equal(line, '10 rollouts a line, on made-up rows; nothing was changed')
    assert.deepEqual(
      rows.map(([name]) => name),
      [
        'equal version (A/A)',
        ...[1, 2, 5, 10, 20, 50].map((share) => `fails ${share} %`),
        'a hundred times slower',
        'scores turned round for group=0',
      ],
    )
    assert.deepEqual([told.recorded_rows, told.results.length], [null, 9])
    for (const [name, promoted = '', stopped = '', undecided = ''] of rows) {
      const shares = [promoted, stopped, undecided].map((share) => Number(/^(\d+(?:\.\d)?) %$/.exec(share)?.[1]))
      assert.equal(
        shares.reduce((sum, share) => sum + share),
        100,
        `${name}: every rollout ends in one way`,
      )
      assert.ok(
        shares.every((share) => share % 10 === 0),
        `${name}: shares of ten rollouts`,
      )
    }
    // half of the requests failing is stopped whatever the chance
    const half = rows.find(([name]) => name === 'fails 50 %') ?? []
    assert.deepEqual(half.slice(1, 4), ['0 %', '100 %', '0 %'])
    assert.ok(Number(half[4]) > 0 && Number(half[4]) <= Number(half[5]), 'half are stopped before nine tenths are')
  })

  it('plays the same with the same seed', async () => {
    const [first, again] = [await simulated('--seed', '7'), await simulated('--seed', '7')]
    assert.deepEqual(first.told, again.told)
  })

  it('draws from recorded rows of the endpoint, and plays the shadow that was recorded', async () => {
    server.answer(rolloutApi.recorded, { rows: RECORDED })
    const { rows, told, line } = await simulated('--traffic', 'recorded', '--candidate', '4')
    assert.equal(line, '10 rollouts a line, on 300 recorded rows, drawn again; nothing was changed')
    assert.equal(told.recorded_rows, 300)
    assert.deepEqual([rows[1]?.[0], rows.at(-1)?.[0]], ['version 4 as recorded', 'scores turned round for origin=JFK'])
    await simulated('--traffic', 'recorded', '--endpoint', 'other')
    assert.deepEqual(
      server.asked(rolloutApi.recorded).map(({ params, query }) => [params[0], query]),
      [
        ['delay', { limit: '10000', version: '4', slices: 'origin,dest' }],
        ['other', { limit: '10000', slices: 'origin,dest' }],
      ],
    )
  })

  it('says so where nothing was recorded', async () => {
    server.answer(rolloutApi.recorded, { rows: [] })
    await assert.rejects(simulated('--traffic', 'recorded'), { message: 'endpoint delay has no recorded rows' })
    await assert.rejects(simulated('--traffic', 'recorded', '--candidate', '4'), {
      message: 'endpoint delay has no recorded rows that version 4 scored',
    })
  })

  it('refuses other traffic, numbers out of their range, and a file without a rollout', async () => {
    await assert.rejects(simulated('--traffic', 'live'), usage(/--traffic is "live"; expected recorded or synthetic/))
    for (const [flag, value] of [
      ['runs', '9'],
      ['runs', '10001'],
      ['rows', '99'],
      ['seed', '-1'],
      ['label-delay', '1.5'],
    ] as const)
      await assert.rejects(
        simulated(`--${flag}=${value}`),
        usage(new RegExp(`--${flag} is "${value}"; expected a whole`)),
      )
    const bare = project('bare.yaml', '')
    await assert.rejects(server.slipway('rollout', 'simulate', bare), usage(/has no endpoint with a rollout/))
    for (const words of [[], ['simulate'], ['pause', 'x']])
      await assert.rejects(
        server.slipway('rollout', ...words),
        usage(/^rollout needs an act: .*approve\|resume\|promote\|abort/),
      )
  })
})
