/** What the engine process is asked for, and what it answers. */
import type { View } from '../definitions/definitions.ts'
import type { JoinRequest, JoinResult } from '../offline/join.ts'
import type { Files } from '../offline/load.ts'
import type { LookedUp, LookUpRequest } from '../offline/look-up.ts'
import type { Materialised } from '../offline/materialise.ts'

/** What a task may take of the machine. */
export interface EngineLimits {
  readonly memory_bytes: number
  readonly threads: number
  /** An empty folder for what does not fit into memory; it is the caller's to remove. */
  readonly scratch: string
}

export type Task =
  | { readonly kind: 'join'; readonly request: JoinRequest }
  | { readonly kind: 'look_up'; readonly request: LookUpRequest }
  | {
      readonly kind: 'materialise'
      readonly view: View
      readonly sources: Readonly<Record<string, Files>>
      /** ns since 1970, as a text. */
      readonly until: string
      /** The online store, and the set that is being made in it. */
      readonly store: string
      readonly set: number
    }

export interface ResultOf {
  readonly join: JoinResult
  readonly look_up: LookedUp
  readonly materialise: Materialised
}

/** The whole answer, in one line. `refused`: what was given does not fit, and the message says what; `too_large`: it needs more memory or disk than it has. */
export type Answer =
  | { readonly done: ResultOf[Task['kind']] }
  | { readonly refused: string }
  | { readonly too_large: string }

/** Files that a task reads. */
export function filesOf(task: Task): string[] {
  if (task.kind === 'look_up')
    return task.request.views.flatMap(({ sources }) => Object.values(sources).flatMap(({ paths }) => paths))
  if (task.kind === 'materialise') return Object.values(task.sources).flatMap(({ paths }) => paths)
  const { entities, sources, own = {} } = task.request
  const asking = 'query' in entities ? Object.values(entities.sources) : [entities]
  const all = [...asking, ...[sources, ...Object.values(own)].flatMap((some) => Object.values(some))]
  return all.flatMap(({ paths }) => paths)
}
