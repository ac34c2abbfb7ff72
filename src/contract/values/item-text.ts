/** How an item of a step is told to people: a file by its path, a row by its columns, anything else as JSON. */

/** Values that are told without quotes. */
const BARE = /^[\w.:/+-]+$/

/** One line, however the item is made. */
export function itemText(item: unknown): string {
  const json = jsonOf(item)
  // an exact number is an object too, which JSON writes as a number
  if (typeof item !== 'object' || item === null || !json.startsWith('{')) return json
  const entries = Object.entries(item)
  if (isFile(item)) return item.path
  const isFlat = entries.length > 0 && entries.every(([, value]) => isPlain(value))
  return isFlat ? entries.map(([key, value]) => `${key}=${bare(value)}`).join(' ') : json
}

/** An item of a step that runs for the files of a source. */
function isFile(item: object): item is { readonly path: string } {
  const { path, size, digest, ...rest } = item as Record<string, unknown>
  const isWhole = typeof path === 'string' && size !== undefined && typeof digest === 'string'
  return isWhole && Object.keys(rest).length === 0 && !/[\p{Cc}\u2028\u2029]/u.test(path)
}

/** Numbers that keep their digits are objects which JSON writes as numbers. */
function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null || !/^[[{]/.test(jsonOf(value))
}

function bare(value: unknown): string {
  return typeof value === 'string' && BARE.test(value) ? value : jsonOf(value)
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}
