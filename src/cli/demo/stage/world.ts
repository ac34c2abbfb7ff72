/** What every act of the demo works with: the server, a client, the caller's traffic, and a notebook of facts. */
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from '../../../client/client.ts'
import type { Client } from '../../../client/client.ts'
import { HOUR_MS } from '../../../contract/ids.ts'
import { monitoringApi } from '../../../contract/monitoring.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { rolloutApi } from '../../../contract/rollout.ts'
import type { Reply } from '../../../contract/route.ts'
import { follow } from '../../project/follow.ts'
import type { PipelineRun } from '../../project/follow.ts'
import { SILENT } from '../../invocation/output.ts'
import type { Output } from '../../invocation/output.ts'
import { submitProject } from '../../project/files.ts'
import type { Traffic } from './replay.ts'
import type { ServerProcess } from './server-process.ts'
import type { Flight, FlightTable } from './table.ts'

export type Rollout = Reply<typeof rolloutApi.get>
export type Incident = Reply<typeof monitoringApi.getIncident>

/** One thing that was read back through the API, and whether it is as it must be. */
export interface Fact {
  readonly what: string
  readonly found: string
  readonly ok: boolean
}

export interface ActResult {
  readonly number: number
  readonly title: string
  readonly seconds: number
  readonly facts: readonly Fact[]
  readonly links: readonly string[]
}

/** Endpoint and model of the example. */
export const ENDPOINT = 'flight-delay'

export interface World {
  readonly out: Output
  readonly server: ServerProcess
  client: Client
  gatewayUrl: string
  readonly token: string
  /** Folder of the example project. */
  readonly project: string
  /** Made by the first act, from the pipeline's own output. */
  traffic: Traffic | undefined
  /** The feature table, once the first act has made it. */
  table: FlightTable | undefined
  /** Runs that were started ahead of the act that needs them. */
  readonly candidates: Map<string, Promise<PipelineRun>>
  /** A proof of the version in production, started by the act before the last. */
  proof: Proof | undefined
  /** Event time up to which flights were sent, ms. */
  clock: number
  /** Requests that failed, over all acts. */
  failed: number
  sent: number
}

/** A pipeline run that is made again by another, and how equal the result will be. */
export interface Proof {
  readonly of: string
  readonly run: string
  readonly result: Promise<NonNullable<PipelineRun['reproduction']>>
}

/** Collects the facts of one act. */
export class Notebook {
  readonly facts: Fact[] = []
  readonly links: string[] = []
  readonly #out: Output

  constructor(out: Output) {
    this.#out = out
  }

  /** A fact that must hold. */
  check(what: string, found: string | number, ok: boolean): void {
    this.facts.push({ what, found: String(found), ok })
    this.#out.line(`  ${ok ? '✓' : '✗'} ${what}: ${found}`)
  }

  /** A fact that is told as it is. */
  tell(what: string, found: string | number): void {
    this.check(what, found, true)
  }

  link(url: string): void {
    this.links.push(url)
  }
}

export interface RunWish {
  readonly params?: Record<string, Record<string, unknown>>
  readonly deploy?: boolean
  readonly register?: boolean
  readonly quiet?: boolean
}

/** Starts a run of the example. */
export async function startRun(world: World, wish: RunWish = {}): Promise<PipelineRun> {
  const version = await submitProject(world.client, world.project)
  return world.client.call(pipelinesApi.createPipelineRun, {
    body: {
      pipeline_version: version.id,
      params: wish.params ?? {},
      deploy: wish.deploy ?? false,
      register: wish.register ?? true,
    },
  })
}

/** Starts a run and follows it to its end. */
export async function runToEnd(world: World, wish: RunWish = {}): Promise<PipelineRun> {
  const run = await startRun(world, wish)
  return follow(world.client, run.id, wish.quiet === true ? SILENT : world.out)
}

/** Far more than an idle machine needs: a busy one is slow, and that is no fault of the story, ms. */
const PATIENCE_MS = 300_000

/** Pauses between looks, ms: what takes long is looked at less often, for each look costs the server too. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 200

/** Waits until `look` finds something; throws with what was waited for. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, limitMs = PATIENCE_MS): Promise<T> {
  const end = Date.now() + limitMs
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, 1.1 * pause)) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s in vain for ${what}`)
    await wait(pause)
  }
}

/** Environments may have to be built first, ms. */
const COLD_MS = 20 * 60_000

/** Waits until a step of a run is over. Throws when the run ends without it. */
export async function awaitStep(world: World, id: string, name: string): Promise<PipelineRun['steps'][number]> {
  return until(
    `step ${name} of run ${id}`,
    async () => {
      const run = await world.client.call(pipelinesApi.getPipelineRun, { params: { id } })
      const step = run.steps.find((one) => one.name === name)
      if (step?.state === 'succeeded' || step?.state === 'cached') return step
      if (run.finished_at !== null) throw new Error(`step ${name} did not succeed: ${run.message}`)
      return undefined
    },
    COLD_MS,
  )
}

/** Waits until control has taken in and evaluated what was sent up to an event hour. */
export async function caughtUp(world: World, eventTime: number): Promise<void> {
  await until(`the monitor to reach ${new Date(eventTime).toISOString()}`, async () => {
    const monitor = await world.client.call(monitoringApi.getMonitor, { params: { name: ENDPOINT } })
    const reached = monitor.looked_until === null ? 0 : Date.parse(monitor.looked_until)
    return reached >= eventTime - HOUR_MS ? true : undefined
  })
}

/** The flights with event time in `[from, until)`, ms, in time order. */
export function flightsOf(world: World, from: number, until: number): Iterable<Flight> {
  if (world.table === undefined) throw new Error('there are no flights before the pipeline has made its table')
  return world.table.between(from, until)
}

/** Sends flights and keeps the sums of the story. */
export async function send(world: World, flights: Iterable<Flight>, options: Parameters<Traffic['replay']>[1] = {}) {
  if (world.traffic === undefined) throw new Error('there is no traffic before the endpoint exists')
  const result = await world.traffic.replay(flights, options)
  world.sent += result.sent
  world.failed += Object.values(result.failed).reduce((sum, n) => sum + n, 0)
  world.clock = Math.max(world.clock, result.until)
  return result
}

/** Starts a rollout of a version by a plan and returns it. */
export function startRollout(world: World, version: string, plan?: Rollout['plan']): Promise<Rollout> {
  return world.client.call(rolloutApi.start, {
    params: { name: ENDPOINT },
    body: { version, ...(plan !== undefined && { plan }) },
  })
}

export function getRollout(world: World, id: string): Promise<Rollout> {
  return world.client.call(rolloutApi.get, { params: { id } })
}

const OVER = new Set(['promoted', 'watching', 'rolled_back', 'kept', 'aborted', 'paused'])

/** Sends flights hour by hour until a rollout is over or the flights are used up; returns the rollout and what was sent. */
export async function driveRollout(world: World, rollout: Rollout, flights: Iterable<Flight>) {
  // a version takes a moment to load, and the story's clock stands still meanwhile
  let now = await until(`version ${rollout.version} to be loaded`, async () => {
    const seen = await getRollout(world, rollout.id)
    return seen.state === 'starting' ? undefined : seen
  })
  let hours = 0
  const result = await send(world, flights, {
    hour: async (eventTime) => {
      // evidence is taken in a moment after it is sent: a look every few hours keeps the story's clock honest
      if (++hours % 6 === 0) await caughtUp(world, eventTime)
      now = await getRollout(world, rollout.id)
      return OVER.has(now.state)
    },
  })
  return { rollout: now, result }
}

/** Judges every verdict of a rollout again; the number that came out the same. */
export async function replayVerdicts(world: World, rollout: Rollout): Promise<{ same: number; of: number }> {
  const decisions = rollout.verdicts.filter((verdict) => verdict.decision !== 'wait')
  const replays = await Promise.all(
    decisions.map((verdict) =>
      world.client.call(rolloutApi.replay, { params: { id: rollout.id, verdict: verdict.id } }),
    ),
  )
  return { same: replays.filter((one) => one.same).length, of: replays.length }
}

export async function incidents(world: World): Promise<Incident[]> {
  const { items } = await world.client.call(monitoringApi.listIncidents, { query: { endpoint: ENDPOINT, limit: 200 } })
  return items
}

/** A client of the server as it is now. */
export function newClient(url: string, token: string): Client {
  return createClient({ url, token })
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
