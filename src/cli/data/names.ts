/** Names of versions on the command line: NAME, NAME@3, NAME@latest. */
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'

export interface VersionName {
  readonly name: string
  readonly version: string
}

/** Throws UsageError for what is no such name. */
export function versionOf(given: string): VersionName {
  const match = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,127})(?:@(latest|[1-9]\d{0,8}))?$/.exec(given)
  if (match === null) throw new UsageError(`"${given}" names no version; expected NAME, NAME@3 or NAME@latest`)
  return { name: match[1] ?? '', version: match[2] ?? 'latest' }
}

export function projectFlag(invocation: Invocation): { readonly project?: string } {
  const project = text(invocation, 'project')
  return project === undefined ? {} : { project }
}
