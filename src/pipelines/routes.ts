/** Routes of pipelines: parse, check whose project it is, call, reply. */
import { problem } from '../contract/errors.ts'
import { openedMonitor } from '../auth/sealed-monitor.ts'
import { maskedMonitor, maskedText } from '../http/masked.ts'
import { shipApi } from '../contract/changes/ship.ts'
import { pipelinesApi } from '../contract/pipelines.ts'
import { checkpointsApi } from '../contract/pipelines/checkpoints.ts'
import { itemsApi } from '../contract/pipelines/items.ts'
import { logsApi } from '../contract/pipelines/logs.ts'
import { planApi } from '../contract/pipelines/plan.ts'
import { attachmentHeaders } from '../http/attachment.ts'
import { events, eventsFromFirst, type ServerEvent } from '../http/events.ts'
import { mount, Raw, type Mounted } from '../http/mount.ts'
import { keepOwner } from '../store/blobs/owners.ts'
import { putArchive, treeFiles } from '../store/blobs/trees.ts'
import { readUnit } from './context/units.ts'
import { listKept } from './checkpoints/view.ts'
import { listItems, rowName } from './run/items.ts'
import { explainStep } from './run/explanation.ts'
import { followLog, parsePosition, readLog } from './logs.ts'
import { logPart } from './log-part.ts'
import { viewQueue } from './run/queue.ts'
import { keptMerge } from './context/merges.ts'
import { pageOf, parseToken } from './context/pages.ts'
import { lineRoutes } from './line-routes.ts'
import { visibleVersion, wantedVersion } from './context/wanted.ts'
import type { Pipelines } from './pipelines.ts'
import { planRun } from './plan/plan.ts'
import { FINAL_RUNS, readState, type AttemptRow, type RunTree, type StepRow } from './context/rows.ts'
import { shipRun } from './ship.ts'
import { cancelRun, createRun, listRuns, reproduceRun, requireRun, retryRun } from './run/runs.ts'
import { compileSpec } from './spec/spec.ts'
import { createVersion, listVersions, refuseForeign, requireOwnCode, textOf } from './spec/versions.ts'
import { viewRow, viewRun, viewVersion, type RunView } from './run/view.ts'

/** What a project's files may be at most. */
const TREE_LIMITS = { bytes: 1024 * 1024 * 1024, files: 20_000 }

export function pipelinesRoutes(room: Pipelines): Mounted[] {
  return [...versionRoutes(room), ...runRoutes(room), ...stepRoutes(room), ...lineRoutes(room)]
}

function versionRoutes(room: Pipelines): Mounted[] {
  const { context } = room
  const { db, blobs } = context.deps
  return [
    mount(pipelinesApi.uploadTree, async ({ body, who }) =>
      keepOwner(db, who, await putArchive(blobs, body, TREE_LIMITS), context.deps.clock()),
    ),
    mount(pipelinesApi.createPipelineVersion, async ({ body, who }) => {
      await requireOwnCode(db, who, body.tree)
      return viewVersion(await createVersion(context.deps, who, body))
    }),
    mount(pipelinesApi.listPipelineVersions, async ({ query, who }) => {
      const rows = await listVersions(db, {
        project: who.project ?? query.project,
        before: parseToken(query.page_token),
        limit: query.limit + 1,
      })
      return pageOf(rows, query.limit, viewVersion)
    }),
    mount(pipelinesApi.getPipelineVersion, async ({ params, who }) => {
      const row = await visibleVersion(db, who, params.id)
      const { seal } = context.deps
      const monitor = row.spec.monitor ?? {}
      const spec = row.spec.monitor === null ? row.spec : { ...row.spec, monitor: maskedMonitor(monitor) }
      return { ...viewVersion(row), text: maskedText(textOf(seal, row), openedMonitor(seal, monitor)), spec }
    }),
    mount(planApi.planPipelineRun, async ({ body, who }) => {
      const { from = null, force, strict, set, partition } = body
      await requireOwnCode(db, who, body.tree)
      const spec = await compileSpec(blobs, body.text, body.tree, body.file)
      refuseForeign(who, spec.project)
      return planRun(context, spec, {
        params: body.params,
        options: { from, force, strict, set, ...(partition !== undefined && { partition }) },
      })
    }),
  ]
}

function runRoutes(room: Pipelines): Mounted[] {
  const { context } = room
  const started = async (id: string): Promise<RunView> => {
    room.wake(id)
    return viewRun(context, await mustRead(room, id))
  }
  return [
    mount(pipelinesApi.createPipelineRun, async ({ body, who }) => {
      const version = await wantedVersion(context.deps.db, who, body)
      const { from = null, force, register, deploy, trigger, set, on, priority } = body
      const merge = keptMerge(body, context.deps.clock())
      const asked = { from, force, register, deploy, strict: body.strict, set }
      const options = { ...asked, ...givenOf({ on, priority, partition: body.partition }) }
      const { params, once } = body
      return started(await createRun(context, who, { version, params, options, trigger, merge, once }))
    }),
    mount(pipelinesApi.listPipelineRuns, async ({ query, who }) => {
      const rows = await listRuns(context.deps.db, {
        project: who.project ?? query.project,
        state: query.state,
        newest: query.newest === 'true',
        before: parseToken(query.page_token),
        limit: query.limit + 1,
      })
      const items = rows.map(({ run, steps }) => ({ ...run, steps }))
      return pageOf(items, query.limit, ({ steps, ...run }) => viewRow(run, steps))
    }),
    mount(pipelinesApi.stepQueue, ({ who }) => viewQueue(context.deps, who.project)),
    mount(pipelinesApi.getPipelineRun, async ({ params, who }) =>
      viewRun(context, await requireRun(context, who, params.id)),
    ),
    mount(pipelinesApi.watchPipelineRun, async ({ params, who, signal }) => {
      await requireRun(context, who, params.id)
      return eventsFromFirst(watchRun(room, params.id, signal), signal)
    }),
    mount(pipelinesApi.cancelPipelineRun, async ({ params, who }) => {
      await requireRun(context, who, params.id)
      await cancelRun(context, who, params.id)
      return started(params.id)
    }),
    mount(pipelinesApi.retryPipelineRun, async ({ params, query, who }) => {
      const tree = await requireRun(context, who, params.id)
      return started(await retryRun(context, who, tree, { fromStart: query.from_start === 'true' }))
    }),
    mount(shipApi.shipRun, async ({ params, who }) => {
      await shipRun(context, who, await requireRun(context, who, params.id))
      return viewRun(context, await mustRead(room, params.id))
    }),
    mount(pipelinesApi.reproducePipelineRun, async ({ params, body, who }) => {
      const tree = await requireRun(context, who, params.id)
      const { id, proof } = await reproduceRun(context, who, tree, body)
      return { run: id === null ? null : await started(id), reproduction: proof }
    }),
  ]
}

function stepRoutes(room: Pipelines): Mounted[] {
  const { context } = room
  const { blobs } = context.deps
  return [
    mount(pipelinesApi.explainStep, async ({ params, who }) => {
      const { run } = await requireRun(context, who, params.id)
      return explainStep(context, run, params.step)
    }),
    mount(pipelinesApi.followLogs, async ({ params, query, who, headers, signal }) => {
      const step = rowName(await requireRun(context, who, params.id), params.step, query.item)
      const where = { runId: params.id, step, only: query.attempt }
      const from = parsePosition(headers['last-event-id'] ?? query.from)
      return events(followLog(context, where, from, signal), signal)
    }),
    mount(logsApi.readLogPart, async ({ params, query, who }) => {
      const step = rowName(await requireRun(context, who, params.id), params.step, query.item)
      const { attempts = [] } = (await readUnit(context.deps.db, params.id, step)) ?? {}
      const attempt = await requireAttempt(room, { runId: params.id, step }, query.attempt)
      return logPart(context, attempts, attempt, query)
    }),
    mount(pipelinesApi.readLogs, async ({ params, query, who }) => {
      const step = rowName(await requireRun(context, who, params.id), params.step, query.item)
      const attempt = await requireAttempt(room, { runId: params.id, step }, query.attempt)
      const text = attempt === undefined ? '' : await readLog(context, attempt)
      return new Raw(200, { 'content-type': 'text/plain; charset=utf-8' }, text)
    }),
    mount(itemsApi.listStepItems, async ({ params, query, who }) => {
      const tree = await requireRun(context, who, params.id)
      return listItems(context, tree, { step: rowName(tree, params.step, undefined), ...query })
    }),
    mount(checkpointsApi.listCheckpoints, async ({ params, query, who }) => {
      const tree = await requireRun(context, who, params.id)
      const step = rowName(tree, params.step, query.item)
      return { items: await listKept(context.deps.db, { run_id: params.id, step }) }
    }),
    mount(pipelinesApi.listOutputFiles, async ({ params, who }) => {
      const tree = requireOutput(await requireRun(context, who, params.id), params.step, params.output)
      const files = await treeFiles(blobs, tree.digest)
      return { ...tree, items: files.map(({ path, size, digest }) => ({ path, size, digest })) }
    }),
    mount(pipelinesApi.readOutputFile, async ({ params, query, who }) => {
      const tree = requireOutput(await requireRun(context, who, params.id), params.step, params.output)
      const file = (await treeFiles(blobs, tree.digest)).find(({ path }) => path === query.path)
      if (file === undefined) throw problem('not_found', { what: 'file of the output', id: query.path })
      const { size, stream } = await blobs.read(file.digest)
      return new Raw(200, attachmentHeaders(query.path === '' ? params.output : query.path, { size }), stream)
    }),
  ]
}

/** The run whole at first and after each change, until it has ended. */
async function* watchRun(room: Pipelines, id: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  let changed = true
  let wake = nothing
  const note = (): void => {
    changed = true
    wake()
  }
  const unwatch = room.context.watch(id, note)
  signal.addEventListener('abort', note, { once: true })
  try {
    while (!signal.aborted) {
      if (!changed) await new Promise<void>((resolve) => (wake = resolve))
      changed = false
      const tree = await mustRead(room, id)
      yield { event: 'run', data: await viewRun(room.context, tree) }
      if (FINAL_RUNS.includes(tree.run.state)) return
    }
  } finally {
    unwatch()
  }
}

function nothing(): void {
  // nobody waits yet
}

async function mustRead(room: Pipelines, id: string): Promise<RunTree> {
  const tree = await readState(room.context.deps.db, id)
  if (tree === undefined) throw problem('not_found', { what: 'pipeline run', id })
  return tree
}

function requireStep({ steps }: RunTree, name: string): StepRow {
  const step = steps.find((row) => row.name === name)
  if (step === undefined) throw problem('not_found', { what: 'step', id: name })
  return step
}

async function requireAttempt(
  { context }: Pipelines,
  { runId, step }: { readonly runId: string; readonly step: string },
  number: number | undefined,
): Promise<AttemptRow | undefined> {
  const { attempts = [] } = (await readUnit(context.deps.db, runId, step)) ?? {}
  if (number === undefined) return attempts.at(-1)
  const found = attempts.find((attempt) => attempt.number === number)
  if (found === undefined) throw problem('not_found', { what: 'attempt', id: String(number) })
  return found
}

function requireOutput(tree: RunTree, step: string, output: string): StepRow['outputs'][string] {
  const found = requireStep(tree, step).outputs[output]
  if (found === undefined) throw problem('not_found', { what: 'output', id: `${step}.${output}` })
  return found
}

/** Without what is not given. */
function givenOf<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof T]?: NonNullable<T[K]> }
}
