/** A whole request or answer as guardrails look at it. */
import { isAnswered, isArguments, isAsked, isMedia, LOGPROBS } from './places.ts'
import type { Side, Sight } from './sight.ts'
import { changed, eachSpot, textAt } from './spots.ts'
import type { Change, Path, Spot } from './spots.ts'

export interface Viewed {
  /** The JSON text without what is taken out; every other character is as it came. */
  readonly source: string
  /** The texts as they go on. */
  readonly texts: readonly string[]
}

const NONE: ReadonlySet<string> = new Set()

/** Looks at a body, which must be valid JSON. Throws `guardrail_blocked`. */
export function viewed(source: string, on: Side, sight: Sight): Viewed {
  const isLooked = on === 'request' ? isAsked : isAnswered
  const changes: Change[] = []
  const probabilities: Spot[] = []
  const texts: string[] = []
  eachSpot(source, on === 'request' ? NONE : LOGPROBS, (path, spot) => {
    const { from, to, kind } = spot
    if (kind === 'nested') probabilities.push(spot)
    if (kind === 'nested' || !isLooked(path, kind) || isMedia(source, path, spot)) return
    const text = lookedAt(source, { path, spot }, sight, texts)
    if (text !== undefined) changes.push({ from, to, text })
  })
  if (sight.hasTaken) {
    changes.push(...probabilities.map(({ from, to }) => ({ from, to, text: 'null' })))
    changes.sort((a, b) => a.from - b.from)
  }
  return { source: changed(source, changes), texts }
}

/** What stands in place of a value; undefined where it stays. Its text is put among `texts`. */
function lookedAt(
  source: string,
  { path, spot }: { readonly path: Path; readonly spot: Spot },
  sight: Sight,
  texts: string[],
): string | undefined {
  if (spot.kind === 'number') return sight.literal(source, spot)
  const text = textAt(source, spot.from, spot.to)
  if (text === '') return undefined
  sight.measure(text.length)
  const out = isArguments(path) ? sight.json(text) : sight.plain(text)
  texts.push(out)
  return out === text ? undefined : JSON.stringify(out)
}
