/** Model definitions of MLflow's gateway: a provider's model together with the secret that opens it. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { homeProject } from '../../auth/visibility.ts'
import type { Llm } from '../context/context.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { mlflowProblem } from '../../mlflow/wire.ts'
import * as records from './records.ts'
import type { Made } from './records.ts'

export interface DefinitionRow extends Made {
  readonly model_definition_id: string
  readonly name: string
  readonly secret_id: string | null
  readonly provider: string
  readonly model_name: string
}

interface DefinitionGiven {
  readonly name: string
  readonly secret_id: string
  readonly provider: string
  readonly model_name: string
}

/** Makes a definition. RESOURCE_DOES_NOT_EXIST without its secret, RESOURCE_ALREADY_EXISTS for a name that is taken. */
export async function createDefinition(room: Llm, who: Principal, given: DefinitionGiven): Promise<object> {
  return room.db.tx(async (t) => (await showDefinitions(t, [await addDefinition(t, room, who, given)]))[0] ?? {})
}

/** Makes a definition in a transaction of the caller's. RESOURCE_DOES_NOT_EXIST, RESOURCE_ALREADY_EXISTS. */
export async function addDefinition(t: Tx, room: Llm, who: Principal, given: DefinitionGiven): Promise<DefinitionRow> {
  const secret = await records.requireById<Made>(t, who, records.SECRET, given.secret_id)
  const row: DefinitionRow = {
    model_definition_id: records.newId(room, 'd'),
    ...given,
    ...records.madeNow(room, who, who.project ?? secret.project ?? homeProject(who)),
  }
  await records.insertNamed(t, records.DEFINITION, { ...row })
  await records.recordChange(t, room, who, { id: row.model_definition_id, what: 'model definition created' })
  return row
}

/** Changes what is given. RESOURCE_DOES_NOT_EXIST, RESOURCE_ALREADY_EXISTS. */
export async function updateDefinition(
  room: Llm,
  who: Principal,
  given: { model_definition_id: string } & Readonly<
    Record<'name' | 'secret_id' | 'provider' | 'model_name', string | undefined>
  >,
): Promise<object> {
  return room.db.tx(async (t) => {
    const old = await records.requireById<DefinitionRow>(t, who, records.DEFINITION, given.model_definition_id)
    if (given.secret_id) await records.requireById(t, who, records.SECRET, given.secret_id)
    const row: DefinitionRow = {
      ...old,
      name: given.name || old.name,
      secret_id: given.secret_id || old.secret_id,
      provider: given.provider || old.provider,
      model_name: given.model_name || old.model_name,
      last_updated_at: records.later(room, old),
      last_updated_by: who.name,
    }
    await t.lock(records.DEFINITION.table)
    await records.refuseTaken(t, records.DEFINITION, { ...row })
    await t.run(
      'UPDATE gateway_model_definitions SET name = ?, secret_id = ?, provider = ?, model_name = ?, last_updated_at = ?, last_updated_by = ? WHERE model_definition_id = ?',
      [row.name, row.secret_id, row.provider, row.model_name, row.last_updated_at, who.name, row.model_definition_id],
    )
    await records.recordChange(t, room, who, { id: row.model_definition_id, what: 'model definition changed' })
    return (await showDefinitions(t, [row]))[0] ?? {}
  })
}

/** One definition. RESOURCE_DOES_NOT_EXIST. */
export async function getDefinition(room: Llm, who: Principal, id: string): Promise<object> {
  const row = await records.requireById<DefinitionRow>(room.db, who, records.DEFINITION, id)
  return (await showDefinitions(room.db, [row]))[0] ?? {}
}

/** Every definition, or those of a provider or a secret. */
export async function listDefinitions(
  room: Llm,
  who: Principal,
  of: { provider: string | undefined; secret_id: string | undefined },
): Promise<object[]> {
  const where = [
    ...(of.provider ? [sql`provider = ${of.provider}`] : []),
    ...(of.secret_id ? [sql`secret_id = ${of.secret_id}`] : []),
  ]
  return showDefinitions(room.db, await records.listOf<DefinitionRow>(room.db, who, records.DEFINITION, where))
}

/** Deletes a definition that no endpoint uses. RESOURCE_DOES_NOT_EXIST, INVALID_STATE. */
export async function deleteDefinition(room: Llm, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    await t.lock(records.DEFINITION.table)
    await records.requireById(t, who, records.DEFINITION, id)
    if ((await t.get('SELECT mapping_id FROM gateway_mappings WHERE model_definition_id = ?', [id])) !== undefined) {
      throw mlflowProblem(
        'INVALID_STATE',
        'The model definition is used by an endpoint. Detach it from all endpoints first.',
      )
    }
    await t.run('DELETE FROM gateway_model_definitions WHERE model_definition_id = ?', [id])
    await records.recordChange(t, room, who, { id, what: 'model definition deleted' })
  })
}

/** Definitions in MLflow's shape, with the names of their secrets. */
export async function showDefinitions(reader: Reader, rows: readonly DefinitionRow[]): Promise<object[]> {
  const ids = rows.flatMap((row) => (row.secret_id === null ? [] : [row.secret_id]))
  const secrets = await fetchAll<{ secret_id: string; secret_name: string }>(
    reader,
    sql`SELECT secret_id, secret_name FROM gateway_secrets WHERE secret_id IN ${inList(ids)}`,
  )
  const names = new Map(secrets.map((one) => [one.secret_id, one.secret_name]))
  return rows.map(({ project: _project, secret_id, ...row }) => ({
    ...row,
    ...(secret_id !== null && { secret_id, secret_name: names.get(secret_id) }),
  }))
}
