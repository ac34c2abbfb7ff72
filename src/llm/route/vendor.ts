/** Whose price is meant by a name that a caller gives: a vendor, or a provider of a project, which people name in the same place. */
import { visible } from '../../auth/visibility.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import { knownProviders } from '../settings/providers.ts'
import { isVendor } from '../settings/vendors.ts'

/** A model as somebody names it. */
interface Named {
  readonly provider: string
  readonly model: string
}

/** A provider that the caller sees, once for each of its definitions. */
interface Row {
  readonly name: string
  readonly own: string | null
  readonly vendor: string | null
  readonly model: string | null
}

/** Names that a refusal lists at most. */
const MOST_TOLD = 20

/**
 * The vendor that prices are looked up by: the name itself where a vendor or a server is called so or a model in use is of it, else that of
 * the provider with this name. Throws `invalid_field` for a name that is neither, and for one of several providers with different vendors.
 */
export async function vendorMeant(reader: Reader, who: Principal, { provider, model }: Named): Promise<string> {
  const name = provider.trim().toLowerCase()
  if (isVendor(name) || knownProviders().includes(name)) return name
  const rows = await fetchAll<Row>(
    reader,
    sql`SELECT s.secret_name AS name, s.provider AS own, d.provider AS vendor, d.model_name AS model
      FROM gateway_secrets s LEFT JOIN gateway_model_definitions d ON d.secret_id = s.secret_id
      WHERE ${visible(who, 's.project')} ORDER BY s.secret_name, s.secret_id, d.model_definition_id`,
  )
  if (rows.some(({ own, vendor }) => own?.toLowerCase() === name || vendor?.toLowerCase() === name)) return name
  const named = rows.filter((row) => row.name === provider)
  const exact = named.filter((row) => row.model === model)
  const vendors = new Set((exact.length > 0 ? exact : named).flatMap(vendorOf))
  const [vendor] = vendors
  if (vendor !== undefined && vendors.size === 1) return vendor
  throw problem('invalid_field', {
    field: 'provider',
    value: provider,
    expected:
      vendors.size > 1
        ? `one vendor: providers of this name are called as ${[...vendors].toSorted().join(', ')}`
        : `a vendor such as openai, or a provider${told(new Set(rows.map((row) => row.name)))}`,
  })
}

function vendorOf({ own, vendor }: Row): string[] {
  const found = vendor ?? own
  return found === null || found === '' ? [] : [found.toLowerCase()]
}

function told(names: ReadonlySet<string>): string {
  if (names.size === 0) return ', of which there is none yet'
  const more = names.size > MOST_TOLD ? ', …' : ''
  return `: ${[...names].slice(0, MOST_TOLD).join(', ')}${more}`
}
