/** Lays a version out on disk and lowers it to native form in its own environment; what does not prove equal is served by Python. */
import { mkdir, rm } from 'node:fs/promises'
import { ifFound } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import type { Plan } from '../../isolation/plan.ts'
import { getJob } from '../../jobs/queue.ts'
import type { Handler, Worker } from '../../jobs/worker.ts'
import { layOut } from '../context/layout.ts'
import { LOWER, lowerAgain, lowerLater, refuseLowering, wantLowering } from '../context/lowering-job.ts'
import type { LowerJob } from '../context/lowering-job.ts'
import { keepNative, layOutNative } from '../context/native.ts'
import { exportModel, exportsOf, graphOf } from './exporting.ts'
import type { ExportAnswer, ExportDeps, ServedGraph } from './exporting.ts'
import { onnxFile } from './onnx.ts'
import { inEnvironment } from './model-python.ts'
import type { ModelLimits, ModelPlace } from './model-python.ts'
import { readResult } from './result.ts'
import { endedBy, giveUp, PAUSES_MS, tryAgain } from './tries.ts'
import { heldTo } from '../gates/policy.ts'
import { findVersion, requireModel, requireVersion } from '../context/context.ts'
import { ensureScan, handleScanning, scanReason } from '../scan/scanning.ts'
import { requireSigned } from '../signing/signatures.ts'
import type { LoweringState, Registry, VersionRow } from '../context/context.ts'
import { judgeVersion } from '../gates/verdicts.ts'

/** What the replay of the probes in TypeScript found. */
export interface Replayed {
  readonly ok: boolean
  readonly n: number
  readonly worst_ulp: number
  readonly reason: string | null
}

/** What the registry needs from rooms below and beside it. */
export interface LoweringDeps {
  /** The Python of an environment by its digest; builds it when it is not there. Null digest: from the model's own requirements. */
  readonly python: (version: VersionRow, modelDir: string) => Promise<string>
  /** Replays the probes of a lowered model against the native evaluator. */
  readonly verify: (dir: string) => Promise<Replayed>
  /** Tries a folder's ONNX graph as the gateway will load it; resolves to the rows that it answered. Throws with the reason. */
  readonly proveOnnx: (dir: string, file: string) => Promise<number>
  /** How what reads models is confined; absent or null = not at all. */
  readonly plan?: Plan | null
  /** What a module that reads a model may take; absent = 600 s of processor time, 60 minutes. */
  readonly limits?: ModelLimits
  /** Pauses before what ended early is tried again, one for each further try, ms; absent = 1 and 15 minutes. */
  readonly pauses?: readonly number[]
  /** What an export needs; absent = none is made. */
  readonly exporting?: ExportDeps
}

/** A version laid out for serving. `native` is null when Python serves it. */
export interface VersionFiles {
  readonly dir: string
  readonly python: string | null
  readonly native: { readonly dir: string } | null
  /** The ONNX graph where ONNX Runtime serves it, with its answer where it is an export; null otherwise. */
  readonly onnx: { readonly file: string; readonly answer?: ExportAnswer } | null
  readonly reason: string | null
  /** Python serves it only until its native form is proved, or is known not to be. */
  readonly provisional: boolean
}

/** Versions that are lowered at the same time: each keeps a core busy, and the machine answers calls besides. */
const MOST = 2

/** Registers the jobs that scan and lower new versions. */
export function handleLowering(room: Registry, worker: Worker, deps: LoweringDeps): void {
  handleScanning(room, worker)
  const { pauses = PAUSES_MS } = deps
  const handle: Handler = async (job, context) => {
    const asked = job.payload as LowerJob
    const { model, version, wanted = false, tries } = asked
    const row = await findVersion(room.db, model, version)
    if (row === undefined || !isOpen(row, tries)) return
    if (!wanted && (await isRefused(room, row))) {
      await context.finish((t) => refuseLowering(t, row))
      return
    }
    // a server that ended without a word did so with this job, as often as it was begun
    if (job.attempts > pauses.length + 1) {
      const why = job.last_error?.split('\n')[0] ?? 'the server that did it ended'
      await context.finish((t) => giveUp(t, asked, why, job.attempts - 1))
      return
    }
    const found: Lowered | undefined = await lower(room, row, { ...deps, signal: context.signal }).catch(
      async (error: unknown) => {
        // ended from outside, it says nothing about the model
        if (context.signal.aborted) throw error
        const why = endedBy(error)
        if (why !== undefined) {
          await context.finish((t) => tryAgain(t, asked, why, { now: room.clock(), pauses }))
          return undefined
        }
        if (!isUnavailable(error)) return { state: 'failed' as const, ...blank, reason: message(error) }
        const reason = `waits for the network, and is tried again every minute: ${message(error)}`
        await context.finish((t) => lowerLater(t, asked, reason, room.clock() + RETRY_MS))
        return undefined
      },
    )
    if (found === undefined) return
    await context.finish((t) =>
      t.run(
        'UPDATE model_versions SET lowering_state = ?, lowering_reason = ?, lowering_retry_at = NULL, lowering_probes = ?, lowering_ulp = ?, lowering_tree = ?, lowering_onnx = ? WHERE model = ? AND version = ?',
        [
          found.state,
          found.reason,
          found.probes,
          found.ulp,
          found.tree ?? null,
          found.graph === undefined ? null : JSON.stringify(found.graph),
          model,
          version,
        ],
      ),
    )
  }
  worker.register(LOWER, handle, MOST)
}

/** Whether a job may lower a version: one that was not, or, for the job of a further try, one that waits for it. */
function isOpen(row: VersionRow, tries: number | undefined): boolean {
  if (row.lowering_state === 'pending') return true
  return row.lowering_state === 'python' && row.lowering_retry_at !== null && tries !== undefined
}

/** Whether a version's gates refuse it: by its newest verdict, or, before there is one, by how they judge it now. */
async function isRefused(room: Registry, row: VersionRow): Promise<boolean> {
  const verdict = await room.db.get<{ passed: number }>('SELECT passed FROM verdicts WHERE id = ?', [
    row.verdict_id ?? '',
  ])
  if (verdict !== undefined) return verdict.passed === 0
  const gates = await heldTo(room.db, await requireModel(room.db, row.model), false)
  return gates.length > 0 && !(await judgeVersion(room, row)).passed
}

const blank = { reason: null, probes: null, ulp: null }

interface Lowered {
  readonly state: LoweringState
  readonly reason: string | null
  readonly probes: number | null
  readonly ulp: number | null
  /** Digest of the native form. */
  readonly tree?: string
  /** The export that answers. */
  readonly graph?: ServedGraph
}

type Lowering = LoweringDeps & { readonly signal: AbortSignal }

async function lower(room: Registry, row: VersionRow, deps: Lowering): Promise<Lowered> {
  if (row.tree === null) return { state: 'failed', ...blank, reason: 'the version has no files here' }
  // lowering loads the model: what would harm is never loaded
  const scan = await ensureScan(room, row)
  if (scan?.verdict === 'malicious') return { state: 'failed', ...blank, reason: scanReason(scan) }
  const dir = await layOut(room, row.tree)
  const file = await onnxFile(dir)
  if (file !== null) return graphOrPython(dir, file, deps)
  const python = await deps.python(row, dir)
  const { signal, plan = null, limits } = deps
  const place: ModelPlace = { dir, python, signal, plan, ...(limits !== undefined && { limits }) }
  const lowered = await within(room, dir, (out) =>
    lowerInto(out, { ...place, verify: deps.verify, keep: () => keepNative(room, out) }),
  )
  if (lowered.state !== 'python' || deps.exporting === undefined) return lowered
  const exports = await exportsOf(dir)
  if (exports === null) return lowered
  const { exporting } = deps
  return within(room, dir, async (out) => {
    const found = await exportModel(room.blobs, out, { ...place, ...exporting })
    if (typeof found !== 'string') return { state: 'onnx', ...blank, probes: found.probes, graph: found }
    const reason = exports === 'flavor' ? found : `${lowered.reason ?? ''}; its ONNX export: ${found}`
    return { ...lowered, reason }
  })
}

/** Runs something with a folder beside a version's that is gone afterwards. */
async function within<T>(room: Registry, dir: string, use: (out: string) => Promise<T>): Promise<T> {
  const out = `${dir}.${room.ids('new')}`
  await mkdir(out, { recursive: true })
  try {
    return await use(out)
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

/** A graph needs no lowering. One that ONNX Runtime cannot serve is left to Python, and so is any where the runtime cannot be brought. */
async function graphOrPython(dir: string, file: string, deps: LoweringDeps): Promise<Lowered> {
  try {
    return { state: 'onnx', ...blank, probes: await deps.proveOnnx(dir, file) }
  } catch (error) {
    return { state: 'python', ...blank, reason: `ONNX Runtime does not serve it here: ${message(error)}` }
  }
}

interface Lowerable extends ModelPlace {
  readonly verify: LoweringDeps['verify']
  readonly keep: () => Promise<string>
}

async function lowerInto(out: string, { verify, keep, ...place }: Lowerable): Promise<Lowered> {
  const result = await readResult<Result>(out, await inEnvironment({ ...place, module: 'slipway.lower', out }))
  if (!result.ok) return { state: 'python', ...blank, reason: result.reason ?? 'it was not lowered' }
  // what cannot be replayed at all has not proved equal either
  const replayed = await verify(out).catch((error: unknown) => ({
    ok: false,
    n: 0,
    worst_ulp: 0,
    reason: message(error),
  }))
  if (!replayed.ok) return { state: 'python', reason: replayed.reason, probes: replayed.n, ulp: replayed.worst_ulp }
  return { state: 'native', reason: null, probes: replayed.n, ulp: replayed.worst_ulp, tree: await keep() }
}

interface Result {
  readonly ok: boolean
  readonly reason?: string
}

/** Pause before a version that wants for a network is tried again, ms. */
const RETRY_MS = 60_000
const POLL_MS = 50
const WAIT_MS = 10 * 60_000

/** What lays a version out. */
export interface FilesDeps extends Pick<LoweringDeps, 'python'> {
  /** Longest wait for its native form, ms; absent = ten minutes. */
  readonly waitMs?: number | undefined
}

/**
 * The files of a version for serving, once it is lowered or known to need Python; those for Python, `provisional`, where it is not by the
 * end of the wait. Throws a plain Error with the reason where it cannot be served.
 */
export async function versionFiles(
  room: Registry,
  deps: FilesDeps,
  model: string,
  version: string,
): Promise<VersionFiles> {
  const { waitMs = WAIT_MS } = deps
  const until = room.clock() + waitMs
  let asked: string | undefined
  for (;;) {
    // before the version is read: what the try said is there then
    const ended = asked === undefined || (await hasEnded(room, asked))
    const row = await requireVersion(room.db, model, version)
    if (ended && row.lowering_state === 'pending' && row.lowering_reason !== null)
      asked = await tryNow(room, row, asked !== undefined)
    if (row.lowering_state === 'failed')
      throw new Error(`${model}/${version} cannot be served: ${row.lowering_reason ?? 'lowering failed'}`)
    if (row.lowering_state !== 'pending' && row.tree !== null) {
      const files = await laidOut(room, deps, row, row.tree)
      if (files !== null) return files
      await room.db.tx((t) => lowerAgain(t, row))
    }
    if (room.clock() > until) {
      const files = await unlowered(room, deps, row)
      if (files !== null) return files
      throw new Error(`${model}/${version} was not lowered within ${waitMs / 1000} s`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** What Python serves while a version waits for its native form; null where it has none to wait for, or no files. */
async function unlowered(
  room: Registry,
  deps: Pick<LoweringDeps, 'python'>,
  row: VersionRow,
): Promise<VersionFiles | null> {
  if (row.tree === null || row.lowering_state !== 'pending') return null
  // the job has not come to it, perhaps: what would harm is never loaded
  const scan = await ensureScan(room, row)
  if (scan?.verdict === 'malicious')
    throw new Error(`${row.model}/${row.version} cannot be served: ${scanReason(scan)}`)
  const files = await laidOut(room, deps, row, row.tree)
  return files && { ...files, reason: PROVING, provisional: true }
}

/** Why Python serves a version whose native form is not there yet. */
const PROVING = 'its native form is being proved; it takes over by itself'

/** Whether it is known who serves a version: its native form is proved, or there is none and it is not tried again. */
export async function isSettled(room: Registry, model: string, version: string): Promise<boolean> {
  const row = await findVersion(room.db, model, version)
  return row === undefined || (row.lowering_state !== 'pending' && row.lowering_retry_at === null)
}

/** A version that was refused is lowered when it is wanted all the same, and one that waits is tried at once; but once is enough. */
async function tryNow(room: Registry, row: VersionRow, tried: boolean): Promise<string | undefined> {
  if (tried && row.lowering_retry_at !== null)
    throw new Error(`${row.model}/${row.version} cannot be served yet: ${row.lowering_reason ?? ''}`)
  return room.db.tx((t) => wantLowering(t, row))
}

/** Whether the try that was asked for is over: what another one says meanwhile, begun before it, is no answer to it. */
async function hasEnded(room: Registry, job: string): Promise<boolean> {
  const state = (await ifFound(getJob(room.db, job)))?.state
  return state !== 'waiting' && state !== 'running'
}

/** A lowered version on this machine's disk; null when its native form is nowhere. */
async function laidOut(
  room: Registry,
  deps: Pick<LoweringDeps, 'python'>,
  row: VersionRow,
  tree: string,
): Promise<VersionFiles | null> {
  const dir = await layOut(room, tree)
  await requireSigned(room, row, dir)
  const native = await layOutNative(room, row)
  if (row.lowering_state === 'native' && native === null) return null
  const onnx = row.lowering_state === 'onnx' ? await graphOf(room.blobs, row.lowering_onnx, dir) : null
  const python = native === null && onnx === null ? await deps.python(row, dir) : null
  const provisional = native === null && row.lowering_retry_at !== null
  return {
    dir,
    native: native === null ? null : { dir: native },
    onnx,
    python,
    reason: row.lowering_reason,
    provisional,
  }
}

/** True when something outside, as the package index, could not be reached. */
function isUnavailable(error: unknown): boolean {
  return error instanceof Problem && error.code === 'unavailable'
}

function message(error: unknown): string {
  const { stderr } = error as { stderr?: string }
  const text = stderr?.trim().split('\n').at(-1) ?? ''
  return text !== '' ? text : error instanceof Error ? error.message : String(error)
}
