/** How a story ends, whichever it is: by a signal or by itself, with what it found and how to look around. */
import { join, resolve } from 'node:path'
import type { Client } from '../../../client/client.ts'
import { authApi } from '../../../contract/auth.ts'
import { text } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import { paint } from '../../invocation/output.ts'

/** What ends a story early. The terminal of a story that is over may be closed. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The data folder of --data, else a fresh one under .slipway/demo. */
export function dataFolder(invocation: Invocation): string {
  const fresh = join('.slipway', 'demo', new Date().toISOString().replace(/[:.]/g, '-'))
  return resolve(text(invocation, 'data') ?? fresh)
}

/** Runs a story that a signal ends early: by `stop`, and then the process with 130. `ended` resolves when no such end is under way. */
export async function endable<T>(
  stop: () => Promise<void>,
  play: (ended: () => Promise<void>) => Promise<T>,
): Promise<T> {
  let stopping: Promise<void> | undefined
  const endBySignal = (): void => {
    // asked twice, it ends no sooner: first what runs is ended
    stopping ??= stop().finally(() => process.exit(130))
  }
  for (const name of ENDS) process.on(name, endBySignal)
  try {
    return await play(async () => stopping)
  } finally {
    await stopping
    for (const name of ENDS) process.off(name, endBySignal)
  }
}

/** How a story came out. */
export interface Ending {
  readonly results: string
  readonly ok: boolean
  readonly seconds: number
  readonly data: string
  readonly loginUrl: string
  readonly pid: number
  readonly keep: boolean
  /** What is told at last. */
  readonly next: string
}

/** Tells the summary of a story, whether it holds, and where to look around. */
export function tellEnding({ out }: Invocation, end: Ending): void {
  out.line(`\n${end.results}\n`)
  const verdict = end.ok
    ? paint('green', 'Every act was verified through the API.')
    : paint('red', 'Something did not hold: see NO above.')
  out.line(`${verdict} ${end.seconds.toFixed(0)} s in all.`)
  if (end.keep) {
    out.line(`\nLook around: ${end.loginUrl}`)
    out.line(`The link works once, for 15 minutes. A new one: ${newLink(end.data)}`)
    out.line(`Stop it: kill ${end.pid}`)
    out.line(`Use the command line: export SLIPWAY_DATA=${end.data}`)
  }
  out.line(end.next)
}

/** The command that makes a new link to the pages. */
export function newLink(data: string): string {
  return `slipway env --link --data ${data}`
}

/** A link to the pages that was not used yet, for that of the start may be used or too old; `fallback` where none is to be had. */
export async function freshLink(client: Client, fallback: string): Promise<string> {
  return client.call(authApi.createLoginLink).then(
    ({ url }) => url,
    () => fallback,
  )
}
