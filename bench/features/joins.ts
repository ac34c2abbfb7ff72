/** Joins as of a time, ours and Feast's in turns on the same rows. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { runTask, type EngineOptions } from '../../src/features/engine/engine.ts'
import { endedCpuMs, familyOf, peakOf } from '../load/process.ts'
import { megabytes, thousands } from '../table.ts'
import type { Row } from '../table.ts'
import { FEAST, startFeast, type Feast, type Peer } from './feast.ts'
import { faultOf, median, times } from './figures.ts'
import { SERVICE, VIEW, writeStats } from './stats.ts'

/** No round of joins begins later than this, and no join of Feast is waited for longer. */
const MOST_MS = 120_000
/** What is to be reached, seconds and bytes. */
const JOINED = 0.7
const LARGE = { rows: 10_000_000, requests: 1_000_000, seconds: 15, memory: 2e9 }

export type Peers = Readonly<Record<'duckdb' | 'file', Peer>>

export interface Size {
  readonly rows: number
  readonly requests: number
}

interface Joined {
  readonly seconds: number
  /** Of CPU, s; ours with the start of the process. */
  readonly cpu: number
  readonly rows: number
  readonly matched: number
  /** Largest memory of the process that joined, bytes. */
  readonly rss: number
}

/** The row of joins in rounds, ours first in each; `size` is that of the files in `folder`. */
export async function joinRow(folder: string, peers: Peers, size: Size, rounds: number): Promise<Row> {
  const options: EngineOptions = { folder, memory_bytes: 2e9, threads: 2, longest_ms: 600_000 }
  const measured = { ours: [] as Joined[], duckdb: [] as Joined[], file: [] as Joined[] }
  const until = performance.now() + MOST_MS
  for (let round = 0; round < rounds && (round === 0 || performance.now() < until); round++) {
    measured.ours.push(await joinOnce(folder, options, false))
    for (const store of ['duckdb', 'file'] as const) {
      const found = await peers[store].feast?.join()
      if (found !== undefined) measured[store].push(found)
    }
  }
  // what it gives when it counts rows that became known later, as Feast does
  const late = await joinOnce(folder, options, true)
  const seconds = median(measured.ours.map((one) => one.seconds))
  const last = measured.ours.at(-1) ?? late
  const beside = (['duckdb', 'file'] as const).map((store) =>
    besideOf(store, { fault: peers[store].fault, joins: measured[store], seconds }),
  )
  return {
    name: nameOf(size),
    measured: `${seconds.toFixed(2)} s in a process of its own, ${cpuOf(measured.ours)}, ${thousands(last.rows)} rows, ${thousands(last.matched)} with a value (${thousands(late.matched)} with \`include_late_data\`)`,
    target: `≤ ${JOINED} s and all rows`,
    beside: beside.map(({ text }) => text).join('; '),
    ok: seconds <= JOINED && last.rows === size.requests,
    figures: {
      seconds,
      all: measured.ours.map((one) => one.seconds),
      cpu: measured.ours.map((one) => one.cpu),
      rows: last.rows,
      matched: last.matched,
      matched_late: late.matched,
      ...Object.fromEntries(beside.map(({ store, figures }) => [store, figures])),
    },
  }
}

function nameOf({ rows, requests }: Size): string {
  return `join as of a time, ${thousands(requests)} requests × ${thousands(rows)} rows × 10 features`
}

/** The row of one large join with the memory that a server gives to it; Feast's with its duckdb store, for as long as it may take. */
export async function largeRow(folder: string): Promise<Row> {
  process.stderr.write('  ten million rows …\n')
  await writeStats(folder, LARGE)
  const own = await joinOnce(folder, { folder, memory_bytes: 1e9, threads: 2, longest_ms: 600_000 }, false)
  const other = await largeOfFeast(folder)
  const isString = typeof other === 'string'
  return {
    name: nameOf(LARGE),
    measured: `${own.seconds.toFixed(1)} s, ${cpuOf([own])}, largest RSS of its process ${megabytes(own.rss)}, ${thousands(own.rows)} rows`,
    target: `≤ ${LARGE.seconds} s, ≤ ${megabytes(LARGE.memory)}, all rows`,
    beside: isString
      ? `${FEAST}, duckdb store: ${other}`
      : `${FEAST}, duckdb store: ${other.seconds.toFixed(1)} s (${times(other.seconds, own.seconds)}), ${cpuOf([other])}, largest RSS ${megabytes(other.rss)}, ${thousands(other.rows)} rows`,
    ok: own.seconds <= LARGE.seconds && own.rss <= LARGE.memory && own.rows === LARGE.requests,
    figures: { ...own, feast: other },
  }
}

async function largeOfFeast(folder: string): Promise<Joined | string> {
  let feast: Feast | undefined
  let isLate = false
  let late: NodeJS.Timeout | undefined
  try {
    const one = await startFeast(folder, 'duckdb')
    feast = one
    late = setTimeout(() => {
      isLate = true
      one.kill()
    }, MOST_MS)
    return await one.join()
  } catch (error) {
    return isLate ? `not done within ${MOST_MS / 1000} s` : faultOf(error)
  } finally {
    clearTimeout(late)
    await feast?.stop()
  }
}

/** One join of the requests in a folder. Throws where it fails. */
async function joinOnce(folder: string, options: EngineOptions, include_late_data: boolean): Promise<Joined> {
  const files = (name: string) => ({ paths: [join(folder, `${name}.parquet`)], format: 'parquet' as const })
  // the engine may write its own file alone, and DuckDB would put another beside one that is there
  rmSync(join(folder, 'ours.parquet'), { force: true })
  const peak = watchPeak()
  const cpu = endedCpuMs()
  const began = performance.now()
  const { rows, columns } = await runTask<'join'>(
    {
      kind: 'join',
      request: {
        entities: files('requests'),
        time: 'event_timestamp',
        service: SERVICE,
        views: { stats: VIEW },
        sources: { stats: files('stats') },
        include_late_data,
        into: join(folder, 'ours.parquet'),
      },
    },
    options,
  ).finally(peak.stop)
  const seconds = (performance.now() - began) / 1000
  return {
    seconds,
    cpu: (endedCpuMs() - cpu) / 1000,
    rows,
    matched: columns[0]?.statuses.present ?? 0,
    rss: peak.bytes(),
  }
}

/** Largest memory of any process that is begun from now on, looked at twenty times a second. */
function watchPeak(): { readonly stop: () => void; readonly bytes: () => number } {
  const before = new Set(familyOf(process.pid))
  let most = 0
  const look = setInterval(() => {
    for (const pid of familyOf(process.pid)) if (!before.has(pid)) most = Math.max(most, peakOf(pid))
  }, 50)
  return { stop: () => clearInterval(look), bytes: () => most }
}

function cpuOf(joins: readonly Joined[]): string {
  return `${median(joins.map(({ cpu }) => cpu)).toFixed(2)} s of CPU`
}

interface Beside {
  readonly fault: string
  readonly joins: readonly Joined[]
  /** Ours. */
  readonly seconds: number
}

function besideOf(store: string, { fault, joins: measured, seconds }: Beside) {
  const name = `${FEAST}, ${store} store`
  const last = measured.at(-1)
  if (last === undefined) return { store, text: `${name}: ${fault}`, figures: { fault } }
  const theirs = median(measured.map((one) => one.seconds))
  return {
    store,
    text: `${name}: ${theirs.toFixed(2)} s (${times(theirs, seconds)}), ${cpuOf(measured)}, ${thousands(last.rows)} rows, ${thousands(last.matched)} with a value`,
    figures: {
      seconds: theirs,
      ratio: theirs / seconds,
      rows: last.rows,
      matched: last.matched,
      all: measured.map((one) => one.seconds),
      cpu: measured.map((one) => one.cpu),
    },
  }
}
