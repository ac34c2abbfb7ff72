/** Finds items by a few letters of their names: which match, best first. */

/** An item that can be found: its kind, its name, its page. */
export interface Findable {
  readonly kind: string
  readonly label: string
  readonly path: string
}

const SHOWN = 20

/** Items whose kind or label holds every word of the text, those that begin with it first; at most 20. */
export function matching(items: readonly Findable[], text: string): Findable[] {
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean)
  return items
    .map((item) => ({ item, rank: rank(item, terms) }))
    .filter((one) => one.rank >= 0)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, SHOWN)
    .map((one) => one.item)
}

/** 0 begins with the first term, 1 holds all; -1 does not match. */
function rank({ kind, label }: Findable, terms: readonly string[]): number {
  const name = label.toLowerCase()
  const all = `${kind} ${name}`
  if (!terms.every((term) => all.includes(term))) return -1
  return name.startsWith(terms[0] ?? '') ? 0 : 1
}
