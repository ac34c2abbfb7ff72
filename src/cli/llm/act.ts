/** What the commands of language models have in common: their project, their flags, and things that are found by name. */
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'

/** One verb of a kind of things: `name` is the argument after it. Returns the exit code. */
export type Act = (invocation: Invocation, name: string | undefined) => Promise<number>

/** The project of --project; without it the server takes that of the token. */
export function ofProject(invocation: Invocation): { readonly project?: string } {
  const project = text(invocation, 'project')
  return project === undefined ? {} : { project }
}

/** The argument that names what is meant. Throws UsageError where there is none. */
export function named(name: string | undefined, command: string, what: string): string {
  if (name === undefined) throw new UsageError(`slipway llm ${command} needs ${what}`)
  return name
}

/** All values of a flag that may be repeated. */
export function many({ flags }: Invocation, name: string): readonly string[] {
  const value = flags[name]
  return Array.isArray(value) ? (value as readonly string[]) : []
}

/** A whole number ≥ 1 of a flag, or nothing. Throws UsageError. */
export function count(invocation: Invocation, name: string): number | undefined {
  const given = text(invocation, name)
  if (given === undefined) return undefined
  const value = Number(given)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new UsageError(`--${name} is "${given}"; expected a whole number of at least 1`)
}

/** The one thing of this name or id. Throws UsageError where there is none, or several. */
export function oneOf<T extends { readonly id: string; readonly name: string; readonly project: string }>(
  items: readonly T[],
  given: string,
  what: string,
): T {
  const byId = items.find(({ id }) => id === given)
  if (byId !== undefined) return byId
  const [found, other] = items.filter(({ name }) => name === given)
  if (found === undefined) throw new UsageError(`there is no ${what} "${given}"; slipway llm ${what}s lists them`)
  if (other !== undefined)
    throw new UsageError(`there are several ${what}s "${given}"; say --project, or the id of one: ${found.id}`)
  return found
}
