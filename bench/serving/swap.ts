/** What callers notice of a change of versions, and of the death of one of two gateways: requests that failed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadResult } from '../../test/predict-load.ts'
import type { Deploy, Running } from './release.ts'
import { CLIENTS, processesOf, release } from './release.ts'
import { thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

const SWAPS = 10
/** Clients of a load that does not fill two cores: what is measured under it is not its own queue. */
const STEADY = 2

/** Rows of ten swaps, of rollbacks and of one kill, each under load. */
export async function swap(options: Options): Promise<Row[]> {
  return release({ gateways: 2 }, async (running) => {
    const swapped = await running.under((deploy) => swaps(deploy, options))
    const asked: Asked[] = []
    const returned = await running.under((deploy) => rollbacks(running, deploy, asked), { clients: STEADY })
    const killed = await running.under(() => killOne(running, options))
    return [
      row(`${SWAPS} swaps of versions under load, ${CLIENTS} clients`, swapped, ''),
      rollbackRow(asked, returned),
      row('kill -9 of one of two gateways under load', killed, `, ${killed.broken} connections broke`),
    ]
  })
}

async function swaps(deploy: Deploy, options: Options): Promise<void> {
  for (let i = 0; i < SWAPS; i++) {
    await deploy(i % 2 === 0 ? '2' : '1')
    await sleep((options.seconds * 1000) / SWAPS)
  }
}

/** When a rollback was asked for, and the version that it left. */
interface Asked {
  readonly at: number
  readonly left: string
  /** A call of the server that only reads, just before, ms: below it no rollback can be. */
  readonly floor: number
}

const ROLLBACKS = 20

async function rollbacks({ rollBack, read }: Running, deploy: Deploy, asked: Asked[]): Promise<void> {
  await deploy('1')
  await deploy('2')
  for (let i = 0; i < ROLLBACKS; i++) {
    await sleep(150)
    const before = performance.now()
    await read()
    const at = performance.now()
    asked.push({ at, left: i % 2 === 0 ? '2' : '1', floor: at - before })
    await rollBack()
  }
  await sleep(150)
}

/** From the moment at which a rollback is asked for until a caller gets the last answer of the version that is left, over HTTP on both sides. */
function rollbackRow(asked: readonly Asked[], { answers, failed }: LoadResult): Row {
  const took = asked
    .map(({ at, left }, i) => {
      const end = asked[i + 1]?.at ?? Infinity
      const late = answers.filter((one) => one.version === left && one.at >= at && one.at < end)
      return Math.max(0, ...late.map((one) => one.at - at))
    })
    .toSorted((a, b) => a - b)
  const [median, worst] = [took[took.length >> 1] ?? 0, took.at(-1) ?? 0]
  const floor = asked.map((one) => one.floor).toSorted((a, b) => a - b)[asked.length >> 1] ?? 0
  return {
    name: `rollback under load: asked for to last answer of the bad version, ${STEADY} clients`,
    measured: `median ${median.toFixed(1)} ms, worst of ${took.length} ${worst.toFixed(1)} ms; ${failed.length} failed`,
    target: '≤ 50 ms',
    beside: `a call that only reads: ${floor.toFixed(1)} ms`,
    ok: median <= 50 && failed.length === 0,
    figures: { floor_ms: floor, median_ms: median, worst_ms: worst, all_ms: took, failed: failed.length },
  }
}

async function killOne({ child }: Running, options: Options): Promise<void> {
  const gateways = processesOf(child, 'gateway/main.ts')
  if (gateways.length !== 2 || gateways[0] === undefined) throw new Error(`${gateways.length} gateways run, not 2`)
  process.kill(gateways[0], 'SIGKILL')
  await sleep(options.seconds * 500)
}

function row(name: string, { answers, failed, broken }: LoadResult, more: string): Row {
  return {
    name,
    measured: `${failed.length} failed of ${thousands(answers.length + failed.length)}${more}`,
    target: '0 failed',
    beside: '',
    ok: failed.length === 0,
    figures: { requests: answers.length + failed.length, failed: failed.length, broken, first: failed[0] },
  }
}
