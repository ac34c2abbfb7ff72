/** Reads the meters again and again; what a stop or crash left unread is read the next time. */
import { DAY_MS, HOUR_MS } from '../contract/ids.ts'
import { recordAttempt, recordServing, recordStorage, RUNNING } from './meters.ts'
import type { ServingSample, StorageSample } from './meters.ts'
import type { UsedByAttempt } from '../contract/runs/usage.ts'
import type { Cost } from './ledger-rows.ts'

/** Where rooms below tell what was used. */
export interface UsageSources {
  /** Attempts that ended after a time (ms), oldest first. */
  readonly attempts: (since: number, limit: number) => Promise<readonly UsedByAttempt[]>
  /** Attempts that go on, with what they have used so far. */
  readonly running: () => Promise<readonly UsedByAttempt[]>
  readonly serving: () => Promise<readonly ServingSample[]>
  readonly storage: () => Promise<readonly StorageSample[]>
}

export interface MeterLoop {
  start(): void
  /** Reads all meters now; concurrent calls are one. */
  read(): Promise<void>
  /** Stops; resolves when a reading under way has ended. */
  stop(): Promise<void>
}

/** Attempts are told late when their end was found after a crash: so far back the first reading looks, and each later one. */
const FIRST_LATE_MS = DAY_MS
const LATE_MS = HOUR_MS
const PAGE = 500

/** Makes the loop. A meter that fails is told to `onError` and does not keep the others from being read. */
export function meterLoop(
  room: Cost,
  sources: UsageSources,
  options: { readonly onError: (error: unknown) => void; readonly everyMs?: number },
): MeterLoop {
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> | undefined
  const attempts = attemptReader(room, sources)
  async function readAll(): Promise<void> {
    const meters = [
      attempts,
      async () => recordRunning(room, await sources.running()),
      async () => recordServing(room, await sources.serving(), room.clock()),
      async () => recordStorage(room, await sources.storage(), room.clock()),
    ]
    for (const meter of meters) await meter().catch(options.onError)
  }
  function read(): Promise<void> {
    reading ??= readAll().finally(() => {
      reading = undefined
    })
    return reading
  }
  return {
    read,
    start() {
      timer ??= setInterval(() => void read(), options.everyMs ?? 10_000)
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await read()
    },
  }
}

async function recordRunning(room: Cost, attempts: readonly UsedByAttempt[]): Promise<void> {
  for (const attempt of attempts) await recordAttempt(room, { ...attempt, state: RUNNING })
}

/** Makes the reader of attempts; it remembers those that it entered, which are few. */
function attemptReader(room: Cost, sources: UsageSources): () => Promise<void> {
  const known = new Set<string>()
  let late = FIRST_LATE_MS
  return async () => {
    const newest = await room.db.get<{ at: number | null }>(
      "SELECT MAX(to_at) AS at FROM cost_entries WHERE kind = 'attempt'",
    )
    for (let since = Math.max(0, (newest?.at ?? 0) - late); ;) {
      const found = (await sources.attempts(since, PAGE)).filter((attempt) => !known.has(attempt.id))
      for (const attempt of found) {
        await recordAttempt(room, attempt)
        known.add(attempt.id)
      }
      const last = found.at(-1)
      if (last === undefined) break
      // several may have ended in the same millisecond
      since = last.finished_at - 1
    }
    late = LATE_MS
  }
}
