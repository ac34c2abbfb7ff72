/** Reads models and versions as the API shows them. */
import type { Principal } from '../../contract/access.ts'
import { servedGraph, shownGraph } from '../lowering/exporting.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { KnownVersion, Model, Version } from '../../contract/registry.ts'
import type { Digest } from '../../store/blobs/blobs.ts'
import type { NeededTree } from '../../store/blobs/reach.ts'
import type { Reader } from '../../store/db.ts'
import { refusalOf } from '../aliases/door.ts'
import { approvalsOf } from '../gates/approvals.ts'
import { storedScan } from '../scan/scanning.ts'
import { signedOf } from '../signing/signatures.ts'
import { metricsOf, requireVersion, signatureOf } from '../context/context.ts'
import type { ModelRow, Registry, VersionRow } from '../context/context.ts'
import { notGranted } from './deployments.ts'
import { readVerdict, rejudge } from '../gates/verdicts.ts'
import type { z } from 'zod'

export interface Page<T> {
  readonly items: T[]
  readonly next_page_token?: string
}

type Shown<S extends z.ZodType> = z.output<S>

/** Models that a principal may see, by name. */
export async function listModels(
  room: Registry,
  who: Principal,
  page: { limit: number; page_token?: string | undefined },
): Promise<Page<Shown<typeof Model>>> {
  const rows = await room.db.all<ModelRow>(
    `SELECT * FROM registered_models WHERE name > ? AND (CAST(? AS TEXT) IS NULL OR project = ?)
     AND name NOT IN (SELECT model FROM registered_model_tags WHERE key = 'mlflow.prompt.is_prompt' AND value = 'true')
     ORDER BY name LIMIT ?`,
    [page.page_token ?? '', who.project, who.project, page.limit + 1],
  )
  const shown = rows.slice(0, page.limit)
  const items = await Promise.all(shown.map((row) => showModel(room.db, row)))
  const last = shown.at(-1)
  return { items, ...(rows.length > page.limit && last && { next_page_token: last.name }) }
}

/** One model that a principal may see. Throws `not_found`. */
export async function getModel(room: Registry, who: Principal, name: string): Promise<Shown<typeof Model>> {
  return showModel(room.db, await visibleModel(room.db, who, name))
}

/** The row of a model that a principal may see; another project's model does not exist for them. */
export async function visibleModel(reader: Reader, who: Principal, name: string): Promise<ModelRow> {
  const row = await reader.get<ModelRow>('SELECT * FROM registered_models WHERE name = ?', [name])
  if (row === undefined || (who.project !== null && row.project !== who.project))
    throw problem('not_found', { what: 'model', id: name })
  return row
}

async function showModel(reader: Reader, row: ModelRow): Promise<Shown<typeof Model>> {
  const [aliases, tags, counted] = await Promise.all([
    reader.all<{ alias: string; version: number }>(
      'SELECT alias, version FROM model_aliases WHERE model = ? ORDER BY alias',
      [row.name],
    ),
    reader.all<{ key: string; value: string }>(
      'SELECT key, value FROM registered_model_tags WHERE model = ? ORDER BY key',
      [row.name],
    ),
    reader.get<{ n: number; latest: number | null }>(
      'SELECT COUNT(*) AS n, MAX(version) AS latest FROM model_versions WHERE model = ? AND deleted_at IS NULL',
      [row.name],
    ),
  ])
  return {
    name: row.name,
    description: row.description,
    created_at: toTime(row.created_at),
    tags: Object.fromEntries(tags.map((tag) => [tag.key, tag.value])),
    aliases: Object.fromEntries(aliases.map((one) => [one.alias, String(one.version)])),
    latest_version: counted?.latest == null ? null : String(counted.latest),
    versions: counted?.n ?? 0,
  }
}

/** The versions of a model, newest first. */
export async function listVersions(
  room: Registry,
  who: Principal,
  model: string,
  page: { limit: number; page_token?: string | undefined },
): Promise<Page<Shown<typeof Version>>> {
  await visibleModel(room.db, who, model)
  const before = page.page_token === undefined ? Number.MAX_SAFE_INTEGER : Number(page.page_token) || 0
  const rows = await room.db.all<VersionRow>(
    'SELECT * FROM model_versions WHERE model = ? AND deleted_at IS NULL AND version < ? ORDER BY version DESC LIMIT ?',
    [model, before, page.limit + 1],
  )
  const shown = rows.slice(0, page.limit)
  const items = await Promise.all(shown.map((row) => showVersion(room.db, row)))
  const last = shown.at(-1)
  return { items, ...(rows.length > page.limit && last && { next_page_token: String(last.version) }) }
}

export async function getVersion(
  room: Registry,
  who: Principal,
  model: string,
  version: string,
): Promise<Shown<typeof KnownVersion>> {
  await visibleModel(room.db, who, model)
  const row = await requireVersion(room.db, model, version)
  return {
    ...(await showVersion(room.db, row)),
    refusal: await refusalOf(room, row),
    overridden: await overridden(room, row),
    not_granted: notGranted(row.deployment),
  }
}

async function overridden(
  room: Registry,
  { model, version }: VersionRow,
): Promise<Shown<typeof KnownVersion>['overridden']> {
  const found = (await room.overridesOf?.(room.db, model, String(version))) ?? []
  return found.map((one) => ({ ...one, at: toTime(one.at) }))
}

async function showVersion(reader: Reader, row: VersionRow): Promise<Shown<typeof Version>> {
  const key = [row.model, row.version]
  const [aliases, tags, verdict] = await Promise.all([
    reader.all<{ alias: string }>(
      'SELECT alias FROM model_aliases WHERE model = ? AND version = ? ORDER BY alias',
      key,
    ),
    reader.all<{ key: string; value: string }>(
      'SELECT key, value FROM model_version_tags WHERE model = ? AND version = ? ORDER BY key',
      key,
    ),
    row.verdict_id === null ? null : readVerdict(reader, row.verdict_id),
  ])
  const [scan, approvals, signed] = await Promise.all([
    storedScan(reader, row.tree),
    approvalsOf(reader, row),
    signedOf(reader, row),
  ])
  return {
    model: row.model,
    version: String(row.version),
    created_at: toTime(row.created_at),
    created_by: row.created_by,
    description: row.description,
    aliases: aliases.map((one) => one.alias),
    tags: Object.fromEntries(tags.map((tag) => [tag.key, tag.value])),
    run_id: row.run_id,
    pipeline_run_id: row.pipeline_run_id,
    tree: row.tree,
    size: row.size,
    signature: signatureOf(row) as Record<string, unknown> | null,
    metrics: metricsOf(row),
    lowering: {
      state: row.lowering_state,
      reason: row.lowering_reason,
      retry_at: row.lowering_retry_at === null ? null : toTime(row.lowering_retry_at),
      probes: row.lowering_probes,
      worst_ulp: row.lowering_ulp,
      onnx: row.lowering_onnx === null ? null : shownGraph(servedGraph(row.lowering_onnx)),
    },
    verdict,
    reproducibility: row.reproducibility,
    scan: scan === null ? null : { ...scan, findings: [...scan.findings], at: toTime(scan.at) },
    approvals,
    signed,
  }
}

/** Keeps the grade of a reproduction with every version that the run made; one whose gates waited for it is judged again. */
export async function gradeVersions(room: Registry, pipelineRunId: string, grade: string): Promise<void> {
  const changed = await room.db.tx((t) =>
    t.all<Pick<VersionRow, 'model' | 'version' | 'verdict_id' | 'deleted_at'>>(
      'UPDATE model_versions SET reproducibility = ? WHERE pipeline_run_id = ? RETURNING model, version, verdict_id, deleted_at',
      [grade, pipelineRunId],
    ),
  )
  for (const version of changed) {
    if (version.verdict_id === null || version.deleted_at !== null) continue
    const { gates } = await readVerdict(room.db, version.verdict_id)
    if (gates.some((gate) => gate.outcome === 'waiting')) await rejudge(room, version)
  }
}

/** The files of one version, for the meters. */
export interface StoredVersion {
  readonly project: string
  readonly model: string
  readonly version: string
  readonly bytes: number
}

/** Every version with files, and their size. */
export async function storedVersions(room: Registry): Promise<StoredVersion[]> {
  const rows = await room.db.all<{ project: string; model: string; version: number; size: number }>(
    `SELECT m.project, v.model, v.version, v.size FROM model_versions v JOIN registered_models m ON m.name = v.model
     WHERE v.deleted_at IS NULL AND v.tree IS NOT NULL ORDER BY v.model, v.version`,
  )
  return rows.map(({ project, model, version, size }) => ({ project, model, version: String(version), bytes: size }))
}

/** What versions and verdicts need of the blobs. */
export async function* registryDigests(db: Pick<Reader, 'all'>): AsyncGenerator<Digest | NeededTree> {
  const rows = await db.all<
    Pick<VersionRow, 'tree' | 'evaluation' | 'holdout' | 'reference' | 'lowering_tree' | 'lowering_onnx'>
  >('SELECT tree, evaluation, holdout, reference, lowering_tree, lowering_onnx FROM model_versions')
  const trees = new Set(
    rows.flatMap((row) => [row.tree, row.evaluation, row.holdout, row.reference, row.lowering_tree]),
  )
  for (const { lowering_onnx } of rows) if (lowering_onnx !== null) yield servedGraph(lowering_onnx).digest
  for (const { inputs } of await db.all<{ inputs: string }>('SELECT inputs FROM verdicts')) {
    const { evaluation, incumbent_scores } = JSON.parse(inputs) as Record<string, string | null | undefined>
    trees.add(evaluation ?? null)
    if (typeof incumbent_scores === 'string') yield incumbent_scores
  }
  for (const tree of trees) if (tree !== null) yield { tree }
}
