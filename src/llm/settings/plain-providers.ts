/** Providers in Slipway's own words: the rows of MLflow's secrets, with a key or without one. */
import { projectNamed } from '../../auth/visibility.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { NewProvider } from '../../contract/llm/providers.ts'
import type { Reader } from '../../store/db.ts'
import { isSecretName } from '../../contract/secrets/masked.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'
import { recordChange, requireById, SECRET } from './records.ts'
import { keepSecret } from './secrets.ts'
import type { SecretRow } from './secrets.ts'
import { addressOf, faultOf, withoutPassword } from './vendors.ts'

/** The caller as one of the project that it means, so that what it makes goes there. Throws `not_found` for one that it does not see. */
export function within(who: Principal, project: string | undefined): Principal {
  return { ...who, project: projectNamed(who, project) }
}

/** Keeps a provider. `conflict` for a name that its project has, `invalid_field` for an address that is none or not known. */
export async function createProvider(room: Llm, who: Principal, given: NewProvider): Promise<SecretRow> {
  const { name, provider, base_url, api_key, credentials, settings = {} } = given
  if (base_url !== undefined && faultOf(base_url) !== null)
    throw problem('invalid_field', { field: 'base_url', value: withoutPassword(base_url), expected: EXPECTED })
  const secret = Object.keys(settings).find(isSecretName)
  if (secret !== undefined)
    throw problem('invalid_field', { field: `settings.${secret}`, value: 'a secret', expected: 'it among credentials' })
  const auth_config = { ...settings, ...(base_url !== undefined && { api_base: base_url }) }
  const { fault } = addressOf(provider, auth_config)
  if (fault !== null)
    throw problem('invalid_field', { field: 'provider', value: provider, expected: `another one: ${fault}` })
  return keepSecret(room, within(who, given.project), {
    secret_name: name,
    secret_value: { ...credentials, ...(api_key !== undefined && { api_key }) },
    provider,
    auth_config: Object.keys(auth_config).length === 0 ? undefined : auth_config,
  })
}

const EXPECTED = 'http:// or https:// with a host, without a password, a query or a fragment'

/** Removes a provider with its definitions. `conflict` where an endpoint uses one of them, `not_found`. */
export async function removeProvider(room: Llm, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    await t.lock('gateway_model_definitions')
    await requireById<SecretRow>(t, who, SECRET, id)
    const used = await endpointsUsing(t, id)
    if (used.length > 0) {
      const shown = used.map(({ name }) => `"${name}"`).join(', ')
      throw problem('conflict', { detail: `the provider is used by ${shown}; remove these first` })
    }
    await t.run('DELETE FROM gateway_model_definitions WHERE secret_id = ?', [id])
    await t.run('DELETE FROM gateway_secrets WHERE secret_id = ?', [id])
    await recordChange(t, room, who, { id, what: 'provider removed' })
  })
}

/** At most ten. */
function endpointsUsing(reader: Reader, secret: string): Promise<{ name: string }[]> {
  return fetchAll(
    reader,
    sql`SELECT DISTINCT e.name AS name FROM gateway_endpoints e
      JOIN gateway_mappings m ON m.endpoint_id = e.endpoint_id
      JOIN gateway_model_definitions d ON d.model_definition_id = m.model_definition_id
      WHERE d.secret_id = ${secret} ORDER BY 1 LIMIT 10`,
  )
}
