/** What the commands of studies and backfills share: which act is meant, numbers of flags, and following one until it has ended. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../../client/client.ts'
import { text, UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import type { Output } from '../../invocation/output.ts'
import { connect } from '../../invocation/server.ts'

const POLL_MS = 500
/** A server that is restarting answers again within this many polls. */
const MAX_LOST = 60
/** How a shell says that a program was ended by Ctrl-C. */
const INTERRUPTED = 130

/** How a kind of series is called: `noun` in a sentence, `command` behind `slipway`, `end` the act that ends one. */
export interface SeriesWords {
  readonly noun: 'study' | 'backfill'
  readonly command: 'search' | 'backfill'
  readonly end: 'stop' | 'cancel'
}

type Act = (client: Client, invocation: Invocation, id: string) => Promise<number>

/**
 * Does the act that the first word names with the series that the second one names; where the word is a folder, it starts one of that.
 * Throws a UsageError where an act lacks its series.
 */
export async function actOn(
  invocation: Invocation,
  { command, noun }: SeriesWords,
  acts: Readonly<Record<string, Act>>,
  start: (invocation: Invocation, what: string) => Promise<number>,
): Promise<number> {
  const [first = '.', id] = invocation.args
  const act = Object.hasOwn(acts, first) ? acts[first] : undefined
  if (act === undefined) return start(invocation, first === 'start' ? (id ?? '.') : first)
  if (first !== 'list' && id === undefined)
    throw new UsageError(`${command} ${first} needs a ${noun}: slipway ${command} ${first} ${noun.toUpperCase()}`)
  const { client } = await connect(invocation)
  return act(client, invocation, id ?? '')
}

/** A flag with a number, by which field of the body it goes; `form` has the number as its first group. */
export interface NumberFlag {
  readonly flag: string
  readonly field: string
  readonly form: RegExp
  readonly expected: string
}

/** Nothing where the flag is absent. Throws a UsageError where its value is of another form. */
export function numberOf(
  invocation: Invocation,
  { flag, field, form, expected }: NumberFlag,
): Readonly<Record<string, number>> {
  const given = text(invocation, flag)
  if (given === undefined) return {}
  const number = form.exec(given)?.[1]
  if (number === undefined) throw new UsageError(`--${flag} is "${given}"; expected ${expected}`)
  return { [field]: Number(number) }
}

/** Does `fn`, which follows a series; Ctrl-C ends this program and not the series, and says so. */
export async function following<T>(
  { noun, command, end }: SeriesWords,
  id: string,
  out: Output,
  fn: () => Promise<T>,
): Promise<T> {
  const detach = (): void => {
    process.stderr.write(
      `\nslipway: ${noun} ${id} goes on. See it: slipway ${command} show ${id}. End it: slipway ${command} ${end} ${id}\n`,
    )
    process.exit(INTERRUPTED)
  }
  out.line(`Ctrl-C ends this view and not the ${noun}; slipway ${command} ${end} ${id} ends it.`)
  process.once('SIGINT', detach)
  try {
    return await fn()
  } finally {
    process.off('SIGINT', detach)
  }
}

/** Asks again and again until it has ended, also while the server restarts; `look` is told of each answer. */
export async function untilEnded<T extends { readonly finished_at: string | null }>(
  ask: () => Promise<T>,
  look: (one: T) => void,
): Promise<T> {
  for (let lost = 0; ; await wait(POLL_MS)) {
    const one = await ask().catch((error: unknown) => {
      if (++lost > MAX_LOST) throw error
      return undefined
    })
    if (one === undefined) continue
    lost = 0
    look(one)
    if (one.finished_at !== null) return one
  }
}

/** How a series is told that the server cannot move on now. */
export function stuck(trouble: string): string {
  return `it cannot be moved on now, and is tried again: ${trouble}`
}
