/** The records of the wandb SDK that say something of a run, from their Protocol Buffers (`wandb_internal.proto`). */
import { doubleOf, eachField, ProtobufError, signed, textOf } from '../../http/protobuf.ts'
import type { WireField } from '../../http/protobuf.ts'
import { readValue } from '../../traces/spans/values.ts'
import type { Value } from '../../traces/spans/values.ts'

/** A value and where it stands: one key, or a way through nested ones. */
export interface Item {
  readonly path: readonly string[]
  readonly value: Value
}

/** Changes of a config or a summary. */
export interface Update {
  readonly update: readonly Item[]
  readonly remove: readonly (readonly string[])[]
}

/** Fields that are text or absent. */
type Texts<K extends string> = Partial<Record<K, string>>

export interface RunRecord extends Texts<
  'id' | 'entity' | 'project' | 'group' | 'job_type' | 'name' | 'notes' | 'sweep' | 'host' | 'remote' | 'commit'
> {
  readonly kind: 'run'
  readonly tags: readonly string[]
  /** ms since 1970 */
  readonly start?: number
  readonly config: Update
  readonly summary: Update
}

export interface EnvironmentRecord extends Texts<
  'os' | 'python' | 'program' | 'username' | 'host' | 'gpu' | 'remote' | 'commit'
> {
  readonly kind: 'environment'
  readonly args: readonly string[]
}

export interface ArtifactRecord extends Texts<'type' | 'name' | 'digest' | 'description' | 'metadata'> {
  readonly kind: 'artifact'
  readonly aliases: readonly string[]
  readonly entries: readonly Texts<'path' | 'digest' | 'ref' | 'local_path'>[]
}

export type WandbRecord =
  | RunRecord
  | EnvironmentRecord
  | ArtifactRecord
  | { readonly kind: 'history'; readonly items: readonly Item[]; readonly step: bigint }
  | { readonly kind: 'stats'; readonly items: readonly Item[]; readonly time: number }
  | ({ readonly kind: 'config' | 'summary' } & Update)
  | { readonly kind: 'exit'; readonly code: number; readonly seconds: number }
  | { readonly kind: 'other' }

/** The record in a message. Throws ProtobufError or SyntaxError for bytes that are none. */
export function readRecord(message: Uint8Array): WandbRecord {
  for (const { number, bytes } of fields(message)) {
    const read = bytes === undefined ? undefined : READERS[number]
    if (read !== undefined && bytes !== undefined) return read(bytes)
  }
  return { kind: 'other' }
}

const READERS: Readonly<Record<number, (bytes: Uint8Array) => WandbRecord>> = {
  2: (bytes) => ({ kind: 'history', items: itemsAt(bytes, 1), step: stepOf(bytes) }),
  3: (bytes) => ({ kind: 'summary', ...updateOf(bytes) }),
  5: (bytes) => ({ kind: 'config', ...updateOf(bytes) }),
  7: (bytes) => ({ kind: 'stats', items: itemsAt(bytes, 3), time: timeAt(bytes, 2) ?? 0 }),
  8: artifactOf,
  17: runOf,
  18: (bytes) => ({ kind: 'exit', code: numberAt(bytes, 1), seconds: numberAt(bytes, 2) }),
  26: environmentOf,
}

function runOf(bytes: Uint8Array): RunRecord {
  const names = { 1: 'id', 2: 'entity', 3: 'project', 6: 'group', 7: 'job_type', 8: 'name', 9: 'notes', 12: 'sweep' }
  const start = timeAt(bytes, 17)
  return {
    kind: 'run',
    ...textsAt(bytes, { ...names, 13: 'host' }),
    ...gitAt(bytes, 21),
    tags: listAt(bytes, 10).map(textOf),
    ...(start !== undefined && { start }),
    config: updateOf(listAt(bytes, 4)[0] ?? NOTHING),
    summary: updateOf(listAt(bytes, 5)[0] ?? NOTHING),
  }
}

function environmentOf(bytes: Uint8Array): EnvironmentRecord {
  const names = { 1: 'os', 2: 'python', 6: 'program', 12: 'host', 13: 'username', 18: 'gpu' }
  return { kind: 'environment', ...textsAt(bytes, names), ...gitAt(bytes, 9), args: listAt(bytes, 5).map(textOf) }
}

function artifactOf(bytes: Uint8Array): ArtifactRecord {
  const manifest = listAt(bytes, 12)[0] ?? NOTHING
  return {
    kind: 'artifact',
    ...textsAt(bytes, { 4: 'type', 5: 'name', 6: 'digest', 7: 'description', 8: 'metadata' }),
    aliases: listAt(bytes, 11).map(textOf),
    entries: listAt(manifest, 4).map((entry) => textsAt(entry, { 1: 'path', 2: 'digest', 3: 'ref', 6: 'local_path' })),
  }
}

const NOTHING = new Uint8Array()

function updateOf(bytes: Uint8Array): Update {
  return { update: itemsAt(bytes, 1), remove: listAt(bytes, 2).map((item) => itemOf(item).path) }
}

function itemsAt(bytes: Uint8Array, number: number): Item[] {
  return listAt(bytes, number).map(itemOf)
}

/** An item: its value as JSON in field 16, or since SDK 0.22 of its own type in fields 3 to 8. */
function itemOf(bytes: Uint8Array): Item {
  let key = ''
  const nested: string[] = []
  let value: Value = null
  for (const field of fields(bytes)) {
    if (field.number === 1) key = textOf(field.bytes ?? NOTHING)
    else if (field.number === 2) nested.push(textOf(field.bytes ?? NOTHING))
    else value = valueOf(field) ?? value
  }
  return { path: nested.length > 0 ? nested : [key], value }
}

function valueOf({ number, integer, bytes }: WireField): Value | undefined {
  switch (number) {
    case 4:
      return integer !== 0n
    case 5:
      return (integer >> 1n) ^ -(integer & 1n)
    case 6:
      return doubleOf(integer)
    case 7:
      return textOf(bytes ?? NOTHING)
    case 8:
    case 16:
      return looseJson(
        Buffer.from(bytes ?? NOTHING)
          .toString('utf8')
          .replaceAll('\0', '\ufffd'),
      )
    default:
      return undefined
  }
}

/** JSON as Python writes it, where NaN and the infinities stand bare. Throws SyntaxError. */
export function looseJson(text: string): Value {
  try {
    return readValue(text)
  } catch {
    const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (found) =>
      found.startsWith('"') ? found : `{"$double":"${found}"}`,
    )
    return readValue(quoted)
  }
}

function stepOf(bytes: Uint8Array): bigint {
  return integerAt(listAt(bytes, 2)[0] ?? NOTHING, 1)
}

/** A Timestamp as ms since 1970. */
function timeAt(bytes: Uint8Array, number: number): number | undefined {
  const [time] = listAt(bytes, number)
  return time === undefined ? undefined : numberAt(time, 1) * 1000 + Math.floor(numberAt(time, 2) / 1e6)
}

function gitAt(bytes: Uint8Array, number: number): Texts<'remote' | 'commit'> {
  return textsAt(listAt(bytes, number)[0] ?? NOTHING, { 1: 'remote', 2: 'commit' })
}

function textsAt<K extends string>(bytes: Uint8Array, names: Readonly<Record<number, K>>): Texts<K> {
  const found: Texts<K> = {}
  for (const field of fields(bytes)) {
    const name = names[field.number]
    if (name !== undefined && field.bytes !== undefined && field.bytes.length > 0) found[name] = textOf(field.bytes)
  }
  return found
}

function listAt(bytes: Uint8Array, number: number): Uint8Array[] {
  return fields(bytes).flatMap((field) => (field.number === number && field.bytes !== undefined ? [field.bytes] : []))
}

/** A whole number; 0 where it is absent. */
function integerAt(bytes: Uint8Array, number: number): bigint {
  const last = fields(bytes).findLast((field) => field.number === number && field.bytes === undefined)
  return last === undefined ? 0n : signed(last.integer)
}

function numberAt(bytes: Uint8Array, number: number): number {
  return Number(integerAt(bytes, number))
}

function fields(bytes: Uint8Array): WireField[] {
  const found: WireField[] = []
  eachField(bytes, (field) => void found.push(field))
  return found
}

/** True for what `readRecord` throws of bytes that are no record. */
export function isNoRecord(error: unknown): boolean {
  // RangeError: JSON that nests deeper than can be followed
  return [ProtobufError, SyntaxError, RangeError].some((kind) => error instanceof kind)
}
