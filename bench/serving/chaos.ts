/** 200 changes of version with 20 killed gateways and 20 killed scorers among them, under load: what callers noticed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadAnswer, LoadResult } from '../../test/predict-load.ts'
import type { Deploy, Running } from './release.ts'
import { processesOf, release } from './release.ts'
import { thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

const SWAPS = 200
const KILLS = 20
/** Native and in Python by turns, so that a scorer is there to be killed. */
const TURNS = ['1', '3', '2', '3'] as const
const EACH = SWAPS / KILLS

interface Story {
  /** How a gateway is ended: killed, or asked to go. */
  readonly signal: 'SIGKILL' | 'SIGTERM'
  /** The version that each epoch was deployed with. */
  readonly versions: Map<number, string>
  readonly ended: { gateway: number; scorer: number }
}

/**
 * A row for gateways that are killed, where a caller sends a request again if its connection broke, and one for gateways that
 * are asked to go, where nothing is sent twice. Counted are failed requests, and answers of a version that the epoch of their
 * table did not have.
 */
export async function chaos(_options: Options): Promise<Row[]> {
  return release({ gateways: 2, workers: 2 }, async (running) => {
    const rows: Row[] = []
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const story: Story = { signal, versions: new Map(), ended: { gateway: 0, scorer: 0 } }
      const retries = signal === 'SIGKILL' ? 1 : 0
      const result = await running.under((deploy) => play(running, deploy, story), { retries })
      rows.push(row(result, story))
    }
    return rows
  })
}

async function play(running: Running, deploy: Deploy, { signal, versions, ended }: Story): Promise<void> {
  for (let i = 0; i < SWAPS; i++) {
    const version = TURNS[i % TURNS.length] ?? '1'
    const { epoch } = await patiently(() => deploy(version))
    versions.set(epoch, version)
    if (i % EACH === 3 && (await endScorer(running))) ended.scorer++
    if (i % EACH === 8 && (await endGateway(running, signal))) ended.gateway++
  }
}

/** A deploy is refused while no gateway answers, as in the moment after a kill; it is asked for again, as a person would. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if ((error as { code?: string }).code !== 'unavailable' || tries === 50) throw error
      await sleep(100)
    }
  }
}

/** Kills a scorer with -9, and waits until as many run again. */
function endScorer({ child }: Running): Promise<boolean> {
  return replaced(() => processesOf(child, 'slipway.scorer'), 'SIGKILL')
}

/** Ends a gateway, the older one, and waits until as many listen again. */
function endGateway({ listening }: Running, signal: NodeJS.Signals): Promise<boolean> {
  return replaced(() => listening(), signal)
}

async function replaced(those: () => number[], signal: NodeJS.Signals): Promise<boolean> {
  const before = those().toSorted((a, b) => a - b)
  const victim = before[0]
  if (victim === undefined) return false
  process.kill(victim, signal)
  for (let waited = 0; waited < 300; waited++) {
    await sleep(100)
    const now = those()
    if (now.length >= before.length && !now.includes(victim)) return true
  }
  throw new Error(`process ${victim} was ended with ${signal} and no other came in its place`)
}

/** Answers from an epoch that is known, by a version that it did not have. */
function strange(answers: readonly LoadAnswer[], { versions }: Story): number {
  return answers.filter(({ epoch, version }) => versions.has(epoch) && versions.get(epoch) !== version).length
}

function row({ answers, failed, broken }: LoadResult, story: Story): Row {
  const outside = strange(answers, story)
  const { signal, ended } = story
  const all = thousands(answers.length + failed.length)
  const [how, sent] = signal === 'SIGKILL' ? ['killed', ', once more if broken'] : ['asked to go', '']
  return {
    name: `${SWAPS} swaps, ${ended.scorer} scorers killed, ${ended.gateway} of two gateways ${how}`,
    measured: `${failed.length} failed of ${all}${sent}; ${outside} outside their epoch; ${broken} connections broke`,
    target: `0 failed, 0 outside; ${KILLS} of each`,
    beside: '',
    ok: failed.length === 0 && outside === 0 && ended.gateway >= KILLS && ended.scorer >= KILLS,
    figures: {
      requests: answers.length + failed.length,
      failed: failed.length,
      outside,
      broken,
      ...ended,
      first: failed[0],
    },
  }
}
