/** Secrets of MLflow's gateway: sealed when they are set, shown only masked, never given back. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { checkLength } from '../../mlflow/limits.ts'
import { homeProject } from '../../auth/visibility.ts'
import type { Llm } from '../context/context.ts'
import { sql } from '../../store/sql/sql.ts'
import { invalid, mlflowProblem } from '../../mlflow/wire.ts'
import { insertNamed, later, listOf, madeNow, newId, recordChange, requireById, requireOne, SECRET } from './records.ts'
import type { Made } from './records.ts'
import { addressGiven, settingsOf, withoutPassword } from './vendors.ts'
import type { Texts } from './vendors.ts'

/** A row of `gateway_secrets`; `masked` and `auth_config` are JSON objects. */
export interface SecretRow extends Made {
  readonly secret_id: string
  readonly secret_name: string
  readonly sealed: string
  readonly masked: string
  readonly provider: string | null
  readonly auth_config: string | null
}

const LONGEST = 64_000
/** A shorter value is not shown even in part. */
const SHORTEST_SHOWN = 8

/** What a secret is made of. */
export interface SecretGiven {
  readonly secret_name: string
  readonly secret_value: Texts
  readonly provider: string | undefined
  readonly auth_config: Texts | undefined
}

/** Keeps a secret. RESOURCE_ALREADY_EXISTS when the project has one of that name. */
export async function createSecret(room: Llm, who: Principal, given: SecretGiven): Promise<object> {
  if (Object.keys(given.secret_value).length === 0) throw withoutValue()
  return wire(await keepSecret(room, who, given))
}

/** Keeps a secret, or of a provider that asks for none its name and settings. RESOURCE_ALREADY_EXISTS. */
export async function keepSecret(room: Llm, who: Principal, given: SecretGiven): Promise<SecretRow> {
  const secret_id = newId(room, 's')
  const row: SecretRow = {
    secret_id,
    secret_name: given.secret_name,
    ...sealed(room, secret_id, given.secret_value),
    provider: given.provider ?? null,
    auth_config: given.auth_config === undefined ? null : JSON.stringify(given.auth_config),
    ...madeNow(room, who, homeProject(who)),
  }
  checkLength(row.auth_config ?? '', 'auth_config', LONGEST)
  return room.db.tx(async (t) => {
    await insertNamed(t, SECRET, { ...row })
    await recordChange(t, room, who, { id: secret_id, what: 'secret created' })
    return row
  })
}

/** Sets the values or the settings of a secret anew. RESOURCE_DOES_NOT_EXIST; `invalid_field` for another address without the values. */
export async function updateSecret(
  room: Llm,
  who: Principal,
  given: { secret_id: string; secret_value: Texts | undefined; auth_config: Texts | undefined },
): Promise<object> {
  if (given.secret_value !== undefined && Object.keys(given.secret_value).length === 0) throw withoutValue()
  const changed = given.secret_value === undefined ? {} : sealed(room, given.secret_id, given.secret_value)
  return room.db.tx(async (t) => {
    const old = await requireById<SecretRow>(t, who, SECRET, given.secret_id)
    if (given.secret_value === undefined && given.auth_config !== undefined) refuseMoved(old, given.auth_config)
    const row: SecretRow = {
      ...old,
      ...changed,
      ...(given.auth_config && { auth_config: JSON.stringify(given.auth_config) }),
      last_updated_at: later(room, old),
      last_updated_by: who.name,
    }
    checkLength(row.auth_config ?? '', 'auth_config', LONGEST)
    await t.run(
      'UPDATE gateway_secrets SET sealed = ?, masked = ?, auth_config = ?, last_updated_at = ?, last_updated_by = ? WHERE secret_id = ?',
      [row.sealed, row.masked, row.auth_config, row.last_updated_at, row.last_updated_by, row.secret_id],
    )
    await recordChange(t, room, who, { id: row.secret_id, what: 'secret changed' })
    return wire(row)
  })
}

/**
 * A key is sent where its owner gave it for: who may change settings, but does not know the key, could have it sent to a host of his own.
 * Another path of the same host may be another's too.
 */
function refuseMoved(old: SecretRow, settings: Texts): void {
  const before = addressGiven(old.auth_config === null ? {} : (JSON.parse(old.auth_config) as Texts))
  const after = addressGiven(settings)
  const holdsKey = Object.keys(settingsOf(JSON.parse(old.masked) as Texts)).length > 0
  if (!holdsKey || before?.address === after?.address) return
  throw problem('invalid_field', {
    field: `auth_config.${after?.name ?? before?.name ?? 'api_base'}`,
    value: after === undefined ? 'nothing' : withoutPassword(after.address),
    expected: `the key given again with a new address, or ${before === undefined ? 'none' : withoutPassword(before.address)} as before`,
  })
}

/** What may be told of a secret. RESOURCE_DOES_NOT_EXIST. */
export async function getSecret(
  room: Llm,
  who: Principal,
  by: { id: string | undefined; name: string | undefined },
): Promise<object> {
  return wire(await requireOne<SecretRow>(room.db, who, SECRET, by))
}

/** What may be told of every secret, or of a provider's. */
export async function listSecrets(room: Llm, who: Principal, provider: string | undefined): Promise<object[]> {
  const rows = await listOf<SecretRow>(room.db, who, SECRET, provider ? [sql`provider = ${provider}`] : [])
  return rows.map(wire)
}

/** Deletes a secret; model definitions that used it stay, without one. RESOURCE_DOES_NOT_EXIST. */
export async function deleteSecret(room: Llm, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    await requireById<SecretRow>(t, who, SECRET, id)
    await t.run('UPDATE gateway_model_definitions SET secret_id = NULL WHERE secret_id = ?', [id])
    await t.run('DELETE FROM gateway_secrets WHERE secret_id = ?', [id])
    await recordChange(t, room, who, { id, what: 'secret deleted' })
  })
}

function sealed(room: Llm, id: string, values: Texts): { sealed: string; masked: string } {
  if (room.seal === undefined) throw mlflowProblem('NOT_IMPLEMENTED', 'This server has no key to seal secrets with.')
  const text = JSON.stringify(values)
  checkLength(text, 'secret_value', LONGEST)
  const masked = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, mask(value)]))
  return { sealed: room.seal(text, `gateway secret ${id}`), masked: JSON.stringify(masked) }
}

function withoutValue(): Error {
  return invalid("Missing value for required parameter 'secret_value'.")
}

function mask(value: string): string {
  return value.length < SHORTEST_SHOWN ? '***' : `${value.slice(0, 3)}...${value.slice(-4)}`
}

function wire(row: SecretRow): object {
  const { secret_id, secret_name, created_at, last_updated_at, created_by, last_updated_by } = row
  return {
    secret_id,
    secret_name,
    masked_values: JSON.parse(row.masked) as Texts,
    created_at,
    last_updated_at,
    created_by,
    last_updated_by,
    ...(row.provider !== null && { provider: row.provider }),
    ...(row.auth_config !== null && { auth_config: JSON.parse(row.auth_config) as Texts }),
  }
}
