/** 200 changes of version with 20 killed gateways and 20 killed scorers among them, under load: what callers noticed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadAnswer, LoadResult } from '../test/predict-load.ts'
import type { Deploy, Running } from './release.ts'
import { processesOf, release } from './release.ts'
import { thousands } from './table.ts'
import type { Options, Row } from './table.ts'

const SWAPS = 200
const KILLS = 20
/** Native and in Python by turns, so that a scorer is there to be killed. */
const TURNS = ['1', '3', '2', '3'] as const
const EACH = SWAPS / KILLS

interface Story {
  /** The version that each epoch was deployed with. */
  readonly versions: Map<number, string>
  readonly killed: { gateway: number; scorer: number }
}

/** One row: failed requests, and answers of a version that the epoch of their table did not have. */
export async function chaos(_options: Options): Promise<Row[]> {
  return release({ gateways: 2, workers: 2 }, async (running) => {
    const story: Story = { versions: new Map(), killed: { gateway: 0, scorer: 0 } }
    const result = await running.under((deploy) => play(running, deploy, story))
    return [row(result, story)]
  })
}

async function play(running: Running, deploy: Deploy, { versions, killed }: Story): Promise<void> {
  for (let i = 0; i < SWAPS; i++) {
    const version = TURNS[i % TURNS.length] ?? '1'
    const { epoch } = await patiently(() => deploy(version))
    versions.set(epoch, version)
    if (i % EACH === 3 && (await kill(running, 'slipway.scorer'))) killed.scorer++
    if (i % EACH === 8 && (await kill(running, 'gateway/main.ts'))) killed.gateway++
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

/** Kills one of the processes with -9, and waits until as many run again. */
async function kill({ child }: Running, what: string): Promise<boolean> {
  const before = processesOf(child, what)
  const victim = before[0]
  if (victim === undefined) return false
  process.kill(victim, 'SIGKILL')
  for (let waited = 0; waited < 100; waited++) {
    await sleep(100)
    const now = processesOf(child, what)
    if (now.length >= before.length && !now.includes(victim)) return true
  }
  return true
}

/** Answers from an epoch that is known, by a version that it did not have. */
function strange(answers: readonly LoadAnswer[], { versions }: Story): number {
  return answers.filter(({ epoch, version }) => versions.has(epoch) && versions.get(epoch) !== version).length
}

function row({ answers, failed, broken }: LoadResult, story: Story): Row {
  const outside = strange(answers, story)
  const { gateway, scorer } = story.killed
  return {
    name: `${SWAPS} swaps, ${gateway} gateways and ${scorer} scorers killed with -9, two gateways`,
    measured: `${failed.length} failed of ${thousands(answers.length + failed.length)}, ${outside} outside their epoch, ${broken} connections broke`,
    target: '0 failed, 0 outside; 20 of each killed',
    beside: '',
    ok: failed.length === 0 && outside === 0 && gateway >= KILLS && scorer >= KILLS,
    figures: { requests: answers.length + failed.length, failed: failed.length, outside, broken, ...story.killed },
  }
}
