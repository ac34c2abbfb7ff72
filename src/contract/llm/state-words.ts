/** How the parts of language models go, in words: the same for commands, the doctor and the page. */
import { bytes, count, duration, plural } from '../text/format.ts'
import type { LlmState } from './state.ts'

export interface StateLine {
  readonly part: keyof LlmState
  /** ok: as it should be. off: it is not done, as it was set. warn: nothing fails, and somebody should know. wrong: it does not do what it is for. */
  readonly level: 'ok' | 'off' | 'warn' | 'wrong'
  readonly text: string
}

const TITLES: Readonly<Record<keyof LlmState, string>> = {
  division: 'budgets',
  settings: 'settings',
  retention: 'retention',
  log: 'log',
}

/** Budgets that are named in a line. */
const MOST_NAMED = 3

/** What a part is called. */
export function partTitle(part: keyof LlmState): string {
  return TITLES[part]
}

/** A line for each part, and one more for each thing of it that is to be known. */
export function stateLines(state: LlmState): StateLine[] {
  return [
    ...divisionLines(state.division),
    settingsLine(state.settings),
    retentionLine(state.retention),
    ...logLines(state.log),
  ]
}

/** Those of which somebody should know. */
export function stateTroubles(state: LlmState): StateLine[] {
  return stateLines(state).filter(({ level }) => level === 'warn' || level === 'wrong')
}

function divisionLines(division: LlmState['division']): StateLine[] {
  const part = 'division'
  const gone = division.servers.filter(({ live, held }) => !live && Number(held) > 0)
  return [
    { part, ...divisionLine(division) },
    ...gone.map(({ name, seen_at, held }): StateLine => {
      const text = `server ${name} was last seen at ${seen_at} and holds $${held} of budgets: start it again, or, where its gateways have ended too, slipway llm servers remove ${name}`
      return { part, level: 'warn', text }
    }),
    ...withoutLines(division),
  ]
}

function divisionLine({ state, off, fault, divided_at, servers }: LlmState['division']): Omit<StateLine, 'part'> {
  const kept = 'gateways spend no more than the shares that they have'
  if (fault !== null) return { level: 'wrong', text: `not divided since ${fault.since}, ${kept}: ${fault.words}` }
  if (state === 'old')
    return {
      level: 'wrong',
      text: `no division has ended since ${since(divided_at)}, ${kept}: does the database hang?`,
    }
  if (off === 'one_server') return { level: 'ok', text: 'not divided: this database has one server' }
  if (off === 'no_hard_budget') return { level: 'ok', text: 'not divided: there is no hard budget' }
  const living = servers.filter(({ live }) => live).length
  const among = servers.length === 0 ? '' : ` among ${plural(living, 'server')}`
  return { level: 'ok', text: `divided${among}, last at ${divided_at ?? 'no time yet'}` }
}

function withoutLines({ state, without, more_without }: LlmState['division']): StateLine[] {
  // while the division itself fails it is that which is to be mended
  if (state !== 'ok') return []
  const stuck = without.filter(({ why }) => why === 'gone')
  if (stuck.length === 0) return []
  const named = stuck.slice(0, MOST_NAMED).map(({ budget, project }) => `${budget} of project ${project}`)
  const more = stuck.length - named.length + more_without
  const text = `this server may spend nothing of ${named.join(', ')}${more === 0 ? '' : ` and ${more} more`}: servers that are gone hold what is left`
  return [{ part: 'division', level: 'warn', text }]
}

function settingsLine({ state, fault, gateways, published_at, checked_at }: LlmState['settings']): StateLine {
  const part = 'settings'
  const old = `gateways go on with ${published_at === null ? 'what they had when this server started' : `those of ${published_at}`}`
  if (fault !== null) return { part, level: 'wrong', text: `old since ${fault.since}, ${old}: ${fault.words}` }
  if (state === 'old')
    return { part, level: 'wrong', text: `not looked at since ${since(checked_at)}, ${old}: does the database hang?` }
  if (state === 'off') return { part, level: 'ok', text: 'nobody to give them to: this server runs without a gateway' }
  const when = published_at === null ? '' : `, last published at ${published_at}`
  return { part, level: 'ok', text: `${plural(gateways, 'gateway')} with the newest${when}` }
}

function retentionLine(retention: LlmState['retention']): StateLine {
  const part = 'retention'
  const { state, fault, calls_ms, content_ms, ended_at, removed, oldest } = retention
  const from = oldest === null ? 'none yet' : `the oldest of ${oldest}`
  if (state === 'off') {
    const text = `calls and their contents are kept for ever (${from}); SLIPWAY_LLM_CALLS_DAYS and SLIPWAY_LLM_CONTENT_DAYS end that`
    return { part, level: oldest === null ? 'ok' : 'off', text }
  }
  if (fault !== null)
    return { part, level: 'wrong', text: `old calls stay since ${fault.since} (${from}): ${fault.words}` }
  if (state === 'old')
    return {
      part,
      level: 'wrong',
      text: `no round has ended since ${since(ended_at)} (${from}): does the database hang?`,
    }
  const ages = `calls are kept ${age(calls_ms)}, their contents ${content_ms === null ? 'as long' : age(content_ms)}`
  const round =
    removed === null || ended_at === null
      ? 'no round has ended yet'
      : `the round of ${ended_at} removed ${plural(removed.calls, 'call')} and ${plural(removed.contents, 'content')}`
  return { part, level: 'ok', text: `${ages}; ${round}` }
}

function logLines({ state, fault, bytes: size, behind_ms, read_at, unreadable }: LlmState['log']): StateLine[] {
  const part = 'log'
  const waits = `${bytes(size)} wait, the oldest call for ${duration(behind_ms)}`
  const lost: StateLine[] =
    unreadable === 0
      ? []
      : [
          {
            part,
            level: 'warn',
            text: `${count(unreadable)} bytes or records of the last day could not be read: those calls are in no table and not in the ledger`,
          },
        ]
  if (fault !== null)
    return [
      { part, level: 'wrong', text: `calls stay in the log since ${fault.since} (${waits}): ${fault.words}` },
      ...lost,
    ]
  if (state === 'old') {
    const text = `${waits}; the log was last read to its end at ${since(read_at)}`
    return [{ part, level: 'wrong', text }, ...lost]
  }
  return [{ part, level: 'ok', text: size === 0 ? 'all calls are taken in' : waits }, ...lost]
}

function since(at: string | null): string {
  return at ?? 'the start of this server'
}

function age(ms: number | null): string {
  return ms === null ? 'for ever' : `for ${duration(ms)}`
}
