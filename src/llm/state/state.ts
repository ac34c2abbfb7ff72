/** How the loops of the room go on this server: the division of budgets, settings for gateways, the end of old calls, the log. */
import type { Principal } from '../../contract/access.ts'
import { toTime } from '../../contract/fields.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { llmStateApi } from '../../contract/llm/state.ts'
import type { LlmState } from '../../contract/llm/state.ts'
import { mount } from '../../http/mount.ts'
import type { Mounted } from '../../http/mount.ts'
import type { Published } from '../../serving/fleet/publisher.ts'
import type { RoundState } from '../../store/rounds.ts'
import type { LogState } from '../calls/calls.ts'
import type { Llm } from '../context/context.ts'
import type { ExpiryState } from '../expiry/expiry.ts'
import { divisionState } from '../shares/division-state.ts'

export interface StateDeps extends Pick<Llm, 'db' | 'clock'> {
  /** Undefined on a database of one server. */
  readonly shares: () => Parameters<typeof divisionState>[1]
  readonly expiry: () => ExpiryState
  readonly log: () => Promise<LogState>
  /** Port: how settings come to the gateways. */
  readonly published: () => Published
}

/** Without a round that went well for so long a loop hangs, ms: rounds of a second, and of an hour. */
const OLD_MS = 60_000
const OLD_EXPIRY_MS = 3 * HOUR_MS

/** The route that tells it. */
export function stateRoute(deps: StateDeps): Mounted {
  return mount(llmStateApi.llmState, ({ who }) => llmState(deps, who))
}

export async function llmState(deps: StateDeps, who: Principal): Promise<LlmState> {
  const { db, clock } = deps
  const shares = deps.shares()
  const now = clock()
  const division = await divisionState(db, shares, who, now)
  const how = told(who, shares?.rounds, now)
  return {
    division: {
      state: division.off !== null && how.state === 'ok' ? 'off' : how.state,
      fault: how.fault,
      divided_at: doneAt(shares?.rounds),
      ...division,
    },
    settings: settingsState(deps.published(), who, now),
    retention: { ...retentionState(deps.expiry(), who, now), oldest: await oldestCall(db) },
    log: logState(await deps.log(), who, now),
  }
}

function settingsState({ at, looks, gateways }: Published, who: Principal, now: number): LlmState['settings'] {
  const { state, fault } = told(who, looks, now)
  return {
    state: gateways === 0 && state === 'ok' ? 'off' : state,
    published_at: at === null ? null : toTime(at),
    checked_at: doneAt(looks),
    gateways,
    fault,
  }
}

function retentionState(
  { ages, rounds, removed }: ExpiryState,
  who: Principal,
  now: number,
): Omit<LlmState['retention'], 'oldest'> {
  const isOff = ages.calls === undefined && ages.content === undefined
  return {
    ...told(who, isOff ? undefined : rounds, now, OLD_EXPIRY_MS),
    calls_ms: ages.calls ?? null,
    content_ms: ages.content ?? null,
    ended_at: doneAt(rounds),
    removed,
  }
}

function logState({ rounds, bytes, oldest, unreadable }: LogState, who: Principal, now: number): LlmState['log'] {
  const behind_ms = oldest === null ? 0 : Math.max(0, Math.round(now - oldest))
  const { state, fault } = told(who, rounds, now)
  return {
    state: state === 'ok' && behind_ms > OLD_MS ? 'old' : state,
    read_at: doneAt(rounds),
    bytes,
    behind_ms,
    unreadable,
    fault,
  }
}

/** How a loop goes, in what a caller may know of it: an error may name what is not of its project. */
function told(
  who: Principal,
  rounds: RoundState | undefined,
  now: number,
  old = OLD_MS,
): Pick<LlmState['log'], 'state' | 'fault'> {
  if (rounds === undefined) return { state: 'off', fault: null }
  const { begun, done, fault } = rounds
  if (fault === null) return { state: now - (done ?? begun) > old ? 'old' : 'ok', fault: null }
  const words = who.project === null ? fault.words : 'the log of the server says why'
  return { state: 'failing', fault: { since: toTime(fault.since), at: toTime(fault.at), words } }
}

function doneAt(rounds: RoundState | undefined): string | null {
  const done = rounds?.done ?? null
  return done === null ? null : toTime(done)
}

async function oldestCall(db: Llm['db']): Promise<string | null> {
  const row = await db.get<{ started: number }>('SELECT started FROM llm_calls ORDER BY started, id LIMIT 1')
  return row === undefined ? null : toTime(row.started)
}
