/** The line of steps, what runs, pools and drivers: what the server is asked, and how a wait is told. */
import type { driversApi } from '../../../src/contract/pipelines/drivers.ts'
import type { lineApi } from '../../../src/contract/pipelines/line.ts'
import type { poolsApi } from '../../../src/contract/pipelines/pools.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { get } from '../get.ts'

export type WaitingStep = Reply<typeof lineApi.waitingSteps>['items'][number]
export type RunningStep = Reply<typeof lineApi.runningSteps>['items'][number]
export type Pool = Reply<typeof poolsApi.listPools>['items'][number]
export type DriverState = Reply<typeof driversApi.listDrivers>['items'][number]

/** Steps of either list that a page shows. */
const SHOWN = 200
/** A wait grows by itself, also where no run changes, ms. */
const PACE_MS = 5000

export const waitingSteps = {
  ...get<typeof lineApi.waitingSteps>(['pipelines', 'waiting'], '/v1/waiting-steps', { query: { limit: SHOWN } }),
  refetchInterval: PACE_MS,
}
export const runningSteps = {
  ...get<typeof lineApi.runningSteps>(['pipelines', 'running'], '/v1/running-steps', { query: { limit: SHOWN } }),
  refetchInterval: PACE_MS,
}
export const pools = {
  ...get<typeof poolsApi.listPools>(['pipelines', 'pools'], '/v1/pools'),
  refetchInterval: PACE_MS,
}
export const drivers = {
  ...get<typeof driversApi.listDrivers>(['pipelines', 'drivers'], '/v1/drivers'),
  refetchInterval: PACE_MS,
}

/** Of an item `train[3]` the step of the project file, which is what a run's page shows. */
export function declaredStep(name: string): string {
  return name.replace(/\[\d+\]$/, '')
}

/** What is in the way, in a word or two. */
export const WAIT_WORDS: Readonly<Record<WaitingStep['wait'], string>> = {
  gone: 'pool missing',
  full: 'pool full',
  quota: 'share used',
  places: 'no room',
  turn: 'in line',
  begins: 'begins',
}
