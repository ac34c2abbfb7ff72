/** Makes, describes, renames, tags and deletes registered models, as MLflow's clients ask. */
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { homeProject } from '../../auth/visibility.ts'
import { insertRows } from '../../store/sql/sql.ts'
import { invalid, mlflowProblem } from '../../mlflow/wire.ts'
import { writeMove } from '../aliases/aliases.ts'
import { carryGates, joinKeptGates, keepGates } from '../gates/asked.ts'
import { carryPolicy } from '../gates/policy.ts'
import { checkDescription, checkModelName, checkPromptName, checkTag, PROMPT_TAG } from '../context/names.ts'
import { isGuarded, requirePromote } from '../aliases/promotion.ts'
import { startLowering } from '../context/lowering-job.ts'
import type { ModelRow, Registry } from '../context/context.ts'
import { announce, tagMap } from '../webhooks/announce.ts'
import { isPrompt, wireModel } from './wire-read.ts'

export interface Tag {
  readonly key: string
  readonly value: string
}

export interface NewModel {
  readonly name: string
  readonly description: string | undefined
  readonly tags: readonly Tag[]
}

/** Makes an empty model, without gates but for those that its name had before. RESOURCE_ALREADY_EXISTS when the name is taken, by a model or a prompt of any project. */
export async function createModel(room: Registry, who: Principal, wanted: NewModel): Promise<ModelRow> {
  checkModelName(wanted.name)
  checkDescription(wanted.description)
  for (const { key, value } of wanted.tags) checkTag(key, value)
  const prompt = marksPrompt(wanted.tags)
  if (prompt) checkPromptName(wanted.name)
  return room.db.tx(async (t) => {
    await t.lock(`model ${wanted.name}`)
    const now = room.clock()
    const row = await t.get<ModelRow>(
      `INSERT INTO registered_models (name, project, description, created_at, updated_at, created_by, last_version, gates)
       VALUES (?,?,?,?,?,?,0,'[]') ON CONFLICT DO NOTHING RETURNING *`,
      [wanted.name, homeProject(who), wanted.description ?? '', now, now, who.name],
    )
    if (row === undefined) throw await taken(t, who, wanted.name, prompt)
    await joinKeptGates(t, wanted.name)
    await putTags(t, wanted.name, wanted.tags)
    const data = { tags: tagMap(wanted.tags), description: wanted.description || null }
    await announce(t, room, { model: row.name, of: 'model', action: 'CREATED', data })
    await room.audit.record(t, who, { verb: 'write', resource: 'models', id: row.name, detail: { created: true } })
    return row
  })
}

/** True when tags say that what they are on is a prompt; of a key that comes twice the last counts. */
export function marksPrompt(tags: readonly Tag[]): boolean {
  return tags.findLast((tag) => tag.key === PROMPT_TAG)?.value.toLowerCase() === 'true'
}

/** Sets the description. */
export async function describeModel(
  room: Registry,
  who: Principal,
  name: string,
  description: string | undefined,
): Promise<ModelRow> {
  checkDescription(description)
  return room.db.tx(async (t) => {
    await wireModel(t, who, name)
    await t.run('UPDATE registered_models SET description = ?, updated_at = ? WHERE name = ?', [
      description ?? '',
      room.clock(),
      name,
    ])
    return wireModel(t, who, name)
  })
}

/** Renames a model with all that belongs to it, its history too; to its own name is fine. */
export async function renameModel(room: Registry, who: Principal, name: string, to: string): Promise<ModelRow> {
  checkModelName(to, 'new_name')
  await refuseUsed(room, name, null)
  return room.db.tx(async (t) => {
    for (const each of [name, to].sort()) await t.lock(`model ${each}`)
    await wireModel(t, who, name)
    await requireFreeToChange(t, who, name)
    if (await isPrompt(t, name)) checkPromptName(to)
    if (to === name) return wireModel(t, who, name)
    const other = await t.get('SELECT name FROM registered_models WHERE name = ?', [to])
    if (other !== undefined) throw await taken(t, who, to, await isPrompt(t, name))
    await moveRows(t, room, name, to)
    await room.audit.record(t, who, { verb: 'write', resource: 'models', id: to, detail: { renamed_from: name } })
    return wireModel(t, who, to)
  })
}

const TABLES = [
  'registered_model_tags',
  'model_versions',
  'model_version_tags',
  'model_aliases',
  'model_approvals',
  'model_signatures',
  'model_attestations',
  'model_images',
  'verdicts',
] as const

async function moveRows(t: Tx, room: Registry, from: string, to: string): Promise<void> {
  const now = room.clock()
  await t.run('UPDATE registered_models SET name = ?, updated_at = ? WHERE name = ?', [to, now, from])
  await t.run('UPDATE model_versions SET updated_at = ? WHERE model = ?', [now, from])
  for (const table of TABLES) await t.run(`UPDATE ${table} SET model = ? WHERE model = ?`, [to, from])
  await carryPolicy(t, from, to)
  await carryGates(t, from, to)
  // the name may have a history of an earlier, deleted model: this one's follows it
  const before = await t.get<{ seq: number | null }>('SELECT MAX(seq) AS seq FROM alias_moves WHERE model = ?', [to])
  await t.run('UPDATE alias_moves SET model = ?, seq = seq + ? WHERE model = ?', [to, before?.seq ?? 0, from])
  await t.run('UPDATE image_promotions SET model = ? WHERE model = ?', [to, from])
  const waiting = await t.all<{ version: number }>(
    "SELECT version FROM model_versions WHERE model = ? AND lowering_state = 'pending' AND lowering_reason IS NULL AND deleted_at IS NULL",
    [to],
  )
  for (const { version } of waiting) await startLowering(t, { model: to, version })
}

const DELETED = [
  'model_version_tags',
  'model_approvals',
  'model_signatures',
  'model_attestations',
  'model_images',
  'image_promotions',
  'model_versions',
  'registered_model_tags',
] as const

/** Deletes a model with its versions for good; the history of its aliases, its verdicts and its gates stay. */
export async function deleteModel(room: Registry, who: Principal, name: string): Promise<void> {
  await refuseUsed(room, name, null)
  await room.db.tx(async (t) => {
    await t.lock(`model ${name}`)
    await wireModel(t, who, name)
    await requireFreeToChange(t, who, name)
    await dropAliases(t, room, who, { model: name, reason: 'the model was deleted' })
    await keepGates(t, name)
    for (const table of DELETED) {
      await t.run(`DELETE FROM ${table} WHERE model = ?`, [name])
    }
    await t.run('DELETE FROM registered_models WHERE name = ?', [name])
    await room.audit.record(t, who, { verb: 'write', resource: 'models', id: name, detail: { deleted: true } })
  })
}

/** Sets a tag. What is a prompt stays one, and what is a model too, for their sources are checked differently. */
export async function setModelTag(room: Registry, who: Principal, name: string, tag: Tag): Promise<void> {
  checkTag(tag.key, tag.value)
  await room.db.tx(async (t) => {
    await wireModel(t, who, name)
    if (tag.key === PROMPT_TAG && marksPrompt([tag]) !== (await isPrompt(t, name))) throw fixedTag()
    await putTags(t, name, [tag])
    await announce(t, room, { model: name, of: 'tag', action: 'SET', data: { key: tag.key, value: tag.value } })
  })
}

/** Removes a tag; nothing happens when it is not set. */
export async function deleteModelTag(room: Registry, who: Principal, name: string, key: string): Promise<void> {
  await room.db.tx(async (t) => {
    await wireModel(t, who, name)
    if (key === PROMPT_TAG && (await isPrompt(t, name))) throw fixedTag()
    await t.run('DELETE FROM registered_model_tags WHERE model = ? AND key = ?', [name, key])
    await announce(t, room, { model: name, of: 'tag', action: 'DELETED', data: { key } })
  })
}

/** Takes the aliases of a model, or of one of its versions, away, each with a row of history. */
export async function dropAliases(
  t: Tx,
  room: Registry,
  who: Principal,
  of: { readonly model: string; readonly version?: number; readonly reason: string },
): Promise<void> {
  const aliases = await aliasesOf(t, of.model, of.version)
  for (const alias of aliases) {
    await writeMove(t, room, who, { model: of.model, alias, to: null, verdict: null, reason: of.reason })
  }
}

/** Refuses those who may not promote when an alias that people are answered by names the model or version. */
export async function requireFreeToChange(t: Tx, who: Principal, model: string, version?: number): Promise<void> {
  const guarded = (await aliasesOf(t, model, version)).find(isGuarded)
  if (guarded !== undefined) requirePromote(who, guarded)
}

/** Refuses while something answers with the model or version. */
export async function refuseUsed(room: Registry, model: string, version: number | null): Promise<void> {
  const user = await room.usedBy?.(model, version)
  if (user === undefined || user === null) return
  const what =
    version === null ? `Registered Model (name=${model})` : `Model Version (name=${model}, version=${version})`
  throw mlflowProblem('RESOURCE_CONFLICT', `${what} is in use by ${user}. Take it out of use first.`)
}

async function aliasesOf(t: Tx, model: string, version?: number): Promise<string[]> {
  const rows = await t.all<{ alias: string; version: number }>(
    'SELECT alias, version FROM model_aliases WHERE model = ? ORDER BY alias',
    [model],
  )
  return rows.filter((row) => version === undefined || row.version === version).map((row) => row.alias)
}

async function putTags(t: Tx, model: string, tags: readonly Tag[]): Promise<void> {
  const last = new Map(tags.map((tag) => [tag.key, tag.value]))
  await insertRows(
    t,
    'INSERT INTO registered_model_tags (model, key, value)',
    [...last].map(([key, value]) => [model, key, value]),
    'ON CONFLICT (model, key) DO UPDATE SET value = excluded.value',
  )
}

function fixedTag(): Error {
  return invalid(`The tag '${PROMPT_TAG}' is given when a prompt is made and does not change afterwards.`)
}

/**
 * The refusal of a name that is taken. Names are of all projects together, as the addresses of versions have none; to a caller of another project it is not said what has it.
 */
async function taken(t: Tx, who: Principal, name: string, newIsPrompt: boolean): Promise<Error> {
  const holder = await t.get<Pick<ModelRow, 'project'>>('SELECT project FROM registered_models WHERE name = ?', [name])
  if (who.project !== null && holder?.project !== who.project)
    return mlflowProblem(
      'RESOURCE_ALREADY_EXISTS',
      `The name '${name}' cannot be used in this project; choose another one.`,
    )
  return takenHere(name, await isPrompt(t, name), newIsPrompt)
}

function takenHere(name: string, oldIsPrompt: boolean, newIsPrompt: boolean): Error {
  if (oldIsPrompt === newIsPrompt) {
    return mlflowProblem('RESOURCE_ALREADY_EXISTS', `${kindOf(newIsPrompt)} (name=${name}) already exists.`)
  }
  return mlflowProblem(
    'RESOURCE_ALREADY_EXISTS',
    `Tried to create a ${kindOf(newIsPrompt).toLowerCase()} with name '${name}', but the name is already taken by a ` +
      `${kindOf(oldIsPrompt).toLowerCase()}. MLflow does not allow creating a model and a prompt with the same name.`,
  )
}

function kindOf(prompt: boolean): string {
  return prompt ? 'Prompt' : 'Registered Model'
}
