/** Functions that read variables of the notebook (D4) get them as parameters, and every call passes them on. */
import { refusal } from '../read/refusal.ts'
import type { Closing, Definition, Statement } from '../facts/facts.ts'
import type { Edit } from './edit.ts'
import { change, freshName, functionsOf, report, variablesOf, type Placed, type Program } from './program.ts'
import { calledByTexts } from './texts.ts'

/** Parameters that each function of the package gets in addition. */
export type Lifted = ReadonlyMap<string, readonly string[]>

const WHOLE = new Set(['globals', 'locals', 'vars', 'exec', 'eval'])

/** Lifts what can be lifted; what cannot stays inside of its step. Throws for functions that write variables of the notebook. */
export function liftGlobals(program: Program): Lifted {
  refuseWrites(program)
  keepUnliftable(program)
  const lifted = neededBy(program)
  for (const [name, { definition, placed }] of functionsOf(program)) {
    const names = lifted.get(name) ?? []
    if (names.length === 0) continue
    const typed = names.map((one) => `${one}: ${program.settings.get(one)?.type ?? 'Any'}`)
    change(program, placed.cell, [parameterEdit(definition, typed)], {
      code: 'D4',
      line: placed.statement.line,
      found: `${name} reads ${names.join(', ')} of the notebook`,
      action: `${names.length === 1 ? 'a parameter' : 'parameters'} of ${name}, passed by every call`,
    })
  }
  for (const placed of program.placed) passOn(program, placed, lifted)
  reportLate(program, lifted)
  return lifted
}

/**
 * What stays in its step keeps the variables of that step, and what is handed on those of that place: said where a later statement binds
 * one of them anew.
 */
function reportLate(program: Program, lifted: Lifted): void {
  const variables = variablesOf(program)
  const last = new Map<string, Placed>()
  for (const placed of program.placed)
    if (placed.role !== 'gone')
      for (const name of [...placed.statement.binds, ...placed.statement.maybe]) last.set(name, placed)
  for (const [at, { cell, role, statement }] of program.placed.entries()) {
    if (role !== 'body') continue
    const handed = statement.names.flatMap((one) =>
      one.read && one.call === null && !shadowed(statement, one.name, one.start) ? (lifted.get(one.name) ?? []) : [],
    )
    for (const name of new Set([...statement.later, ...handed])) {
      const anew = last.get(name)
      if (anew === undefined || anew.cell === cell || !variables.has(name) || program.placed.indexOf(anew) <= at)
        continue
      report(program, {
        code: 'D4',
        cell,
        line: statement.line,
        found: `${statement.definition?.name ?? 'a function'} reads ${name} when it is called, and cell ${anew.cell} binds ${name} anew`,
        action: `here it keeps the value of its step; make ${name} a parameter of it, or give the later value another name`,
      })
    }
  }
}

function refuseWrites(program: Program): void {
  for (const { cell, statement } of program.placed) {
    const call = statement.calls.find(({ text }) => WHOLE.has(text))
    if (call !== undefined)
      throw refusal([
        {
          code: 'D4',
          cell,
          line: call.line,
          message: `${call.text}() reaches names that cannot be followed`,
          remedy: 'write the names that are meant',
        },
      ])
    const writer = statement.definitions.find(({ written }) => written.length > 0)
    if (writer !== undefined)
      throw refusal([
        {
          code: 'D4',
          cell,
          line: statement.line,
          message: `${writer.name} writes the variable ${writer.written.join(', ')} of the notebook (global)`,
          remedy: 'return the value and assign it where the function is called',
        },
      ])
  }
}

/** A definition that needs variables while it is defined, or a class that reads them, stays where it stands: there they are. */
function keepUnliftable(program: Program): void {
  for (;;) {
    const lifted = neededBy(program)
    const variables = variablesOf(program)
    const texts = calledByTexts(program)
    const found = [...functionsOf(program).values()].find(({ definition, placed }) => {
      const early = [...definition.now, ...(definition.kind === 'class' ? definition.later : [])]
      return (
        early.some((name) => variables.has(name) || (lifted.get(name) ?? []).length > 0) ||
        (definition.kind === 'class' && placed.needs.size > 0) ||
        // what a text calls is found by its name, in the step
        (texts.has(definition.name) && (lifted.get(definition.name) ?? []).length > 0) ||
        // what a decorator makes of a function may take no further parameter
        (definition.decorated && (lifted.get(definition.name) ?? []).length > 0) ||
        definition.close === -1 ||
        definition.colon === -1
      )
    })
    if (found === undefined) return
    found.placed.role = 'body'
  }
}

/** For each function, the variables that it and those it calls read. */
function neededBy(program: Program): Map<string, readonly string[]> {
  const functions = functionsOf(program)
  const variables = variablesOf(program)
  const needs = new Map<string, Set<string>>()
  for (const [name, { definition, placed }] of functions)
    needs.set(name, new Set([...definition.later.filter((one) => variables.has(one)), ...placed.needs]))
  const takeOver = (name: string, definition: Definition): boolean => {
    const own = needs.get(name) ?? new Set()
    const before = own.size
    for (const called of definition.later) for (const one of needs.get(called) ?? []) own.add(one)
    return own.size > before
  }
  // until no function learns of a further one from those that it calls
  for (let changed = true; changed;)
    changed = [...functions].map(([name, { definition }]) => takeOver(name, definition)).some((one) => one)
  return new Map([...needs].map(([name, names]) => [name, [...names].toSorted()]))
}

function parameterEdit(definition: Definition, names: readonly string[]): Edit {
  const { close = 0, given = false, comma = false, keyword_only = false, star_kwargs = null } = definition
  const star = keyword_only ? '' : '*, '
  if (star_kwargs !== null) return { start: star_kwargs, end: star_kwargs, text: `${star}${names.join(', ')}, ` }
  return { start: close, end: close, text: `${given && !comma ? ', ' : comma ? ' ' : ''}${star}${names.join(', ')}` }
}

/** Adds what a function needs to its calls; where it is handed on as a value, it is bound to it. */
function passOn(program: Program, placed: Placed, lifted: Lifted): void {
  if (placed.role === 'import' || placed.role === 'gone') return
  for (const found of placed.statement.names) {
    const names = lifted.get(found.name) ?? []
    if (names.length === 0 || !found.read || shadowed(placed.statement, found.name, found.start)) continue
    const given = names.map((name) => `${name}=${name}`).join(', ')
    if (found.call !== null) addArgument(program.edits.get(placed.cell) ?? [], found.call, given)
    else {
      const text = `${boundName(program)}(${found.name}, ${given})`
      program.edits.get(placed.cell)?.push({ start: found.start, end: found.end, text })
    }
    if (placed.role !== 'function') for (const name of names) placed.needs.add(name)
  }
}

/** What a function that is handed on is bound by, in the package. */
export function boundName(program: Program): string {
  return freshName(program, 'Bound')
}

/** Whether a name means a parameter or a variable of the function that it stands in. */
function shadowed(statement: Statement, name: string, at: number): boolean {
  const inner = statement.definitions.filter(({ span }) => span[0] <= at && at < span[1])
  return inner.some(
    ({ parameters = [], later, now }) => parameters.includes(name) || !(later.includes(name) || now.includes(name)),
  )
}

/** Adds an argument to a call of a cell, behind those that were added before. */
export function addArgument(edits: Edit[], call: Closing, text: string): void {
  const added = edits.some(({ start, end }) => start === call.close && end === call.close)
  edits.push(...argumentEdits(added ? { ...call, given: true, comma: false, generator: null } : call, text))
}

function argumentEdits({ close, given, comma, generator }: Closing, text: string): Edit[] {
  if (generator !== null)
    return [
      { start: generator[0] + 1, end: generator[0] + 1, text: '(' },
      { start: close, end: close, text: `), ${text}` },
    ]
  return [{ start: close, end: close, text: `${given && !comma ? ', ' : comma ? ' ' : ''}${text}` }]
}
