/** A hard budget of a dollar under thousands of calls of unknown size, over two gateways, one of which is killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { PRICE, recordsOf } from '../../src/gateway/llm/gateway.fixture.ts'
import { thousands } from '../table.ts'
import type { Row } from '../table.ts'
import { dataFolder, HEADERS, PATH, removeFolder, routeTo, startGateway } from './gateway.ts'
import type { Gateway } from './gateway.ts'
import type { Aim } from './load.ts'
import { call, poolTo } from './load.ts'
import type { Upstream, UpstreamStats } from './provider.ts'

/** Nanodollars. */
const LIMIT = 1e9
const CALLS = 2000
const CLIENTS = 400
const MOST_OUTPUT = 1000
/** Answers after which one of the two is killed. */
const KILLED_AFTER = 150
/** What it had under way must be found by then, ms. */
const FOUND_MS = 15_000
/** Calls after the first one that was refused for want of room. */
const AFTER = 20

const BODY = JSON.stringify({ model: 'race', messages: [{ role: 'user', content: 'how long is a piece of string?' }] })
/** What a call is reserved with at most: its bytes as tokens, and the longest answer of its model. */
const MOST = (BODY.length * PRICE.input + MOST_OUTPUT * PRICE.output) / 1000

/** What was spent more than the limit, and what was refused although there was room: both 0. */
export async function budgetRace(upstream: Upstream): Promise<Row[]> {
  process.stderr.write('  a budget under a race …\n')
  const dataDir = dataFolder(routeTo(upstream.origin, LIMIT))
  const gateways: Gateway[] = []
  try {
    for (const index of [0, 1]) gateways.push(await startGateway(dataDir, index, 2))
    const [first, second] = gateways as [Gateway, Gateway]
    const before = await upstream.stats()
    const raced = await race(first, second)
    const found = await lostFound(dataDir)
    const calls = await spentUp(first, dataDir)
    return rowsOf({ raced, found, ...calls, owed: owedOf(before, await upstream.stats()), dataDir })
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop('SIGKILL')))
    removeFolder(dataDir)
  }
}

function aimOf({ port, pids }: Gateway): Aim {
  return { name: 'race', origin: `http://127.0.0.1:${port}`, path: PATH, headers: HEADERS, pids: () => pids }
}

/** Answers by status; 0 where the gateway went away. */
type Statuses = Map<number, number>

async function race(first: Gateway, second: Gateway): Promise<Statuses> {
  const statuses: Statuses = new Map()
  const pools = [first, second].map((gateway) => ({ aim: aimOf(gateway), pool: poolTo(aimOf(gateway), CLIENTS / 2) }))
  let sent = 0
  const client = async (i: number): Promise<void> => {
    const { pool, aim } = pools[i % 2] as (typeof pools)[number]
    while (sent < CALLS) {
      sent++
      const status = await call(pool, aim, BODY).then((called) => called.status, gone)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status === 200 && statuses.get(200) === KILLED_AFTER) void second.stop('SIGKILL')
      if (status === 0) return
    }
  }
  try {
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)))
  } finally {
    await Promise.all(pools.map(({ pool }) => pool.destroy()))
  }
  return statuses
}

/** Connections to the gateway that was killed break off. */
function gone(error: unknown): number {
  if (error instanceof Error && 'code' in error) return 0
  throw error
}

/** Whether the gateway that lives has found what the other had under way. */
async function lostFound(dataDir: string): Promise<boolean> {
  const deadline = performance.now() + FOUND_MS
  while (performance.now() < deadline) {
    if (recordsOf(dataDir).some(({ outcome }) => outcome === 'lost')) return true
    await sleep(100)
  }
  return false
}

/** Spends what is left, one call after another, until calls are refused: those that were refused although they had room. */
async function spentUp(gateway: Gateway, dataDir: string): Promise<{ answered: number; falsely: number }> {
  const aim = aimOf(gateway)
  const pool = poolTo(aim, 1)
  const counts = { answered: 0, falsely: 0 }
  let refused = 0
  let charged = chargedIn(dataDir)
  try {
    while (refused < AFTER) {
      const { status, body } = await call(pool, aim, BODY)
      if (status === 200) {
        const { usage } = JSON.parse(body.toString('utf8')) as { usage: Record<string, number> }
        charged += costOf(usage['prompt_tokens'] ?? 0, usage['completion_tokens'] ?? 0)
        counts.answered++
        continue
      }
      refused++
      if (LIMIT - charged >= MOST) counts.falsely++
    }
  } finally {
    await pool.destroy()
  }
  return counts
}

function costOf(input: number, output: number): number {
  return (input * PRICE.input + output * PRICE.output) / 1000
}

/** What the log of all gateways has been charged, nanodollars. */
function chargedIn(dataDir: string): number {
  return recordsOf(dataDir).reduce((sum, { cost }) => sum + (cost ?? 0), 0)
}

/** What the upstream is to be paid for the calls between two looks, nanodollars. */
function owedOf(before: UpstreamStats, after: UpstreamStats): number {
  return costOf(after.race.input - before.race.input, after.race.output - before.race.output)
}

interface Raced {
  readonly raced: Statuses
  /** Whether what was under way in the gateway that was killed was found. */
  readonly found: boolean
  /** Calls after the race that were answered, and that were refused although they had room. */
  readonly answered: number
  readonly falsely: number
  readonly owed: number
  readonly dataDir: string
}

function rowsOf({ raced, found, answered, falsely, owed, dataDir }: Raced): Row[] {
  const records = recordsOf(dataDir)
  const charged = chargedIn(dataDir)
  const overspent = Math.max(0, owed - LIMIT, charged - LIMIT)
  const wrong = records.filter(
    ({ outcome, usage, cost }) => outcome === 'ok' && cost !== costOf(usage?.input ?? 0, usage?.output ?? 0),
  ).length
  const other = [...raced].filter(([status]) => ![0, 200, 429].includes(status))
  const counts = `${thousands(raced.get(200) ?? 0)} answered, ${thousands(raced.get(429) ?? 0)} refused, ${thousands(raced.get(0) ?? 0)} broke off`
  const lost = records.filter(({ outcome }) => outcome === 'lost').length
  const figures = { statuses: Object.fromEntries(raced), owed, charged, lost, answered, falsely, wrong, found }
  return [
    {
      name: `$1 hard budget, ${thousands(CALLS)} calls of unknown size, 2 gateways, one killed: overspent`,
      measured: `$${(overspent / 1e9).toFixed(6)}: $${(owed / 1e9).toFixed(6)} owed, $${(charged / 1e9).toFixed(6)} charged; ${counts}, ${lost} calls of the killed one charged`,
      target: '$0, and no less charged than owed',
      beside: '',
      ok: overspent === 0 && owed <= charged && wrong === 0 && other.length === 0 && found,
      figures,
    },
    {
      name: 'the same, refused after settling although there was room',
      measured: `${falsely} of ${AFTER} refusals; ${thousands(answered)} more calls were answered first`,
      target: '0',
      beside: '',
      ok: falsely === 0 && LIMIT - charged < MOST,
      figures: { falsely, left: LIMIT - charged, most: MOST },
    },
  ]
}
