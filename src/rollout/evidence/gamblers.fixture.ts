/** Evidence of differences of losses as gamblers would hold it, for tests. */

/** The mean wealth of eleven gamblers who bet a fixed share of the greatest safe bet on each difference above the tolerance. */
export function wealth(differences: readonly number[], tolerance: number): number {
  const shares = [0.01, 0.02, 0.04, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.7, 0.9]
  const each = shares.map((share) =>
    differences.reduce((w, d) => w * (1 + (share / (1 + tolerance)) * (d - tolerance)), 1),
  )
  return each.reduce((a, b) => a + b, 0) / shares.length
}
