/** Feature stores: the join as of a time, materialising, reading, pushing and predicting, beside Feast on the same rows. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTask } from '../../src/features/engine/engine.ts'
import { OnlineReader } from '../../src/features/online/reader.ts'
import { OnlineStore } from '../../src/features/online/store.ts'
import { COMPILED } from '../program/serve.ts'
import { thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'
import { FEAST, startFeast, type Feast, type Peer } from './feast.ts'
import { faultOf, median, quantile, times } from './figures.ts'
import { filled } from './filled.ts'
import { joinRow, largeRow, type Peers } from './joins.ts'
import { served } from './served.ts'
import { CUSTOMERS, VIEW, writeStats } from './stats.ts'

const ROWS = 1_000_000
const REQUESTS = 100_000
/** What is to be reached, seconds. */
const MATERIALISED = 5
const READS = { ours: 20_000, feast: 300 }
const MANY = 100

const OF = { project: 'bench', view: 'stats', version: 1 }
const NS = 1_000_000n
/** After all rows, and near enough that the last of them are alive. */
const NOW = BigInt(Date.UTC(2026, 0, 31)) * NS

/** All rows; Feast's stores are left out, and say why, where they cannot be had. */
export async function features(options: Options): Promise<Row[]> {
  const { seconds } = options
  // as a server has it, for the processes that it starts
  process.env['NODE_COMPILE_CACHE'] ??= COMPILED
  const folder = mkdtempSync(join(tmpdir(), 'bench-features-'))
  const peers: Feast[] = []
  try {
    await writeStats(folder, { rows: ROWS, requests: REQUESTS })
    const started = await startPeers(folder, peers)
    const rounds = seconds === 1 ? 2 : 5
    return [
      await joinRow(folder, started, { rows: ROWS, requests: REQUESTS }, rounds),
      ...(await online(folder, started.duckdb, seconds === 1 ? 1 : 3)),
      ...(await served(folder, started.duckdb, options)),
      ...(await filled(options)),
      // ten million rows take a minute to be made
      ...(seconds === 1 ? [] : [await largeIn(folder)]),
    ]
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()))
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function largeIn(folder: string): Promise<Row> {
  const own = join(folder, 'large')
  mkdirSync(own)
  return largeRow(own)
}

async function startPeers(folder: string, started: Feast[]): Promise<Peers> {
  const start = async (store: 'duckdb' | 'file'): Promise<Peer> => {
    process.stderr.write(`  ${FEAST} with its ${store} store …\n`)
    try {
      const feast = await startFeast(folder, store)
      started.push(feast)
      return { feast, fault: '' }
    } catch (error) {
      return { fault: faultOf(error) }
    }
  }
  return { duckdb: await start('duckdb'), file: await start('file') }
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
