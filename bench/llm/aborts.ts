/** Clients that leave before their answer is whole: when the upstream sees it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'undici'
import { faultOf, quantile } from '../features/figures.ts'
import { ms } from '../table.ts'
import type { Row } from '../table.ts'
import type { Aim, Watch } from './load.ts'
import { bodyOf, call, now, poolTo } from './load.ts'
import { CALLER } from './provider.ts'
import type { Upstream } from './provider.ts'

const ABORTS = 50
/** From the client's leaving to the upstream's seeing it, ms. */
const SEEN_MS = 200
/** Who is not seen after this long is not seen, ms. */
const GIVEN_UP_MS = 1000

/** When a client leaves; each resolves to that time once it has left. */
const LEAVINGS: readonly Case[] = [
  { name: 'client leaves a stream', leave: leftMidway },
  { name: 'client leaves before the first byte', leave: leftWaiting },
]

interface Case {
  readonly name: string
  readonly leave: (pool: Pool, aim: Aim, caller: string) => Promise<number>
}

/** Clients that leave, in the middle of a stream or before any byte: after how long the upstream sees it. */
export async function aborts(own: Aim, others: readonly Aim[], upstream: Upstream): Promise<Row[]> {
  process.stderr.write('  clients that leave …\n')
  const rows: Row[] = []
  for (const leaving of LEAVINGS) {
    const ours = await abortsOf(own, upstream, leaving)
    const theirs: [string, Seen | string][] = []
    for (const aim of others) theirs.push([aim.name, await abortsOf(aim, upstream, leaving).catch(faultOf)])
    rows.push({
      name: `${leaving.name}: seen by the upstream after (${ABORTS} calls)`,
      measured: seenWords(ours),
      target: `p99 ≤ ${SEEN_MS} ms`,
      beside: theirs.map(([peer, one]) => `${peer}: ${typeof one === 'string' ? one : seenWords(one)}`).join('; '),
      ok: ours.missed === 0 && ours.p99 <= SEEN_MS,
      figures: { ...ours, peers: Object.fromEntries(theirs) },
    })
  }
  return rows
}

interface Seen {
  readonly p50: number
  readonly p99: number
  /** Calls that the upstream still answers a second later. */
  readonly missed: number
}

function seenWords({ p50, p99, missed }: Seen): string {
  if (missed === ABORTS) return 'never'
  return `p50 ${ms(p50)}, p99 ${ms(p99)}${missed > 0 ? `, ${missed} of ${ABORTS} NEVER` : ''}`
}

/** Throws where a call could not be left, and where the upstream was not told which call it is. */
async function abortsOf(aim: Aim, upstream: Upstream, { name, leave }: Case): Promise<Seen> {
  const pool = poolTo(aim, ABORTS)
  const left = new Map<string, number>()
  try {
    for (let i = 0; i < ABORTS; i++) {
      const caller = `${CALLER}${aim.name} ${name} ${i}`
      left.set(caller, await leave(pool, aim, caller))
    }
    await sleep(GIVEN_UP_MS)
    const { callers, left: seen } = await upstream.stats()
    const known = new Set(callers)
    if (![...left.keys()].every((caller) => known.has(caller))) throw new Error('calls did not reach the upstream')
    const waits = [...left].flatMap(([caller, at]) => {
      const when = seen[caller]
      return when === undefined ? [] : [when - at]
    })
    const sorted = waits.toSorted((a, b) => a - b)
    return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), missed: ABORTS - sorted.length }
  } finally {
    await pool.destroy()
  }
}

/** Leaves at the first byte of a stream that goes on for seconds. */
function leftMidway(pool: Pool, aim: Aim, caller: string): Promise<number> {
  return left(pool, aim, bodyOf('slow', true, { messages: [{ role: 'user', content: caller }] }), (leave) => ({
    onFirst: leave,
  }))
}

const WAIT_MS = 60

/** Leaves while no byte has come. */
function leftWaiting(pool: Pool, aim: Aim, caller: string): Promise<number> {
  const body = bodyOf('hang', false, { messages: [{ role: 'user', content: caller }] })
  return left(pool, aim, body, (leave) => ({ onStart: (abort) => setTimeout(() => leave(abort), WAIT_MS) }))
}

type Leaving = (abort: () => void) => void

/** Calls, and gives when the client left. Rejects where the call ended otherwise. */
function left(pool: Pool, aim: Aim, body: string, watch: (leave: Leaving) => Watch): Promise<number> {
  return new Promise((resolve, reject) => {
    let at = 0
    const leave: Leaving = (abort) => {
      at = now()
      abort()
    }
    call(pool, aim, body, watch(leave)).then(
      ({ status, body: said }) => reject(new Error(`HTTP ${status}: ${said.toString('utf8', 0, 120)}`)),
      (error: unknown) => (at > 0 ? resolve(at) : reject(error as Error)),
    )
  })
}
