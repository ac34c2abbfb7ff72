/** Partitions by a clock that is set forward and back, against looking at it minute by minute. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Period } from '../../../contract/pipelines/partitions-section.ts'
import { zoneOf } from '../../../jobs/zone.ts'
import { spanAfter, spanAt, spanOfText, steadyZone, type Calendar, type Span } from './calendar.ts'

const calendar = (by: Period, timezone: string): Calendar => ({ by, zone: zoneOf(timezone), isUtc: timezone === 'UTC' })

function spans(by: Period, timezone: string, from: string, count: number): Span[] {
  const found: Span[] = [spanAt(calendar(by, timezone), Date.parse(from))]
  while (found.length < count) found.push(spanAfter(calendar(by, timezone), found.at(-1) as Span))
  return found
}

const shown = ({ key, start, end }: Span): string =>
  `${key} ${new Date(start).toISOString().slice(0, 16)} ${(end - start) / 3_600_000} h`

describe('partitions by time', () => {
  it('a day has 23 hours in spring and 25 in autumn', () => {
    assert.deepEqual(spans('day', 'America/New_York', '2026-03-07T12:00:00Z', 3).map(shown), [
      '2026-03-07 2026-03-07T05:00 24 h',
      '2026-03-08 2026-03-08T05:00 23 h',
      '2026-03-09 2026-03-09T04:00 24 h',
    ])
    assert.deepEqual(spans('day', 'America/New_York', '2026-11-01T12:00:00Z', 2).map(shown), [
      '2026-11-01 2026-11-01T04:00 25 h',
      '2026-11-02 2026-11-02T05:00 24 h',
    ])
  })

  it('an hour that is shown twice is two partitions, and one that is skipped is none', () => {
    assert.deepEqual(spans('hour', 'America/New_York', '2026-11-01T04:30:00Z', 4).map(shown), [
      '2026-11-01T00-0400 2026-11-01T04:00 1 h',
      '2026-11-01T01-0400 2026-11-01T05:00 1 h',
      '2026-11-01T01-0500 2026-11-01T06:00 1 h',
      '2026-11-01T02-0500 2026-11-01T07:00 1 h',
    ])
    assert.deepEqual(
      spans('hour', 'America/New_York', '2026-03-08T06:30:00Z', 2).map(({ key }) => key),
      ['2026-03-08T01-0500', '2026-03-08T03-0400'],
    )
    assert.equal(spans('hour', 'UTC', '2026-03-08T06:30:00Z', 1)[0]?.key, '2026-03-08T06Z')
  })

  it('a clock that is changed by half an hour cuts an hour in two', () => {
    assert.deepEqual(spans('hour', 'Australia/Lord_Howe', '2026-04-04T14:30:00Z', 3).map(shown), [
      '2026-04-05T01+1100 2026-04-04T14:00 1 h',
      '2026-04-05T01+1030 2026-04-04T15:00 0.5 h',
      '2026-04-05T02+1030 2026-04-04T15:30 1 h',
    ])
    assert.deepEqual(spans('hour', 'Australia/Lord_Howe', '2026-10-03T15:00:00Z', 2).map(shown), [
      '2026-10-04T01+1030 2026-10-03T14:30 1 h',
      '2026-10-04T02+1100 2026-10-03T15:30 0.5 h',
    ])
  })

  it('a week begins on Monday and has the number of ISO 8601, a month its own days', () => {
    assert.deepEqual(spans('week', 'Europe/Berlin', '2026-01-01T12:00:00Z', 2).map(shown), [
      '2026-W01 2025-12-28T23:00 168 h',
      '2026-W02 2026-01-04T23:00 168 h',
    ])
    assert.equal(spans('week', 'UTC', '2027-01-02T00:00:00Z', 1)[0]?.key, '2026-W53')
    assert.deepEqual(spans('month', 'Europe/Berlin', '2026-02-15T00:00:00Z', 2).map(shown), [
      '2026-02 2026-01-31T23:00 672 h',
      '2026-03 2026-02-28T23:00 743 h',
    ])
  })

  it('days follow one another without a gap or a double, as a clock shows them that is looked at each minute', () => {
    for (const zone of [
      'America/Santiago',
      'Africa/Cairo',
      'America/Havana',
      'Asia/Tehran',
      'Europe/Berlin',
      'Pacific/Apia',
      'UTC',
    ]) {
      const clock = new Intl.DateTimeFormat('en-CA', {
        timeZone: zone,
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
      })
      for (const from of [
        '2026-03-05T00:00:00Z',
        '2026-04-02T00:00:00Z',
        '2026-10-23T00:00:00Z',
        '2026-10-30T00:00:00Z',
        '2011-12-28T00:00:00Z',
      ]) {
        const [begin, end] = [Date.parse(from), Date.parse(from) + 5 * 86_400_000]
        const days = new Map<string, number>()
        for (let at = begin; at < end; at += 60_000) {
          const day = clock.format(at)
          if (!days.has(day)) days.set(day, at)
        }
        const found: Span[] = []
        for (
          let span = spanAt(calendar('day', zone), begin);
          span.start < end;
          span = spanAfter(calendar('day', zone), span)
        )
          found.push(span)
        const shownDays = found.filter(({ start, end: to }) => to > start)
        assert.deepEqual(
          shownDays.map(({ key }) => key),
          [...days.keys()],
          `${zone} from ${from}`,
        )
        for (const { key, start } of shownDays.slice(1)) assert.equal(start, days.get(key), `${key} in ${zone}`)
      }
    }
  })

  it('the key of each names it, and a time that is no partition names what is around it', () => {
    for (const by of ['hour', 'day', 'week', 'month'] as const)
      for (const zone of ['UTC', 'America/New_York', 'Australia/Lord_Howe'])
        for (const from of ['2026-04-04T00:00:00Z', '2026-10-03T00:00:00Z', '2026-10-20T00:00:00Z'])
          for (const { key, ...span } of spans(by, zone, from, 40))
            assert.deepEqual(spanOfText(calendar(by, zone), key), span, key)
    const place = spanOfText(calendar('day', 'UTC'), '2026-03')
    assert.deepEqual(place, { start: Date.UTC(2026, 2), end: Date.UTC(2026, 3) })
    for (const text of [
      '2026',
      '2026-13',
      '2026-02-30',
      '2026-W54',
      '2026-W00',
      '2026-3-1',
      '2026-03-01T24',
      'today',
      '',
    ])
      assert.equal(spanOfText(calendar('day', 'UTC'), text), undefined, text)
  })

  it('a zone that is asked twice a day says the same as one that is asked each time', () => {
    for (const name of ['America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata']) {
      const [zone, steady] = [zoneOf(name), steadyZone(zoneOf(name))]
      for (let at = Date.UTC(2026, 2, 6); at < Date.UTC(2026, 3, 8); at += 900_000) assert.equal(steady(at), zone(at))
    }
  })
})
