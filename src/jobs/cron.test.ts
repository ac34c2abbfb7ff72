/** Cron times across the days when clocks change, and against a minute-by-minute oracle. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextFire } from './cron.ts'

/** The next `count` fires after an instant, as ISO texts without the parts that are always zero. */
function fires(cron: string, zone: string, after: string, count: number): string[] {
  const found: string[] = []
  let at = Date.parse(after)
  for (let i = 0; i < count; i++) {
    at = nextFire(cron, zone, at) ?? Number.NaN
    found.push(new Date(at).toISOString().slice(0, 16))
  }
  return found
}

describe('cron', () => {
  // In New York clocks go from 2:00 EST to 3:00 EDT on 8 March 2026, and from 2:00 EDT to 1:00 EST on 1 November 2026.
  it('a time that spring skips fires once, at the change', () => {
    assert.deepEqual(fires('30 2 * * *', 'America/New_York', '2026-03-07T00:00:00Z', 4), [
      '2026-03-07T07:30',
      '2026-03-08T07:00',
      '2026-03-09T06:30',
      '2026-03-10T06:30',
    ])
    assert.deepEqual(fires('*/20 2 * * *', 'America/New_York', '2026-03-08T05:00:00Z', 2), [
      '2026-03-08T07:00',
      '2026-03-09T06:00',
    ])
  })

  it('a time that autumn shows twice fires once, the first time', () => {
    assert.deepEqual(fires('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 3), [
      '2026-11-01T05:30',
      '2026-11-02T06:30',
      '2026-11-03T06:30',
    ])
    assert.deepEqual(fires('0,30 1,2 * * *', 'America/New_York', '2026-11-01T04:00:00Z', 4), [
      '2026-11-01T05:00',
      '2026-11-01T05:30',
      '2026-11-01T07:00',
      '2026-11-01T07:30',
    ])
  })

  it('every so many minutes is elapsed time: no pause, no double, in spring and in autumn', () => {
    for (const [start, hours] of [
      ['2026-03-08T05:00:00Z', 4],
      ['2026-11-01T04:00:00Z', 4],
    ] as const) {
      const found = fires('*/15 * * * *', 'America/New_York', start, hours * 4)
      const expected = Array.from({ length: hours * 4 }, (_, i) =>
        new Date(Date.parse(start) + (i + 1) * 15 * 60_000).toISOString().slice(0, 16),
      )
      assert.deepEqual(found, expected)
    }
    assert.deepEqual(fires('30 * * * *', 'America/New_York', '2026-03-08T06:00:00Z', 2), [
      '2026-03-08T06:30',
      '2026-03-08T07:30',
    ])
  })

  it('knows a zone that changes by half an hour, and one that does not change', () => {
    // Lord Howe goes from 2:00 (+10:30) to 2:30 (+11) on 4 October 2026 and from 2:00 (+11) to 1:30 (+10:30) on 5 April 2026.
    assert.deepEqual(fires('15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T20:00:00Z', 2), [
      '2026-10-03T15:30',
      '2026-10-04T15:15',
    ])
    assert.deepEqual(fires('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', 2), [
      '2026-04-04T14:45',
      '2026-04-05T15:15',
    ])
    assert.deepEqual(fires('0 4 * * *', 'Asia/Kolkata', '2026-03-08T00:00:00Z', 1), ['2026-03-08T22:30'])
  })

  it('agrees with looking at the clock every minute, over the changes of several zones', () => {
    const patterns = ['0 2 * * *', '30 1 * * *', '10 0,1,3 * * 0', '5 4 1 * *', '0 0 * * *', '59 23 * * *']
    const zones = ['America/New_York', 'Europe/Berlin', 'America/Santiago', 'Africa/Cairo', 'UTC', 'Asia/Tehran']
    for (const zone of zones) {
      const clock = new Intl.DateTimeFormat('en-GB', {
        timeZone: zone,
        hourCycle: 'h23',
        weekday: 'short',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        month: 'numeric',
      })
      for (const start of ['2026-03-07T00:00:00Z', '2026-10-24T00:00:00Z', '2026-10-31T00:00:00Z']) {
        const shown = new Map<number, string>()
        for (let at = Date.parse(start); at < Date.parse(start) + 3 * 86_400_000; at += 60_000)
          shown.set(at, clock.format(at))
        for (const pattern of patterns) {
          const [minute, hour, day, , weekday] = pattern.split(' ')
          const wanted = [...shown].filter(([, text]) => {
            const match = /^(\w+),? (\d+)\/\d+,? (\d+):(\d+)$/.exec(text)
            assert.ok(match, text)
            return (
              minute === String(Number(match[4])) &&
              (hour === '*' || hour?.split(',').includes(String(Number(match[3])))) &&
              (day === '*' || day === String(Number(match[2]))) &&
              (weekday === '*' || match[1] === 'Sun')
            )
          })
          const seen = new Set<string>()
          const once = wanted.filter(([, text]) => !seen.has(text) && seen.add(text)).map(([at]) => at)
          const found = between(pattern, zone, Date.parse(start), Date.parse(start) + 3 * 86_400_000)
          // A skipped time is in `found` alone, at the minute of the change.
          const extra = found.filter((at) => !once.includes(at))
          assert.deepEqual(
            found.filter((at) => once.includes(at)),
            once,
            `${pattern} in ${zone} from ${start}`,
          )
          for (const at of extra) {
            const jump =
              Date.parse(`2000-01-01T${timeIn(zone, at)}Z`) - Date.parse(`2000-01-01T${timeIn(zone, at - 60_000)}Z`)
            assert.ok(
              jump !== 60_000 && jump !== 60_000 - 86_400_000,
              `${pattern} in ${zone}: ${new Date(at).toISOString()}`,
            )
          }
        }
      }
    }
  })

  it('@hourly is elapsed time, @daily and expressions with seconds go by their hour', () => {
    const at = (cron: string, after: string, count: number): string[] => fires(cron, 'America/New_York', after, count)
    assert.deepEqual(at('@hourly', '2026-11-01T04:30:00Z', 3), [
      '2026-11-01T05:00',
      '2026-11-01T06:00',
      '2026-11-01T07:00',
    ])
    assert.deepEqual(at('@daily', '2026-10-31T12:00:00Z', 2), ['2026-11-01T04:00', '2026-11-02T05:00'])
    assert.deepEqual(at('0 30 1 * * *', '2026-10-31T12:00:00Z', 2), ['2026-11-01T05:30', '2026-11-02T06:30'])
    assert.deepEqual(at('0 30 * * * *', '2026-11-01T05:00:00Z', 3), [
      '2026-11-01T05:30',
      '2026-11-01T06:30',
      '2026-11-01T07:30',
    ])
    assert.deepEqual(at('  30   *  * * *', '2026-11-01T05:00:00Z', 2), ['2026-11-01T05:30', '2026-11-01T06:30'])
  })

  it('a skipped time fires in the very second of the change, wherever the search for it begins', () => {
    const change = Date.parse('2026-03-08T07:00:00Z')
    for (const second of [0, 1, 2, 3, 5, 8, 13, 59]) {
      const cron = `${second} 30 2 * * *`
      assert.equal(nextFire(cron, 'America/New_York', Date.parse('2026-03-08T05:00:00Z')), change, cron)
    }
    for (const after of ['2026-03-08T06:00:01.500Z', '2026-03-08T06:59:58Z', '2026-03-08T06:59:59.999Z'])
      assert.equal(nextFire('0 * * * *', 'America/New_York', Date.parse(after)), change, after)
  })

  it('says never, and refuses what is no expression or no zone', () => {
    assert.equal(nextFire('0 0 30 2 *', 'UTC', 0), undefined)
    assert.throws(
      () => nextFire('99 * * * *', 'UTC', 0),
      /cron: got 99 \* \* \* \*, expected a cron expression \(Invalid value for minute: 99\)/,
    )
    assert.throws(
      () => nextFire('0 4 * * *', 'Mars/Olympus', 0),
      /timezone: got Mars\/Olympus, expected an IANA time zone/,
    )
  })
})

function timeIn(zone: string, at: number): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).format(at)
}

function between(cron: string, zone: string, from: number, to: number): number[] {
  const found: number[] = []
  let at = nextFire(cron, zone, from - 1) ?? to
  while (at < to) {
    found.push(at)
    at = nextFire(cron, zone, at) ?? to
  }
  return found
}
