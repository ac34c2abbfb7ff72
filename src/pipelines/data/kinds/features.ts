/** Sources that are the rows of another one with the features of each, as a feature service gives them. */
import { Problem, problem } from '../../../contract/errors.ts'
import type { FeatureJoin, FeatureJoins } from '../../context/deps.ts'
import type { Place } from '../../spec/external/source.ts'
import type { Given, Limits } from './asked.ts'

export interface FeaturesAsked {
  readonly joins: FeatureJoins | undefined
  readonly project: string
  readonly place: Extract<Place, { kind: 'features' }>
  readonly entities: FeatureJoin['entities']
  readonly limits: Limits
}

/** Throws `unprocessable` for what there is not, and for what does not fit. */
export async function readFeatures({ joins, project, place, entities, limits }: FeaturesAsked): Promise<Given> {
  const { service, version, time, include_late_data } = place
  const asked = { project, service, version: version ?? undefined, entities, time, include_late_data }
  const made = await joins?.join(asked, Math.ceil(Math.max(1, limits.left()))).catch((error: unknown) => {
    if (error instanceof Problem && error.status < 500) throw problem('unprocessable', { detail: error.message }, error)
    throw error
  })
  if (made === undefined) throw problem('unprocessable', { detail: 'this server joins no features' })
  limits.take(made.tree.size)
  limits.check()
  return { tree: made.tree, version: made.described, dataAt: null, token: null, rows: made.rows }
}
