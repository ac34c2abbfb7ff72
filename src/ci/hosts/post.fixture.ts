/** A report told to a host whose waits are only written down. */
import type { ChangeReport } from '../../contract/changes/report.ts'
import { changeReport, COMMIT } from '../report.fixture.ts'
import { hostApi } from './api.ts'
import type { Api } from './api.ts'
import type { Host } from './host.ts'
import { post } from './post.ts'
import type { Part } from './post.ts'

export const NOW = 1_800_000_000_000

/** Calls of a host at the time `NOW`; `slept` are the waits that were asked for since, ms. */
export function callsOf(
  url: string,
  headers: Record<string, string>,
  patience = 600_000,
): { readonly calls: Api; readonly slept: number[] } {
  const slept: number[] = []
  const sleep = (ms: number): Promise<void> => Promise.resolve(void slept.push(ms))
  return { calls: hostApi({ url, headers, patience, sleep, now: () => NOW }), slept }
}

export function tell(
  host: Host,
  report = changeReport(),
  reportOf: (commit: string) => Promise<ChangeReport | undefined> = () => Promise.resolve(undefined),
): Promise<Part[]> {
  return post(host, {
    report,
    commit: COMMIT,
    page: (run) => `http://slipway/pipelines/${run}`,
    secrets: ['ghs_job_secret'],
    reportOf,
  })
}

/** What became of each part, in words. */
export const done = (parts: readonly Part[]): Record<string, string> =>
  Object.fromEntries(parts.map((part) => [part.what, part.done ? part.note : `no: ${part.note}`]))
