/** Routes of machines: parse, call, reply. */
import { toTime } from '../contract/fields.ts'
import { machinesApi } from '../contract/identity/machines.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import type { ExchangeDeps } from './machine-exchange.ts'
import { createTrust, listTrusts, removeTrust } from './machine-trusts.ts'
import type { TrustsDeps } from './machine-trusts.ts'

export function machineRoutes(deps: TrustsDeps & ExchangeDeps): Mounted[] {
  return [
    mount(machinesApi.createTrust, ({ who, body }) => createTrust(deps, who, body)),
    mount(machinesApi.listTrusts, async ({ who }) => ({ items: await listTrusts(deps, who) })),
    mount(machinesApi.removeTrust, async ({ who, params }) => {
      await removeTrust(deps, who, params.id)
      return {}
    }),
    mount(machinesApi.exchange, async ({ body }) => {
      // it brings a library that most servers never need
      const { exchange } = await import('./machine-exchange.ts')
      const { expires_at, ...given } = await exchange(deps, body)
      return { ...given, expires_at: toTime(expires_at) }
    }),
  ]
}
