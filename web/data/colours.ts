/** Which colour of the palette a thing has: stable for a version on every page, in turn for other series. */

const SIZE = 6

/** CSS colour of a series by its place. */
export function seriesColour(place: number): string {
  return `var(--c${(((place % SIZE) + SIZE) % SIZE) + 1})`
}

/** CSS colour of a version: neighbours differ, and a version keeps its colour everywhere. */
export function versionColour(version: string): string {
  const number = Number(version)
  return seriesColour(Number.isSafeInteger(number) ? number - 1 : hash(version))
}

function hash(text: string): number {
  let sum = 0
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 100_003
  return sum
}
