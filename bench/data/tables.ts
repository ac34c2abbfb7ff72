/** What versions of a data set cost: the profile of a table, and how two tables differ, in time and memory as the tables grow. */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { compareTables } from '../../src/data/diff/compare.ts'
import { profileTable, type Profiled } from '../../src/data/profile/profile.ts'
import { openTable, type TableFile } from '../../src/data/profile/table.ts'
import { prng } from '../../src/stats/prng.ts'
import { megabytes, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

/** Rows of the tables: what one costs is to stay the same from the first to the second. */
const [FEW, MANY] = [100_000, 1_000_000]
/** CPU that one row may take, µs, and how much more where there are ten times as many. */
const [PROFILED, COMPARED, GROWTH] = [15, 12, 1.5]
const HEAD = 'id,price,carrier,origin,delay,day,note,flag\n'

interface Cost {
  /** CPU of one row, µs. */
  readonly each: number
  readonly seconds: number
}

/** Rows of both sizes, judged by the larger beside the smaller. */
export async function tables({ seconds }: Options): Promise<Row[]> {
  const many = seconds === 1 ? MANY / 4 : MANY
  const folder = mkdtempSync(join(tmpdir(), 'bench-tables-'))
  try {
    const [few, more] = [await measured(folder, FEW), await measured(folder, many)]
    return (['profile', 'difference'] as const).map((what) => {
      const [before, after] = [few[what], more[what]]
      const growth = after.each / before.each
      const most = what === 'profile' ? PROFILED : COMPARED
      return {
        name: `${what} of ${thousands(many)} rows of 8 columns${what === 'profile' ? '' : ` with as many, by key`}`,
        measured: `${after.seconds.toFixed(1)} s, ${after.each.toFixed(1)} µs CPU a row (${growth.toFixed(2)} times that of ${thousands(FEW)}), ${megabytes(more.rss)} RSS`,
        target: `≤ ${most} µs CPU a row, ≤ ${GROWTH} times`,
        beside: '',
        ok: after.each <= most && growth <= GROWTH,
        figures: { seconds: after.seconds, us_a_row: after.each, growth, rss: more.rss },
      }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measured(folder: string, rows: number): Promise<{ profile: Cost; difference: Cost; rss: number }> {
  const [first, second] = [await written(folder, rows, 1), await written(folder, rows, 2)]
  let before: Profiled | undefined
  const profile = await costOf(rows, async () => {
    before = await profileTable(await openTable([first]))
  })
  const after = await profileTable(await openTable([second]))
  const difference = await costOf(2 * rows, async () => {
    if (before === undefined) throw new Error('the profile is missing')
    const sides = { before: { files: [first], ...before }, after: { files: [second], ...after } }
    const { changes } = await compareTables({ ...sides, basis: before.basis, keys: ['id'], folder })
    if (changes.changed !== rows) throw new Error(`${String(changes.changed)} rows of ${rows} are told as changed`)
  })
  return { profile, difference, rss: process.memoryUsage.rss() }
}

async function costOf(rows: number, work: () => Promise<void>): Promise<Cost> {
  const [began, before] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(before)
  return { each: (user + system) / rows, seconds: (performance.now() - began) / 1000 }
}

/** Rows that differ from seed to seed in a number each, and have the same keys. */
async function written(folder: string, rows: number, seed: number): Promise<TableFile> {
  const path = join(folder, `${rows}-${seed}.csv`)
  const random = prng(seed)
  function* texts(): Generator<string> {
    yield HEAD
    for (let id = 0; id < rows; id++) {
      const [carrier, origin, delay, day, note] = [4, 300, 230, 28, 100_000].map((most) => random.below(most))
      yield `${id},${seed}${random.below(1000)}.25,C${carrier},O${origin},${delay},2026-01-${day},text ${note},${id % 2 === 0}\n`
    }
  }
  await pipeline(texts, createWriteStream(path))
  return { path, name: path, format: 'csv' }
}
