/** Bounds of what pages compute that lie exactly where one unit, one line or one reading ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { ago, bytes, count, duration, figure, money, percent } from '../../src/contract/text/format.ts'
import { appendLog } from './log-text.ts'
import { inlinesOf } from './markdown.ts'
import { followChanges } from './live.ts'

const NOW = Date.parse('2026-05-03T10:00:00.000Z')
const before = (ms: number): string => ago(new Date(NOW - ms).toISOString(), NOW)
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]

const TEXTS: readonly (readonly [found: string, expected: string])[] = [
  [money(100_000), '$0.10'],
  [money(99_999), '$0.10'],
  [money(99_499), '$0.099'],
  [money(-100_000), '$-0.10'],
  [money(1), '$0.000001'],
  [figure(999_999), '999,999'],
  [figure(1_000_000), '1.00e+6'],
  [figure(0.0001), '0.0001'],
  [figure(0.000_099_99), '1.00e-4'],
  [figure(1_234_567.8, 6), '1.23457e+6'],
  [figure(-0.123_46), '-0.1235'],
  [figure(-Number.MAX_VALUE), '-∞'],
  [percent(0.000_04), '0 %'],
  [percent(0.999_6), '100 %'],
  [count(-1204), '-1,204'],
  [duration(999.4), '999 ms'],
  [duration(999.5), '1 s'],
  [duration(59_949), '59.9 s'],
  [duration(59_950), '1 min'],
  [duration(HOUR - 501), '59 min 59 s'],
  [duration(HOUR - 500), '1 h'],
  [duration(DAY - 30_001), '23 h 59 min'],
  [duration(DAY - 30_000), '1 d'],
  [bytes(1023), '1023 B'],
  [bytes(1024), '1 KiB'],
  [bytes(1_047_552), '1023 KiB'],
  [bytes(1_022_976), '999 KiB'],
  [bytes(1024 ** 5), '1024 TiB'],
  [bytes(1536), '1.5 KiB'],
  [before(9999), 'just now'],
  [before(10_000), '10 s ago'],
  [before(-10_000), 'in 10 s'],
  [before(MINUTE - 1), '59 s ago'],
  [before(MINUTE), '1 min ago'],
  [before(HOUR - 1), '59 min ago'],
  [before(HOUR), '1 h ago'],
  [before(DAY), '1 d ago'],
  [before(400 * DAY), '400 d ago'],
  [before(730 * DAY - 1), '729 d ago'],
  [before(730 * DAY), '2 y ago'],
]

test('numbers, sizes, money and times turn into the next unit exactly where it begins', () => {
  assert.deepEqual(
    TEXTS.map(([found]) => found),
    TEXTS.map(([, expected]) => expected),
  )
})

test('a long log begins with a whole line after the note, whatever is cut', () => {
  for (const length of [79, 80, 97]) {
    const line = (i: number): string => `${String(i).padStart(length - 1, '.')}\n`
    const log = appendLog('', Array.from({ length: Math.ceil(401_000 / length) }, (_, i) => line(i)).join(''))
    const [, first = ''] = log.split('\n')
    assert.equal(first.length, length - 1)
  }
})

const PLAIN = [
  'snake_case_name',
  'snake_case_ x',
  '2_000_000',
  'a * b * c',
  '5*',
  '_x',
  'x_',
  '**',
  'https:/x',
  '[a](b c)',
  '` `` '.slice(0, 1),
]
const STRONG = ['_x_', '(_x_)', '*x*', 'a *x* b']

test('underscores inside of words are no marks, those around them are', () => {
  for (const text of PLAIN) assert.deepEqual(inlinesOf(text), [{ kind: 'text', text }], text)
  for (const text of STRONG)
    assert.ok(
      inlinesOf(text).some(({ kind }) => kind === 'em'),
      text,
    )
})

test('what is being read is not begun anew by a change, or it might never end', (t) => {
  const streams: EventTarget[] = []
  class Stream extends EventTarget {
    constructor() {
      super()
      streams.push(this)
    }
    close(): void {
      streams.length = 0
    }
  }
  const globals = { document: globalThis.document, EventSource: globalThis.EventSource }
  Object.assign(globalThis, { document: Object.assign(new EventTarget(), { hidden: false }), EventSource: Stream })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const queries = new QueryClient()
  let reads = 0
  const queryFn = (): Promise<string> => {
    reads += 1
    return new Promise(() => undefined)
  }
  const queryKey = ['runs', 'list']
  queries.setQueryData(queryKey, 'of before')
  const stop = followChanges(queries, () => undefined)
  const leave = new QueryObserver(queries, { queryKey, queryFn, retry: false }).subscribe(() => undefined)
  try {
    assert.equal(reads, 1)
    for (let i = 0; i < 3; i += 1) {
      streams[0]?.dispatchEvent(new MessageEvent('change', { data: '{"kind":"runs"}' }))
      t.mock.timers.tick(5000)
    }
    assert.equal(reads, 1)
  } finally {
    leave()
    stop()
    queries.clear()
    Object.assign(globalThis, globals)
  }
})
