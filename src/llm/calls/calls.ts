/** What becomes of calls of language models once the gateways have answered them: rows, money, traces, and routes that tell of them. */
import { llmCallsApi } from '../../contract/llm-calls.ts'
import { enterLlmCalls } from '../../cost/llm-entries.ts'
import { callSegments } from '../../gateway/llm/records/journal.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import type { BudgetRoute } from '../../gateway/table/llm.ts'
import { mount } from '../../http/mount.ts'
import type { Mounted } from '../../http/mount.ts'
import type { Reader } from '../../store/db.ts'
import { DAY_MS } from '../../contract/ids.ts'
import { faultPoint } from '../../store/fault.ts'
import type { RoundState } from '../../store/rounds.ts'
import { Follower } from '../../store/segments/follower.ts'
import { insertSpans } from '../../traces/spans/ingest.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { tellBudgets } from './alerts.ts'
import type { TellBudget } from './alerts.ts'
import { overviewOf } from './overview.ts'
import { parseCall } from './record.ts'
import { writeCalls } from './rows.ts'
import type { CallPorts } from './rows.ts'
import { spentOf } from './spent.ts'
import type { Spent, WindowStart } from './spent.ts'
import { getCall, listCalls } from './views.ts'

export interface CallsDeps {
  /** Database and clock, and what traces are written with. */
  readonly room: Tracking
  /** Folder of the server's data. */
  readonly dataDir: string
  readonly windowStart: WindowStart
  /** Told after the commit that took calls in: those that were new. */
  readonly onCalls?: (calls: readonly LlmCallRecord[]) => void
  readonly onError: (error: unknown) => void
  /** Told of budgets that have reached a part of their limit, in the transaction that charges them; without it nobody is. */
  readonly tell?: TellBudget | undefined
  /** Default: the ledger of the cost room, and traces in experiments of the call's own project. */
  readonly ports?: Partial<CallPorts>
  /** Bytes of the log of one transaction. */
  readonly chunkBytes?: number
  /** Age after which a segment that was taken in is deleted, ms. Default a day. */
  readonly keepMs?: number
}

/** How far the log is taken in. */
export interface LogState {
  readonly rounds: RoundState
  /** Bytes of the log of this server that wait. */
  readonly bytes: number
  /** When the first call that waits ended, ms; null = none does. */
  readonly oldest: number | null
  /** Bytes that were no record, and records that could not be read, of segments that were read within a day, of all servers. */
  readonly unreadable: number
}

export interface CallsPart {
  readonly routes: readonly Mounted[]
  /** Follows the log from now on. */
  start(): void
  /** Stops; resolves when a chunk under way is taken in. The rest stays in the log. */
  stop(): Promise<void>
  /** Takes in what is in the log now; returns how many records that were. */
  drain(): Promise<number>
  /** How far the log is taken in now. */
  logState(): Promise<LogState>
  /** What budgets were charged with in their windows of a time (ms), by the calls that were taken in. */
  spentOf(
    reader: Reader,
    budgets: readonly Pick<BudgetRoute, 'id' | 'window'>[],
    now: number,
  ): Promise<Map<string, Spent>>
}

/** Each call has several rows, and its spans: fewer of them make a transaction than of predictions. */
const CHUNK_BYTES = 64 * 1024

/** Makes the part. Two of them on one folder and database change nothing: each record is taken in once. */
export function callsPart(deps: CallsDeps): CallsPart {
  const { room, windowStart } = deps
  const { db, clock } = room
  const ports: CallPorts = {
    charge: enterLlmCalls,
    trace: (t, place, spans) => insertSpans(t, room, place, spans),
    ...deps.ports,
  }
  const follower = new Follower<LlmCallRecord, readonly LlmCallRecord[]>({
    db,
    clock,
    folder: callSegments(deps.dataDir),
    offsets: 'llm_offsets',
    parse: parseCall,
    async write(t, calls) {
      const fresh = await writeCalls(t, calls, ports)
      if (deps.tell !== undefined) await tellBudgets(t, { now: clock(), windowStart, tell: deps.tell }, fresh)
      faultPoint('llm.ingest')
      return fresh
    },
    onWritten: (_calls, fresh) => deps.onCalls?.(fresh),
    onError: deps.onError,
    chunkBytes: deps.chunkBytes ?? CHUNK_BYTES,
    keepMs: deps.keepMs,
  })
  return {
    routes: [
      mount(llmCallsApi.listLlmCalls, ({ who, query }) => listCalls(db, who, query)),
      mount(llmCallsApi.getLlmCall, ({ who, params }) => getCall(db, who, params.id)),
      mount(llmCallsApi.llmOverview, ({ who, query }) => overviewOf(db, who, query, { now: clock() })),
    ],
    start: () => follower.start(),
    stop: () => follower.stop(),
    drain: () => follower.drain(),
    async logState() {
      const { bytes, first } = await follower.waiting()
      const ends = first.map(({ started, us }) => started + us / 1000)
      const oldest = ends.length === 0 ? null : Math.min(...ends)
      return { rounds: follower.rounds, bytes, oldest, unreadable: await unreadableSince(db, clock() - DAY_MS) }
    },
    spentOf: (reader, budgets, now) => spentOf(reader, budgets, { now, windowStart }),
  }
}

/** What could not be read of segments of which something was read since then, ms. */
async function unreadableSince(reader: Reader, since: number): Promise<number> {
  const row = await reader.get<{ n: number }>(
    'SELECT CAST(COALESCE(SUM(damaged), 0) AS BIGINT) AS n FROM llm_offsets WHERE damaged > 0 AND updated_at > ?',
    [since],
  )
  return row?.n ?? 0
}
