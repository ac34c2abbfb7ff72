/** How strong the colour of a cell is. */

const QUANTILE = 0.98

/** The effect that gets the full colour: the 98 % quantile of the sizes, so that one wild cell does not pale the rest; 1 without data. */
export function strongest(values: readonly (number | null)[]): number {
  const sizes = values
    .filter((value) => value !== null)
    .map(Math.abs)
    .sort((a, b) => a - b)
  const top = sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * QUANTILE))] ?? 0
  return top > 0 ? top : 1
}

/** CSS colour for an effect against the strongest. */
export function shade(value: number, top: number): string {
  const part = Math.min(1, Math.abs(value) / top)
  return `color-mix(in oklab, #b8450a ${Math.round(part * 100)}%, var(--sunken))`
}
