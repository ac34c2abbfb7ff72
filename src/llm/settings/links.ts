/** Bindings and tags of the endpoints of MLflow's gateway. */
import { insertRow } from '../../store/sql/rows.ts'
import type { Principal } from '../../contract/access.ts'
import { checkKey, checkLength, LIMITS } from '../../mlflow/limits.ts'
import { visible } from '../../auth/visibility.ts'
import type { Llm } from '../context/context.ts'
import { all, fetchAll, sql } from '../../store/sql/sql.ts'
import { invalid, missing, mlflowProblem } from '../../mlflow/wire.ts'
import { ENDPOINT, recordChange, requireById } from './records.ts'

export interface Binding {
  readonly endpoint_id: string
  readonly resource_type: string
  readonly resource_id: string
}

interface BindingRow extends Binding {
  readonly created_at: number
  readonly created_by: string
}

const RESOURCE_TYPES = ['scorer']
const LONGEST_ID = 255

/** Says that something uses an endpoint. RESOURCE_DOES_NOT_EXIST, RESOURCE_ALREADY_EXISTS. */
export async function bindEndpoint(room: Llm, who: Principal, given: Binding): Promise<object> {
  if (!RESOURCE_TYPES.includes(given.resource_type)) {
    throw invalid(
      `Invalid resource_type '${given.resource_type.slice(0, 100)}', expected one of ${RESOURCE_TYPES.join(', ')}.`,
    )
  }
  checkLength(given.resource_id, 'resource_id', LONGEST_ID)
  return room.db.tx(async (t) => {
    await t.lock('gateway_bindings')
    await requireById(t, who, ENDPOINT, given.endpoint_id)
    const key = [given.endpoint_id, given.resource_type, given.resource_id]
    const taken = await t.get(
      'SELECT endpoint_id FROM gateway_bindings WHERE endpoint_id = ? AND resource_type = ? AND resource_id = ?',
      key,
    )
    if (taken !== undefined) throw mlflowProblem('RESOURCE_ALREADY_EXISTS', 'The endpoint has this binding already.')
    const { endpoint_id, resource_type, resource_id } = given
    const row: BindingRow = { endpoint_id, resource_type, resource_id, created_at: room.clock(), created_by: who.name }
    await insertRow(t, 'gateway_bindings', { ...row })
    await recordChange(t, room, who, { id: endpoint_id, what: 'bound' })
    return wire(row)
  })
}

/** Takes a binding away. RESOURCE_DOES_NOT_EXIST. */
export async function unbindEndpoint(room: Llm, who: Principal, given: Binding): Promise<void> {
  await room.db.tx(async (t) => {
    await requireById(t, who, ENDPOINT, given.endpoint_id)
    const gone = await t.run(
      'DELETE FROM gateway_bindings WHERE endpoint_id = ? AND resource_type = ? AND resource_id = ?',
      [given.endpoint_id, given.resource_type, given.resource_id],
    )
    if (gone === 0) throw missing('The endpoint has no such binding.', 'binding', given.resource_id)
    await recordChange(t, room, who, { id: given.endpoint_id, what: 'unbound' })
  })
}

/** Bindings that fit all that is given, oldest first. */
export async function listBindings(
  room: Llm,
  who: Principal,
  of: { readonly [K in keyof Binding]: string | undefined },
): Promise<object[]> {
  const where = [visible(who, 'e.project')]
  if (of.endpoint_id) where.push(sql`b.endpoint_id = ${of.endpoint_id}`)
  if (of.resource_type) where.push(sql`b.resource_type = ${of.resource_type}`)
  if (of.resource_id) where.push(sql`b.resource_id = ${of.resource_id}`)
  const rows = await fetchAll<BindingRow>(
    room.db,
    sql`SELECT b.* FROM gateway_bindings b JOIN gateway_endpoints e ON e.endpoint_id = b.endpoint_id
      WHERE ${all(where)} ORDER BY b.created_at, b.resource_id`,
  )
  return rows.map(wire)
}

/** Sets a tag of an endpoint. RESOURCE_DOES_NOT_EXIST. */
export async function setEndpointTag(
  room: Llm,
  who: Principal,
  given: { readonly endpoint_id: string; readonly key: string; readonly value: string },
): Promise<void> {
  checkKey(given.key, 'key', 'key')
  checkLength(given.value, 'value', LIMITS.tag)
  await room.db.tx(async (t) => {
    await requireById(t, who, ENDPOINT, given.endpoint_id)
    const { endpoint_id, key, value } = given
    const over = 'ON CONFLICT (endpoint_id, key) DO UPDATE SET value = excluded.value'
    await insertRow(t, 'gateway_endpoint_tags', { endpoint_id, key, value }, over)
    await recordChange(t, room, who, { id: given.endpoint_id, what: `tag ${given.key} set` })
  })
}

/** Removes a tag of an endpoint, if it has it. RESOURCE_DOES_NOT_EXIST without the endpoint. */
export async function deleteEndpointTag(
  room: Llm,
  who: Principal,
  given: { readonly endpoint_id: string; readonly key: string },
): Promise<void> {
  await room.db.tx(async (t) => {
    await requireById(t, who, ENDPOINT, given.endpoint_id)
    await t.run('DELETE FROM gateway_endpoint_tags WHERE endpoint_id = ? AND key = ?', [given.endpoint_id, given.key])
    await recordChange(t, room, who, { id: given.endpoint_id, what: `tag ${given.key} removed` })
  })
}

function wire(row: BindingRow): object {
  return { ...row, last_updated_at: row.created_at, last_updated_by: row.created_by }
}
