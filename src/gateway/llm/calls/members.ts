/** The members of a JSON object where they lie in its bytes, so that one of them can be changed and the others stay as they came. */

/** A member: its name, and where its value begins and ends. */
export interface Member {
  readonly name: string
  readonly from: number
  readonly to: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = 0x7b
const CLOSE = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const SPACE = 0x20

/** The members of the object that the bytes are, in order, repeated names too. The bytes must be valid JSON of an object. */
export function membersOf(bytes: Buffer): Member[] {
  const members: Member[] = []
  let at = pastSpace(bytes, pastSpace(bytes, 0) + 1)
  while (bytes[at] === QUOTE) {
    const end = pastText(bytes, at)
    const name = JSON.parse(bytes.toString('utf8', at, end)) as string
    const from = pastSpace(bytes, pastSpace(bytes, end) + 1)
    const to = pastValue(bytes, from)
    members.push({ name, from, to })
    at = pastSpace(bytes, to)
    if (bytes[at] === COMMA) at = pastSpace(bytes, at + 1)
  }
  return members
}

/** A piece of text in place of the bytes from `from` to `to`. */
export interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** The bytes with pieces replaced; those do not overlap. Without any it is the same buffer. */
export function spliced(bytes: Buffer, splices: readonly Splice[]): Buffer {
  if (splices.length === 0) return bytes
  const parts: Buffer[] = []
  let at = 0
  for (const { from, to, text } of splices.toSorted((a, b) => a.from - b.from)) {
    parts.push(bytes.subarray(at, from), Buffer.from(text))
    at = to
  }
  parts.push(bytes.subarray(at))
  return Buffer.concat(parts)
}

/** The piece that puts a member behind the last one of an object. */
export function added(bytes: Buffer, members: readonly Member[], name: string, value: unknown): Splice {
  const last = members.at(-1)?.to
  const at = last ?? bytes.indexOf(OPEN) + 1
  const text = `${last === undefined ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`
  return { from: at, to: at, text }
}

function pastSpace(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && (bytes[at] as number) <= SPACE) at++
  return at
}

/** Behind the quote that ends the text which begins at `from`. */
function pastText(bytes: Buffer, from: number): number {
  for (let end = bytes.indexOf(QUOTE, from + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let slashes = 0
    while (bytes[end - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end + 1
  }
  return bytes.length
}

function pastValue(bytes: Buffer, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return pastText(bytes, from)
  if (first === OPEN || first === OPEN_LIST) return pastNested(bytes, from)
  let at = from
  while (at < bytes.length && !endsPlain(bytes[at] as number)) at++
  return at
}

function endsPlain(byte: number): boolean {
  return byte === COMMA || byte === CLOSE || byte === CLOSE_LIST || byte <= SPACE || byte === COLON
}

function pastNested(bytes: Buffer, from: number): number {
  let depth = 0
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = pastText(bytes, at)
      continue
    }
    at++
    if (byte === OPEN || byte === OPEN_LIST) depth++
    else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return at
  }
  return at
}
