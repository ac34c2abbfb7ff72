/** What reads the features of a gateway's endpoints, and what stands in its place where there is no online store. */
import type { RoutingTable, VariantRoute } from '../table/table.ts'
import type { EndpointFeatures } from './fill.ts'

/** What fills the requests of a variant of a project. */
export type FeaturesOf = (project: string, route: VariantRoute) => EndpointFeatures | undefined

/** A service that could not be made ready. */
export interface Failure {
  readonly endpoint: string
  readonly version: string
  readonly reason: string
}

export interface Features {
  /** Makes ready what a table names; returns what failed. A version without its features answers what brings all inputs. */
  load(table: RoutingTable): Promise<readonly Failure[]>
  readonly of: FeaturesOf
  close(): void
}

/** Its image is small, for it has no database; each service that a table names is told as one that is not read. */
export const NO_FEATURES: Features = {
  async load({ endpoints }) {
    return endpoints.flatMap(({ name, variants }) =>
      variants.flatMap(({ version, features }) =>
        features === undefined
          ? []
          : [{ endpoint: name, version, reason: `this gateway reads no features, and ${features.service} gives some` }],
      ),
    )
  },
  of: () => undefined,
  close: () => undefined,
}
