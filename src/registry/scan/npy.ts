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

/** The header; undefined when it is broken. */
export function readNpy(bytes: Buffer): Npy | undefined {
  const wide = (bytes[6] ?? 0) >= 2
  if (wide && bytes.length < 12) return undefined
  const start = wide ? 12 + bytes.readUInt32LE(8) : 10 + bytes.readUInt16LE(8)
  if (start > bytes.length) return undefined
  const header = bytes.toString('latin1', wide ? 12 : 10, start)
  const [, descr] = /'descr'\s*:\s*('[^']*'|\[[^\]]*(?:\][^\]]*)*\])\s*,\s*'fortran_order'/.exec(header) ?? []
  if (descr === undefined) return undefined
  return { start, objects: /'[<>=|]?O/.test(descr) }
}
