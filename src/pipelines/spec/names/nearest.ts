/** The name that a person most likely meant. */

/** With more names than these nothing is guessed: a file of many faults would be compared for seconds. */
const MOST_CANDIDATES = 200

/** The candidate within two edits (or a third of the length), the closest first; undefined when none is near, or there are too many to look at. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(word.length / 3))
  if (candidates.length > MOST_CANDIDATES) return undefined
  const close = candidates.filter((candidate) => Math.abs(candidate.length - word.length) <= limit)
  const ranked = close.map((candidate) => ({ candidate, edits: editDistance(word, candidate) }))
  return ranked.filter(({ edits }) => edits <= limit).sort((a, b) => a.edits - b.edits)[0]?.candidate
}

/** Levenshtein distance: insertions, deletions and replacements. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
