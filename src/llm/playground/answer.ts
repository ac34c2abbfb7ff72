/** An answer of the gateway to a chat, as the events of the playground. */
import type { IncomingMessage } from 'node:http'
import { ifJson } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import type { LlmCallDetail } from '../../contract/llm-calls.ts'
import type { PlaygroundBegin, PlaygroundEnd, PlaygroundEvent } from '../../contract/llm/playground.ts'
import { SseParser } from '../../gateway/llm/dialects/events.ts'

/** Most bytes that are read of a refusal, or of an answer that came in one piece. */
const MOST_BYTES = 16 * 1024 * 1024

export interface AnswerDeps {
  /** Calls the gateway. Throws a `Problem` when none answers. */
  readonly ask: () => Promise<IncomingMessage>
  /** Monotonic time, ms. */
  readonly now: () => number
  /** The record of a call that has ended; undefined where it is not there. */
  readonly recordOf: (call: string) => Promise<Pick<LlmCallDetail, 'cost_status' | 'cost_nanodollars'> | undefined>
  /** Aborted when the caller has left: nothing more is told then. */
  readonly signal: AbortSignal
}

type Refusal = NonNullable<PlaygroundEnd['refusal']>

/** What is known of an answer while it comes. */
interface Course extends PlaygroundBegin {
  readonly began: number
  status: number
  first: number | null
  finish: string | null
  tokens: PlaygroundEnd['tokens']
  refusal: Refusal | null
}

const NOBODY: PlaygroundBegin = { call: null, model: null, cache: null, lost: [] }

/** The events of one call; the last is `end`, whatever happened, unless the caller has left. */
export async function* answerEvents(deps: AnswerDeps): AsyncGenerator<PlaygroundEvent> {
  const { signal } = deps
  const course: Course = {
    ...NOBODY,
    began: deps.now(),
    status: 0,
    first: null,
    finish: null,
    tokens: null,
    refusal: null,
  }
  try {
    const response = await deps.ask()
    Object.assign(course, beginOf(response), { status: response.statusCode ?? 0 })
    if (course.status < 300) yield { event: 'begin', data: beginOf(response) }
    for await (const text of textsOf(response, course)) {
      course.first ??= deps.now()
      yield { event: 'text', data: { text } }
    }
  } catch (error) {
    if (signal.aborted) return
    // a gateway that has told why breaks the answer off
    course.refusal ??= brokenOff(error, course.status)
  }
  if (!signal.aborted) yield { event: 'end', data: await endOf(deps, course) }
}

/** What the head of an answer tells. */
function beginOf({ headers }: IncomingMessage): PlaygroundBegin {
  const header = (name: string): string | null => [headers[name]].flat()[0] ?? null
  return {
    call: header('x-slipway-call'),
    model: header('x-slipway-model'),
    cache: header('x-slipway-cache'),
    lost: header('x-slipway-lost')?.split(', ') ?? [],
  }
}

async function endOf({ now, recordOf }: AnswerDeps, course: Course): Promise<PlaygroundEnd> {
  const { call, model, cache, lost, refusal, finish, tokens, began, first } = course
  const ms = now() - began
  const record = call === null ? undefined : await recordOf(call)
  return {
    call,
    model,
    refusal,
    finish,
    first_ms: first === null ? null : first - began,
    ms,
    tokens,
    cost_status: record?.cost_status ?? null,
    cost_nanodollars: record?.cost_nanodollars ?? null,
    cache,
    lost,
  }
}

/** The pieces of text of an answer; what else it tells is noted. Throws where it breaks off. */
async function* textsOf(response: IncomingMessage, course: Course): AsyncGenerator<string> {
  const type = response.headers['content-type'] ?? ''
  if (course.status < 300 && type.startsWith('text/event-stream')) {
    const parser = new SseParser()
    for await (const chunk of response as AsyncIterable<Buffer>) {
      for (const { data } of parser.push(chunk)) {
        const text = noted(data, course)
        if (text !== '') yield text
      }
    }
    return
  }
  const text = noted(await wholeOf(response), course)
  if (course.status >= 300) course.refusal ??= refusalOf({}, course)
  else if (text !== '') yield text
}

async function wholeOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MOST_BYTES) throw new Error(`its answer has more than ${MOST_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** A chunk of a stream, a whole answer or an error, of which all may be missing: it comes from a provider. */
interface Said {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: unknown } | null
    readonly message?: { readonly content?: unknown } | null
    readonly finish_reason?: unknown
  }[]
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown } | null
  readonly error?: { readonly message?: unknown; readonly code?: unknown; readonly type?: unknown } | string | null
}

/** The text that a piece of JSON adds to the answer. */
function noted(json: string, course: Course): string {
  const said = ifJson(json)
  if (typeof said !== 'object' || said === null) return ''
  const { choices, usage, error } = said as Said
  if (error !== undefined && error !== null) course.refusal ??= refusalOf(error, course)
  course.tokens = tokensOf(usage) ?? course.tokens
  const [choice] = Array.isArray(choices) ? (choices as NonNullable<Said['choices']>) : []
  return choice === undefined ? '' : chosen(choice, course)
}

function tokensOf(usage: Said['usage']): Course['tokens'] {
  const [input, output] = [usage?.prompt_tokens, usage?.completion_tokens]
  return typeof input === 'number' && typeof output === 'number' ? { input, output } : null
}

function chosen({ delta, message, finish_reason }: NonNullable<Said['choices']>[number], course: Course): string {
  if (typeof finish_reason === 'string') course.finish = finish_reason
  const content = (delta ?? message)?.content
  return typeof content === 'string' ? content : ''
}

function refusalOf(error: NonNullable<Said['error']>, { status, call }: Course): Refusal {
  const { message, code, type } =
    typeof error === 'string' ? { message: error, code: undefined, type: undefined } : error
  const word = [code, type].find((one) => typeof one === 'string') ?? `http_${status}`
  return {
    kind: kindOf(word, status, call),
    status,
    code: word,
    message: typeof message === 'string' ? message : `it was answered with HTTP ${status}`,
  }
}

const GUARDED = /guardrail|content_filter/

/** An answer of a provider has the id of its call; a provider may have budgets and limits of its own. */
function kindOf(code: string, status: number, call: string | null): Refusal['kind'] {
  if (GUARDED.test(code)) return 'guardrail'
  if (status === 429) return call === null && code === 'insufficient_quota' ? 'budget' : 'limit'
  return status >= 400 && status < 500 ? 'request' : 'provider'
}

function brokenOff(error: unknown, status: number): Refusal {
  if (error instanceof Problem)
    return { kind: 'provider', status: error.status, code: error.code, message: error.message }
  const message = `the answer broke off: ${error instanceof Error ? error.message : String(error)}`
  return { kind: 'provider', status, code: 'broken_off', message }
}
