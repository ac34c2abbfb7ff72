/** One call on its way through the models of an endpoint: who is busy with it, how fast it is answered, what its answer tells of caches. */
import type { ModelRoute } from '../../table/llm.ts'
import type { Usage } from '../records/record.ts'
import type { Predicted, Routed } from './policies.ts'
import type { Prediction, Prefixes } from './prefixes.ts'
import type { Standing } from './standing.ts'

/** What the answer told. */
export interface Told {
  readonly usage: Usage | null
  readonly raw: unknown
  /** Why it ended; null = it did not end by itself. */
  readonly finish: string | null
}

export interface FlightPorts {
  readonly call: Routed
  readonly predicted: Predicted | null
  readonly prefixes: Prefixes
  standing(model: ModelRoute): Standing
  salt(model: ModelRoute): number
}

/** What comes before the first token of a whole answer takes about as long as so many tokens. */
const BEFORE_TOKENS = 25
/** A known beginning shorter than this may be too short for a provider's cache: most begin at 1,024 tokens, some at 2,048. */
const JUDGED_BYTES = 8192

/** A call is under way at the model it is meant for from the choice on, so that calls that are chosen for at once see each other. */
export class Flight {
  readonly #ports: FlightPorts
  #model: ModelRoute | undefined
  #standing: Standing | undefined
  #sentUs = 0
  #heardUs: number | undefined
  /** True while an answer may still come. */
  #waits = false

  constructor(ports: FlightPorts, first: ModelRoute | undefined) {
    this.#ports = ports
    if (first !== undefined) this.#at(first)
  }

  /** It is sent to a model; `us`: of the call's own clock. */
  sent(model: ModelRoute, us: number, now: number): void {
    if (model !== this.#model) this.#at(model)
    this.#sentUs = us
    this.#heardUs = undefined
    this.#waits = true
    if (this.#standing !== undefined) this.#standing.speed(this.#ports.call.stream).triedAt = now
  }

  /** The head of an answer has come. `isGood`: the model takes it on, and has read the prompt. */
  answered(isGood: boolean, now: number): void {
    const { call, prefixes } = this.#ports
    this.#waits = isGood
    if (!isGood || call.routing !== 'prefix' || this.#model === undefined) return
    prefixes.learn(call.blocks(), this.#ports.salt(this.#model), now)
  }

  /** The first bytes of a stream have come, or a whole answer has. */
  heard(us: number): void {
    if (this.#waits) this.#heardUs = us
    this.#waits = false
  }

  /** The model did not answer, or broke off. */
  failed(now: number): void {
    this.#heardUs = undefined
    this.#waits = false
    this.#standing?.speed(this.#ports.call.stream).failed(now)
  }

  /** It is over, however it ended; `us`: of the call's own clock. Only the first time counts. */
  end(told: Told, us: number, now: number): void {
    const standing = this.#standing
    const model = this.#model
    if (standing === undefined || model === undefined) return
    this.#standing = undefined
    standing.open--
    const { stream } = this.#ports.call
    const speed = standing.speed(stream)
    const output = told.usage?.output ?? 0
    const measured = ((this.#heardUs ?? us) - this.#sentUs) / (stream ? 1 : output + BEFORE_TOKENS)
    // whoever left a slow model has not waited for all of it
    const isSlower = this.#waits && measured > (speed.known(now) ?? Infinity)
    if (this.#heardUs !== undefined || isSlower) speed.measured(measured, now)
    if (this.#heardUs === undefined) return
    if (told.finish !== null && told.usage !== null) standing.said(output)
    this.#judge(standing, model, told)
  }

  #at(model: ModelRoute): void {
    if (this.#standing !== undefined) this.#standing.open--
    this.#model = model
    this.#standing = this.#ports.standing(model)
    this.#standing.open++
  }

  #judge(standing: Standing, model: ModelRoute, told: Told): void {
    const { predicted, prefixes } = this.#ports
    if (predicted === null || predicted.model !== model) return
    const result = outcomeOf(told, predicted.bytes)
    prefixes.counts[result]++
    if (result === 'hit') standing.wrong = 0
    if (result === 'miss') standing.wrong++
  }
}

/** Many servers tell nothing of their caches, and then no tokens from them. */
function outcomeOf({ usage, raw }: Told, bytes: number): Prediction {
  if (usage === null) return 'untold'
  if (usage.cache_read > 0) return 'hit'
  return bytes >= JUDGED_BYTES && /cache/i.test(JSON.stringify(raw)) ? 'miss' : 'untold'
}
