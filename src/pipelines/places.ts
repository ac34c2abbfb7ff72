/** The drivers that this server has: that of its own machine, and those of the clusters that it knows. */
import type { DriverName } from '../contract/values/drivers.ts'
import type { Driver } from './drivers/driver.ts'
import { joinedDriver } from './drivers/joined.ts'
import { Desk, type DeskDeps } from './drivers/remote/desk.ts'
import { remoteDriver } from './drivers/remote/driver.ts'
import { externalLauncher } from './drivers/remote/external.ts'
import { goneLaunchers, launchersOf, type Clusters } from './clusters.ts'
import { nodeRow } from './drivers/remote/rows.ts'

export interface Drivers {
  readonly driver: Driver
  /** Where steps may run. */
  readonly places: readonly DriverName[]
  /** Hears the machines of clusters. */
  readonly desk: Desk
}

/** `url` is where machines of clusters reach this server; `note` is told what an operator should know. */
export function openDrivers(
  nodes: DeskDeps,
  local: Driver,
  { url, note, ...clusters }: Clusters & { readonly url: () => string; readonly note: (text: string) => void },
): Drivers {
  const desk = new Desk(nodes)
  const launchers = [...launchersOf(clusters, url), externalLauncher(nodes.db)]
  const all = [...launchers, ...goneLaunchers(launchers)]
  const remotes = all.map((launcher) => remoteDriver({ ...nodes, desk, launcher, url, note }))
  return {
    driver: joinedDriver(local, remotes, async (attempt) => (await nodeRow(nodes.db, attempt))?.driver),
    places: ['local', ...launchers.map(({ name }) => name as DriverName)],
    desk,
  }
}
