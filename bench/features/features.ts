/** Feature stores: the join as of a time, materialising and reading, ours and Feast's in turns on the same rows. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTask, type EngineOptions } from '../../src/features/engine/engine.ts'
import { OnlineReader } from '../../src/features/online/reader.ts'
import { OnlineStore } from '../../src/features/online/store.ts'
import { thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'
import { FEAST, startFeast, type Feast } from './feast.ts'
import { CUSTOMERS, SERVICE, VIEW, writeStats } from './stats.ts'

const ROWS = 1_000_000
const REQUESTS = 100_000
/** What is to be reached, seconds. */
const [JOINED, MATERIALISED] = [0.7, 5]
const READS = { ours: 20_000, feast: 300 }
const MANY = 100
/** No round of joins begins later than this. */
const MOST_MS = 120_000

/** How many times as long another takes. */
const times = (theirs: number, ours: number): string => `${Number((theirs / ours).toPrecision(2))} times ours`

const OF = { project: 'bench', view: 'stats', version: 1 }
const NS = 1_000_000n
/** After all rows, and near enough that the last of them are alive. */
const NOW = BigInt(Date.UTC(2026, 0, 31)) * NS

/** All rows; Feast's stores are left out, and say why, where they cannot be had. */
export async function features({ seconds }: Options): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-features-'))
  const peers: Feast[] = []
  try {
    await writeStats(folder, { rows: ROWS, requests: REQUESTS })
    const started = await startPeers(folder, peers)
    const rounds = seconds === 1 ? 2 : 5
    return [...(await joins(folder, started, rounds)), ...(await online(folder, started.duckdb, seconds === 1 ? 1 : 3))]
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()))
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** `fault`: why there is none. */
interface Peer {
  readonly feast?: Feast
  readonly fault: string
}

type Peers = Readonly<Record<'duckdb' | 'file', Peer>>

async function startPeers(folder: string, started: Feast[]): Promise<Peers> {
  const start = async (store: 'duckdb' | 'file'): Promise<Peer> => {
    process.stderr.write(`  ${FEAST} with its ${store} store …\n`)
    try {
      const feast = await startFeast(folder, store)
      started.push(feast)
      return { feast, fault: '' }
    } catch (error) {
      return { fault: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) }
    }
  }
  return { duckdb: await start('duckdb'), file: await start('file') }
}

const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )

/** The nearest one of sorted values. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

interface Joined {
  readonly seconds: number
  readonly rows: number
  readonly matched: number
}

async function joins(folder: string, peers: Peers, rounds: number): Promise<Row[]> {
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
  return [
    {
      name: `join as of a time, ${thousands(REQUESTS)} requests × ${thousands(ROWS)} rows × 10 features`,
      measured: `${seconds.toFixed(2)} s in a process of its own, ${thousands(last.rows)} rows, ${thousands(last.matched)} with a value (${thousands(late.matched)} with \`include_late_data\`)`,
      target: `≤ ${JOINED} s and all rows`,
      beside: beside.map(({ text }) => text).join('; '),
      ok: seconds <= JOINED && last.rows === REQUESTS,
      figures: {
        seconds,
        all: measured.ours.map((one) => one.seconds),
        rows: last.rows,
        matched: last.matched,
        matched_late: late.matched,
        ...Object.fromEntries(beside.map(({ store, figures }) => [store, figures])),
      },
    },
  ]
}

async function joinOnce(folder: string, options: EngineOptions, include_late_data: boolean): Promise<Joined> {
  const files = (name: string) => ({ paths: [join(folder, `${name}.parquet`)], format: 'parquet' as const })
  // the engine may write its own file alone, and DuckDB would put another beside one that is there
  rmSync(join(folder, 'ours.parquet'), { force: true })
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
  )
  return { seconds: (performance.now() - began) / 1000, rows, matched: columns[0]?.statuses.present ?? 0 }
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
    text: `${name}: ${theirs.toFixed(2)} s (${times(theirs, seconds)}), ${thousands(last.rows)} rows, ${thousands(last.matched)} with a value`,
    figures: {
      seconds: theirs,
      ratio: theirs / seconds,
      rows: last.rows,
      matched: last.matched,
      all: measured.map((one) => one.seconds),
    },
  }
}

/** Materialising and reading, both in the process that reads; Feast's with its duckdb store, the faster of the two. */
async function online(folder: string, peer: Peer, rounds: number): Promise<Row[]> {
  const file = join(folder, 'online.db')
  const store = new OnlineStore(file)
  try {
    const ours: number[] = []
    const theirs: number[] = []
    for (let round = 0; round < rounds; round++) {
      ours.push(await materialiseOnce(folder, store, file))
      const other = await peer.feast?.materialise()
      if (other !== undefined) theirs.push(other.seconds)
    }
    const row = materialiseRow(ours, theirs, peer.fault)
    return [row, await readsRow(file, peer, 1), await readsRow(file, peer, MANY), await duringRow(folder, store, file)]
  } finally {
    store.close()
  }
}

async function materialiseOnce(folder: string, store: OnlineStore, file: string): Promise<number> {
  const began = performance.now()
  const set = store.begin(OF, VIEW, NOW)
  await runTask(
    {
      kind: 'materialise',
      view: VIEW,
      sources: { stats: { paths: [join(folder, 'stats.parquet')], format: 'parquet' } },
      until: String(NOW),
      store: file,
      set,
    },
    { folder, memory_bytes: 2e9, threads: 2, longest_ms: 600_000 },
  )
  store.switchTo(set, OF, { horizon: NOW, now: NOW })
  const seconds = (performance.now() - began) / 1000
  while (store.clean());
  return seconds
}

function materialiseRow(ours: readonly number[], theirs: readonly number[], fault: string): Row {
  const seconds = median(ours)
  const other = theirs.length === 0 ? undefined : median(theirs)
  return {
    name: `materialise ${thousands(CUSTOMERS)} keys × 10 from ${thousands(ROWS)} rows`,
    measured: `${seconds.toFixed(2)} s`,
    target: `≤ ${MATERIALISED} s`,
    beside:
      other === undefined
        ? `${FEAST}: ${fault}`
        : `${FEAST}, duckdb store to SQLite: ${other.toFixed(1)} s (${times(other, seconds)})`,
    ok: seconds <= MATERIALISED,
    figures: { seconds, all: ours, ...(other !== undefined && { feast: other, ratio: other / seconds }) },
  }
}

function keysOf(round: number, rows: number): string[] {
  return Array.from({ length: rows }, (_, j) => String((round * 7919 + j * 104_729) % CUSTOMERS))
}

/** Throws where few were found, for then nothing was measured. */
function requireFound(found: number, asked: number): void {
  if (found < asked / 2) throw new Error(`only ${found} of ${asked} customers were found`)
}

/** Microseconds of each read. */
function readTimes(reader: OnlineReader, count: number, rows: number): number[] {
  let found = 0
  const us = Array.from({ length: count }, (_, round) => {
    const keys = keysOf(round, rows)
    const began = performance.now()
    const seen = reader.read(OF, keys, NOW)
    const took = (performance.now() - began) * 1000
    found += seen?.filter(({ status }) => status === 'live').length ?? 0
    return took
  })
  requireFound(found, count * rows)
  return us.toSorted((a, b) => a - b)
}

async function readsRow(file: string, { feast, fault }: Peer, rows: number): Promise<Row> {
  const reader = new OnlineReader(file)
  try {
    readTimes(reader, 1000, rows)
    const us = readTimes(reader, rows === 1 ? READS.ours : READS.ours / 20, rows)
    const [p50, p99] = [quantile(us, 0.5), quantile(us, 0.99)]
    const said = await feast?.read(READS.feast, rows)
    if (said !== undefined) requireFound(said.found, READS.feast * rows)
    const other = said?.us.toSorted((a, b) => a - b)
    const theirs = other === undefined ? undefined : { p50: quantile(other, 0.5), p99: quantile(other, 0.99) }
    return {
      name: `read ${rows === 1 ? 'one row' : `${rows} rows`} × 10 features in the process`,
      measured: `p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs`,
      target: '',
      beside:
        theirs === undefined
          ? `${FEAST}: ${fault}`
          : `${FEAST}, SQLite: p50 ${thousands(theirs.p50)} µs, p99 ${thousands(theirs.p99)} µs (${times(theirs.p50, p50)})`,
      ok: null,
      figures: { p50_us: p50, p99_us: p99, ...(theirs && { feast: theirs, ratio: theirs.p50 / p50 }) },
    }
  } finally {
    reader.close()
  }
}

/** Reads go on while another set is made; how long they then take. */
async function duringRow(folder: string, store: OnlineStore, file: string): Promise<Row> {
  const reader = new OnlineReader(file)
  const us: number[] = []
  const making = { isDone: false }
  try {
    const made = materialiseOnce(folder, store, file).finally(() => (making.isDone = true))
    while (!making.isDone) {
      us.push(...readTimes(reader, 20, 1))
      await new Promise(setImmediate)
    }
    await made
  } finally {
    reader.close()
  }
  us.sort((a, b) => a - b)
  const [p50, p99] = [quantile(us, 0.5), quantile(us, 0.99)]
  return {
    name: 'read one row × 10 features while the view is materialised again',
    measured: `p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs of ${thousands(us.length)}, none refused`,
    target: 'none refused',
    beside: '',
    ok: true,
    figures: { p50_us: p50, p99_us: p99, reads: us.length },
  }
}
