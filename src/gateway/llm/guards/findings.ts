/** What finders find in a text, and how the findings of several stand beside each other. */

/** A place in a text that somebody looks for. */
export interface Finding {
  readonly from: number
  readonly to: number
  /** What it is, in one word. */
  readonly what: string
  /** What stands there when it was taken out. */
  readonly mark: string
}

/** The places of a text in order, which do not overlap. Takes a time that grows with the length of the text. */
export type Find = (text: string) => readonly Finding[]

/** The findings of two finders in order, those of the second left out where they touch one of the first. */
export function joined(first: readonly Finding[], second: readonly Finding[]): readonly Finding[] {
  return beside(first, second, () => true)
}

/** As `joined`, but only those findings of the first stand in the way for which `hides` is true. */
export function beside<T extends Finding>(
  first: readonly T[],
  second: readonly T[],
  hides: (one: T) => boolean,
): readonly T[] {
  if (second.length === 0) return first
  if (first.length === 0) return second
  const out: T[] = []
  let at = 0
  let hidden = 0
  for (const one of second) {
    for (let next = first[at]; next !== undefined && next.from < one.to; next = first[++at]) {
      out.push(next)
      if (hides(next)) hidden = Math.max(hidden, next.to)
    }
    if (hidden <= one.from) out.push(one)
  }
  out.push(...first.slice(at))
  return out.sort((a, b) => a.from - b.from)
}

/** Finds by an expression, which has the flag `g`; what `accept` refuses is left out. */
export function byExpression(
  expression: RegExp,
  named: Pick<Finding, 'what' | 'mark'>,
  accept: (found: string) => boolean = () => true,
): Find {
  return (text) => {
    const found: Finding[] = []
    for (const match of text.matchAll(expression)) {
      const [one] = match
      if (accept(one)) found.push({ from: match.index, to: match.index + one.length, ...named })
    }
    return found
  }
}
