/** Values and texts as Python source. */
import { problem } from '../../contract/errors.ts'
import { Numeral } from '../../contract/values/numerals.ts'

/** A value of JSON as a literal of Python. */
export function pythonLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (value instanceof Numeral) return value.text
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return stringLiteral(value)
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`
  const pairs = Object.entries(value).map(([name, one]) => `${stringLiteral(name)}: ${pythonLiteral(one)}`)
  return `{${pairs.join(', ')}}`
}

/** JSON's escapes are Python's too, but for characters beyond the first plane, which JSON writes in halves where it escapes them. */
function stringLiteral(value: string): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

/** The variable of a task: a step may be called as a word of Python, or as a name that the file has already. */
export function variableOf(id: string): string {
  return `task_${id}`
}

/** A program as a raw text of several lines. */
export function pythonText(program: string): string {
  if (program.includes("'''") || program.endsWith("'"))
    throw problem('unprocessable', { detail: 'the program of a task cannot stand in a raw text of Python' })
  return `r'''${program}'''`
}
