/** Finding a thing by a few letters of its name: which match, best first. */

/** A thing that may be found: its kind, its name, its page. */
export interface Found {
  readonly kind: string
  readonly label: string
  readonly path: string
}

const SHOWN = 20

/** Things whose kind or label holds every word of the text, those that begin with it first; at most 20. */
export function matching(things: readonly Found[], text: string): Found[] {
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean)
  return things
    .map((thing) => ({ thing, rank: rank(thing, terms) }))
    .filter((one) => one.rank >= 0)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, SHOWN)
    .map((one) => one.thing)
}

/** 0 begins with the first term, 1 holds all; -1 does not match. */
function rank({ kind, label }: Found, terms: readonly string[]): number {
  const name = label.toLowerCase()
  const all = `${kind} ${name}`
  if (!terms.every((term) => all.includes(term))) return -1
  return name.startsWith(terms[0] ?? '') ? 0 : 1
}
