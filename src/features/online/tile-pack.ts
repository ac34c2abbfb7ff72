/** Tiles as texts: the windows of one step, in the order of the view. */
import type { ValueType } from '../../contract/features/section.ts'
import type { Tile, Value } from '../as-of/windows.ts'
import { pack, unpackValue, type Packed } from './pack.ts'

export function packTiles(tiles: readonly Tile[]): string {
  return pack(tiles.flatMap(partsOf))
}

/** Each value stands behind its number, since there may be many of them. */
function partsOf({ count, mean, spread, sum, least, most, last, values }: Tile): Value[] {
  const placed = last === null ? [null, null, null, null] : [last.value, last.event, last.created, last.arrival]
  return [count, mean, spread, sum, least, most, ...placed, values.length, ...values]
}

/** Reads what `packTiles` made of windows over columns of these types. */
export function unpackTiles(text: string, of: readonly ValueType[]): Tile[] {
  const raw = JSON.parse(text) as Packed[]
  let at = 0
  const next = (type: ValueType): Value => unpackValue(raw[at++] ?? null, type)
  return of.map((type) => {
    const [count, mean, spread, sum] = [next('int'), next('float'), next('float'), next('float')].map(Number)
    const [least, most, value, event, created, arrival] = [
      next(type),
      next(type),
      next(type),
      next('time'),
      next('time'),
      next('time'),
    ]
    const values = Array.from({ length: Number(next('int')) }, () => next(type))
    const last =
      typeof event !== 'bigint'
        ? null
        : { value, event, created: BigInt(Number(created)), arrival: BigInt(Number(arrival)) }
    return { count: count ?? 0, mean: mean ?? 0, spread: spread ?? 0, sum: sum ?? 0, least, most, last, values }
  })
}
