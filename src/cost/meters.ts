/** What was used becomes entries: attempts of steps, versions at endpoints, files of versions. Each use is entered once. */
import { DAY_MS, HOUR_MS } from '../contract/ids.ts'
import type { UsedByAttempt } from '../contract/runs/usage.ts'
import type { Tx } from '../store/db.ts'
import { addToEntry, enterSoFar } from './ledger.ts'
import { kibSeconds } from './price.ts'
import type { Cost } from './ledger-rows.ts'

/** The outcome of an attempt that goes on. */
export const RUNNING = 'running'

/**
 * Enters an attempt: its CPU, and its memory over the time that it ran. One that goes on is entered again as it uses more, and a last
 * time at its end. False when its end was entered before.
 */
export function recordAttempt(room: Cost, attempt: UsedByAttempt): Promise<boolean> {
  const wall = attempt.wall_ms ?? 0
  const memory = attempt.memory_kib_s ?? kibSeconds(attempt.max_rss_bytes ?? 0, wall)
  return room.db.tx((t) =>
    enterSoFar(
      t,
      {
        id: `attempt/${attempt.id}`,
        kind: 'attempt',
        project: attempt.project,
        run: attempt.run_id,
        endpoint: null,
        model: null,
        version: null,
        outcome: attempt.state,
      },
      {
        from_at: attempt.finished_at - wall,
        to_at: attempt.finished_at,
        cpu_ms: Math.round((attempt.cpu_seconds ?? 0) * 1000),
        memory_kib_s: memory,
        storage_kib_s: 0,
        predictions: 0,
      },
      { until: RUNNING, unmeasured: attempt.measured === 'whole' ? 0 : 1 },
    ),
  )
}

/**
 * What the counters of one version in one gateway process show. Counts and CPU grow since the process began; a count that falls
 * began anew. The gateway's own CPU and memory are the same in all samples of the process and are split here.
 */
export interface ServingSample {
  readonly project: string
  readonly endpoint: string
  readonly version: string
  /** The gateway process. */
  readonly pid: number
  /** Rows that callers were answered. */
  readonly predictions: number
  /** Requests that were worked on, also those of a shadow. */
  readonly requests: number
  readonly gateway_cpu_seconds: number
  /** Of this version's own scorer processes. */
  readonly scorer_cpu_seconds: number
  readonly gateway_bytes: number
  readonly scorer_bytes: number
}

interface Counters {
  readonly predictions: number
  readonly requests: number
  readonly gateway_cpu_seconds: number
  readonly scorer_cpu_seconds: number
}

const ZERO: Counters = { predictions: 0, requests: 0, gateway_cpu_seconds: 0, scorer_cpu_seconds: 0 }

interface Grown {
  readonly sample: ServingSample
  readonly more: Counters
  readonly since: number
  /** No sample of it was there before. */
  readonly fresh: boolean
}

/**
 * Enters what was used since the last samples, an entry for each version and hour. A gateway's own CPU and memory are split by the
 * requests of the time between, evenly when there were none: an idle endpoint costs, and its owner sees it.
 */
export function recordServing(room: Cost, samples: readonly ServingSample[], at: number): Promise<void> {
  return room.db.tx(async (t) => {
    await t.lock('cost.samples')
    for (const own of Map.groupBy(merged(samples), (sample) => sample.pid).values()) {
      const grown: Grown[] = []
      for (const sample of own) grown.push(await grownSince(t, sample, at))
      const requests = grown.reduce((sum, one) => sum + one.more.requests, 0)
      const cpu = grown.every((one) => one.fresh)
        ? (own[0]?.gateway_cpu_seconds ?? 0)
        : Math.max(...grown.map((one) => one.more.gateway_cpu_seconds))
      for (const one of grown) {
        const share = requests === 0 ? 1 / grown.length : one.more.requests / requests
        await enterServing(t, one, { share, cpu, at })
      }
    }
  })
}

/** A version may stand in two places at one endpoint: shadow and stable. Counts add up; processes are shared. */
function merged(samples: readonly ServingSample[]): ServingSample[] {
  const byKey = Map.groupBy(samples, (one) => `${one.pid} ${one.endpoint} ${one.version}`)
  return [...byKey.values()].map((same) =>
    same.reduce((a, b) => ({
      ...a,
      predictions: a.predictions + b.predictions,
      requests: a.requests + b.requests,
      scorer_cpu_seconds: Math.max(a.scorer_cpu_seconds, b.scorer_cpu_seconds),
      scorer_bytes: Math.max(a.scorer_bytes, b.scorer_bytes),
    })),
  )
}

async function grownSince(t: Tx, sample: ServingSample, at: number): Promise<Grown> {
  const { predictions, requests, gateway_cpu_seconds, scorer_cpu_seconds } = sample
  const now: Counters = { predictions, requests, gateway_cpu_seconds, scorer_cpu_seconds }
  const meter = `serving/${sample.pid}/${sample.endpoint}/${sample.version}`
  const before = await swap(t, meter, now, at)
  const restarted = before !== undefined && gateway_cpu_seconds < (before.counters as Counters).gateway_cpu_seconds
  const old = before === undefined || restarted ? ZERO : (before.counters as Counters)
  const more = (key: keyof Counters): number => (now[key] < old[key] ? now[key] : now[key] - old[key])
  return {
    sample,
    fresh: before === undefined,
    since: before === undefined || restarted ? at : before.at,
    more: {
      predictions: more('predictions'),
      requests: more('requests'),
      // what a gateway had used before this version came is not this version's
      gateway_cpu_seconds: before === undefined ? 0 : more('gateway_cpu_seconds'),
      scorer_cpu_seconds: more('scorer_cpu_seconds'),
    },
  }
}

async function enterServing(
  t: Tx,
  { sample, more, since }: Grown,
  split: { readonly share: number; readonly cpu: number; readonly at: number },
): Promise<void> {
  const hour = Math.floor(since / HOUR_MS) * HOUR_MS
  const bytes = sample.gateway_bytes * split.share + sample.scorer_bytes
  await addToEntry(
    t,
    {
      id: `serving/${sample.endpoint}/${sample.version}/${hour}`,
      kind: 'serving',
      project: sample.project,
      run: null,
      endpoint: sample.endpoint,
      model: null,
      version: sample.version,
      outcome: null,
    },
    {
      from_at: since,
      to_at: split.at,
      cpu_ms: Math.round((split.cpu * split.share + more.scorer_cpu_seconds) * 1000),
      memory_kib_s: kibSeconds(bytes, Math.max(0, split.at - since)),
      storage_kib_s: 0,
      predictions: more.predictions,
    },
  )
}

/** The files of one version. Files that versions share count for each: every one of them needs them. */
export interface StorageSample {
  readonly project: string
  readonly model: string
  readonly version: string
  readonly bytes: number
}

/** Enters the storage of each version since the last sample, an entry for each version and day (UTC). */
export function recordStorage(room: Cost, samples: readonly StorageSample[], at: number): Promise<void> {
  return room.db.tx(async (t) => {
    await t.lock('cost.samples')
    for (const { project, model, version, bytes } of samples) {
      const before = await swap(t, `storage/${model}/${version}`, {}, at)
      if (before === undefined || before.at >= at) continue
      const day = Math.floor(before.at / DAY_MS) * DAY_MS
      await addToEntry(
        t,
        {
          id: `storage/${model}/${version}/${day}`,
          kind: 'storage',
          project,
          run: null,
          endpoint: null,
          model,
          version,
          outcome: null,
        },
        {
          from_at: before.at,
          to_at: at,
          cpu_ms: 0,
          memory_kib_s: 0,
          storage_kib_s: kibSeconds(bytes, at - before.at),
          predictions: 0,
        },
      )
    }
  })
}

/** Keeps what a meter shows now and returns what it showed last. */
async function swap(
  t: Tx,
  meter: string,
  counters: object,
  at: number,
): Promise<{ at: number; counters: unknown } | undefined> {
  const row = await t.get<{ at: number; counters: string }>('SELECT at, counters FROM cost_samples WHERE meter = ?', [
    meter,
  ])
  await t.run(
    `INSERT INTO cost_samples (meter, at, counters) VALUES (?,?,?)
     ON CONFLICT (meter) DO UPDATE SET at = excluded.at, counters = excluded.counters`,
    [meter, at, JSON.stringify(counters)],
  )
  return row === undefined ? undefined : { at: row.at, counters: JSON.parse(row.counters) as unknown }
}
