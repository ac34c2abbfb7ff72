/** Looks at what triggers watch, and keeps what has happened since. */
import { Problem } from '../../contract/errors.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Tx } from '../../store/db.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import { SourceAway, SourceRefused } from '../data/kinds/asked.ts'
import { keepReads } from '../data/kept.ts'
import { pinSource } from '../data/pin.ts'
import type { TriggerSpec } from '../spec/triggers/triggers.ts'
import { holdsPipelines, newestVersion } from '../spec/versions.ts'
import type { FireDeps } from './fire.ts'
import { keepEvents, type Happened, type TriggerRow } from './rows.ts'

/** Of which thing of a project, and since when, ms. */
export type Since<Name extends string> = { readonly [N in Name | 'project']: string } & { readonly since: number }

/** What other rooms tell of their things since a time, each with a name of its own; undefined where there is no such thing in the project. */
export interface Told {
  aliasMoves(of: Since<'model' | 'alias'>): Promise<Happened[] | undefined>
  dataVersions(of: Since<'name'>): Promise<Happened[] | undefined>
  incidents(of: Since<'endpoint'> & { readonly kinds: readonly string[] }): Promise<Happened[] | undefined>
}

export interface NoticeDeps extends FireDeps {
  readonly told: Told
}

/** Rows are written in an order that is not quite that of their times, and clocks of replicas differ: so much is looked at once more, ms. */
const OVERLAP_MS = 600_000
/** Between looks at what this server knows itself, ms. */
const EVERY_MS = 2000
/** A look that finds nothing is kept no more often, ms. */
const NOTED_MS = 60_000

type Looked<On extends TriggerSpec['on']> = TriggerRow & { readonly spec: Extract<TriggerSpec, { on: On }> }

/** Looks once, and keeps what is new. True where something is. */
export async function notice(deps: NoticeDeps, trigger: TriggerRow): Promise<boolean> {
  if (isOn(trigger, 'source')) return noticeSource(deps, trigger)
  const happened = await happenedSince(deps, trigger)
  if (happened === undefined) return false
  const isKnown = happened.length === 0 && trigger.trouble === null
  if (isKnown && deps.context.deps.clock() - (trigger.looked_at ?? 0) < NOTED_MS) return false
  return looked(deps, trigger, { trouble: null, every: EVERY_MS }, (t, around) =>
    keepEvents(t, trigger, happened, around),
  )
}

function isOn<On extends TriggerSpec['on']>(trigger: TriggerRow, on: On): trigger is Looked<On> {
  return trigger.spec.on === on
}

/** Undefined where it could not look, which is then said. */
async function happenedSince(deps: NoticeDeps, trigger: TriggerRow): Promise<readonly Happened[] | undefined> {
  const { project, spec } = trigger
  const since = Math.max(trigger.since, (trigger.looked_at ?? 0) - OVERLAP_MS)
  const missing = (what: string, where = ` in project ${project}`): Promise<undefined> =>
    looked(deps, trigger, { trouble: `there is no ${what}${where}`, every: EVERY_MS }).then(() => undefined)
  switch (spec.on) {
    case 'alias':
      return (
        (await deps.told.aliasMoves({ project, model: spec.model, alias: spec.alias, since })) ??
        missing(`model "${spec.model}"`)
      )
    case 'incident':
      return (
        (await deps.told.incidents({ project, endpoint: spec.endpoint, kinds: spec.kinds, since })) ??
        missing(`endpoint "${spec.endpoint}"`)
      )
    case 'data_set':
      return (
        (await deps.told.dataVersions({ project, name: spec.data_set, since })) ??
        missing(`data set "${spec.data_set}"`)
      )
    case 'pipeline':
      return (await endedRuns(deps, spec, since)) ?? missing(`pipeline "${spec.pipeline}"`, '')
    default:
      return []
  }
}

async function endedRuns(
  { context }: NoticeDeps,
  { pipeline, outcome }: Extract<TriggerSpec, { on: 'pipeline' }>,
  since: number,
): Promise<Happened[] | undefined> {
  const { db } = context.deps
  if ((await holdsPipelines(db, pipeline)) === undefined) return undefined
  const rows = await fetchAll<{ id: string; outcome: string; state: string }>(
    db,
    sql`SELECT id, state, outcome FROM pipeline_runs
      WHERE project = ${pipeline} AND state IN ('succeeded', 'failed', 'cancelled') AND finished_at > ${since} AND reproduction IS NULL
      ORDER BY finished_at, id LIMIT 1000`,
  )
  const wanted = outcome === 'any' ? ['succeeded', 'failed', 'cancelled'] : [outcome]
  return rows
    .filter(({ state }) => wanted.includes(state))
    .map(({ id, outcome: how, state }) => ({ cause: id, what: `run ${id} of ${pipeline} ended as ${how ?? state}` }))
}

/** What is told of one look. */
interface Look {
  readonly trouble: string | null
  /** Until the next, ms. */
  readonly every: number
  /** What a source gave, where that is another than before. */
  readonly seen?: string
}

/** Keeps that it looked, and what it has noticed, in one transaction; nothing where another process was first. True where something is new. */
async function looked(
  { context }: NoticeDeps,
  trigger: TriggerRow,
  { trouble, every, seen }: Look,
  keep: (t: Tx, around: { ids: (kind: string) => string; now: number }) => Promise<number> = () => Promise.resolve(0),
): Promise<boolean> {
  const { db, clock, ids } = context.deps
  const now = clock()
  const { project, name, since, changes } = trigger
  const added = await db.tx(async (t) => {
    const held = await t.run(
      `UPDATE pipeline_triggers SET due_at = ?, looked_at = CASE WHEN CAST(? AS TEXT) IS NULL THEN ? ELSE looked_at END, trouble = ?,
         trouble_since = CASE WHEN CAST(? AS TEXT) IS NULL THEN NULL ELSE coalesce(trouble_since, ?) END,
         seen = coalesce(?, seen), changes = changes + ?
       WHERE project = ? AND name = ? AND since = ? AND changes = ?`,
      [
        now + every,
        trouble,
        now,
        trouble,
        trouble,
        now,
        seen ?? null,
        seen === undefined ? 0 : 1,
        project,
        name,
        since,
        changes,
      ],
    )
    return held === 0 ? 0 : keep(t, { ids, now })
  })
  faultPoint('pipelines.trigger_noticed')
  return added > 0
}

/** Nothing was there, or could be read, at a look. */
const NOTHING = 'nothing'

/** What a source gives for the first time starts nothing, unless it could not be read before. */
async function noticeSource(deps: NoticeDeps, trigger: Looked<'source'>): Promise<boolean> {
  const { context } = deps
  const { project, name, spec, seen, since, changes } = trigger
  const every = spec.every_ms
  const version = await newestVersion(context.deps.db, project)
  const source = version.spec.sources?.[spec.source]
  if (source === undefined) {
    await looked(deps, trigger, {
      trouble: `the newest version has no source "${spec.source}" that a step takes`,
      every,
    })
    return false
  }
  try {
    const read = await pinSource(context, project, [spec.source, source])
    const { digest, stale, version: said } = read.pinned
    const keep = (t: Tx, now: number): Promise<void> => keepReads(t, project, [read], now)
    if (digest === seen)
      return await looked(deps, trigger, { trouble: stale, every }, (t, { now }) => keep(t, now).then(() => 0))
    const what = `source "${spec.source}" gives something else${said === null ? '' : `: ${said}`}`
    return await looked(deps, trigger, { trouble: stale, every, seen: digest }, async (t, around) => {
      await keep(t, around.now)
      return seen === null
        ? 0
        : keepEvents(t, { project, name }, [{ cause: `${since}:${changes}:${digest}`, what }], around)
    })
  } catch (error) {
    if (!(error instanceof SourceAway) && !(error instanceof SourceRefused) && !(error instanceof Problem)) throw error
    await looked(deps, trigger, { trouble: error.message, every, ...(seen === null && { seen: NOTHING }) })
    return false
  }
}
