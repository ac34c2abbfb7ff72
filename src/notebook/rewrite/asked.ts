/** With which rows the notebook asks its model: followed back through fitted steps to where they come from, and given a name. */
import type { Argument, Call, Span, Statement } from '../facts/facts.ts'
import type { Edit } from './edit.ts'
import { change, freshName, functionsOf, variablesOf, type Placed, type Program } from './program.ts'

/** A step between the rows that are asked and the model: a fitted transformer, or a function of the package. */
export interface ChainStep {
  readonly kind: 'transform' | 'function'
  /** The variable of the transformer, or the name of the function. */
  readonly name: string
}

/** An expression of a cell, by its place in the clean source. */
export interface Place {
  /** Of the statement in the program. */
  readonly at: number
  readonly cell: number
  readonly span: Span
}

/** Rows as an argument of a call, before the steps that they pass on their way to the model. */
export interface Rows {
  /** Steps in the order in which rows pass them. */
  readonly chain: readonly ChainStep[]
  /** The variable that holds them; undefined for an expression that has no name. */
  readonly name: string | undefined
  readonly place: Place
}

/** The rows of an argument of a statement, before fitted transforms and functions of one argument. */
export function rowsOf(program: Program, argument: Argument, before: number): Rows {
  const chain: ChainStep[] = []
  let [one, at] = [argument, before]
  for (;;) {
    const step = stepBefore(program, one, at)
    if (step === undefined) break
    chain.unshift(step.step)
    ;[one, at] = [step.argument, step.at]
  }
  const cell = program.placed[at]?.cell ?? 0
  return { chain, name: nameOf(one), place: { at, cell, span: one.span } }
}

function nameOf(argument: Argument | undefined): string | undefined {
  const text = argument?.text ?? ''
  return /^[A-Za-z_]\w*$/.test(text) && argument?.kind === 'Name' ? text : undefined
}

interface Before {
  readonly step: ChainStep
  readonly argument: Argument
  readonly at: number
}

/** The step that made an argument: within the same statement, or in the one that bound its variable. */
function stepBefore(program: Program, argument: Argument, at: number): Before | undefined {
  const name = nameOf(argument)
  if (name === undefined) {
    const inner = callAt(program.placed[at]?.statement, argument.span)
    const step = inner === undefined ? undefined : stepOf(program, inner)
    return step === undefined || step.argument.kind === 'Constant' ? undefined : { ...step, at }
  }
  const made = program.placed
    .slice(0, at)
    .findLastIndex(
      ({ statement, role }) => role === 'body' && [...statement.binds, ...statement.changed].includes(name),
    )
  const statement = program.placed[made]?.statement
  if (statement === undefined || statement.assigned === null || statement.binds.length !== 1) return undefined
  const whole = callAt(statement, statement.assigned)
  const step = whole === undefined ? undefined : stepOf(program, whole)
  // a function that makes a table of something else reads the data; a transform is handed rows, whatever they are called
  if (step === undefined || (step.step.kind === 'function' && nameOf(step.argument) === undefined)) return undefined
  return { ...step, at: made }
}

function callAt(statement: Statement | undefined, [start, end]: Span): Call | undefined {
  return statement?.calls.find(({ span }) => span[0] === start && span[1] === end)
}

/** `scaler.transform(A)` or `function(A)`; undefined for every other call. */
function stepOf(program: Program, call: Call): { step: ChainStep; argument: Argument } | undefined {
  const [argument] = call.arguments
  if (argument === undefined || call.arguments.length !== 1 || call.keywords.length > 0 || argument.star === true)
    return undefined
  const variables = variablesOf(program)
  const transformer = /^(\w+)\.(?:transform|fit_transform)$/.exec(call.text)?.[1]
  if (transformer !== undefined && variables.has(transformer))
    return { step: { kind: 'transform', name: transformer }, argument }
  const called = functionsOf(program).get(call.text)?.definition
  const plain = called?.kind === 'function' && !called.later.some((name) => variables.has(name))
  // a setting is a path or a number, and no rows
  const given = nameOf(argument)
  if (!plain || argument.kind === 'Constant' || (given !== undefined && program.settings.has(given))) return undefined
  return { step: { kind: 'function', name: call.text }, argument }
}

/** Statements of which a part can be named, and before which another one can stand. */
const PLAIN = /^(?:Assign|AnnAssign|AugAssign|Expr)$/

/** Gives rows without a name one, in the statement that asks with them; undefined where that cannot be done. */
export function named(program: Program, { place }: Rows, keyword: boolean): string | undefined {
  const placed = program.placed[place.at]
  if (placed === undefined || !PLAIN.test(placed.statement.kind)) return undefined
  const [start, end] = place.span
  const edits = program.edits.get(place.cell) ?? []
  if (
    edits.some((one) => one.start < start && one.end > start) ||
    edits.some((one) => one.start < end && one.end > end)
  )
    return undefined
  const name = freshName(program, 'asked')
  const [open, close] = keyword ? ['(', ')'] : ['', '']
  bind(placed, name)
  change(program, place.cell, [], {
    code: 'D12',
    line: placed.statement.line,
    found: 'the model is asked with rows that have no name',
    action: `they are called ${name}, so that predict.py can be asked with them`,
  })
  first(program, place.cell, { start, end: start, text: `${open}${name} := ` })
  if (close !== '') program.edits.get(place.cell)?.push({ start: end, end, text: close })
  return name
}

/** Keeps a copy of rows that a later statement changes, as they are where the model is asked; undefined where that cannot be done. */
export function kept(program: Program, { name, place }: Rows): string | undefined {
  const placed = program.placed[place.at]
  if (name === undefined || placed === undefined || !PLAIN.test(placed.statement.kind)) return undefined
  const copy = freshName(program, 'asked')
  bind(placed, copy)
  const { start, line } = placed.statement
  first(program, place.cell, { start, end: start, text: `${copy} = kept_rows(${name})\n    ` })
  change(program, place.cell, [], {
    code: 'D12',
    line,
    found: `${name} is changed after the model was asked with it`,
    action: `a copy of it is kept as ${copy}, for predict.py and the signature of the model`,
  })
  return copy
}

/** Whether a statement from there on changes the rows: by what stands in it. */
export function isChanged(program: Program, { name, place }: Rows): boolean {
  if (name === undefined) return false
  return program.placed.slice(place.at).some(({ statement, role }) => role === 'body' && changes(statement, name))
}

const CHANGING = /\.(?:insert|pop|update|append|extend|sort|fill|resize|clear|remove|setdefault|popitem|reverse)$/

function changes({ binds, maybe, changed, deleted, calls }: Statement, name: string): boolean {
  if ([...binds, ...maybe, ...changed, ...deleted].includes(name)) return true
  return calls.some(
    ({ root, text, keywords }) =>
      root === name &&
      (CHANGING.test(text) || keywords.some((one) => one.name === 'inplace' && one.literal?.json === 'true')),
  )
}

function bind(placed: Placed, name: string): void {
  placed.statement = { ...placed.statement, binds: [...placed.statement.binds, name] }
}

/** What stands before all that others put in at the same place. */
function first(program: Program, cell: number, edit: Edit): void {
  program.edits.get(cell)?.unshift(edit)
}

/** Marks expressions in the original, so that its run keeps what they are at that moment. */
export function watch(program: Program, rows: Place, argument: Place): void {
  const same = rows.cell === argument.cell && rows.span.join() === argument.span.join()
  const marks = same
    ? [['both', rows] as const]
    : ([
        ['rows', rows],
        ['argument', argument],
      ] as const)
  for (const [what, { cell, span }] of marks)
    program.alike
      .get(cell)
      ?.push(
        { start: span[0], end: span[0], text: `__slipway_kept__("${what}", ` },
        { start: span[1], end: span[1], text: ')' },
      )
}
