/** Makes versions from what MLflow's clients logged; describes, tags, stages and deletes them. */
import { ifFound } from '../../contract/absence/absent.ts'
import type { Principal } from '../../contract/access.ts'
import { enqueue } from '../../jobs/queue.ts'
import type { Tx } from '../../store/db.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { getLoggedModel, setModelTags } from '../../tracking/models/logged-models.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { getRun } from '../../tracking/searches/read.ts'
import { insertRows } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { dropAliases, marksPrompt, refuseUsed, requireFreeToChange } from './models.ts'
import type { Tag } from './models.ts'
import {
  checkArchiving,
  checkDescription,
  checkModelName,
  checkTag,
  PROMPT_TAG,
  stageOf,
  versionNumber,
} from '../context/names.ts'
import { promote, requirePromote } from '../aliases/promotion.ts'
import { startLowering } from '../context/lowering-job.ts'
import { contentColumns, signatureOfTree, writeVersion } from './register.ts'
import type { Judgeable } from './register.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { SCAN } from '../scan/scanning.ts'
import { resolveSource } from './source.ts'
import type { Source } from './source.ts'
import { announce, announceVersion } from '../webhooks/announce.ts'
import { isPrompt, wireModel, wireVersion } from './wire-read.ts'

export interface VersionRequest {
  readonly name: string
  readonly source: string
  readonly run_id: string | undefined
  readonly model_id: string | undefined
  readonly run_link: string | undefined
  readonly description: string | undefined
  readonly tags: readonly Tag[]
}

/** What is known of a version's content when its row is written. */
interface Content extends Judgeable {
  readonly tree: string | null
  readonly size: number
  readonly signature: string | null
  /** Why no version of this kind is ever served; null = it is to be lowered. */
  readonly unserved: string | null
}

const EMPTY: Content = {
  tree: null,
  size: 0,
  signature: null,
  metrics: {},
  data: [],
  environment: null,
  evaluation: null,
  holdout: null,
  reference: null,
  unserved: null,
}

/** What a client may write as the source of a prompt's version: a word, never a place. */
const PROMPT_SOURCE = /^[\w-]{1,100}$/

const LOGGED_MODEL_TAG = 'mlflow.modelVersions'

/**
 * Makes the next version of an existing model from a run, a logged model, another version, or a place outside the server. Files
 * that the server has are fixed by their digest now: later changes of the run do not change the version.
 */
export async function createVersion(
  room: Registry,
  tracking: Tracking,
  who: Principal,
  asked: VersionRequest,
): Promise<VersionRow> {
  checkModelName(asked.name)
  checkDescription(asked.description)
  for (const { key, value } of asked.tags) checkTag(key, value)
  const prompt = marksPrompt(asked.tags)
  const source = prompt ? promptSource(asked) : await resolveSource(room, tracking, who, asked)
  const content = prompt
    ? { ...EMPTY, unserved: 'a prompt is not served' }
    : await contentOf(room, tracking, who, source)
  const row = await room.db.tx(async (t) => {
    await t.lock(`model ${asked.name}`)
    await wireModel(t, who, asked.name)
    if ((await isPrompt(t, asked.name)) !== prompt) throw mismatch(asked.name, prompt)
    return insert(t, room, who, { asked, source, content })
  })
  if (source.model_id !== null) await noteOnLoggedModel(tracking, who, source.model_id, row)
  return row
}

function promptSource(asked: VersionRequest): Source {
  if (!PROMPT_SOURCE.test(asked.source)) {
    throw invalid(`Invalid prompt source: '${asked.source}'. Prompt sources must use an MLflow placeholder.`)
  }
  const { source, run_id } = asked
  return { source, storage: source, run_id: run_id ?? null, model_id: null, files: [], from: null }
}

function mismatch(name: string, prompt: boolean): Error {
  return invalid(
    prompt
      ? `'${name}' is a registered model; a version of it cannot have the tag '${PROMPT_TAG}'.`
      : `'${name}' is a prompt; its versions must have the tag '${PROMPT_TAG}'.`,
  )
}

async function contentOf(room: Registry, tracking: Tracking, who: Principal, source: Source): Promise<Content> {
  if (source.from !== null) return copied(source.from)
  const logged = { metrics: await metricsOf(tracking, who, source), data: await dataOf(tracking, who, source) }
  if (source.files.length === 0) return { ...EMPTY, ...logged, unserved: 'the server does not have its files' }
  const { digest, size } = await putManifest(
    room.blobs,
    source.files.map((file) => ({ ...file, executable: false })),
  )
  const signature = await signatureOfTree(room, digest)
  const model = source.files.some((file) => file.path === 'MLmodel')
  return {
    ...EMPTY,
    ...logged,
    tree: digest,
    size,
    signature: signature === null ? null : JSON.stringify(signature),
    unserved: model ? null : 'its files hold no MLmodel file',
  }
}

function copied(from: VersionRow): Content {
  return {
    tree: from.tree,
    size: from.size,
    signature: from.signature,
    metrics: JSON.parse(from.metrics) as Record<string, number>,
    data: JSON.parse(from.data) as string[],
    environment: from.environment,
    evaluation: from.evaluation,
    holdout: from.holdout,
    reference: from.reference,
    unserved: from.tree === null ? 'the server does not have its files' : null,
  }
}

/** Latest metrics of the run, and over them those of the logged model itself; NaN is no metric to judge by. */
async function metricsOf(tracking: Tracking, who: Principal, source: Source): Promise<Record<string, number>> {
  const run = source.run_id === null ? undefined : await ifFound(getRun(tracking, who, source.run_id))
  const model = source.model_id === null ? undefined : await getLoggedModel(tracking, who, source.model_id)
  const all = [...(run?.data.metrics ?? []), ...((model?.data.metrics ?? []) as { key: string; value: unknown }[])]
  return Object.fromEntries(all.flatMap(({ key, value }) => (typeof value === 'number' ? [[key, value]] : [])))
}

/** Digests of the datasets that the run read. */
async function dataOf(tracking: Tracking, who: Principal, source: Source): Promise<string[]> {
  const run = source.run_id === null ? undefined : await ifFound(getRun(tracking, who, source.run_id))
  return [...new Set((run?.inputs.dataset_inputs ?? []).map((one) => one.dataset.digest))]
}

interface Writing {
  readonly asked: VersionRequest
  readonly source: Source
  readonly content: Content
}

async function insert(t: Tx, room: Registry, who: Principal, { asked, source, content }: Writing): Promise<VersionRow> {
  const row = await writeVersion(t, room, who, {
    model: asked.name,
    ...contentColumns(content),
    description: asked.description ?? '',
    source: source.source,
    storage: source.storage,
    run_id: source.run_id,
    run_link: asked.run_link ?? '',
    model_id: source.model_id,
    tree: content.tree,
    size: content.size,
    signature: content.signature,
    lowering_state: content.unserved === null ? 'pending' : 'failed',
    lowering_reason: content.unserved,
  })
  const { version } = row
  await t.run('UPDATE registered_models SET updated_at = ? WHERE name = ?', [row.updated_at, asked.name])
  await putTags(t, row, asked.tags)
  await announceVersion(t, room, row, asked.tags)
  const job = { key: `${row.model}/${version}`, payload: { model: row.model, version } }
  if (content.tree !== null) await enqueue(t, { kind: SCAN, ...job })
  if (content.unserved === null) await startLowering(t, row)
  await room.audit.record(t, who, {
    verb: 'write',
    resource: 'models',
    id: `${row.model}/${version}`,
    detail: { source: source.source, tree: content.tree },
  })
  return row
}

/** The logged model says which versions were made of it. */
async function noteOnLoggedModel(tracking: Tracking, who: Principal, modelId: string, row: VersionRow): Promise<void> {
  const model = await getLoggedModel(tracking, who, modelId)
  const tags = (model.info['tags'] ?? []) as readonly Tag[]
  const before = tags.find((tag) => tag.key === LOGGED_MODEL_TAG)?.value ?? '[]'
  const versions = [...listOf(before), { name: row.model, version: row.version }]
  // Python's spacing: clients compare the text
  const value = `[${versions.map((one) => JSON.stringify(one).replace(/"([:,])(?=["\d])/g, '"$1 ')).join(', ')}]`
  await setModelTags(tracking, who, modelId, [{ key: LOGGED_MODEL_TAG, value }])
}

function listOf(json: string): unknown[] {
  try {
    const value = JSON.parse(json) as unknown
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/** Sets the description. */
export async function describeVersion(
  room: Registry,
  who: Principal,
  of: { readonly name: string; readonly version: string },
  description: string | undefined,
): Promise<VersionRow> {
  checkDescription(description)
  return room.db.tx(async (t) => {
    const { model, version } = await wireVersion(t, who, of.name, of.version)
    await t.run('UPDATE model_versions SET description = ?, updated_at = ? WHERE model = ? AND version = ?', [
      description ?? '',
      room.clock(),
      model,
      version,
    ])
    return wireVersion(t, who, model, version)
  })
}

export interface Transition {
  readonly name: string
  readonly version: string
  readonly stage: string
  readonly archive: boolean
}

/** Moves a version to a stage. Production asks for the gates, as the alias of that name does, and for the right to promote. */
export async function transitionStage(room: Registry, who: Principal, asked: Transition): Promise<VersionRow> {
  const stage = stageOf(asked.stage)
  if (asked.archive) checkArchiving(stage)
  const { model, version, stage: before } = await wireVersion(room.db, who, asked.name, asked.version)
  requirePromote(who, stage)
  requirePromote(who, before)
  return promote(room, who, { model, version, alias: stage }, async (t, { verdict }) => {
    const now = room.clock()
    if (asked.archive) {
      await t.run(
        "UPDATE model_versions SET stage = 'Archived', updated_at = ? WHERE model = ? AND stage = ? AND version <> ? AND deleted_at IS NULL",
        [now, model, stage, version],
      )
    }
    await t.run('UPDATE model_versions SET stage = ?, updated_at = ? WHERE model = ? AND version = ?', [
      stage,
      now,
      model,
      version,
    ])
    await t.run('UPDATE registered_models SET updated_at = ? WHERE name = ?', [now, model])
    const detail = { stage, from: before, verdict }
    await room.audit.record(t, who, { verb: 'promote', resource: 'models', id: `${model}/${version}`, detail })
    return wireVersion(t, who, model, version)
  })
}

/** Deletes a version: its number is not given again, its source, files and aliases are gone, its verdicts stay. */
export async function deleteVersion(room: Registry, who: Principal, name: string, given: string): Promise<void> {
  const { version } = await wireVersion(room.db, who, name, given)
  await refuseUsed(room, name, version)
  await room.db.tx(async (t) => {
    await t.lock(`model ${name}`)
    await wireVersion(t, who, name, version)
    await requireFreeToChange(t, who, name, version)
    await dropAliases(t, room, who, { model: name, version, reason: 'the version was deleted' })
    const now = room.clock()
    await t.run(
      `UPDATE model_versions SET deleted_at = ?, updated_at = ?, description = '', source = 'REDACTED-SOURCE-PATH',
         storage = 'REDACTED-SOURCE-PATH', run_id = NULL, run_link = 'REDACTED-RUN-LINK', model_id = NULL, tree = NULL,
         evaluation = NULL, holdout = NULL, reference = NULL, deployment = NULL WHERE model = ? AND version = ?`,
      [now, now, name, version],
    )
    await t.run('UPDATE registered_models SET updated_at = ? WHERE name = ?', [now, name])
    await room.audit.record(t, who, {
      verb: 'write',
      resource: 'models',
      id: `${name}/${version}`,
      detail: { deleted: true },
    })
  })
}

interface TagOfVersion extends Tag {
  readonly name: string
  readonly version: string
}

/** Sets a tag; the last write wins. */
export async function setVersionTag(room: Registry, who: Principal, tag: TagOfVersion): Promise<void> {
  versionNumber(tag.version)
  checkTag(tag.key, tag.value)
  await room.db.tx(async (t) => {
    const row = await wireVersion(t, who, tag.name, tag.version)
    if (tag.key === PROMPT_TAG && marksPrompt([tag]) !== (await isPrompt(t, row.model))) {
      throw mismatch(row.model, marksPrompt([tag]))
    }
    await putTags(t, row, [tag])
    const data = { version: String(row.version), key: tag.key, value: tag.value }
    await announce(t, room, { model: row.model, of: 'version_tag', action: 'SET', data })
  })
}

/** Removes a tag; nothing happens when it is not set. */
export async function deleteVersionTag(
  room: Registry,
  who: Principal,
  tag: Omit<TagOfVersion, 'value'>,
): Promise<void> {
  await room.db.tx(async (t) => {
    const { model, version } = await wireVersion(t, who, tag.name, tag.version)
    if (tag.key === PROMPT_TAG && (await isPrompt(t, model))) throw mismatch(model, false)
    await t.run('DELETE FROM model_version_tags WHERE model = ? AND version = ? AND key = ?', [model, version, tag.key])
    const data = { version: String(version), key: tag.key }
    await announce(t, room, { model, of: 'version_tag', action: 'DELETED', data })
  })
}

async function putTags(t: Tx, of: Pick<VersionRow, 'model' | 'version'>, tags: readonly Tag[]): Promise<void> {
  const last = new Map(tags.map((tag) => [tag.key, tag.value]))
  await insertRows(
    t,
    'INSERT INTO model_version_tags (model, version, key, value)',
    [...last].map(([key, value]) => [of.model, of.version, key, value]),
    'ON CONFLICT (model, version, key) DO UPDATE SET value = excluded.value',
  )
}
