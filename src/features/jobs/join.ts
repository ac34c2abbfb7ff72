/** A join as a job: its sources are read, the engine joins, and the result becomes a version of a data set as the job ends. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { faultPoint } from '../../store/fault.ts'
import { putTree, type TreeInfo } from '../../store/blobs/trees.ts'
import type { Service } from '../definitions/definitions.ts'
import { requireVersion, requireViews, type ViewVersions } from '../definitions/require.ts'
import { runTask } from '../engine/engine.ts'
import type { JoinRequest, JoinResult } from '../offline/join.ts'
import { joinOptions, scratchOf } from './limits.ts'
import type { TableTree } from './context.ts'
import { filesOfView, pinAll, treesOf, withFiles, type FilesOfTree, type Pins } from './pins.ts'
import { endJob, keepOutcome, type JoinAsked } from './rows.ts'
import { keepPins, type Running } from './running.ts'

/** Runs a join to its end. Throws what refuses it. */
export async function runJoin({ context, row, held, signal }: Running): Promise<void> {
  const { project, name, version } = row
  const asked = JSON.parse(row.request) as JoinAsked
  const { definition: service } = await requireVersion(context, { project, kind: 'service', name, version })
  const views = await requireViews(context, project, service)
  const sources = Object.fromEntries(Object.entries(views).map(([as, one]) => [as, one.sources]))
  const pins = await pinAll(context, project, sources, signal)
  await keepPins({ context, row, held }, pins)
  const { result, tree } = await joined(
    { context, signal },
    { asked, entities: { tree: asked.tree }, service, views, pins },
  )
  faultPoint('features.joined')
  await held.finish(async (t) => {
    const now = context.clock()
    // what was canceled meanwhile adds nothing
    if (!(await endJob(t, row.id, { state: 'done' }, now))) return
    const made = { project, name: asked.into, content: tree, job: row.id, service: name, version }
    const added = await context.below().data.tables.add(t, { ...made, data_at: now, by: row.created_by })
    const data_set = { name: asked.into, version: added, digest: tree.digest }
    await keepOutcome(t, row.id, { rows: result.rows, columns: [...result.columns], data_set, host: hostname() })
  })
}

/** The table of entities as it was kept: a tree of files that tell themselves what they are, or a query over trees, by the names of sources. */
export type EntityTrees =
  | { readonly tree: string }
  | { readonly query: string | null; readonly tables: Readonly<Record<string, TableTree>> }

function treesOfEntities(entities: EntityTrees): (readonly [TableTree, string])[] {
  if ('tree' in entities) return [[{ digest: entities.tree, table: null }, 'the table of entities']]
  return Object.entries(entities.tables).map(([name, tree]) => [tree, `source "${name}"`])
}

function entitiesFor(entities: EntityTrees, filesOf: FilesOfTree): JoinRequest['entities'] {
  const [[first] = []] = treesOfEntities(entities)
  if (first === undefined) throw new Error('a table of entities has a source')
  if ('tree' in entities || entities.query === null) return filesOf(first)
  const tables = Object.entries(entities.tables).map(([name, tree]) => [name, filesOf(tree)] as const)
  return { query: entities.query, sources: Object.fromEntries(tables) }
}

export interface Joining {
  readonly asked: Pick<JoinAsked, 'time' | 'include_late_data'>
  /** The table of entities. */
  readonly entities: EntityTrees
  readonly service: Service
  readonly views: ViewVersions
  readonly pins: Pins
}

/** Joins, within an hour at most, and keeps the result by its content. */
export async function joined(
  { context, signal, longest_ms }: Pick<Running, 'context' | 'signal'> & { readonly longest_ms?: number },
  { asked, entities, service, views, pins }: Joining,
): Promise<{ readonly result: JoinResult; readonly tree: TreeInfo }> {
  const into = join(scratchOf(context), `${randomUUID()}.parquet`)
  const trees = [...treesOfEntities(entities), ...treesOf(pins)]
  try {
    const result = await withFiles(context.below().data.tables, trees, async (filesOf) => {
      const request: JoinRequest = {
        entities: entitiesFor(entities, filesOf),
        time: asked.time,
        service,
        views: Object.fromEntries(Object.entries(views).map(([as, { definition }]) => [as, definition])),
        sources: {},
        own: Object.fromEntries(Object.keys(views).map((as) => [as, filesOfView(pins.trees[as], filesOf)])),
        include_late_data: asked.include_late_data,
        into,
      }
      const options = joinOptions(context, Object.values(request.views))
      return runTask(
        { kind: 'join', request },
        { ...options, longest_ms: Math.min(options.longest_ms, longest_ms ?? options.longest_ms) },
        signal,
      )
    })
    return { result, tree: await putTree(context.blobs, into) }
  } finally {
    await rm(into, { force: true })
  }
}
