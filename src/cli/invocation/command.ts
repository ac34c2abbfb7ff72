/** What a command is, and how its arguments are read. */
import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'
import { nearest } from '../../pipelines/spec/names/nearest.ts'
import type { Output } from './output.ts'

export interface Flag {
  readonly name: string
  readonly value?: string
  readonly meaning: string
  readonly many?: boolean
}

/** Flags by how they are typed: `'data DIR'` takes a value, `'param NAME=VALUE ...'` may be repeated; each with its meaning. */
export function flagsOf(table: Readonly<Record<string, string>>): Flag[] {
  return Object.entries(table).map(([typed, meaning]) => {
    const [name = '', value, more] = typed.split(' ')
    if (value === undefined) return { name, meaning }
    return more === undefined ? { name, value, meaning } : { name, value, meaning, many: true }
  })
}

/** What a command gets: positional arguments, flags, and where it writes. */
export interface Invocation {
  readonly args: readonly string[]
  readonly flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  readonly out: Output
}

/** `run` returns the exit code: 0 ok, 1 refused by a gate or check, 2 usage, 3 infrastructure. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** Positional arguments as the help shows them. */
  readonly usage: string
  readonly example: string
  readonly flags: readonly Flag[]
  readonly load: () => Promise<{ run: (invocation: Invocation) => Promise<number> }>
}

/** A mistake in the arguments: exit code 2 and the command's usage. */
export class UsageError extends Error {}

/** Flags that every command has. */
export const COMMON: readonly Flag[] = flagsOf({
  json: 'Print the result as JSON.',
  help: 'Show this help.',
})

/** Flags of commands that talk to a server. */
export const SERVER_FLAGS: readonly Flag[] = flagsOf({
  'data DIR': 'Data folder of the server (default .slipway).',
  'url URL': 'Server address (default: from the data folder).',
})

/** Splits arguments by the command's flags. Throws UsageError for an unknown flag, a missing value or an argument too many. */
export function parse(command: Command, argv: readonly string[]): Pick<Invocation, 'args' | 'flags'> {
  const options = Object.fromEntries(
    [...command.flags, ...COMMON].map((flag) => [
      flag.name,
      { type: flag.value === undefined ? ('boolean' as const) : ('string' as const), multiple: flag.many ?? false },
    ]),
  )
  const { args, flags } = split(argv, { ...options, help: { type: 'boolean', multiple: false, short: 'h' } })
  const extra = args[mostArguments(command.usage)]
  if (extra !== undefined && flags['help'] !== true) throw new UsageError(`"${extra}" is one argument too many`)
  return { args, flags }
}

function split(
  argv: readonly string[],
  options: NonNullable<ParseArgsConfig['options']>,
): Pick<Invocation, 'args' | 'flags'> {
  try {
    const args = joined(argv, options)
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true })
    return { args: positionals, flags: values as Invocation['flags'] }
  } catch (error) {
    // what follows the first sentence speaks of any program
    const [said = ''] = (error as Error).message.split(/\. |\n/)
    throw new UsageError(`${said.replace(/^Unknown option/, 'there is no flag')}${meantBy(said, options)}`)
  }
}

/** The flag that a mistyped one is near to, as a question. */
function meantBy(said: string, options: NonNullable<ParseArgsConfig['options']>): string {
  const [, typed] = /^Unknown option '--([\w-]+)/.exec(said) ?? []
  const meant = typed === undefined ? undefined : nearest(typed, Object.keys(options))
  return meant === undefined ? '' : `; did you mean --${meant}?`
}

/** Words with a number below zero joined to the flag before it, which would else be taken for a flag itself: `--priority -3`. */
function joined(argv: readonly string[], options: NonNullable<ParseArgsConfig['options']>): string[] {
  const words: string[] = []
  for (const word of argv) {
    const flag = words.at(-1) ?? ''
    const takesValue = !words.includes('--') && options[flag.replace(/^--/, '')]?.type === 'string'
    if (takesValue && flag.startsWith('--') && /^-\d/.test(word)) words.push(`${words.pop()}=${word}`)
    else words.push(word)
  }
  return words
}

/** The most positional arguments that one of the ways of a usage takes, such as 2 of `[MODEL [VERSION] | at TIME]`; any number of `VIEW...`. */
function mostArguments(usage: string): number {
  if (usage.includes('...')) return Infinity
  const ways = usage.replaceAll(/[[\]]/g, '').split(' | ')
  return Math.max(...ways.map((way) => way.split(' ').filter((word) => word !== '').length))
}

/** The help page of a command. */
export function help(command: Command): string {
  const rows = [...command.flags, ...COMMON].map((flag) => [
    `  --${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`,
    flag.meaning,
  ])
  const width = Math.max(...rows.map(([left = '']) => left.length))
  const flags = rows.map(([left = '', right = '']) => `${left.padEnd(width + 2)}${right}`).join('\n')
  const usage = `slipway ${command.name} ${command.usage}`.trim()
  return `${command.summary}\n\nUsage: ${usage}\n\n${flags}\n\nExample: ${command.example}\n`
}

/** A flag's text, or undefined. */
export function text(invocation: Invocation, name: string): string | undefined {
  const value = invocation.flags[name]
  return typeof value === 'string' ? value : undefined
}

/** A flag's whole number within a range, or the default. */
export function number(
  invocation: Invocation,
  name: string,
  range: { min: number; max: number; default: number },
): number {
  const given = text(invocation, name)
  if (given === undefined) return range.default
  const value = Number(given)
  if (!Number.isInteger(value) || value < range.min || value > range.max) {
    throw new UsageError(`--${name} is "${given}"; expected a whole number from ${range.min} to ${range.max}`)
  }
  return value
}
