/** A join as a job: its sources are read, the engine joins, and the result becomes a version of a data set as the job ends. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { faultPoint } from '../../store/fault.ts'
import { putTree, type TreeInfo } from '../../store/blobs/trees.ts'
import type { Version } from '../definitions/catalogue.ts'
import type { Service } from '../definitions/definitions.ts'
import { requireVersion, requireViews } from '../definitions/require.ts'
import { runTask } from '../engine/engine.ts'
import type { JoinRequest, JoinResult } from '../offline/join.ts'
import { joinOptions, scratchOf } from './limits.ts'
import type { TableTree } from './context.ts'
import { filesOfView, pinAll, treesOf, withFiles, type Pins } from './pins.ts'
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
  const { result, tree } = await joined({ context, signal }, { asked, service, views, pins })
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

export interface Joining {
  readonly asked: Pick<JoinAsked, 'tree' | 'time' | 'include_late_data'>
  readonly service: Service
  readonly views: Readonly<Record<string, Version<'view'>>>
  readonly pins: Pins
}

/** Joins, within an hour at most, and keeps the result by its content. */
export async function joined(
  { context, signal, longest_ms }: Pick<Running, 'context' | 'signal'> & { readonly longest_ms?: number },
  { asked, service, views, pins }: Joining,
): Promise<{ readonly result: JoinResult; readonly tree: TreeInfo }> {
  const into = join(scratchOf(context), `${randomUUID()}.parquet`)
  const entities: TableTree = { digest: asked.tree, table: null }
  const trees = [[entities, 'the table of entities'] as const, ...treesOf(pins)]
  try {
    const result = await withFiles(context.below().data.tables, trees, async (filesOf) => {
      const request: JoinRequest = {
        entities: filesOf(entities),
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
