/** Reads the header of a NumPy file. */

export interface Npy {
  /** Byte at which the data begin. */
  readonly start: number
  /** The data are a pickle, for the array holds Python objects. */
  readonly objects: boolean
}

/** True when a file begins as NumPy's does. */
export function isNpy(bytes: Buffer): boolean {
  return bytes.length >= 10 && bytes[0] === 0x93 && bytes.toString('latin1', 1, 6) === 'NUMPY'
}

/** A type of plain numbers, times or texts as NumPy writes it; whatever else it understands (`object`, `i4,O`) may hold objects. */
const PLAIN = /^[<>=|](?:[?bhilqBHILQefdgFDGSUaV]|[biufcSUaV]\d+|[mM]8(?:\[\w+\])?)$/
/** A field of a structure: its name and type, and the shape of what repeats. */
const FIELD = /\('[^']*', '([^']*)'(?:, \([\d, ]*\))?\)/g

/**
 * The header; undefined when it is broken, or could be read in two ways: of a key that comes twice Python takes the last, and it knows
 * escapes.
 */
export function readNpy(bytes: Buffer): Npy | undefined {
  const wide = (bytes[6] ?? 0) >= 2
  if (wide && bytes.length < 12) return undefined
  const start = wide ? 12 + bytes.readUInt32LE(8) : 10 + bytes.readUInt16LE(8)
  if (start > bytes.length) return undefined
  const header = bytes.toString('latin1', wide ? 12 : 10, start)
  if (header.includes('\\') || header.split('descr').length !== 2) return undefined
  const [, descr] = /'descr'\s*:\s*('[^']*'|\[[^\]]*(?:\][^\]]*)*\])\s*,\s*'fortran_order'/.exec(header) ?? []
  if (descr === undefined) return undefined
  return { start, objects: !isPlain(descr) }
}

function isPlain(descr: string): boolean {
  if (descr.startsWith("'")) return PLAIN.test(descr.slice(1, -1))
  const types = [...descr.matchAll(FIELD)].map((match) => match[1] ?? '')
  return types.every((type) => PLAIN.test(type)) && /^\[(?:, )?(?:, )*\]$/.test(descr.replaceAll(FIELD, ''))
}
