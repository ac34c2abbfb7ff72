/** Room around what is drawn. */

const ROOM = 0.06

/** A range with room on both sides; [0, 1] when there is none. */
export function padded(domain: readonly [number, number] | undefined): readonly [number, number] {
  const [low, high] = domain ?? [0, 1]
  const room = (high - low || Math.abs(high) || 1) * ROOM
  return [low - room, high + room]
}
