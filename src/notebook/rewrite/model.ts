/** Which variable is the model, what it predicts from, and the fitted steps between a table and the model (D12). */
import { refusal, type Reason } from '../read/refusal.ts'
import type { Argument, Call } from '../facts/facts.ts'
import { isChanged, kept, named, rowsOf, watch, type ChainStep, type Rows } from './asked.ts'
import { variablesOf, type Placed, type Program } from './program.ts'

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
  /** The call of the notebook whose value the predictions are compared with, as Python writes it. */
  readonly probe: string | undefined
  /** Where the rows are that it asks with; undefined where they are found only as the original runs, or never. */
  readonly asked: Rows | undefined
  /** They are the rows that it learnt from, for the code asks it for nothing: not in so many words. */
  readonly learnt: boolean
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
  if (wanted !== undefined) return chosen(program, wanted, fits)
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

function chosen(program: Program, name: string, fits: readonly Fit[]): Model {
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
  const from = asked ?? learntOf(fit)
  const { cell, at } = fit ?? { cell: 0, at: Math.min(...fits.map((one) => one.at), program.placed.length) }
  const method = asked?.method ?? 'predict'
  const model = { name, cell, at: beginning(program, name, at), method, learnt: asked === undefined }
  if (from === undefined) return { ...model, chain: [], rows: undefined, probe: undefined, asked: undefined }
  const rows = rowsOf(program, from.argument, from.at)
  const { chain } = rows
  // where it asks in a way that has no place here, the rows of the fit were never asked
  if (asked === undefined && asks(program, name))
    return { ...model, chain, rows: rows.name, probe: undefined, asked: undefined }
  watch(program, rows.place, { at: from.at, cell: program.placed[from.at]?.cell ?? 0, span: from.argument.span })
  const keyword = rows.place.at === from.at && chain.length === 0 && from.keyword
  const probe = `${name}.${method}(${from.argument.text})`
  return { ...model, chain, rows: nameOfRows(program, rows, keyword), probe, asked: rows }
}

/** What a model learns from, in the place of what it is asked with. */
function learntOf(fit: Fit | undefined): Omit<Ask, 'method'> | undefined {
  const learnt = fit === undefined || TRAINERS.test(fit.call.text) ? undefined : argumentOf(fit.call)
  return learnt === undefined || fit === undefined ? undefined : { ...learnt, at: fit.at }
}

/** The variable with the rows as they are where the model is asked: their own, or one that they get. */
function nameOfRows(program: Program, rows: Rows, keyword: boolean): string | undefined {
  if (rows.name === undefined) return named(program, rows, keyword)
  return isChanged(program, rows) ? (kept(program, rows) ?? rows.name) : rows.name
}

/** The model with a copy of its rows, where the run has shown that something changes them later. */
export function withKeptRows(program: Program, model: Model): Model {
  if (model.asked === undefined || model.rows !== model.asked.name) return model
  return { ...model, rows: kept(program, model.asked) ?? model.rows }
}

interface Ask {
  readonly argument: Argument
  readonly keyword: boolean
  readonly at: number
  readonly method: string
}

/** The last time that the notebook asks the model for answers; else the last time that it has it judged. */
function askOf(program: Program, name: string): Ask | undefined {
  const all = callsOf(program).flatMap(({ placed, at, call }): Ask[] => {
    const [, model, method = ''] = ASKS.exec(call.text) ?? []
    const given = argumentOf(call)
    const once = call.once && !call.joined && !/^(?:For|While|With)$/.test(placed.statement.kind)
    return model === name && given !== undefined && once ? [{ ...given, at, method }] : []
  })
  const last = all.findLast(({ method }) => method !== 'score')
  if (last !== undefined || asks(program, name)) return last
  const judged = all.at(-1)
  return judged === undefined ? undefined : { ...judged, method: 'predict' }
}

/** Whether the notebook asks the model for answers at all. */
function asks(program: Program, name: string): boolean {
  return callsOf(program).some(({ call }) => {
    const [, model, method] = ASKS.exec(call.text) ?? []
    return model === name && method !== 'score'
  })
}

/** What a model is given to learn from or to answer. */
function argumentOf(call: Call): { argument: Argument; keyword: boolean } | undefined {
  const [first] = call.arguments
  const argument = first ?? call.keywords.find(({ name }) => name === 'X')
  if (argument === undefined || argument.star === true || argument.kind === 'GeneratorExp') return undefined
  return { argument, keyword: first === undefined }
}

/** Training begins where its cell makes the model, if that is above the fit. */
function beginning(program: Program, name: string, fit: number): number {
  const cell = program.placed[fit]?.cell
  for (let at = fit - 1; at >= 0 && program.placed[at]?.cell === cell; at -= 1)
    if (program.placed[at]?.statement.binds.includes(name) === true) return at
  return fit
}
