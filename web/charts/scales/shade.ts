/** How strong the colour of a cell is. */

/** CSS colour for an effect, full at `top` and beyond. */
export function shade(value: number, top: number): string {
  const part = Math.min(1, Math.abs(value) / top)
  return `color-mix(in oklab, #b8450a ${Math.round(part * 100)}%, var(--sunken))`
}
