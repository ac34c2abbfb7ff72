/** A checkpoint of the audit chain: one line of JSON that says how many rows there were and the hash of the last, signed by ed25519. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { GENESIS } from './audit.ts'
import { keptFile } from '../store/kept-file.ts'

/** What a checkpoint says. `restored`: from here on the chain is that of a backup, and rows that were signed after it are not missed. */
export interface Checkpoint {
  /** Number of the line, from 1. */
  readonly n: number
  readonly kind: 'checkpoint' | 'restored'
  /** RFC 3339, of the wall clock. */
  readonly at: string
  readonly rows: number
  /** Hash of the last row; 64 zeros of an empty chain. */
  readonly head: string
  /** Hash of the line before; 64 zeros before the first. */
  readonly prev: string
  /** The public key, raw, base64url. */
  readonly key: string
  /** Why it was written. */
  readonly note: string
}

/** A line as it was read: what it says and its own hash. */
export interface ReadCheckpoint extends Checkpoint {
  readonly line: string
  readonly hash: string
}

/** Signs checkpoints. */
export interface Signer {
  readonly key: string
  /** The line, without its end. */
  readonly sign: (checkpoint: Omit<Checkpoint, 'key'>) => string
}

/** A signer with the private key of a file (PEM, 0600), which is made when it is missing. */
export function fileSigner(file: string): Signer {
  const secret = createPrivateKey(keptFile(file, newKey).toString('utf8'))
  const key = publicPart(secret)
  return {
    key,
    sign(given) {
      const body = textOf({ ...given, key })
      return `${body.slice(0, -1)},"sig":"${sign(null, Buffer.from(body), secret).toString('base64url')}"}`
    },
  }
}

/** What a line says. Undefined for what is no line of ours; its signature is not looked at. */
export function readLine(line: string): ReadCheckpoint | undefined {
  const { body } = parts(line)
  const said = parsed(body)
  if (said === undefined || textOf(said) !== body) return undefined
  return { ...said, line, hash: hashOfLine(line) }
}

/** Whether a line was signed with the key that it names. */
export function isSigned({ line, key: x }: ReadCheckpoint): boolean {
  const { body, signature } = parts(line)
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, Buffer.from(body), key, Buffer.from(signature, 'base64url'))
}

function parts(line: string): { readonly body: string; readonly signature: string } {
  const match = /^(.*),"sig":"([\w-]{86})"\}$/.exec(line)
  return { body: `${match?.[1] ?? ''}}`, signature: match?.[2] ?? '' }
}

/** What the next line names as the one before it. */
export function hashOfLine(line: string): string {
  return createHash('sha256').update(line).digest('hex')
}

/** What lines say, and what is wrong with them. */
export interface ReadLines {
  readonly points: readonly ReadCheckpoint[]
  readonly faults: readonly string[]
}

/** Lines that are checked before others have their turn. */
const AT_ONCE = 200

/** Checkpoints of a text of lines, all signatures checked; a last line without its end was cut off by a crash and is left out. */
export async function readLines(text: string): Promise<ReadLines> {
  const points: ReadCheckpoint[] = []
  const faults: string[] = []
  let prev = GENESIS
  for (const [at, line] of text.split('\n').slice(0, -1).entries()) {
    if (at % AT_ONCE === AT_ONCE - 1) await turn()
    const point = readLine(line)
    if (point === undefined || !isSigned(point))
      faults.push(`line ${at + 1} is no checkpoint, or its signature does not hold`)
    else {
      points.push(point)
      if (point.prev !== prev) faults.push(`line ${at + 1} does not follow the line before`)
    }
    prev = hashOfLine(line)
  }
  return { points, faults }
}

/** A short name of a key, for people. */
export function nameOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16)
}

function newKey(): Buffer {
  return Buffer.from(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

function publicPart(secret: KeyObject): string {
  return createPublicKey(secret).export({ format: 'jwk' }).x ?? ''
}

/** In the order in which it is signed, which never changes. */
function textOf({ n, kind, at, rows, head, prev, key, note }: Checkpoint): string {
  return JSON.stringify({ slipway_audit: 1, n, kind, at, rows, head, prev, key, note })
}

function parsed(text: string): Checkpoint | undefined {
  let said: Partial<Record<keyof Checkpoint, unknown>>
  try {
    said = JSON.parse(text) as typeof said
  } catch {
    return undefined
  }
  const texts = [said.at, said.head, said.prev, said.key, said.note]
  const known = said.kind === 'checkpoint' || said.kind === 'restored'
  const whole = [said.n, said.rows].every(Number.isSafeInteger) && texts.every((one) => typeof one === 'string')
  return known && whole && /^[\w-]{43}$/.test(String(said.key)) ? (said as Checkpoint) : undefined
}
