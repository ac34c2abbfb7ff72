/** What a caller of Feast's `/get-online-features` asks for. */
import { featureReference } from '../../contract/features/section.ts'
import { MOST_FEAST_READ } from '../../contract/features/feast.ts'
import { fieldsOf, flagIn, refused, tableByColumns, textIn, textsIn } from './fields.ts'

export interface FeastRequest {
  /** VIEW:FEATURE, VIEW or VIEW@VERSION:FEATURE, in the order that was asked for; undefined where a service is asked for. */
  readonly features: string[] | undefined
  readonly service: string | undefined
  /** One for each entity: its join keys, and the fields that on-demand features take. One that is empty where no key was given. */
  readonly rows: Record<string, unknown>[]
  /** Features are to be named VIEW__FEATURE. */
  readonly full: boolean
  /** The reply is to say which version of which view was read. */
  readonly versions: boolean
}

const MOST_FEATURES = 500

/** Reads a body. Throws `invalid_field`, which names the field as the caller wrote it. */
export function readFeastRequest(body: unknown): FeastRequest {
  const fields = fieldsOf(body)
  const service = textIn(fields, 'feature_service')
  const features = textsIn(fields, 'features')?.map(referenceOf) ?? []
  if (service === undefined && features.length === 0)
    throw refused('features', fields['features'], 'VIEW:FEATURE, at least one, or a feature_service')
  if (service !== undefined && features.length > 0)
    throw refused('features', features, 'nothing beside a feature_service')
  if (features.length > MOST_FEATURES) throw refused('features', features, `${MOST_FEATURES} features at most`)
  return {
    features: service === undefined ? features : undefined,
    service,
    rows: entityRows(fields['entities']),
    full: flagIn(fields, 'full_feature_names'),
    versions: flagIn(fields, 'include_feature_view_version_metadata'),
  }
}

/** Feast counts versions as `@v2`, and says `@latest` for the newest. */
function referenceOf(text: string, i: number): string {
  const own = text.replace(/@latest(?=:|$)/, '').replace(/@v(?=\d)/, '@')
  if (!featureReference.safeParse(own).success)
    throw refused(`features[${i}]`, text, 'VIEW:FEATURE, of letters, digits and "_", or VIEW@v2:FEATURE')
  return own
}

/** Of a view without entities no key is given, and there is one row of it. */
function entityRows(entities: unknown): Record<string, unknown>[] {
  if (entities === undefined) throw refused('entities', undefined, 'an object of lists, one for each join key')
  const rows = tableByColumns('entities', entities, MOST_FEAST_READ).rows()
  if (rows.length > 0) return rows
  const keys = Object.keys(entities as object)
  if (keys.length > 0) throw refused(`entities.${keys[0]}`, [], 'at least one value')
  return [{}]
}
