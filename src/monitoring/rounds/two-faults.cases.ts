/** Two faults of feeds in one incident, in both orders, on both databases: each is told, each has its times, the worst of them speaks for all. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HOUR_MS } from '../../contract/ids.ts'
import type { Db } from '../../store/db.ts'
import type { IncidentView } from '../incidents/rows.ts'
import { FIRST, kilometres, START, utc, watch } from './feed.fixture.ts'
import type { Change, Watched } from './feed.fixture.ts'

const METRICS = { 'importance.sched_hour': 0.05, 'importance.distance': 0.0001, 'importance.temp': 0.01 }
/** Nine in the morning of the third live day. */
const FAULT = FIRST + 2 * 24 + 9

const both: Change = (row) => utc(kilometres(row))
const KM = 'unit changed mi → km, distance'
const UTC = /^sched_hour moved by \+5 h/

/** Hours since `START` of a time that the API shows. */
const hourOf = (time: string | null | undefined): number => (Date.parse(time ?? '') - START) / HOUR_MS
const kinds = ({ timeline }: IncidentView): string[] => timeline.map((one) => one.kind)
const open = ({ causes }: IncidentView): string[] =>
  causes.flatMap((one) => (one.severity !== null && one.ended_event_time === null ? [one.title] : []))

/** A database that goes when it is closed. */
interface Opened {
  readonly db: Db
  close(): Promise<unknown>
}

/** Runs the cases on databases that `database` makes, one for each case. */
export function twoFaultCases(name: string, database: () => Promise<Opened>): void {
  describe(`two faults in one incident on ${name}`, () => {
    let opened: Opened
    before(async () => (opened = await database()))
    after(() => opened.close())

    it('the grave one under one that costs nothing: it pages, gives title and severity, and both end by themselves', async () => {
      const endpoint = 'low first'
      let watched = await watch(opened.db, { endpoint, metrics: METRICS })
      await watched.live(FIRST, FAULT)
      assert.deepEqual(await watched.incidents(), [], 'two clean days are quiet')
      await watched.live(FAULT, FAULT + 6, kilometres)
      const first = await watched.only()
      assert.deepEqual(
        [first.title, first.severity, first.state, first.pages, first.times_paged],
        [KM, 'low', 'open', false, 0],
      )
      // another process takes over, and knows what was open
      watched = await watch(opened.db, { endpoint, metrics: METRICS })
      await watched.live(FAULT + 6, FAULT + 12, both)
      const second = await watched.only()
      assert.equal(second.id, first.id)
      assert.match(second.title, UTC)
      assert.deepEqual([second.severity, second.pages, second.times_paged], ['high', true, 1])
      assert.deepEqual(open(second).length, 2, JSON.stringify(second.causes, null, 1))
      assert.ok(kinds(second).includes('another cause') && kinds(second).includes('paged'), kinds(second).join())
      await theGraveOneEnds(watched, second)
      await theMildOneEnds(watched)
    })

    it('the mild one under the grave one: it is told and pages nobody, and is what is left', async () => {
      const watched = await watch(opened.db, { endpoint: 'high first', metrics: METRICS })
      await watched.live(FIRST, FAULT)
      await watched.live(FAULT, FAULT + 6, utc)
      const first = await watched.only()
      assert.match(first.title, UTC)
      assert.deepEqual([first.severity, first.times_paged], ['high', 1])
      await watched.live(FAULT + 6, FAULT + 12, both)
      const second = await watched.only()
      assert.match(second.title, UTC)
      assert.deepEqual([second.severity, second.times_paged, open(second).length], ['high', 1, 2])
      assert.ok(kinds(second).includes('another cause'), kinds(second).join())
      await theGraveOneEnds(watched, second)
      await theMildOneEnds(watched)
    })

    it('one after the other has ended, within a day: the incident opens again, and what is new in it pages', async () => {
      const watched = await watch(opened.db, { endpoint: 'in turn', metrics: METRICS })
      await watched.live(FIRST, FAULT)
      await watched.live(FAULT, FAULT + 5, kilometres)
      await watched.live(FAULT + 5, FAULT + 24)
      assert.equal((await watched.only()).state, 'resolved')
      await watched.live(FAULT + 24, FAULT + 30, utc)
      const again = await watched.only()
      assert.deepEqual([again.state, again.severity, again.times_paged, open(again).length], ['open', 'high', 1, 1])
      assert.match(again.title, UTC)
      assert.ok(kinds(again).includes('opened again') && kinds(again).includes('another cause'), kinds(again).join())
    })
  })
}

/** The clock is mended, distance stays: severity and title fall back to it, the end is told, and the incident stays open. */
async function theGraveOneEnds(watched: Watched, before: IncidentView): Promise<void> {
  await watched.live(FAULT + 12, FAULT + 36, kilometres)
  const left = await watched.only()
  assert.deepEqual([left.title, left.severity, left.state], [KM, 'low', 'open'])
  assert.equal(left.times_paged, before.times_paged, 'that it got better wakes nobody')
  assert.deepEqual(open(left), [KM])
  const over = left.causes.find((one) => UTC.test(one.title))
  assert.ok(over !== undefined && over.severity === 'high')
  const [seen, ended] = [hourOf(over.seen_event_time), hourOf(over.ended_event_time)]
  assert.ok(seen >= FAULT + 12 && seen <= FAULT + 19, `last seen ${seen - FAULT} h after the first fault`)
  assert.ok(ended > seen && ended <= FAULT + 36, `over ${ended - FAULT} h after the first fault`)
  assert.ok(left.timeline.some((one) => one.kind === 'cause over' && UTC.test(one.text)))
}

async function theMildOneEnds(watched: Watched): Promise<void> {
  await watched.live(FAULT + 36, FAULT + 72)
  const end = await watched.only()
  assert.deepEqual([end.state, end.severity, open(end)], ['resolved', 'high', []])
  assert.match(end.title, UTC, 'of one that is over the worst cause speaks')
  const times = Object.fromEntries(
    end.causes.map((one) => [one.title === KM ? 'km' : UTC.test(one.title) ? 'utc' : one.title, one]),
  )
  assert.deepEqual(Object.keys(times).toSorted(), ['km', 'utc'], 'and no other')
  const began = (key: string): number => hourOf(times[key]?.began_event_time) - FAULT
  assert.ok(Math.abs(Math.min(began('km'), began('utc'))) <= 1, `${began('km')} ${began('utc')}`)
  assert.ok(Math.abs(Math.abs(began('km') - began('utc')) - 6) <= 2, `${began('km')} ${began('utc')}`)
  assert.ok(hourOf(times['km']?.ended_event_time) > hourOf(times['utc']?.ended_event_time))
  assert.ok(kinds(end).indexOf('cause over') < kinds(end).lastIndexOf('cause over'), kinds(end).join())
  assert.equal(kinds(end).at(-1), 'resolved')
}
