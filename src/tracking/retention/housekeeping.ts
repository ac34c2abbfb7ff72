/** What keeps the store in order: lost runs each minute, rules and the collection of blobs each day, and their routes. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { ifRefused } from '../../contract/absence/absent.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { Clock } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import { retentionApi } from '../../contract/tracking/retention.ts'
import { storageApi } from '../../contract/system.ts'
import type { StorageState } from '../../contract/system.ts'
import { mount } from '../../http/mount.ts'
import type { Mounted } from '../../http/mount.ts'
import { watchClock } from '../../jobs/clock-jumps.ts'
import { setSchedule } from '../../jobs/schedule.ts'
import type { Worker } from '../../jobs/worker.ts'
import { collectGarbage } from '../../store/blobs/collect.ts'
import type { Collected } from '../../store/blobs/collect.ts'
import { neededDigests } from '../../store/blobs/reach.ts'
import type { Reachable } from '../../store/blobs/reach.ts'
import type { IfSound } from '../../store/if-sound.ts'
import { NIGHTLY } from '../../store/looks.ts'
import type { LookLimits, Looks } from '../../store/looks.ts'
import { reachableDigests } from '../artifacts/artifacts.ts'
import { applyRule } from './bin.ts'
import { dateDefault } from '../experiments/experiments.ts'
import { markLost } from './lost.ts'
import type { LostRules } from './lost.ts'
import { createRule, forgetRule, listRules, requireRule } from './retention.ts'
import type { RetentionRule } from './retention.ts'
import { planRemoval } from './plan.ts'
import type { Cited, RemovalPlan, RetentionDeps } from './plan.ts'
import type { Tracking } from '../context/context.ts'

export interface KeepingDeps {
  readonly cited: () => Promise<Cited>
  /** What rooms below need of the blobs, one source a room. */
  readonly sources: readonly Reachable[]
  readonly watched: LostRules['watched']
  readonly logOf: LostRules['logOf']
  /** Silence after which a run is lost, ms. */
  readonly silentMs: number
  /** Removes what rooms below keep of things that are there no more. */
  readonly prune: () => Promise<unknown>
  /** How long a blob must be unreachable before it goes, ms. */
  readonly graceMs: number
  readonly ifSound: IfSound
  /** Looks at what is stored. */
  readonly looks: Pick<Looks, 'look' | 'state'>
}

export interface Keeping {
  readonly routes: readonly Mounted[]
  /** Sets the schedules of the jobs, and dates the first experiment. */
  start(): Promise<void>
}

const LOST = 'tracking.lost'
const RETENTION = 'tracking.retention'
const PRUNE = 'tracking.prune'
const COLLECT = 'store.collect'
const LOOK = 'store.look'

/** Times in UTC; the collection comes after the rules, and the look at what is stored after that. */
const SCHEDULES = [
  { kind: LOST, cron: '* * * * *' },
  { kind: RETENTION, cron: '17 2 * * *' },
  { kind: PRUNE, cron: '32 2 * * *' },
  { kind: COLLECT, cron: '47 2 * * *' },
  { kind: LOOK, cron: '12 3 * * *' },
] as const

/** A look that somebody waits for. */
const ASKED: LookLimits = {
  background: false,
  databaseMs: 60_000,
  blobMs: 60_000,
  blobBytes: 16 * 1024 ** 3,
  comparedMs: 60_000,
}

/** Runs shown of a removal at most; `total` counts all. */
const SHOWN = 1000

/** Joins the parts and lets the worker do their jobs. */
export function keepingOf(room: Tracking, worker: Worker, deps: KeepingDeps): Keeping {
  const retention: RetentionDeps = {
    cited: deps.cited,
    elsewhere: () => neededDigests(room.blobs, deps.sources),
  }
  const lost: LostRules = { ...deps, startedAt: listeningSince(room.clock) }
  const sources = [() => reachableDigests(room), ...deps.sources]
  const collect = (dryRun: boolean): Promise<Collected> =>
    collectGarbage(room, sources, { graceMs: deps.graceMs, dryRun })
  worker.register(LOST, async () => void (await markLost(room, lost)))
  worker.register(RETENTION, () => applyAll(room, retention))
  worker.register(PRUNE, async () => void (await deps.prune()))
  worker.register(COLLECT, async () => {
    const done = await collect(false)
    if (done.deleted.blobs > 0) await recordCollection(room, SYSTEM, done)
  })
  worker.register(LOOK, (_job, { signal }) => deps.looks.look(sources, NIGHTLY, signal))
  return {
    routes: [...ruleRoutes(room, retention), collectRoute(room, collect), ...storageRoutes(deps.looks, sources)],
    async start() {
      // a store that takes no writes now is read all the same
      await deps.ifSound('to set the schedules', () => ifRefused(setSchedules(room), 'storage_full'))
    },
  }
}

function setSchedules(room: Tracking): Promise<void> {
  return room.db.tx(async (t) => {
    await dateDefault(t, room)
    for (const { kind, cron } of SCHEDULES)
      await setSchedule(t, { name: kind, kind, payload: {}, cron, timezone: 'UTC' }, room.clock())
  })
}

/** After a jump of the clock every run seems silent since long, or to write in the future: the wait begins anew. */
export function listeningSince(clock: Clock, steady?: () => number): () => number {
  const watched = watchClock(clock, steady)
  let since = clock()
  return () => {
    if (watched.jumped() !== 0) since = clock()
    return since
  }
}

async function applyAll(room: Tracking, deps: RetentionDeps): Promise<void> {
  for (const rule of await listRules(room.db, SYSTEM)) if (rule.enabled) await applyRule(room, SYSTEM, deps, rule)
}

function ruleRoutes(room: Tracking, deps: RetentionDeps): Mounted[] {
  return [
    mount(retentionApi.list, async ({ who }) => ({ items: (await listRules(room.db, who)).map(wire) })),
    mount(retentionApi.create, async ({ body: { older_than_days, ...text }, who }) =>
      wire(await createRule(room, who, { ...text, older_than_ms: older_than_days * DAY_MS })),
    ),
    mount(retentionApi.remove, async ({ params, who }) => {
      await forgetRule(room, who, params.id)
      return {}
    }),
    mount(retentionApi.preview, async ({ params, who }) => {
      const rule = await requireRule(room.db, who, params.id)
      return removal(rule, await planRemoval(room, deps, rule))
    }),
    mount(retentionApi.apply, async ({ params, who }) => {
      const rule = await requireRule(room.db, who, params.id)
      return removal(rule, await applyRule(room, who, deps, rule))
    }),
  ]
}

function collectRoute(room: Tracking, collect: (dryRun: boolean) => Promise<Collected>): Mounted {
  return mount(retentionApi.collect, async ({ body, who }) => {
    const done = await collect(body.dry_run)
    if (!body.dry_run) await recordCollection(room, who, done)
    return { dry_run: body.dry_run, ...done }
  })
}

/** Digests of files that may be of other projects are shown to those alone who see all projects. */
function seenBy(who: Principal, state: StorageState): StorageState {
  return who.project === null ? state : { ...state, blobs: { ...state.blobs, corrupt: [] } }
}

function storageRoutes(looks: KeepingDeps['looks'], sources: readonly Reachable[]): Mounted[] {
  return [
    mount(storageApi.state, async ({ who }) => seenBy(who, await looks.state())),
    mount(storageApi.look, async () => {
      await looks.look(sources, ASKED)
      return looks.state()
    }),
  ]
}

function recordCollection(room: Tracking, who: Principal, done: Collected): Promise<void> {
  return room.db.tx((t) => {
    const detail = { collection: { ...done } }
    return room.record(t, who, { verb: 'manage', resource: 'server', id: 'blobs', detail })
  })
}

function wire({ older_than_ms, ...rule }: RetentionRule) {
  return { ...rule, older_than_days: older_than_ms / DAY_MS, created_at: toTime(rule.created_at) }
}

function removal(rule: RetentionRule, plan: RemovalPlan) {
  return {
    rule: rule.name,
    stage: rule.stage,
    total: plan.runs.length,
    runs: plan.runs
      .slice(0, SHOWN)
      .map((run) => ({ id: run.run_id, name: run.run_name, experiment_id: run.experiment_id })),
    kept: [...plan.kept].map(([reason, runs]) => ({ reason, runs })),
    freed: plan.freed,
  }
}
