/** Checks the header of a safetensors file: plain data, if its header is what the format promises. */

const LARGEST_HEADER = 100_000_000
const WIDTHS: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
  C64: 8,
}

/** Bytes of the header with the length before it, when a file of `total` bytes begins as safetensors does; undefined otherwise. */
export function safetensorsHeader(bytes: Buffer, total: number): number | undefined {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return undefined
  const size = bytes.readBigUInt64LE(0)
  return size >= 2n && size <= BigInt(LARGEST_HEADER) && Number(size) + 8 <= total ? Number(size) + 8 : undefined
}

/** What is wrong with a file of `total` bytes that looks like safetensors; null when nothing is. `bytes` hold the header at least. */
export function safetensorsFault(bytes: Buffer, total: number): string | null {
  const size = Number(bytes.readBigUInt64LE(0))
  let header: unknown
  try {
    header = JSON.parse(bytes.toString('utf8', 8, 8 + size))
  } catch {
    return 'its header is no JSON'
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return 'its header is no JSON object'
  const spans: [number, number][] = []
  for (const [name, tensor] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const span = spanOf(tensor)
    if (span === undefined) return `its tensor "${name.slice(0, 80)}" is not described as the format asks`
    spans.push(span)
  }
  return overlap(spans, total - 8 - size)
}

function spanOf(tensor: unknown): [number, number] | undefined {
  if (typeof tensor !== 'object' || tensor === null) return undefined
  const { dtype, shape, data_offsets: span } = tensor as Record<string, unknown>
  const width = typeof dtype === 'string' ? WIDTHS[dtype] : undefined
  if (width === undefined || !isNumbers(shape) || !isNumbers(span) || span.length !== 2) return undefined
  const [start = -1, end = -1] = span
  return end - start === shape.reduce((product, side) => product * side, width) ? [start, end] : undefined
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && (one as number) >= 0)
}

/** Tensors must lie one after another and fill the rest: bytes that belong to none could be anything. */
function overlap(spans: [number, number][], rest: number): string | null {
  let at = 0
  for (const [start, end] of spans.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (start !== at) return 'its tensors do not lie one after another'
    at = end
  }
  return at === rest ? null : `${rest - at} bytes belong to no tensor`
}
