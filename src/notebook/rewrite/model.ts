/** Which variable is the model, what it predicts from, and the fitted steps between a table and the model (D12). */
import { refusal, type Reason } from '../read/refusal.ts'
import type { Call } from '../facts/facts.ts'
import { functionsOf, variablesOf, type Placed, type Program } from './program.ts'

/** A step between the rows that are asked and the model: a fitted transformer, or a function of the package. */
export interface ChainStep {
  readonly kind: 'transform' | 'function'
  /** The variable of the transformer, or the name of the function. */
  readonly name: string
}

export interface Model {
  /** The variable that holds it. */
  readonly name: string
  readonly cell: number
  /** Where it is fitted: statements from there on train and judge. */
  readonly at: number
  /** Steps in the order in which rows pass them. */
  readonly chain: readonly ChainStep[]
  /** The variable with rows that the notebook predicted from, before the chain; undefined where it does not say. */
  readonly rows: string | undefined
  /** predict, predict_proba, …: as the notebook asks. */
  readonly method: string
  /** The expression of the notebook whose value the predictions are compared with. */
  readonly probe: string | undefined
}

const ASKS = /^(\w+)\.(predict|predict_proba|decision_function|score_samples|score)$/
const TRAINERS = /^(?:lgb|lightgbm|xgb|xgboost)\.train$/

interface Fit {
  readonly name: string
  readonly cell: number
  readonly at: number
  readonly call: Call
  readonly loop: boolean
}

/** The model. `wanted` names it where there are several. Throws where none is fitted, or several are and none is named. */
export function findModel(program: Program, wanted: string | undefined): Model {
  const fits = fitsOf(program)
  const asked = new Set(callsOf(program).flatMap(({ call }) => ASKS.exec(call.text)?.[1] ?? []))
  const transforms = new Set(
    callsOf(program).flatMap(
      ({ call }) => /^(\w+)\.(?:transform|fit_transform|inverse_transform)$/.exec(call.text)?.[1] ?? [],
    ),
  )
  const candidates = fits.filter(({ name }) => asked.has(name) || !transforms.has(name))
  const names = [...new Set(candidates.map(({ name }) => name))]
  // a variable that is only fitted to be looked at is not what others ask
  const strong = names.filter((name) => asked.has(name))
  const left = strong.length > 0 ? strong : names
  if (wanted !== undefined) return named(program, wanted, fits)
  if (left.length === 0) throw refusal([none(program)])
  const loops = candidates.filter(({ name, loop }) => loop && left.includes(name))
  if (left.length > 1 || loops.length > 0)
    throw refusal([several(candidates.filter(({ name }) => left.includes(name)))])
  const [name = ''] = left
  return withChain(program, name, lastOf(candidates, name), fits)
}

function lastOf(fits: readonly Fit[], name: string): Fit | undefined {
  return fits.findLast((one) => one.name === name)
}

function named(program: Program, name: string, fits: readonly Fit[]): Model {
  if (!variablesOf(program).has(name))
    throw refusal([
      {
        code: 'model',
        cell: null,
        message: `there is no variable "${name}"`,
        remedy: 'name the variable that holds the model with --model',
      },
    ])
  return withChain(program, name, lastOf(fits, name), fits)
}

/** Calls that fit copies of a model and keep none. */
const CROSS =
  /(?:^|\.)(?:cross_val\w+|validation_curve|learning_curve)$|^(?:\w+\.)*(?:Validation|Learning)CurveDisplay\.from_estimator$/

function none(program: Program): Reason {
  const inside = program.placed.find(({ statement }) => statement.calls.some(({ text }) => /(?:\.|\))fit$/.test(text)))
  if (inside !== undefined)
    return {
      code: 'model',
      cell: inside.cell,
      message:
        'models are fitted only inside of loops, functions or expressions, so that none can be told to be the model',
      remedy: 'name the variable that holds it with --model NAME',
    }
  const judged = program.placed.find(({ statement }) => statement.calls.some(({ text }) => CROSS.test(text)))
  if (judged !== undefined)
    return {
      code: 'model',
      cell: judged.cell,
      message: 'models are only cross-validated, and none of them is fitted to be kept',
      remedy: 'fit the one to serve on the training rows, as the last step',
    }
  const plots = program.placed.some(({ statement }) => statement.calls.some(({ text }) => /^(?:plt|sns)\./.test(text)))
  return {
    code: 'model',
    cell: null,
    message: plots ? 'the notebook makes plots and fits no model' : 'the notebook fits no model',
    remedy:
      'there is nothing to serve; if a function fits it, name the variable that holds the model with --model NAME',
  }
}

function several(fits: readonly Fit[]): Reason {
  const list = fits.map(({ name, cell, loop }) => `"${name}" (cell ${cell}${loop ? ', in a loop' : ''})`)
  return {
    code: 'model',
    cell: null,
    message: `the notebook fits ${fits.length > 1 ? 'several models' : 'a model several times'}: ${[...new Set(list)].join(', ')}`,
    remedy: 'name the variable that holds the one to serve with --model NAME',
  }
}

function callsOf(program: Program): { placed: Placed; at: number; call: Call }[] {
  return program.placed.flatMap((placed, at) =>
    placed.role === 'body' ? placed.statement.calls.map((call) => ({ placed, at, call })) : [],
  )
}

/** Every fit of a variable at the top of the notebook, in order. */
function fitsOf(program: Program): Fit[] {
  const variables = variablesOf(program)
  return callsOf(program).flatMap(({ placed, at, call }): Fit[] => {
    const { statement, cell } = placed
    const loop = /^(?:For|While|AsyncFor)$/.test(statement.kind)
    const [bound = ''] = statement.binds
    const assigned =
      statement.assigned !== null && statement.binds.length === 1 && statement.assigned[1] === call.span[1]
    if (TRAINERS.test(call.text)) return assigned ? [{ name: bound, cell, at, call, loop }] : []
    if (!/(?:^|\.|\))fit$/.test(call.text)) return []
    if (assigned) return [{ name: bound, cell, at, call, loop }]
    const direct = /^(\w+)\.fit$/.exec(call.text)?.[1]
    return direct !== undefined && variables.has(direct) ? [{ name: direct, cell, at, call, loop }] : []
  })
}

function withChain(program: Program, name: string, fit: Fit | undefined, fits: readonly Fit[]): Model {
  const asked = askOf(program, name)
  const from = asked?.from ?? variableOf(fit?.call)
  const first = Math.min(...fits.map(({ at }) => at), program.placed.length)
  const { cell, at } = fit ?? { cell: 0, at: first }
  const { chain, rows } = from === undefined ? NOTHING : chainBack(program, from, asked?.at ?? at)
  const method = asked?.method ?? 'predict'
  return {
    name,
    cell,
    at: beginning(program, name, at),
    chain,
    rows,
    method,
    // what it asks with an expression has no name here, and the rows of the fit were never asked
    probe:
      rows === undefined || (asked === undefined && asks(program, name)) ? undefined : `${name}.${method}(${from})`,
  }
}

const NOTHING = { chain: [], rows: undefined }

/** The last time that the notebook asks the model for answers to the rows of a variable. */
function askOf(program: Program, name: string): { from: string; at: number; method: string } | undefined {
  for (const { placed, at, call } of callsOf(program).toReversed()) {
    const [, model, method = ''] = ASKS.exec(call.text) ?? []
    const from = variableOf(call)
    const once = !/^(?:For|While|With)$/.test(placed.statement.kind)
    if (model === name && method !== 'score' && from !== undefined && once) return { from, at, method }
  }
  return undefined
}

/** Whether the notebook asks the model for answers at all. */
function asks(program: Program, name: string): boolean {
  return callsOf(program).some(({ call }) => {
    const [, model, method] = ASKS.exec(call.text) ?? []
    return model === name && method !== 'score'
  })
}

/** The variable that is the first argument of a call. */
function variableOf(call: Call | undefined): string | undefined {
  const text = call?.arguments[0]?.text ?? ''
  return /^[A-Za-z_]\w*$/.test(text) ? text : undefined
}

/** Training begins where its cell makes the model, if that is above the fit. */
function beginning(program: Program, name: string, fit: number): number {
  const cell = program.placed[fit]?.cell
  for (let at = fit - 1; at >= 0 && program.placed[at]?.cell === cell; at -= 1)
    if (program.placed[at]?.statement.binds.includes(name) === true) return at
  return fit
}

/** Follows a variable back through fitted transforms and functions of one argument. */
function chainBack(program: Program, from: string, before: number): { chain: ChainStep[]; rows: string } {
  const chain: ChainStep[] = []
  let rows = from
  for (const placed of program.placed.slice(0, before).toReversed()) {
    const { statement, role } = placed
    if (role !== 'body' || ![...statement.binds, ...statement.changed].includes(rows)) continue
    const step = stepOf(program, placed)
    if (step === undefined) break
    chain.unshift(step.step)
    rows = step.argument
  }
  return { chain, rows }
}

/** `B = scaler.transform(A)` or `B = function(A)`; undefined for every other statement. */
function stepOf(program: Program, { statement }: Placed): { step: ChainStep; argument: string } | undefined {
  const { assigned, binds, calls } = statement
  const whole = calls.find(({ span }) => assigned?.[0] === span[0] && assigned[1] === span[1])
  const argument = variableOf(whole)
  if (whole === undefined || argument === undefined || binds.length !== 1) return undefined
  if (whole.arguments.length !== 1 || whole.keywords.length > 0) return undefined
  const variables = variablesOf(program)
  const transformer = /^(\w+)\.(?:transform|fit_transform)$/.exec(whole.text)?.[1]
  if (transformer !== undefined && variables.has(transformer))
    return { step: { kind: 'transform', name: transformer }, argument }
  const called = functionsOf(program).get(whole.text)?.definition
  const plain = called?.kind === 'function' && !called.later.some((name) => variables.has(name))
  return plain ? { step: { kind: 'function', name: whole.text }, argument } : undefined
}
