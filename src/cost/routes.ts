/** Routes of cost. */
import { costApi } from '../contract/cost.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { addRates, listRates } from './rates.ts'
import { report } from './report.ts'
import type { Cost } from './ledger-rows.ts'

export function costRoutes(room: Cost): Mounted[] {
  return [
    mount(costApi.report, ({ who, query }) => report(room, who, query)),
    mount(costApi.rates, async () => ({ items: await listRates(room.db) })),
    mount(costApi.setRates, async ({ who, body }) => ({ items: await addRates(room, who, body.rates) })),
  ]
}
