/** Holds the place of language models until a table names some: most gateways call none, and start sooner without what that takes. */
import type { Family } from '../../http/prometheus-text.ts'
import type { LlmTarget } from '../http/llm.ts'
import type { RoutingTable, TokenRoute } from '../table/table.ts'
import { refused } from './none.ts'
import type { LlmTraffic, Traffic, TrafficOptions } from './traffic.ts'

export class Standby implements LlmTraffic {
  readonly #options: TrafficOptions
  #traffic: Traffic | undefined

  constructor(options: TrafficOptions) {
    this.#options = options
  }

  async prepare({ llm }: RoutingTable): Promise<void> {
    if (this.#traffic !== undefined || llm === undefined || llm.endpoints.length === 0) return
    const { Traffic: Made } = await import('./traffic.ts')
    this.#traffic = new Made(this.#options)
  }

  load(table: RoutingTable): void {
    this.#traffic?.load(table)
  }

  target(path: string): LlmTarget | undefined {
    if (this.#traffic !== undefined) return this.#traffic.target(path)
    return refused(path, 'no endpoint of a language model was made: slipway llm endpoints add')
  }

  names(token: TokenRoute | undefined): readonly string[] {
    return this.#traffic?.names(token) ?? []
  }

  stats(): unknown {
    return this.#traffic?.stats() ?? null
  }

  families(): readonly Family[] {
    return this.#traffic?.families() ?? []
  }

  cut(): void {
    this.#traffic?.cut()
  }

  async close(): Promise<void> {
    await this.#traffic?.close()
  }
}
