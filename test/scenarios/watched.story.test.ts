/** Watched or not is a state that everyone sees, over HTTP, with a real gateway and a real model. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { endpointViewApi } from '../../src/contract/endpoint-view.ts'
import { monitoringApi, MonitorSettings } from '../../src/contract/monitoring.ts'
import { flights, timed, TRAINED, untimed, watchedHouse } from '../monitored/watched-house.ts'
import type { WatchedHouse } from '../monitored/watched-house.ts'
import { never } from '../until.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const hours = flights(TRAINED + 72)
const trained = hours.slice(0, TRAINED)
let house: WatchedHouse

before(async () => {
  house = await watchedHouse({
    nulls: timed(trained),
    bare: null,
    untimed: untimed(trained.flat().slice(0, 5000)),
    short: timed(trained.slice(-20 * 24)),
  })
})
after(() => house.close())

describe('an endpoint that nobody can watch', () => {
  it('says so at once, everywhere, with the reason and the remedy', async () => {
    for (const [name, reason, detail, remedy] of [
      ['bare', 'no_reference', /no table of training rows/, /reference: STEP\.OUTPUT/],
      ['untimed', 'no_event_time', /event_time/, /write a column event_time/],
      ['short', 'limits_not_learned', /too few days/, /two months/],
    ] as const) {
      // the reason is noted with its time by the next look
      const noted = async (): Promise<boolean> => {
        const now = await house.watched(name)
        return now.reason === reason && now.since !== null
      }
      await house.until(`${name} to be ${reason}`, noted)
      const state = await house.watched(name)
      assert.equal(state.state, 'unwatched')
      assert.match(state.detail, detail)
      assert.match(state.remedy ?? '', remedy)
      assert.ok(state.since !== null)
    }
    await house.until('the limits of nulls', async () => (await house.watched('nulls')).reason === 'no_rows')
    const { items } = await house.server.client.call(endpointViewApi.listWatched)
    const reasons = new Map(items.map((one) => [one.endpoint, one.watched.reason]))
    assert.deepEqual(
      ['bare', 'untimed', 'short', 'nulls'].map((name) => reasons.get(name)),
      ['no_reference', 'no_event_time', 'limits_not_learned', 'no_rows'],
    )
    const text = await (await house.server.client.open(monitoringApi.metrics)).text()
    assert.match(text, /^slipway_endpoint_watched\{endpoint="bare",state="unwatched",reason="no_reference"\} 0$/m)
    assert.match(text, /^slipway_endpoint_watched\{endpoint="nulls",state="waiting",reason="no_rows"\} 1$/m)
    const found = await new Promise<string>((done) => {
      execFile(
        process.execPath,
        [MAIN, 'doctor', '--data', house.data],
        { env: { ...process.env, NO_COLOR: '1' } },
        (_, out) => done(out),
      )
    })
    assert.match(found, /^FAIL Monitors: .*bare is not watched since .*no table of training rows.*STEP\.OUTPUT/m)
  })

  it('has figures of judgement that stand still while hours go by', async () => {
    await house.send('bare', hours.slice(TRAINED), TRAINED)
    await house.until('rows to be counted', async () => {
      const text = await (await house.server.client.open(monitoringApi.metrics)).text()
      return /^slipway_predictions_total\{endpoint="bare"\} \d/m.test(text)
    })
    await house.until('a look at hours', async () => (await house.monitor('bare')).looked_until !== null)
    const { evaluated_until, last_run_at } = await house.monitor('bare')
    assert.deepEqual([evaluated_until, last_run_at], [null, null])
    const text = await (await house.server.client.open(monitoringApi.metrics)).text()
    assert.doesNotMatch(text, /slipway_monitor_(last_success|evaluated_until)\w*\{endpoint="bare"\}/)
  })

  it('can be switched off, and everybody sees that somebody did', async () => {
    await house.server.client.call(monitoringApi.putMonitor, {
      params: { name: 'bare' },
      body: MonitorSettings.parse({ enabled: false }),
    })
    const state = await house.watched('bare')
    assert.deepEqual([state.state, state.reason], ['unwatched', 'off'])
    assert.match(state.remedy ?? '', /enabled: true/)
  })

  it('writes a line of the log for each change and not one for each look', async () => {
    const lines = (said: RegExp): number => house.server.errors().match(said)?.length ?? 0
    // all endpoints are looked at each minute, and that minute’s look has the change of one of them
    const later = /endpoint bare is not watched: its monitor is switched off/g
    await house.until('the line of a later look', async () => lines(later) === 1)
    const isRepeated = (): boolean => lines(/endpoint untimed is not watched/g) > 1
    await never('a line for each look', isRepeated, 20, () => house.monitor('untimed'))
    assert.equal(lines(/endpoint untimed is not watched/g), 1)
    assert.equal(lines(/reference cannot be learned/g), 1, 'learning failed once and is told once')
  })
})
