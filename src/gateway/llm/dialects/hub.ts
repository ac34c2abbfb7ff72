/** The form between all dialects: what a request asks, what an answer says, and the steps of a streamed one. */
import type { Usage } from '../records/record.ts'
import type { Asked, Json, StreamEvent } from './dialects.ts'
import type { Fields, Reading, Said } from './fields.ts'

/** Where a picture, a sound or a document comes from. */
export type Source =
  | { readonly kind: 'base64'; readonly media: string; readonly data: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'text'; readonly text: string }

/** A model's own notes. The signature proves to the dialect `of` that they are its own; without it they are only a text. */
export interface Reasoning {
  readonly type: 'reasoning'
  readonly text: string
  readonly signature: string | null
  /** True = the signature is the whole content, encrypted. */
  readonly redacted: boolean
  readonly path: string
}

/** A model's call of a tool. */
export interface ToolCall {
  readonly type: 'call'
  readonly id: string
  readonly name: string
  /** JSON text of an object; empty = no arguments. */
  readonly args: string
  /** Gemini's proof of what it thought before the call. */
  readonly signature: string | null
  /** Path of the signature, where there is one. */
  readonly signed?: string
  /** Path of the arguments. */
  readonly path: string
}

/** Names the signature of a call as lost, for a dialect that has no place for it. */
export function loseSignature({ signature, signed, path }: ToolCall, reading: Reading): void {
  if (signature !== null) reading.lose(signed ?? path)
}

/** One piece of a message; `path` is where it stood in the body that was read. */
export type Part =
  | { readonly type: 'text'; readonly text: string; readonly path: string }
  | { readonly type: 'refusal'; readonly text: string; readonly path: string }
  | {
      readonly type: 'image'
      readonly source: Source
      /** Resolution that the client asks for. */
      readonly detail?: Said<string> | undefined
      readonly path: string
    }
  | { readonly type: 'file'; readonly source: Source; readonly name: string | null; readonly path: string }
  | { readonly type: 'audio'; readonly media: string; readonly data: string; readonly path: string }
  | ToolCall
  | {
      readonly type: 'result'
      /** Id of the call. */
      readonly id: string
      /** Name of the tool, where the dialect tells it. */
      readonly name: string | null
      readonly parts: readonly Part[]
      /** That the tool failed, if it is said. */
      readonly failed: Said<boolean> | undefined
      readonly path: string
    }
  | Reasoning

/** A message; results of tools are parts of `user`. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant'
  readonly parts: readonly Part[]
  readonly path: string
}

/** A function that a model may call. */
export interface Tool {
  readonly name: string
  readonly description: string | null
  /** JSON Schema of the arguments; null = none are taken. */
  readonly schema: Json | null
  /** True = arguments must follow the schema. */
  readonly strict: Said<boolean> | undefined
  readonly path: string
}

/** Whether and which tools a model is to call; `required` = any, but at least one. */
export type ToolChoice =
  | { readonly mode: 'auto' | 'none' | 'required' }
  | { readonly mode: 'tool'; readonly name: string }

/** Form of the answer: any JSON object, or one of a schema. */
export type Format =
  | { readonly kind: 'object' }
  | {
      readonly kind: 'schema'
      readonly schema: Json
      /** Path of the schema. */
      readonly at: string
      readonly name: Said<string> | undefined
      readonly description: Said<string> | undefined
      readonly strict: Said<boolean> | undefined
    }

/** What a request sets; absent = left to the provider. A writer that cannot say one of them names its path as lost. */
export interface Settings {
  readonly max?: Said<number> | undefined
  readonly temperature?: Said<number> | undefined
  readonly topP?: Said<number> | undefined
  readonly topK?: Said<number> | undefined
  readonly stop?: Said<string[]> | undefined
  readonly seed?: Said<number> | undefined
  readonly n?: Said<number> | undefined
  readonly user?: Said<string> | undefined
  readonly frequency?: Said<number> | undefined
  readonly presence?: Said<number> | undefined
  /** False = at most one call of a tool at a time. */
  readonly parallel?: Said<boolean> | undefined
  /** How long a model may think, in OpenAI's words. */
  readonly effort?: Said<string> | undefined
  /** Anthropic's `thinking`, as it is. */
  readonly thinking?: Said<Json> | undefined
  readonly format?: Said<Format> | undefined
}

/** A request. */
export interface Call {
  readonly turns: readonly Turn[]
  readonly tools: readonly Tool[]
  readonly choice: Said<ToolChoice> | undefined
  readonly settings: Settings
  readonly stream: boolean
}

/** Why an answer ended: by itself, at a stop sequence, at the limit of tokens, to call tools, or by a filter or refusal. */
export type Finish = 'stop' | 'sequence' | 'length' | 'calls' | 'filter'

/** One of the answers to a request. */
export interface Choice {
  readonly parts: readonly Part[]
  readonly finish: Finish
  /** The sequence that stopped it, where it is told. */
  readonly sequence: string | null
}

/** A whole answer. */
export interface Answer {
  /** Id that the upstream gave it. */
  readonly id: string | null
  readonly choices: readonly Choice[]
  readonly usage: Usage | null
}

/** A step of a streamed answer; `choice` counts answers from 0, `call` the calls of one answer from 0. */
export type Delta =
  | { readonly type: 'start'; readonly id: string | null; readonly usage: Usage | null }
  | Spoken<'text'>
  | Spoken<'refusal'>
  | Spoken<'reasoning'>
  /** Ends a piece of reasoning. */
  | { readonly type: 'signature'; readonly choice: number; readonly signature: string; readonly redacted: boolean }
  | {
      readonly type: 'call'
      readonly choice: number
      readonly call: number
      readonly id: string
      readonly name: string
      readonly signature: string | null
    }
  | { readonly type: 'args'; readonly choice: number; readonly call: number; readonly text: string }
  | { readonly type: 'finish'; readonly choice: number; readonly finish: Finish; readonly sequence: string | null }
  /** All that is used so far; a later one replaces it. */
  | { readonly type: 'usage'; readonly usage: Usage }

interface Spoken<T> {
  readonly type: T
  readonly choice: number
  readonly text: string
}

/** Reads the stream of an upstream. */
export interface StreamReader {
  push(event: StreamEvent): Delta[]
  /** Throws `upstream_failed` where the stream has not ended as its dialect ends one. */
  end(): Delta[]
}

/** Writes the stream of a client. */
export interface StreamWriter {
  push(delta: Delta): StreamEvent[]
  end(): StreamEvent[]
}

/** What a dialect of clients can: read a request, and write what answers it. */
export interface ClientSide {
  read(body: Json, reading: Reading): Call
  answer(answer: Answer, asked: Asked, reading: Reading): Json
  stream(asked: Asked): StreamWriter
}

/** What a dialect of upstreams can: write a request, and read what answers it. */
export interface UpstreamSide {
  write(call: Call, model: string, reading: Reading): Json
  answer(body: Json, reading: Reading, asked: Asked): Answer
  stream(asked: Asked): StreamReader
}

/** Parts of a content that is a text, null or a list of typed objects; a type without a reader is lost as a whole. */
export function contentOf(
  fields: Fields,
  key: string,
  readers: Readonly<Record<string, (part: Fields) => Part | undefined>>,
): Part[] {
  const value = fields.raw(key)
  if (value === undefined || value === '') return []
  if (typeof value === 'string') return [{ type: 'text', text: value, path: fields.path(key) }]
  if (!Array.isArray(value)) throw fields.reading.fault(fields.path(key), value, 'a text or a list of parts')
  return fields.objects(key).flatMap((part) => {
    const type = part.needed('type')
    const reader = Object.hasOwn(readers, type) ? readers[type] : undefined
    const read = reader?.(part)
    if (read === undefined) part.drop()
    return read ?? []
  })
}

/** The texts of the system apart from the others. One that came later than another's turn moves to the front, and its place is lost. */
export function systemApart(turns: readonly Turn[], reading: Reading): { system: string[]; others: Turn[] } {
  const system: string[] = []
  const others: Turn[] = []
  for (const turn of turns) {
    if (turn.role !== 'system') {
      others.push(turn)
      continue
    }
    if (others.length > 0) reading.lose(`${turn.path}.role`)
    for (const part of turn.parts) {
      if (part.type === 'text') system.push(part.text)
      else reading.lose(part.path)
    }
  }
  return { system, others: joined(others) }
}

/** Turns of one role in a row as one, for dialects in which roles take turns. */
function joined(turns: readonly Turn[]): Turn[] {
  const found: Turn[] = []
  for (const turn of turns) {
    const last = found.at(-1)
    if (last?.role === turn.role) found.splice(-1, 1, { ...last, parts: [...last.parts, ...turn.parts] })
    else found.push(turn)
  }
  return found
}

/** Names as lost what is set and not among the kept. */
export function loseSettings(settings: Settings, kept: readonly string[], reading: Reading): void {
  for (const key of Object.keys(settings) as (keyof Settings)[]) {
    const said = settings[key]
    if (said !== undefined && !kept.includes(key)) reading.lose(said.path)
  }
}

/** Settings that a dialect has as they are, under its names; those that are not set are left out. */
export function namedSettings(settings: Settings, names: SettingNames): Json {
  return Object.fromEntries(
    Object.entries(names).flatMap(([key, name]) => {
      const said = settings[key as keyof Settings]
      return said === undefined ? [] : [[name, said.value]]
    }),
  )
}

/** Names that a dialect has for settings. */
export type SettingNames = Readonly<Partial<Record<keyof Settings, string>>>

/** The texts of parts, joined; other parts are lost. */
export function textOf(parts: readonly Part[], reading: Reading): string {
  return parts
    .map((part) => {
      if (part.type === 'text' || part.type === 'refusal') return part.text
      if (part.type === 'file' && part.source.kind === 'text') return part.source.text
      reading.lose(part.path)
      return ''
    })
    .join('')
}

/** Arguments of a call as an object. Throws the fault of the reading where they are none. */
export function argsOf(call: ToolCall, reading: Reading): Json {
  if (call.args.trim() === '') return {}
  const parsed = parsedObject(call.args)
  if (parsed === undefined) throw reading.fault(call.path, call.args, 'arguments that are the JSON text of an object')
  return parsed
}

/** The object that a JSON text says; undefined for any other text. */
export function parsedObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Id for a call whose upstream gives none: of the answer's id, and its place in the answer. OpenAI takes at most 40 characters. */
export function callId(asked: Asked, choice: number, call: number): string {
  return `call_${asked.id.replaceAll(/\W/g, '').slice(-24)}_${choice}_${call}`
}

/** Id of a call in characters and a length that Anthropic and Bedrock take; equal ids stay equal. */
export function plainId(id: string): string {
  return id.replaceAll(/[^\w-]/g, '_').slice(-64)
}

/** Schema of arguments for dialects that demand one of an object. */
export function objectSchema(schema: Json | null): Json {
  return { type: 'object', ...(schema ?? { properties: {} }) }
}

/** True for a model of Anthropic that is newer than 4.6: those refuse `temperature`, `top_p` and `top_k`, and know efforts. */
export function isLaterClaude(model: string): boolean {
  if (!model.includes('claude')) return false
  const three = /claude-(?:instant|v?[0-3](?!\d))/
  const four = /claude-(?:opus|sonnet|haiku)-4(?:[-.][0-6])?(?!\d|[-.][7-9](?!\d)|[-.]\d\d(?!\d))/
  return !three.test(model) && !four.test(model)
}
