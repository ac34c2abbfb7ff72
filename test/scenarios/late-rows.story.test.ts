/** Rows that come late, too late, or ahead of the clock, over HTTP: a real gateway and a real model answer a replay of weeks. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HOUR_MS } from '../../src/contract/ids.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { flights, START, timed, TRAINED, watchedHouse } from '../monitored/watched-house.ts'
import type { Row, WatchedHouse } from '../monitored/watched-house.ts'

const DAYS = 12
const hours = flights(TRAINED + 24 * DAYS)
const live = hours.slice(TRAINED)
const at = (hour: number): string => new Date(START + (TRAINED + hour) * HOUR_MS).toISOString()
const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
/** Two senders: the second has every other row. */
const of = (sender: 0 | 1): Row[][] => live.map((rows) => rows.filter((_, i) => i % 2 === sender))
let house: WatchedHouse

before(async () => {
  const table = timed(hours.slice(0, TRAINED))
  house = await watchedHouse({ replayed: table, whole: table })
})
after(() => house.close())

const metric = async (kind: string): Promise<number> => {
  const text = await (await house.server.client.open(monitoringApi.metrics)).text()
  const line = new RegExp(`untimely_rows_total\\{endpoint="replayed",kind="${kind}"\\} (\\d+)`).exec(text)
  return Number(line?.[1])
}
/** The strongest check of each feature by the hour. */
const heat = async (name: string) => {
  const query = { from: at(0), to: at(24 * DAYS - 1), bucket_hours: 1 }
  const { features } = await house.server.client.call(monitoringApi.heatmap, { params: { name }, query })
  return features.map(({ feature, effect, alert }) => ({ feature, effect, alert }))
}

describe('rows that do not come in time', () => {
  it('a test call without event_time in a replay closes none of its hours', async () => {
    await house.predict('replayed', [live[9]?.[0] as Row])
    await house.send('replayed', live.slice(0, 24), TRAINED)
    await house.predict('replayed', [live[9]?.[0] as Row])
    await house.send('replayed', live.slice(24, 48), TRAINED + 24)
    await house.judgedUntil('replayed', TRAINED + 40)
    const { looked_until, times } = await house.monitor('replayed')
    assert.ok((looked_until ?? '') <= at(48), `looked at until ${looked_until}`)
    assert.deepEqual(times, { late: 0, too_late: 0, ahead: 0 })
  })

  it('a sender that is days behind is judged in the end as if it had come in time', async () => {
    await house.send('whole', live, TRAINED)
    await house.judgedUntil('whole', TRAINED + 24 * DAYS - 2)
    await house.send('replayed', of(0).slice(48), TRAINED + 48)
    await house.judgedUntil('replayed', TRAINED + 24 * DAYS - 2)
    const before = await heat('replayed')
    const week = 24 * (DAYS - 7) + 12
    await house.send('replayed', of(1).slice(week), TRAINED + week)
    const n = of(1).slice(week).flat().length
    await house.until('the late rows to be judged', async () => {
      const { times, again_from } = await house.monitor('replayed')
      return times.late >= n - 10 && again_from === null
    })
    assert.equal((await house.monitor('replayed')).times.too_late, 0)
    const newest = (of: typeof before) =>
      of.map(({ feature, effect }) => ({ feature, effect: effect.slice(24 * (DAYS - 5)) }))
    assert.notDeepEqual(newest(await heat('replayed')), newest(before), 'the verdicts are others')
    const [late, whole] = [newest(await heat('replayed')), newest(await heat('whole'))]
    assert.deepEqual(late.map((one) => one.feature).sort(), whole.map((one) => one.feature).sort())
  })

  it('what comes weeks late is counted, and a state with its remedy', async () => {
    const old = TRAINED + 24 * DAYS - 30 * 24
    const sent = hours.slice(old, old + 48)
    await house.send('replayed', sent, old)
    await house.until('the state', async () => (await house.watched('replayed')).reason === 'rows_late')
    const { detail, remedy, state } = await house.watched('replayed')
    assert.equal(state, 'unwatched')
    assert.match(detail, /^of \d+ predictions of the last day \d+ came more than 7 days/)
    assert.match(remedy ?? '', /within 7 days/)
    // the state comes with the first of them
    await house.until('the count of all', async () => (await metric('too_late')) === sent.flat().length)
    const env = { ...process.env, NO_COLOR: '1' }
    const found = await new Promise<string>((done) => {
      execFile(process.execPath, [MAIN, 'doctor', '--data', house.data], { env }, (_, out) => done(out))
    })
    assert.match(found, /^FAIL Monitors: .*replayed is not watched.*came more than 7 days/m)
  })

  it('a time ahead of the clock is counted, and event time does not follow it', async () => {
    const before = await house.monitor('whole')
    const ahead = Date.now() + 300 * 24 * HOUR_MS
    for (let i = 0; i < 3; i++)
      await house.predict(
        'whole',
        live.flat().slice(0, 200),
        Array.from({ length: 200 }, (_, k) => ahead + k),
      )
    await house.until('the state', async () => (await house.watched('whole')).reason === 'rows_ahead')
    await house.until('the count of all', async () => (await house.monitor('whole')).times.ahead === 600)
    assert.equal((await house.monitor('whole')).looked_until, before.looked_until)
  })
})
