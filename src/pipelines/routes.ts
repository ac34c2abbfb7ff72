/** Routes of pipelines: parse, check whose project it is, call, reply. */
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { openedMonitor } from '../auth/sealed-monitor.ts'
import { maskedMonitor, maskedText } from '../http/masked.ts'
import { shipApi } from '../contract/changes/ship.ts'
import { pipelinesApi } from '../contract/pipelines.ts'
import { events, eventsFromFirst, type ServerEvent } from '../http/events.ts'
import { mount, Raw, type Mounted } from '../http/mount.ts'
import { putArchive, treeFiles } from '../store/blobs/trees.ts'
import { explainStep } from './run/explanation.ts'
import { followLog, parsePosition, readLog } from './logs.ts'
import { viewQueue } from './run/queue.ts'
import { keptMerge } from './context/merges.ts'
import type { Pipelines } from './pipelines.ts'
import { FINAL_RUNS, readState, type AttemptRow, type RunTree, type StepRow } from './context/rows.ts'
import { shipRun } from './ship.ts'
import { cancelRun, createRun, listRuns, reproduceRun, requireRun, retryRun } from './run/runs.ts'
import {
  createVersion,
  listVersions,
  newestVersion,
  refuseForeign,
  requireVersion,
  textOf,
  type VersionRow,
} from './spec/versions.ts'
import { viewRow, viewRun, viewVersion, type RunView } from './run/view.ts'

/** What a project's files may be at most. */
const TREE_LIMITS = { bytes: 1024 * 1024 * 1024, files: 20_000 }

export function pipelinesRoutes(room: Pipelines): Mounted[] {
  return [...versionRoutes(room), ...runRoutes(room), ...stepRoutes(room)]
}

function versionRoutes(room: Pipelines): Mounted[] {
  const { context } = room
  const { db, blobs } = context.deps
  return [
    mount(pipelinesApi.uploadTree, ({ body }) => putArchive(blobs, body, TREE_LIMITS)),
    mount(pipelinesApi.createPipelineVersion, async ({ body, who }) =>
      viewVersion(await createVersion(context.deps, who, body)),
    ),
    mount(pipelinesApi.listPipelineVersions, async ({ query, who }) => {
      const rows = await listVersions(db, {
        project: who.project ?? query.project,
        before: parseToken(query.page_token),
        limit: query.limit + 1,
      })
      return pageOf(rows, query.limit, viewVersion)
    }),
    mount(pipelinesApi.getPipelineVersion, async ({ params, who }) => {
      const row = await visibleVersion(room, who, params.id)
      const { seal } = context.deps
      const monitor = row.spec.monitor ?? {}
      const spec = row.spec.monitor === null ? row.spec : { ...row.spec, monitor: maskedMonitor(monitor) }
      return { ...viewVersion(row), text: maskedText(textOf(seal, row), openedMonitor(seal, monitor)), spec }
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
      const version = await wantedVersion(room, who, body)
      const { from = null, force, register, deploy, trigger } = body
      const merge = keptMerge(body, context.deps.clock())
      const options = { from, force, register, deploy, strict: body.strict }
      return started(await createRun(context, who, { version, params: body.params, options, trigger, merge }))
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
    mount(pipelinesApi.retryPipelineRun, async ({ params, who }) => {
      return started(await retryRun(context, who, await requireRun(context, who, params.id)))
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
      requireStep(await requireRun(context, who, params.id), params.step)
      const where = { runId: params.id, step: params.step, only: query.attempt }
      return events(followLog(context, where, parsePosition(headers['last-event-id']), signal), signal)
    }),
    mount(pipelinesApi.readLogs, async ({ params, query, who }) => {
      const attempt = requireAttempt(await requireRun(context, who, params.id), params.step, query.attempt)
      const text = attempt === undefined ? '' : await readLog(context, attempt)
      return new Raw(200, { 'content-type': 'text/plain; charset=utf-8' }, text)
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
      return new Raw(200, download(query.path === '' ? params.output : query.path, size), stream)
    }),
  ]
}

/** Bytes of a user's making are never shown by a browser under our name. */
function download(path: string, size: number): Record<string, string> {
  const name = encodeURIComponent(path.slice(path.lastIndexOf('/') + 1))
  return {
    'content-type': 'application/octet-stream',
    'content-length': String(size),
    'content-disposition': `attachment; filename*=UTF-8''${name}`,
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
  }
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

async function visibleVersion(room: Pipelines, who: Principal, id: string): Promise<VersionRow> {
  const row = await requireVersion(room.context.deps.db, id)
  refuseForeign(who, row.project)
  return row
}

async function wantedVersion(
  room: Pipelines,
  who: Principal,
  body: { pipeline_version?: string | undefined; project?: string | undefined },
): Promise<VersionRow> {
  if (body.pipeline_version !== undefined) return visibleVersion(room, who, body.pipeline_version)
  if (body.project === undefined) {
    throw problem('invalid_field', {
      field: 'body.pipeline_version',
      value: undefined,
      expected: 'a version, or "project"',
    })
  }
  refuseForeign(who, body.project)
  return newestVersion(room.context.deps.db, body.project)
}

function requireStep({ steps }: RunTree, name: string): StepRow {
  const step = steps.find((row) => row.name === name)
  if (step === undefined) throw problem('not_found', { what: 'step', id: name })
  return step
}

function requireAttempt(tree: RunTree, step: string, number: number | undefined): AttemptRow | undefined {
  requireStep(tree, step)
  const attempts = tree.attempts.filter((attempt) => attempt.step === step)
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

function parseToken(token: string | undefined): [number, string] | undefined {
  if (token === undefined) return undefined
  const match = /^(\d{1,16})\.([\w-]{1,128})$/.exec(Buffer.from(token, 'base64url').toString('utf8'))
  if (match === null)
    throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'a token of a page' })
  return [Number(match[1]), match[2] ?? '']
}

function pageOf<R extends { created_at: number; id: string }, V>(
  rows: readonly R[],
  limit: number,
  view: (row: R) => V,
): { items: V[]; next_page_token?: string } {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return {
    items: rows.slice(0, limit).map(view),
    ...(last && { next_page_token: Buffer.from(`${last.created_at}.${last.id}`).toString('base64url') }),
  }
}
