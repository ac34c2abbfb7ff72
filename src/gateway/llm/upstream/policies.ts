/** Which of the models that are fit is called first, by the routing of an endpoint. */
import type { LlmRouting } from '../../../contract/llm/options.ts'
import type { ModelRoute } from '../../table/llm.ts'
import { costOf } from '../money/prices.ts'
import { BLOCK_BYTES } from './prefixes.ts'
import type { Blocks, Prefixes } from './prefixes.ts'
import type { Standing } from './standing.ts'

/** What of a call decides who gets it. */
export interface Routed {
  readonly routing: LlmRouting
  readonly stream: boolean
  readonly inputBytes: number
  /** Most output tokens that it asks for; null = it sets no bound. */
  readonly maxOutput: number | null
  /** Made only where they are asked for. */
  readonly blocks: () => Blocks
}

/** A model of which the cache is taken to know a prompt. */
export interface Predicted {
  readonly model: ModelRoute
  /** Bytes that it has read before. */
  readonly bytes: number
}

export interface Choosing {
  readonly call: Routed
  readonly now: number
  standing(model: ModelRoute): Standing
  /** The next by their weights; undefined of none. */
  turn(models: readonly ModelRoute[]): ModelRoute | undefined
  /** Of the endpoint: a model's own number among what prefixes know. */
  salt(model: ModelRoute): number
  readonly prefixes: Prefixes
  /** Calls of the endpoint since the last one that went to a model only to learn how fast it is. */
  readonly looks: { since: number }
}

export interface Choice {
  readonly first: ModelRoute | undefined
  readonly predicted: Predicted | null
}

/** The first of the models, of which each has a weight. `weighted` is the caller's own. */
export function firstBy(fit: readonly ModelRoute[], by: Choosing): Choice {
  switch (by.call.routing) {
    case 'least_busy':
      return { first: leastBusy(fit, by), predicted: null }
    case 'latency':
      return { first: fastest(fit, by), predicted: null }
    case 'cost':
      return { first: by.turn(least(fit, (model) => expectedCost(model, fit, by))), predicted: null }
    case 'prefix':
      return longest(fit, by)
    default:
      return { first: by.turn(fit), predicted: null }
  }
}

/** Those of which a number is least. */
function least(models: readonly ModelRoute[], of: (model: ModelRoute) => number): readonly ModelRoute[] {
  const numbers = models.map(of)
  const lowest = Math.min(...numbers)
  return models.filter((_, i) => numbers[i] === lowest)
}

function leastBusy(fit: readonly ModelRoute[], by: Choosing): ModelRoute | undefined {
  return by.turn(least(fit, (model) => by.standing(model).open / model.weight))
}

/** A model that was not tried for so long may get a call to learn how fast it is now, ms; at most one in so many calls does. */
const UNTRIED_MS = 5000
const CALLS_A_LOOK = 20

/** One that was never tried comes first, so that all are known early; then one in so many calls goes to who was not tried for longest. */
function fastest(fit: readonly ModelRoute[], by: Choosing): ModelRoute | undefined {
  const speed = (model: ModelRoute) => by.standing(model).speed(by.call.stream)
  const fresh = fit.filter((model) => speed(model).triedAt === null)
  if (fresh.length > 0) return by.turn(fresh)
  const known = fit.filter((model) => speed(model).known(by.now) !== null)
  if (known.length === 0) return by.turn(fit)
  const best = least(known, (model) => speed(model).known(by.now) ?? Infinity)
  const untried = fit.filter((model) => !best.includes(model) && by.now - (speed(model).triedAt ?? 0) >= UNTRIED_MS)
  by.looks.since++
  if (by.looks.since >= CALLS_A_LOOK && untried.length > 0) {
    by.looks.since = 0
    return by.turn(least(untried, (model) => speed(model).triedAt ?? 0))
  }
  return by.turn(best)
}

/** Output that is expected of a call while no model has told of any, tokens. */
const OUTPUT = 256

/** Nanodollars that a call is expected to cost at a model; Infinity where its price is not known. */
function expectedCost(model: ModelRoute, fit: readonly ModelRoute[], by: Choosing): number {
  const { price } = model
  if (price === null) return Infinity
  const learned = fit.map((one) => by.standing(one).output).filter((output) => output !== null)
  const mean = learned.length === 0 ? null : learned.reduce((sum, one) => sum + one, 0) / learned.length
  const most = by.call.maxOutput
  const expected = by.standing(model).output ?? mean ?? most ?? OUTPUT
  const input = Math.ceil(by.call.inputBytes / 4)
  const output = Math.min(expected, most ?? Infinity)
  return costOf({ input, output, cache_read: 0, cache_write: 0, reasoning: 0 }, price)
}

/** A known beginning binds a call from so many blocks on, and from this share of its prompt (SGLang's `cache_threshold`). */
const LEAST_BLOCKS = 2
const LEAST_SHARE = 0.3
/**
 * A model is too busy to be bound to with so many calls more than the least busy one has, and so many times as many: SGLang's and vLLM's routers have 64 and 1.5, for
 * one router before all calls; a gateway is one of several, and sees a share of them.
 */
const MORE_CALLS = 8
const MORE_TIMES = 1.5
/** After so many wrong predictions in a row, only one in so many calls follows what is known of a model, until an answer tells that it was right. */
const DOUBTED = 3
const ONE_IN = 8

function longest(fit: readonly ModelRoute[], by: Choosing): Choice {
  const blocks = by.call.blocks()
  const count = blocks.length / 2
  const need = Math.max(LEAST_BLOCKS, Math.ceil(count * LEAST_SHARE))
  const depths = new Map(fit.map((model) => [model, by.prefixes.depth(blocks, by.salt(model), by.now)]))
  const known = fit.filter((model) => (depths.get(model) ?? 0) >= need && isBelieved(by.standing(model)))
  const best = least(known, (model) => -(depths.get(model) ?? 0))
  const first = best.length === 0 ? undefined : leastBusy(best, by)
  if (first === undefined || isMuchBusier(first, fit, by)) return { first: leastBusy(fit, by), predicted: null }
  return { first, predicted: { model: first, bytes: (depths.get(first) ?? 0) * BLOCK_BYTES } }
}

function isBelieved(standing: Standing): boolean {
  return standing.wrong < DOUBTED || ++standing.kept % ONE_IN === 0
}

function isMuchBusier(model: ModelRoute, fit: readonly ModelRoute[], by: Choosing): boolean {
  // as calls, whatever the scale of the weights
  const mean = fit.reduce((sum, { weight }) => sum + weight, 0) / fit.length
  const load = (of: ModelRoute): number => (by.standing(of).open * mean) / of.weight
  const idlest = Math.min(...fit.map(load))
  return load(model) - idlest > MORE_CALLS && load(model) > idlest * MORE_TIMES
}
