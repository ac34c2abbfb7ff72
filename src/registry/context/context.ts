/** What every part of the registry works with, and the rows it keeps. */
import type { Audit } from '../../auth/audit.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import type { Gate } from '../../contract/registry.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'
import { problem } from '../../contract/errors.ts'
import type { Signer } from '../attestation/signer.ts'
import type { Signature } from './signature.ts'

/** A value of a row; null = missing. */
export type Cell = number | string | null

/**
 * Scores rows with a lowered model: columns by input name, `rows` of them; the probability of the second class or the prediction.
 * Undefined when an input has no column.
 */
export type ScoreNative = (
  dir: string,
  columns: (input: string, kind: 'number' | 'string') => Cell[] | undefined,
  rows: number,
) => Float64Array | undefined

export interface RegistryDeps {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  /** Signs what this server attests of versions; without it nothing is attested. */
  readonly signer?: Signer
  /** Folder under which versions are laid out for scorers and the gateway. */
  readonly modelsDir: string
  /** Scores rows with a lowered model; without it no incumbent is scored on a candidate's hold-out. */
  readonly scoreNative?: ScoreNative
  /** Address of a module that exports it as \`scoreNative\`, for threads; without it no version is scored there. */
  readonly scorer?: string
  /** What answers with a version now (of any version when it is null), for example `endpoint "flights"`; such are not deleted or renamed. */
  readonly usedBy?: (model: string, version: number | null) => Promise<string | null>
  /** Where a version answers now although its gates did not hold, by whose override; times are ms. */
  readonly overridesOf?: (reader: Reader, model: string, version: string) => Promise<readonly Overridden[]>
}

/** An override by which a version answers. */
export interface Overridden {
  readonly endpoint: string
  readonly variant: string
  readonly by: string
  readonly role: string
  readonly at: number
  readonly reason: string
  readonly refusal: string
}

export type Registry = RegistryDeps

export interface ModelRow {
  readonly name: string
  readonly project: string
  readonly description: string
  readonly created_at: number
  readonly updated_at: number
  readonly created_by: string
  /** Highest number ever given; numbers are never given twice. */
  readonly last_version: number
  /** JSON of Gate[]; '[]' = the model has none and its aliases move freely. */
  readonly gates: string
}

export type LoweringState = 'pending' | 'native' | 'onnx' | 'python' | 'failed'

export interface VersionRow {
  readonly model: string
  readonly version: number
  readonly created_at: number
  readonly updated_at: number
  readonly created_by: string
  readonly description: string
  readonly source: string
  /** Where the files lie, when the source names a run or another version. */
  readonly storage: string
  readonly run_id: string | null
  readonly run_link: string
  readonly model_id: string | null
  readonly stage: string
  readonly pipeline_run_id: string | null
  /** Digest of the tree of files; null for a version that only names a foreign place. */
  readonly tree: string | null
  readonly size: number
  readonly signature: string | null
  readonly metrics: string
  /** JSON list of the digests of the data that it was made from. */
  readonly data: string
  /** Digest of the environment that it was made in. */
  readonly environment: string | null
  /** Digest of the tree with the hold-out's predictions. */
  readonly evaluation: string | null
  /** Digest of the tree with the rows that `evaluation` judges. */
  readonly holdout: string | null
  /** Digest of the tree with the table that the monitors take as their reference. */
  readonly reference: string | null
  readonly lowering_state: LoweringState
  readonly lowering_reason: string | null
  readonly lowering_probes: number | null
  readonly lowering_ulp: number | null
  /** Digest of the tree with the native form; null where it has none, or none that was stored yet. */
  readonly lowering_tree: string | null
  /** When lowering is tried again after a want of a network, ms; null otherwise. */
  readonly lowering_retry_at: number | null
  /** JSON of ServedGraph: the ONNX export that answers; null where there is none. */
  readonly lowering_onnx: string | null
  readonly verdict_id: string | null
  readonly reproducibility: string | null
  /** JSON of Deployment: where the version asks to go. */
  readonly deployment: string | null
  readonly rollout_id: string | null
  readonly deleted_at: number | null
}

/**
 * Locks a model for the rest of a transaction. Who changes what answers locks in this order, so that no two wait for each other: the model,
 * the rollout, the routing, the audit chain.
 */
export async function lockModel(t: Tx, model: string): Promise<void> {
  await t.lock(`model ${model}`)
}

export async function requireModel(reader: Reader, name: string): Promise<ModelRow> {
  const row = await reader.get<ModelRow>('SELECT * FROM registered_models WHERE name = ?', [name])
  if (row === undefined) throw problem('not_found', { what: 'model', id: name })
  return row
}

/** A version that is not deleted; undefined when there is none. */
export async function findVersion(
  reader: Reader,
  model: string,
  version: string | number,
): Promise<VersionRow | undefined> {
  const number = Number(version)
  if (!Number.isSafeInteger(number)) return undefined
  return reader.get<VersionRow>('SELECT * FROM model_versions WHERE model = ? AND version = ? AND deleted_at IS NULL', [
    model,
    number,
  ])
}

export async function requireVersion(reader: Reader, model: string, version: string | number): Promise<VersionRow> {
  const row = await findVersion(reader, model, version)
  if (row === undefined) throw problem('not_found', { what: 'model version', id: `${model}/${version}` })
  return row
}

export function gatesOf(row: ModelRow): Gate[] {
  return JSON.parse(row.gates) as Gate[]
}

export function signatureOf(row: VersionRow): Signature | null {
  return row.signature === null ? null : (JSON.parse(row.signature) as Signature)
}

export function metricsOf(row: VersionRow): Record<string, number> {
  return JSON.parse(row.metrics) as Record<string, number>
}
