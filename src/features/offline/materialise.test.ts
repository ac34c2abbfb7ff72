/** What is materialised is what the offline join gives at the same moment: one meaning, two ways to it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as path } from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { AGGREGATES, FeaturesSection } from '../../contract/features/section.ts'
import type { Value } from '../as-of/windows.ts'
import { readSection } from '../definitions/read.ts'
import { OnlineReader } from '../online/reader.ts'
import { OnlineStore } from '../online/store.ts'
import { prng } from '../../stats/prng.ts'
import { join } from './join.ts'
import { materialise } from './materialise.ts'

const HOUR = 3_600_000_000_000n
const START = 1_704_067_200_000_000_000n

const SECTION = FeaturesSection.parse({
  entities: { plane: { keys: { tail: 'text', leg: 'int' } } },
  views: {
    delays: {
      entities: ['plane'],
      source: 'delays',
      event_time: 'at',
      created_time: 'known',
      ttl: '5h',
      features: { delay: 'float', number: 'int', seen: { type: 'time', column: 'at' } },
      windows: {
        ...Object.fromEntries(
          AGGREGATES.map((take) => [
            `${take}_4h`,
            { of: 'delay', take, over: '4h', step: '1h', ...(take === 'quantile' && { q: 0.3 }) },
          ]),
        ),
        rows_2h: { take: 'count', over: '2h', step: '30m' },
        last_6h: { take: 'last', of: 'number', type: 'int', over: '6h', step: '1h' },
      },
    },
  },
  services: { model: { features: ['delays'] } },
})

test('at 20 moments every value online equals the one that is joined offline', async (t) => {
  const folder = mkdtempSync(path(tmpdir(), 'slipway-materialise-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const duck = await instance.connect()
  const store = new OnlineStore(path(folder, 'online.db'))
  const reader = new OnlineReader(path(folder, 'online.db'))
  t.after(() => {
    reader.close()
    store.close()
    duck.closeSync()
    instance.closeSync()
    rmSync(folder, { recursive: true, force: true })
  })
  const random = prng(35)
  const time = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString()
  const rows = Array.from({ length: 500 }, () => {
    const at = START + BigInt(random.below(24 * 60)) * (HOUR / 60n)
    const known = at + BigInt(random.below(90)) * (HOUR / 60n)
    const tail = random.below(30) === 0 ? '' : `N${random.below(6)}`
    return [
      tail,
      random.below(2),
      time(at),
      time(known),
      random.below(5) === 0 ? '' : random.below(80) - 20,
      random.below(9) === 0 ? '9007199254740993' : random.below(99),
    ]
  })
  const file = path(folder, 'delays.csv')
  writeFileSync(file, `tail,leg,at,known,delay,number\n${rows.map((row) => row.join(',')).join('\n')}\n`)
  const sources = { delays: { paths: [file], format: 'csv' as const } }
  const { definitions, faults } = readSection(SECTION, { sources: ['delays'] })
  assert.deepEqual(faults, [])
  const [view, service] = [
    definitions.views.get('delays') ?? assert.fail(),
    definitions.services.get('model') ?? assert.fail(),
  ]
  const of = { project: 'p', view: 'delays', version: 1 }
  const entities = Array.from({ length: 7 }, (_, n) => [0, 1].map((leg) => ({ tail: `N${n}`, leg }))).flat()
  const moments = Array.from({ length: 20 }, () => START + BigInt(random.below(40 * 60)) * (HOUR / 60n))
  const asked = path(folder, 'asked.csv')
  const lines = moments.flatMap((at) => entities.map(({ tail, leg }) => `${tail},${leg},${time(at)}`))
  writeFileSync(asked, `tail,leg,time\n${lines.join('\n')}\n`)
  const into = path(folder, 'out.parquet')
  await join(duck, {
    entities: { paths: [asked], format: 'csv' },
    time: 'time',
    service,
    views: { delays: view },
    sources,
    include_late_data: false,
    into,
  })
  const names = service.columns.map(({ name }) => (name === 'seen' ? 'epoch_ns("seen")' : `"${name}"`))
  const expected = (await duck.runAndReadAll(`SELECT ${names.join(', ')} FROM '${into}'`)).getRows() as Value[][]
  const statuses = { live: 0, expired: 0, not_found: 0, future_only: 0, late_suppressed: 0 }
  for (const [moment, at] of moments.entries()) {
    const id = store.begin(of, view, at)
    const { rows: written } = await materialise(duck, {
      view,
      sources,
      until: at,
      take: (found) => ('rows' in found ? store.fill(id, found.rows) : store.fillTiles(id, found.tiles)),
    })
    store.switchTo(id, of, { horizon: at, now: at })
    assert.ok(written <= entities.length)
    const seen =
      reader.read(
        of,
        entities.map(({ tail, leg }) => `"${tail}",${leg}`),
        at,
      ) ?? assert.fail()
    for (const [i, { status, values }] of seen.entries()) {
      statuses[status] += 1
      for (const [k, { name }] of service.columns.entries()) {
        const online = status === 'live' ? (values[k] ?? null) : null
        const offline = expected[moment * entities.length + i]?.[k] ?? null
        const what = `${name} of ${JSON.stringify(entities[i])} at ${time(at)}`
        assert.ok(isSame(online, offline), `${what}: ${String(online)} online, ${String(offline)} offline`)
      }
    }
  }
  assert.ok(statuses.live > 100 && statuses.expired > 10 && statuses.not_found > 30, JSON.stringify(statuses))
})

/** Sums in another order differ in their last digits. */
function isSame(a: Value, b: Value): boolean {
  const [x, y] = [a, b].map((value) =>
    typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value,
  )
  if (typeof x === 'number' && typeof y === 'number') return Math.abs(x - y) <= 1e-12 * Math.max(1, Math.abs(y))
  return x === y
}
