/** The feature services of what a gateway serves, over the one online store of its machine. */
import type * as Reading from '../../features/online/reader.ts'
import type * as Schema from '../../features/online/schema.ts'
import { onlinePath } from '../../features/online/path.ts'
import type { FeaturesRoute, RoutingTable, VariantRoute } from '../table/table.ts'
import type * as Filling from './fill.ts'
import type { Failure, Features } from './none.ts'

type Code = typeof Filling & typeof Reading & typeof Schema

export class GatewayFeatures implements Features {
  readonly #path: string
  readonly #asked: Filling.Asked
  /** Absent until a table names a service: most gateways read no features, and start sooner without the database. */
  #code: Code | undefined
  #reader: Reading.OnlineReader | undefined
  /** By what they were made of. */
  #ready = new Map<string, Filling.EndpointFeatures>()

  constructor(dataDir: string, now: () => number) {
    this.#path = onlinePath(dataDir)
    this.#asked = { reader: () => this.#store(), now }
  }

  /** Makes ready what a table names; returns what failed. A version without its features answers what brings all inputs. */
  async load({ endpoints }: RoutingTable): Promise<Failure[]> {
    const ready = new Map<string, Filling.EndpointFeatures>()
    const failed: Failure[] = []
    const wanted = endpoints.flatMap(({ name, project, variants, standby }) =>
      [...variants, ...standby].map((variant) => ({ name, project, variant })),
    )
    for (const { name, project, variant } of wanted) {
      const { features, version } = variant
      if (features === undefined) continue
      const key = keyOf(project, features)
      try {
        const { EndpointFeatures: Made } = await this.#loadCode()
        ready.set(key, this.#ready.get(key) ?? new Made(project, features, this.#asked))
      } catch (error) {
        const reason = `feature service ${features.service}@${features.version}: ${(error as Error).message}`
        failed.push({ endpoint: name, version, reason })
      }
    }
    this.#ready = ready
    return failed
  }

  of(project: string, { features }: VariantRoute): Filling.EndpointFeatures | undefined {
    return features && this.#ready.get(keyOf(project, features))
  }

  close(): void {
    this.#reader?.close()
    this.#reader = undefined
  }

  async #loadCode(): Promise<Code> {
    this.#code ??= {
      ...(await import('./fill.ts')),
      ...(await import('../../features/online/reader.ts')),
      ...(await import('../../features/online/schema.ts')),
    }
    return this.#code
  }

  /** Undefined while nothing was ever stored on this machine. */
  #store(): Reading.OnlineReader | undefined {
    if (this.#reader === undefined && this.#code !== undefined && this.#code.hasStore(this.#path))
      this.#reader = new this.#code.OnlineReader(this.#path)
    return this.#reader
  }
}

function keyOf(project: string, features: FeaturesRoute): string {
  return JSON.stringify([project, features])
}
