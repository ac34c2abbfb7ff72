/** What this machine can hold other people's code to: tried once, told in words, and refused where it is asked for and not to be had. */
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Isolation } from '../contract/system.ts'
import type { Plan } from './plan.ts'
import { probeMachine, type Trial } from './probe.ts'

/** `required` starts only where files and processes of the server are held back; `auto` holds what can be held; `off` holds nothing. */
export const MODES = ['auto', 'required', 'off'] as const
export type Mode = (typeof MODES)[number]

export interface IsolationOptions {
  readonly dataDir: string
  /** Default auto. */
  readonly isolation?: Mode | undefined
  /** Files outside the data folder that are the server's alone, as the key of TLS. */
  readonly secretFiles?: readonly string[]
  /** Folders that steps, scorers and builds may write besides their own. */
  readonly writable?: readonly string[] | undefined
  /** Told at start, in a sentence, what is not held. */
  readonly warn?: (text: string) => void
}

export interface Held {
  /** How processes are confined; null where nothing confines them. */
  readonly plan: Plan | null
  /** The same in words, for people. */
  readonly state: Isolation
}

/** What is promised that they cannot do. */
const WHAT: Record<keyof Trial, string> = {
  files: 'read or change the data folder: token, database, files of other runs',
  writes: 'write wherever the user of the server can',
  processes: 'read the environment and the memory of the server and of other processes',
  signals: 'end the server and each other',
  modes: 'change rights and times of files in the data folder',
  sockets: 'connect to sockets of the server in the data folder',
  nameless: 'connect to sockets without a path (abstract ones) of other processes',
  set_id: "leave programs that run with the server's rights (set-user-id)",
  kernel: 'use io_uring, user namespaces, keyrings and userfaultfd, which get round bounds',
}

/** Tries what holds. Throws a plain Error in mode `required` where files or processes would not be held back. */
export async function openIsolation(deps: IsolationOptions): Promise<Held> {
  const held = await find(deps)
  const { open, detail } = held.state
  if (open.length > 0) deps.warn?.(`steps, models and builds are not kept apart: ${open.join('; ')} (${detail})`)
  return held
}

async function find(deps: IsolationOptions): Promise<Held> {
  const mode = deps.isolation ?? 'auto'
  if (mode === 'off')
    return { plan: null, state: { mode, layers: [], ...sorted(undefined), detail: 'it is turned off' } }
  const hide = [resolve(deps.dataDir), ...(deps.secretFiles ?? []).map((file) => resolve(file))]
  await mkdir(resolve(deps.dataDir), { recursive: true, mode: 0o700 })
  const found = await probeMachine(resolve(deps.dataDir))
  const nothing = typeof found === 'string' || found.layers.length === 0
  const { held, open } = sorted(nothing ? undefined : found.held)
  const detail = typeof found === 'string' ? found : Object.values(found.reasons).join('; ')
  if (mode === 'required' && (nothing || !found.held.files || !found.held.processes))
    throw new Error(
      `--isolation required: this machine cannot keep steps, models and builds from what is the server's: ${open.join('; ')} (${detail})`,
    )
  if (nothing) return { plan: null, state: { mode, layers: [], held, open, detail } }
  const { python, layers } = found
  return {
    plan: { python, layers, hide, write: deps.writable ?? [] },
    state: { mode, layers: [...layers], held, open, detail: open.length === 0 ? '' : detail },
  }
}

/** The promises in words: those that a trial found kept and those that it found open; without one all are open. */
function sorted(trial: Trial | undefined): { held: string[]; open: string[] } {
  const all = Object.keys(WHAT) as (keyof Trial)[]
  const [held, open] = [all.filter((what) => trial?.[what] === true), all.filter((what) => trial?.[what] !== true)]
  return { held: held.map((what) => WHAT[what]), open: open.map((what) => `they can ${WHAT[what]}`) }
}
