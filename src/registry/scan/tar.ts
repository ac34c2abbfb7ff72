/** Lists the members of a tar archive that lies in memory. */

export interface TarEntry {
  readonly name: string
  /** `0` a file, `5` a folder; links and devices have other letters. */
  readonly type: string
  readonly content: Buffer
  /** Permissions. */
  readonly mode: number
  /** What a link leads to; empty of what is none. */
  readonly link: string
}

/** Why an archive cannot be read. */
export class TarFault extends Error {}

const BLOCK = 512

/** True when the first block is a tar header. */
export function isTar(bytes: Buffer): boolean {
  return bytes.length >= BLOCK && bytes.toString('latin1', 257, 262) === 'ustar'
}

/**
 * The members; long names of GNU and PAX are read. Throws TarFault when it is broken or has more than `most`, and where readers could
 * differ in where a member ends: a PAX record that tells another size than the header, and bytes after the end.
 */
export function tarEntries(bytes: Buffer, most: number): TarEntry[] {
  const entries: TarEntry[] = []
  let long: LongNames = {}
  let at = 0
  while (at + BLOCK <= bytes.length && !isZero(bytes.subarray(at, at + BLOCK))) {
    const size = sizeAt(bytes, at)
    const start = at + BLOCK
    if (start + size > bytes.length) throw new TarFault('a member is cut off')
    const content = bytes.subarray(start, start + size)
    const type = String.fromCharCode(bytes[at + 156] ?? 0).replace('\0', '0')
    const names = longNames(type, content)
    if (names === undefined) {
      const { name = nameAt(bytes, at), link = textOf(bytes.subarray(at + 157, at + 257)) } = long
      entries.push({ name, type, content, mode: modeAt(bytes, at), link })
      long = {}
      if (entries.length > most) throw new TarFault(`it has more than ${most} members`)
    } else long = { ...long, ...names }
    at = start + Math.ceil(size / BLOCK) * BLOCK
  }
  if (!isZero(bytes.subarray(at))) throw new TarFault('there are bytes after its end')
  return entries
}

interface LongNames {
  readonly name?: string
  readonly link?: string
}

/** What a member says of the one after it; undefined of a member that is one itself. */
function longNames(type: string, content: Buffer): LongNames | undefined {
  if (type === 'L') return { name: textOf(content) }
  if (type === 'K') return { link: textOf(content) }
  if (type !== 'x' && type !== 'g') return undefined
  const text = content.toString('utf8')
  if (/^\d+ size=/m.test(text)) throw new TarFault('a size in it is said twice')
  const name = /^\d+ path=(.*)$/m.exec(text)?.[1]
  const link = /^\d+ linkpath=(.*)$/m.exec(text)?.[1]
  return type === 'g' ? {} : { ...(name !== undefined && { name }), ...(link !== undefined && { link }) }
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

function nameAt(bytes: Buffer, at: number): string {
  const prefix = textOf(bytes.subarray(at + 345, at + 500))
  const name = textOf(bytes.subarray(at, at + 100))
  return prefix === '' ? name : `${prefix}/${name}`
}

function sizeAt(bytes: Buffer, at: number): number {
  const field = bytes
    .toString('latin1', at + 124, at + 136)
    .replaceAll('\0', ' ')
    .trim()
  if (!/^[0-7]+$/.test(field)) throw new TarFault('a size in it is not readable')
  return Number.parseInt(field, 8)
}

function modeAt(bytes: Buffer, at: number): number {
  return Number.parseInt(textOf(bytes.subarray(at + 100, at + 108)).trim(), 8) & 0o7777
}
