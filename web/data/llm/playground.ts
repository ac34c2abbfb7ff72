/** What the playground is filled with, what it asks for, what becomes of answers, and the same call as code. */
import type {
  PlaygroundBegin,
  PlaygroundCall,
  PlaygroundEnd,
  PlaygroundEvent,
} from '../../../src/contract/llm/playground.ts'

/** Parameters of one side as they were typed; empty = the provider's default. */
export interface Side {
  /** Id of the endpoint; empty = one that is chosen for it. */
  readonly endpoint: string
  readonly temperature: string
  readonly top_p: string
  readonly max_tokens: string
}

/** Both sides, and the conversation that they share. */
export interface Playground {
  readonly system: string
  readonly user: string
  readonly sides: readonly [Side, Side]
}

const EMPTY_SIDE: Side = { endpoint: '', temperature: '', top_p: '', max_tokens: '' }
const EMPTY: Playground = { system: '', user: '', sides: [EMPTY_SIDE, EMPTY_SIDE] }

/** The playground that was kept as text; an empty one where nothing was, or something else. */
export function playgroundOf(kept: string | null): Playground {
  const value = parsed(kept)
  const sides = Array.isArray(value['sides']) ? (value['sides'] as unknown[]) : []
  return {
    system: textOf(value['system']),
    user: textOf(value['user']),
    sides: [sideOf(sides[0]), sideOf(sides[1])],
  }
}

function parsed(kept: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(kept ?? '{}')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : EMPTY_RECORD
  } catch (error) {
    if (error instanceof SyntaxError) return EMPTY_RECORD
    throw error
  }
}

const EMPTY_RECORD: Readonly<Record<string, unknown>> = { ...EMPTY }

function sideOf(value: unknown): Side {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  return {
    endpoint: textOf(given['endpoint']),
    temperature: textOf(given['temperature']),
    top_p: textOf(given['top_p']),
    max_tokens: textOf(given['max_tokens']),
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Numbers that a side may set, and what each may be. */
export const PARAMETERS = [
  ['temperature', 'Temperature', 'a number from 0 to 2', (n: number) => n >= 0 && n <= 2],
  ['top_p', 'Top p', 'a number from 0 to 1', (n: number) => n >= 0 && n <= 1],
  ['max_tokens', 'Max tokens', 'a whole number from 1 on', (n: number) => Number.isInteger(n) && n >= 1],
] as const

export type Parameter = (typeof PARAMETERS)[number][0]

/** What is wrong with a parameter as it was typed; undefined where it is empty or right. */
export function faultOf(name: Parameter, text: string): string | undefined {
  const [, , expected, isRight] = PARAMETERS.find(([one]) => one === name) ?? PARAMETERS[0]
  return text.trim() === '' || isRight(Number(text)) ? undefined : `expected ${expected}`
}

/** The endpoint that a side asks. */
export interface Meant {
  readonly name: string
  readonly project: string
}

/** What a side asks for; undefined while nothing is to be said, or a parameter is wrong. */
export function callOf({ system, user, sides }: Playground, at: 0 | 1, endpoint: Meant): PlaygroundCall | undefined {
  const side = sides[at]
  if (user.trim() === '' || PARAMETERS.some(([name]) => faultOf(name, side[name]) !== undefined)) return undefined
  const numbers = PARAMETERS.filter(([name]) => side[name].trim() !== '').map(([name]) => [name, Number(side[name])])
  return {
    endpoint: endpoint.name,
    project: endpoint.project,
    messages: [
      ...(system.trim() === '' ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user' as const, content: user },
    ],
    ...(Object.fromEntries(numbers) as Partial<Record<Parameter, number>>),
  }
}

/** An answer from its question to its end. Times are ms. */
export type Answer =
  | { readonly state: 'none' }
  | {
      readonly state: 'coming' | 'stopped'
      readonly text: string
      readonly begin: PlaygroundBegin | null
      /** To the first piece, as this page saw it. */
      readonly first_ms: number | null
    }
  | { readonly state: 'ended'; readonly text: string; readonly end: PlaygroundEnd }
  | { readonly state: 'failed'; readonly text: string; readonly error: Error }

/** The answer of which nothing has come. */
export const ASKED: Answer = { state: 'coming', text: '', begin: null, first_ms: null }

/** The answer after an event that came so long (ms) after the question. */
export function afterEvent(answer: Answer, one: PlaygroundEvent, ms: number): Answer {
  if (answer.state !== 'coming') return answer
  const { text } = answer
  if (one.event === 'end') return { state: 'ended', text, end: one.data }
  if (one.event === 'begin') return { ...answer, begin: one.data }
  return { ...answer, text: text + one.data.text, first_ms: answer.first_ms ?? ms }
}

/** The answer after its stream has ended, or was stopped by who looks. What ended without a word broke off. */
export function afterStream(answer: Answer, stopped: boolean, error?: unknown): Answer {
  if (answer.state !== 'coming') return answer
  if (stopped) return { ...answer, state: 'stopped' }
  const fault = error instanceof Error ? error : new Error('The server broke the answer off.')
  return { state: 'failed', text: answer.text, error: fault }
}

/** A shorter time between the first token and the end says nothing of a speed, ms. */
const LEAST_MS = 20

/** Output tokens a second from the first one on; null where nobody knows. */
export function speedOf({ tokens, first_ms, ms }: PlaygroundEnd): number | null {
  if (tokens === null || first_ms === null || ms - first_ms < LEAST_MS) return null
  return (tokens.output / (ms - first_ms)) * 1000
}

/** The body of the same call as a client of OpenAI's sends it. */
function chatOf({ endpoint, project: _project, messages, ...numbers }: PlaygroundCall): Record<string, unknown> {
  return { model: endpoint, messages, ...numbers }
}

/** A command that makes the same call with a key in $KEY. */
export function curlOf(gateway: string, call: PlaygroundCall): string {
  const body = JSON.stringify({ ...chatOf(call), stream: true }).replaceAll("'", String.raw`'\''`)
  return `curl -N ${gateway}/v1/chat/completions -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '${body}'`
}

/** A program that makes the same call with OpenAI's client for Python. */
export function pythonOf(gateway: string, call: PlaygroundCall): string {
  const given = Object.entries(chatOf(call)).map(([name, value]) => `    ${name}=${JSON.stringify(value)},`)
  return [
    'from openai import OpenAI',
    '',
    `client = OpenAI(base_url=${JSON.stringify(`${gateway}/v1`)}, api_key="slw_…")`,
    'stream = client.chat.completions.create(',
    ...given,
    '    stream=True,',
    ')',
    'for chunk in stream:',
    '    if chunk.choices:',
    '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
  ].join('\n')
}
