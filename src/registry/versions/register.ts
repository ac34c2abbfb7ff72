/** Registers a version with its files, judges it by its gates and keeps where it asks to be deployed. */
import type { Principal, Role } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Gate, GateResult, Verdict } from '../../contract/registry.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import { modelYaml } from '../../contract/values/yaml.ts'
import { enqueue } from '../../jobs/queue.ts'
import type { Tx } from '../../store/db.ts'
import { insertion } from '../../store/sql/rows.ts'
import type { Values } from '../../store/sql/rows.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { requireModel } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { askedGates, holdTo, noteAsked } from '../gates/asked.ts'
import { announceVersion } from '../webhooks/announce.ts'
import { refuseLowering, startLowering } from '../context/lowering-job.ts'
import { SCAN } from '../scan/scanning.ts'
import { readSignature } from '../context/signature.ts'
import type { Signature } from '../context/signature.ts'
import { judgeVersion, readVerdict } from '../gates/verdicts.ts'

/** Where a version asks to go once its gates hold. */
export interface Deployment {
  readonly endpoint: string
  readonly project: string
  readonly plan: Plan | null
  /** MonitorSettings as the project file gives them. */
  readonly monitor: Readonly<Record<string, unknown>>
  /** The feature service from which its endpoint fills what requests leave out, SERVICE or SERVICE@VERSION; absent where there is none. */
  readonly features?: string
  /** Whose wish it is; absent or null of before, and where that is not known. */
  readonly role?: Role | null
  readonly by?: string
  /** The pipeline run by which it was shipped. */
  readonly run?: string
  /** What of it was not taken over, since that role may not change an endpoint; absent where all was. */
  readonly kept?: readonly string[]
}

export interface NewVersion {
  readonly project: string
  readonly model: string
  /** Digest of the MLflow model folder. */
  readonly tree: string
  readonly run_id: string | null
  readonly pipeline_run_id: string | null
  readonly metrics: Readonly<Record<string, number>>
  /** Digests of the data that it was made from. */
  readonly data: readonly string[]
  /** Digest of the environment that it was made in; scorers run in it. */
  readonly environment: string | null
  /** Tree of the hold-out's predictions, if a step left them. */
  readonly evaluation: string | null
  /** Tree of the rows that the hold-out's predictions are of. */
  readonly holdout: string | null
  /** Tree of the table that monitors compare traffic with. */
  readonly reference: string | null
  readonly gates: readonly Gate[]
  readonly deployment: Deployment | null
  readonly description?: string
}

/** What a version is made of and judged by, apart from its files. */
export type Judgeable = Pick<NewVersion, 'metrics' | 'data' | 'environment' | 'evaluation' | 'holdout' | 'reference'>

export interface Registration {
  readonly version: string
  readonly passed: boolean
  readonly verdict_id: string
  readonly results: readonly GateResult[]
  /** Gates that were asked for and are weaker than those that judged, in words; they wait until an admin accepts them. */
  readonly weaker: readonly string[]
}

/**
 * Makes the next version of a model, and the model if it is new, and judges it. The same tree from the same pipeline run is the
 * same version: a registration that is repeated after a crash changes nothing.
 */
export async function registerVersion(room: Registry, who: Principal, wanted: NewVersion): Promise<Registration> {
  const files = await treeFiles(room.blobs, wanted.tree)
  const signature = await signatureOfTree(room, wanted.tree)
  const size = files.reduce((sum, file) => sum + file.size, 0)
  const row = await room.db.tx(async (t) => {
    await t.lock(`model ${wanted.model}`)
    const known = await t.get<VersionRow>(
      'SELECT * FROM model_versions WHERE model = ? AND tree = ? AND pipeline_run_id = ? AND deleted_at IS NULL',
      [wanted.model, wanted.tree, wanted.pipeline_run_id],
    )
    if (known !== undefined) return known
    const weaker = (await holdTo(t, room, who, wanted)).length > 0
    const made = await insertVersion(t, room, who, { ...wanted, size, signature })
    await noteAsked(t, room, who, { model: wanted.model, version: made.version, gates: wanted.gates, weaker })
    return made
  })
  const weaker = await weakerOf(room, row)
  if (row.verdict_id !== null) return earlier(row, await readVerdict(room.db, row.verdict_id), weaker)
  const judged = await judgeVersion(room, row)
  const verdict_id = await room.db.tx(async (t) => {
    const id = await judged.store(t)
    if (judged.passed) await startLowering(t, row)
    else await refuseLowering(t, row)
    // what failed its gates asks for nothing any more; what waits for somebody goes on asking
    if (!judged.passed && !judged.waiting)
      await t.run('UPDATE model_versions SET deployment = NULL WHERE model = ? AND version = ?', [
        row.model,
        row.version,
      ])
    return id
  })
  return { version: String(row.version), passed: judged.passed, verdict_id, results: judged.results, weaker }
}

function earlier(row: VersionRow, verdict: Verdict, weaker: readonly string[]): Registration {
  const { passed, id, gates } = verdict
  return { version: String(row.version), passed, verdict_id: id, results: gates, weaker }
}

/** What the version asked for and is weaker than what its model is held to, while that waits. */
async function weakerOf(room: Registry, { model, version }: VersionRow): Promise<readonly string[]> {
  const asked = await askedGates(room.db, await requireModel(room.db, model))
  return asked?.version === String(version) ? asked.weaker : []
}

type Complete = NewVersion & { readonly size: number; readonly signature: Signature | null }

async function insertVersion(t: Tx, room: Registry, who: Principal, wanted: Complete): Promise<VersionRow> {
  const row = await writeVersion(t, room, who, {
    model: wanted.model,
    ...contentColumns(wanted),
    description: wanted.description ?? '',
    source: `slipway:${wanted.tree}`,
    storage: `slipway:${wanted.tree}`,
    run_id: wanted.run_id,
    run_link: '',
    pipeline_run_id: wanted.pipeline_run_id,
    tree: wanted.tree,
    size: wanted.size,
    signature: wanted.signature === null ? null : JSON.stringify(wanted.signature),
    lowering_state: 'pending',
    deployment: wanted.deployment === null ? null : JSON.stringify(wanted.deployment),
  })
  const { version } = row
  await announceVersion(t, room, row, [])
  await enqueue(t, { kind: SCAN, key: `${wanted.model}/${version}`, payload: { model: wanted.model, version } })
  await room.audit.record(t, who, {
    verb: 'write',
    resource: 'models',
    id: `${wanted.model}/${version}`,
    detail: { tree: wanted.tree },
  })
  return row
}

/** Columns that say what a version is made of and judged by. */
export function contentColumns(content: Judgeable): Values {
  const { metrics, data, environment, evaluation, holdout, reference } = content
  return { metrics: JSON.stringify(metrics), data: JSON.stringify(data), environment, evaluation, holdout, reference }
}

/** Writes the next version of a model, not in a stage yet. */
export async function writeVersion(
  t: Tx,
  room: Registry,
  who: Principal,
  columns: Values & { readonly model: string },
): Promise<VersionRow> {
  const { model } = columns
  const version = await nextVersion(t, model)
  const now = room.clock()
  const made = { version, created_at: now, updated_at: now, created_by: who.name, stage: 'None' }
  const { text, params } = insertion('model_versions', { ...columns, ...made }, 'RETURNING *')
  const row = await t.get<VersionRow>(text, params)
  if (row === undefined) throw new Error(`version ${version} of ${model} was not written`)
  return row
}

/** The next number of a model; numbers of deleted versions are not given again. */
async function nextVersion(t: Tx, model: string): Promise<number> {
  const row = await t.get<{ last_version: number }>(
    'UPDATE registered_models SET last_version = last_version + 1 WHERE name = ? RETURNING last_version',
    [model],
  )
  if (row === undefined) throw problem('not_found', { what: 'model', id: model })
  return row.last_version
}

/** The signature in a tree's MLmodel file; null when there is no such file or no signature in it. */
export async function signatureOfTree(room: Registry, tree: string): Promise<Signature | null> {
  const file = (await treeFiles(room.blobs, tree)).find((one) => one.path === 'MLmodel')
  if (file === undefined || file.size > 1024 * 1024) return null
  const text = (await room.blobs.bytes(file.digest)).toString('utf8')
  try {
    const read = modelYaml(text) as { signature?: unknown } | null
    return readSignature(read?.signature)
  } catch {
    return null
  }
}
