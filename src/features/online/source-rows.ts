/** What a source gives to a set of the store. */
import type { Tile, Value } from '../as-of/windows.ts'

/** A row that is the last one of its entity. */
export interface SourceRow {
  readonly entity: string
  readonly event: bigint
  readonly created: bigint
  readonly arrival: bigint
  readonly values: readonly Value[]
}

/** The windows of one step over one tile of an entity, in the order of the view. */
export interface SourceTile {
  readonly entity: string
  readonly step: bigint
  readonly tile: bigint
  readonly tiles: readonly Tile[]
}
