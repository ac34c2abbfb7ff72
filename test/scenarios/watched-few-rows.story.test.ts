/** Traffic of six rows an hour is watched: over HTTP, with a real gateway and a real model. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HOUR_MS as HOUR } from '../../src/contract/ids.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { prng } from '../../src/stats/prng.ts'
import { flights, START, timed, TRAINED, watchedHouse } from '../monitored/watched-house.ts'
import type { Row, WatchedHouse } from '../monitored/watched-house.ts'

const CLEAN = 14 * 24
const FAULT_HOURS = 5 * 24
const hours = flights(TRAINED + CLEAN + FAULT_HOURS)
const live = hours.slice(TRAINED)
const random = prng(815)
const FAULTS: Readonly<Record<string, (row: Row) => Row>> = {
  nulls: (row) => (random.uniform() < 0.4 ? { ...row, temp: null } : row),
  units: (row) => ({ ...row, distance: 1e6 * row.distance }),
}
let house: WatchedHouse

before(async () => {
  const table = timed(hours.slice(0, TRAINED))
  house = await watchedHouse({ nulls: table, units: table })
})
after(() => house.close())

describe('six rows an hour', () => {
  it('are watched; two clean weeks page no more often than once a month gives', async (t) => {
    await house.send('nulls', live.slice(0, CLEAN), TRAINED)
    await house.send('units', live.slice(0, CLEAN), TRAINED)
    for (const name of Object.keys(FAULTS)) {
      await house.judgedUntil(name, TRAINED + CLEAN - 2)
      assert.equal((await house.watched(name)).state, 'watched')
      const told = await house.incidents(name)
      t.diagnostic(`${name}: ${told.length} in two clean weeks`)
      const { limits } = await house.monitor(name)
      assert.equal(limits[0]?.window_hours, 24, 'the limits that are used come first')
      assert.deepEqual(
        new Set(limits.map((one) => one.window_hours)),
        new Set([24, 168]),
        'and each length has its own',
      )
      // 99 % of the fortnights of a monitor that pages once a month have at most two, by Poisson's law
      assert.ok(told.length <= 2, told.map(({ title }) => title).join('; '))
    }
  })

  for (const [name, change] of Object.entries(FAULTS))
    it(`${name}: a fault is told within the largest window, with the feature`, async (t) => {
      const bad = live.slice(CLEAN).map((rows) => rows.map(change))
      await house.send(name, bad, TRAINED + CLEAN)
      await house.judgedUntil(name, TRAINED + CLEAN + FAULT_HOURS - 2)
      const fault = START + (TRAINED + CLEAN) * HOUR
      const incident = (await house.incidents(name)).find((one) => Date.parse(one.opened_event_time) > fault)
      assert.ok(incident !== undefined, 'told')
      const delay = (Date.parse(incident.opened_event_time) - START) / HOUR - (TRAINED + CLEAN)
      t.diagnostic(`${name}: told after ${delay} h: ${incident.title}`)
      assert.ok(delay > 0 && delay <= 168, `${delay} h`)
      assert.match(incident.title, name === 'nulls' ? /temp/ : /distance/)
      assert.ok(incident.checks.some((check) => check.window_hours === 24))
      const began = (Date.parse(incident.began_event_time) - START) / HOUR - (TRAINED + CLEAN)
      assert.ok(Math.abs(began) <= 12, `it began ${began} h from the truth`)
    })

  it('labels that cannot be are refused by what the hold-out had', async () => {
    const give = (label: number | string) =>
      house.server.client.call(monitoringApi.putLabels, {
        params: { name: 'nulls' },
        body: { labels: [{ prediction_id: 'p', label }] },
      })
    for (const label of [-1, 2, 'late', 'nan']) await assert.rejects(give(label), { status: 400 }, String(label))
    assert.equal((await give(1)).accepted, 1)
  })
})
