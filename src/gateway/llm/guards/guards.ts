/** The guardrails of an endpoint: they look at a request before it is sent, and at its answer before it goes on, whole or as a stream. */
import { problem } from '../../../contract/errors.ts'
import type { LlmGuardrail } from '../../../contract/llm/options.ts'
import type { GuardRecord } from '../records/record.ts'
import type { Dialect, LlmEndpointRoute } from '../../table/llm.ts'
import { answersIn } from './answers.ts'
import { viewed } from './body.ts'
import { guardFault } from './fault.ts'
import type { Finder } from './finders.ts'
import { finderOf } from './finders.ts'
import { askerOf } from './hook.ts'
import type { Ask } from './hook.ts'
import { fits } from './schema.ts'
import type { Length, Side } from './sight.ts'
import { blocked, Sight } from './sight.ts'
import type { Said } from './stream.ts'
import { GuardedStream } from './stream.ts'

/** A guardrail that looks at texts as a whole. */
type Whole =
  | { readonly guardrail: Extract<LlmGuardrail, { kind: 'schema' }> }
  | { readonly guardrail: Extract<LlmGuardrail, { kind: 'hook' }>; readonly ask: Ask }

/** What looks at one side. */
interface Watch {
  readonly finders: readonly Finder[]
  readonly lengths: readonly Length[]
  readonly wholes: readonly Whole[]
}

/** Takes what guardrails found. */
type Records = GuardRecord[]

/** A streamed answer on its way. */
export interface StreamWatch {
  readonly stream: GuardedStream
  /** True = nothing goes on before `judge`. */
  readonly holds: boolean
  /** Looks at the whole, once the stream has ended. Rejects with `guardrail_blocked`. */
  judge(): Promise<void>
  /** Notes what was found; once. */
  note(): void
}

export class Guards {
  readonly #endpoint: string
  readonly #request: Watch
  readonly #answer: Watch

  /** `allow`: private hosts that hooks may be at. Throws `unavailable` where a guardrail cannot do what it says: without it nothing is let through. */
  constructor({ name, guardrails }: LlmEndpointRoute, allow: readonly string[]) {
    this.#endpoint = name
    for (const guardrail of guardrails) {
      const fault = guardFault(guardrail)
      if (fault !== null) throw problem('unavailable', { what: `guardrail "${guardrail.name}"`, detail: fault })
    }
    this.#request = watchOf('request', guardrails, allow)
    this.#answer = watchOf('answer', guardrails, allow)
  }

  /** True when answers are looked at. */
  get onAnswer(): boolean {
    return isAwake(this.#answer)
  }

  /** A request's body as it may be sent. Rejects with `guardrail_blocked`. */
  async request(source: string, records: Records): Promise<string> {
    return this.#body('request', source, records, () => ({ answers: [], calls: false }))
  }

  /** A whole answer as it may go on. Rejects with `guardrail_blocked`. */
  async answer(dialect: Dialect, source: string, records: Records): Promise<string> {
    return this.#body('answer', source, records, (out) => answersIn(dialect, out))
  }

  async #body(
    on: Side,
    source: string,
    records: Records,
    answersOf: (out: string) => Omit<Said, 'texts'>,
  ): Promise<string> {
    const watch = on === 'request' ? this.#request : this.#answer
    if (!isAwake(watch)) return source
    const sight = new Sight(on, watch.finders, watch.lengths)
    try {
      const { source: out, texts } = viewed(source, on, sight)
      if (watch.wholes.length > 0) await this.#judge(on, { texts, ...answersOf(out) }, records)
      return out
    } finally {
      records.push(...sight.records())
    }
  }

  /** Looks at an answer that comes as a stream. */
  stream(dialect: Dialect, records: Records): StreamWatch {
    const { finders, lengths, wholes } = this.#answer
    const sight = new Sight('answer', finders, lengths)
    const hides = finders.some(({ action }) => action !== 'flag')
    const stream = new GuardedStream(dialect, sight, { hides, keeps: wholes.length > 0 })
    let isNoted = false
    return {
      stream,
      holds: wholes.some(({ guardrail }) => guardrail.action === 'block'),
      judge: () => this.#judge('answer', stream.said, records),
      note: () => {
        if (!isNoted) records.push(...sight.records())
        isNoted = true
      },
    }
  }

  async #judge(on: Side, said: Said, records: Records): Promise<void> {
    const { wholes } = on === 'request' ? this.#request : this.#answer
    for (const whole of wholes) {
      const { name, action } = whole.guardrail
      const found = 'ask' in whole ? await this.#asked(whole, on, said) : misfits(whole.guardrail.schema, said)
      if (found === undefined) continue
      const { count, detail, told = detail, passes = false } = found
      records.push({ name, on, action: passes ? 'failed' : action, found: count, detail })
      if (action === 'block' && !passes) throw blocked(name, on, told)
    }
  }

  async #asked(whole: Extract<Whole, { ask: Ask }>, on: Side, { texts }: Said): Promise<Objection | undefined> {
    const verdict = await whole.ask({ endpoint: this.#endpoint, on, texts })
    if (verdict.kind === 'allow') return undefined
    if (verdict.kind === 'refuse') return { count: 1, detail: 'its hook refused it', told: verdict.reason }
    const passes = whole.guardrail.on_fault === 'pass'
    return { count: 1, detail: `its hook could not be asked: ${verdict.detail}`, passes }
  }
}

/** What a guardrail has against a whole. */
interface Objection {
  readonly count: number
  readonly detail: string
  /** What the caller is told, where that is another thing. */
  readonly told?: string
  /** True = it could not look, and lets it pass. */
  readonly passes?: boolean
}

function misfits(schema: unknown, { answers, calls }: Said): Objection | undefined {
  // who calls a tool has not answered yet
  const texts = answers.length === 0 && !calls ? [''] : answers
  const count = texts.filter((text) => !((calls && text.trim() === '') || isFitting(schema, text))).length
  return count === 0 ? undefined : { count, detail: 'its text is no JSON of the schema' }
}

function isFitting(schema: unknown, text: string): boolean {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return false
  }
  return fits(schema, value)
}

function watchOf(on: Side, guardrails: readonly LlmGuardrail[], allow: readonly string[]): Watch {
  const own = guardrails.filter((one) => one.on === on || one.on === 'both')
  return {
    finders: own.flatMap((one) => finderOf(one) ?? []),
    lengths: own.flatMap((one) => (one.kind === 'length' ? [one] : [])),
    wholes: own.flatMap((one): Whole[] => {
      if (one.kind === 'hook') return [{ guardrail: one, ask: askerOf(one, allow) }]
      return one.kind === 'schema' ? [{ guardrail: one }] : []
    }),
  }
}

function isAwake({ finders, lengths, wholes }: Watch): boolean {
  return finders.length + lengths.length + wholes.length > 0
}

const made = new WeakMap<LlmEndpointRoute, Guards>()

/** The guardrails of an endpoint, made once a table; null = it has none. Throws `unavailable` as they do. */
export function guardsOf(endpoint: LlmEndpointRoute, allow: readonly string[]): Guards | null {
  if (endpoint.guardrails.length === 0) return null
  const known = made.get(endpoint)
  if (known !== undefined) return known
  const guards = new Guards(endpoint, allow)
  made.set(endpoint, guards)
  return guards
}
