/** Names that stand in texts which libraries evaluate: formulas of patsy and statsmodels, `@name` of pandas' queries. They are read where the text is. */
import type { Definition, Statement } from '../facts/facts.ts'
import { functionsOf, variablesOf, type Placed, type Program } from './program.ts'

/** Adds what texts name to what statements and functions read. Only what is there by then: a column may have the name of a later variable. */
export function treatTexts(program: Program): void {
  const held = new Map<string, readonly string[]>()
  const known = new Set([...program.settings.keys(), ...functionsOf(program).keys()])
  const variables = variablesOf(program)
  for (const placed of program.placed) {
    const { statement } = placed
    const named = [...inTexts(statement), ...statement.uses.flatMap((name) => held.get(name) ?? [])]
    const [bound] = statement.binds
    // a text that is kept in a variable is evaluated where that is given to a call
    if (bound !== undefined && statement.binds.length === 1 && isText(statement)) held.set(bound, named)
    const read = [...new Set(named)].filter((name) => known.has(name) && !statement.uses.includes(name))
    if (read.length > 0 && statement.calls.length > 0) readBy(placed, read)
    for (const name of [...statement.binds, ...statement.maybe]) if (variables.has(name)) known.add(name)
  }
}

/** Functions that a text calls: they are looked up by their name where the text is evaluated, and get no further argument there. */
export function calledByTexts(program: Program): Set<string> {
  const functions = functionsOf(program)
  return new Set(program.placed.flatMap(({ statement }) => inTexts(statement)).filter((name) => functions.has(name)))
}

/** Whether a text of the program names something. */
export function isNamedInText(program: Program, name: string): boolean {
  return program.placed.some(({ statement }) => inTexts(statement).includes(name))
}

function readBy(placed: Placed, read: readonly string[]): void {
  const { statement } = placed
  if (statement.definition === null) placed.statement = { ...statement, uses: [...statement.uses, ...read] }
  else {
    const inside = read.filter((name) => statement.definition?.parameters?.includes(name) !== true)
    const definition: Definition = { ...statement.definition, later: [...statement.definition.later, ...inside] }
    placed.statement = { ...statement, definition, later: [...statement.later, ...inside] }
  }
}

/** Whether a statement makes no more than a text of texts. */
function isText({ texts, calls }: Statement): boolean {
  return texts.some(({ value }) => value.includes('~')) && calls.every(({ text }) => /\.(?:join|format)$/.test(text))
}

/** Names in the texts of a statement. */
function inTexts({ texts, calls }: Statement): string[] {
  const asks = calls.some(({ text }) => /\.(?:query|eval)$/.test(text))
  return texts
    .filter(({ doc }) => !doc)
    .flatMap(({ value }) => [
      ...(value.includes('~') ? namesIn(value) : []),
      ...(asks ? [...value.matchAll(/@([A-Za-z_]\w*)/g)].map(([, name = '']) => name) : []),
    ])
}

/** Names of a formula: neither parts of others behind a dot, nor quoted ones. */
function namesIn(formula: string): string[] {
  const plain = formula.replaceAll(/"[^"]*"|'[^']*'/g, ' ')
  return [...plain.matchAll(/(?<![\w.])[A-Za-z_]\w*/g)].map(([name]) => name)
}
