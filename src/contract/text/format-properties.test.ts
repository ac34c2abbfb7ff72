/** What is written about a number can be read back: digits, units, signs and groups, for numbers of any size. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../test/web/seeded.ts'
import {
  ago,
  bytes,
  count,
  duration,
  eventTime,
  exact,
  figure,
  fullSentence,
  interval,
  money,
  NONE,
  percent,
  plural,
  sentence,
  weight,
  words,
} from './format.ts'

/** Reads a number as a person does: groups of three, a minus, powers of ten. */
function read(text: string): number {
  return Number(text.replaceAll(',', ''))
}

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600, d: 86_400 }

/** Reads `2 d 4 h` as seconds. */
function readDuration(text: string): number {
  const parts = text.split(' ')
  let sum = 0
  for (let i = 0; i < parts.length; i += 2) sum += Number(parts[i]) * (SECONDS[parts[i + 1] ?? ''] ?? Number.NaN)
  return sum
}

test('a figure is read back within half of its last digit', () => {
  property(400, (random) => {
    const value = random.number()
    const digits = random.int(2, 8)
    const text = figure(value, digits)
    // from a million on and below a ten-thousandth three digits are written, unless more than four were asked for
    const size = Math.abs(value)
    const plain = value === 0 || (size < 1e6 && size >= 1e-4)
    const kept = plain ? digits : digits > 4 ? digits : 3
    const error = Math.abs(read(text) - value)
    assert.ok(error <= (Math.abs(value) * 0.5000001) / 10 ** (kept - 1), `${value} as ${text}`)
  })
})

test('figures of opposite sign differ by the sign alone', () => {
  property(200, (random) => {
    const value = Math.abs(random.number()) || 1
    assert.equal(figure(-value), `-${figure(value)}`)
  })
})

test('whole numbers below a million keep every digit and have groups of three', () => {
  property(300, (random) => {
    const value = random.int(0, 999_999)
    const text = figure(value, 2)
    assert.equal(read(text), value)
    assert.match(text, /^\d{1,3}(?:,\d{3})*$/)
    assert.equal(count(value), text)
  })
})

test('the greatest double is infinity, as MLflow keeps it, and what is no number says so', () => {
  assert.deepEqual([figure(Number.MAX_VALUE), figure(-Number.MAX_VALUE)], ['∞', '-∞'])
  assert.deepEqual([figure(Infinity), figure(-Infinity)], ['∞', '-∞'])
  assert.deepEqual([figure(Number.NaN), figure('NaN')], ['NaN', 'NaN'])
  assert.equal(figure(-0), '0')
  assert.notEqual(figure(Number.MAX_VALUE * 0.999), '∞')
})

test('what is missing is a dash, for every kind of figure', () => {
  for (const write of [count, figure, percent, duration, bytes, money, interval, eventTime]) {
    assert.deepEqual([write(null), write(undefined)], [NONE, NONE], write.name)
  }
})

test('the edges between the two ways to write a figure', () => {
  assert.deepEqual(
    [999_999, 1_000_000, 0.0001, 0.000_099_9].map((value) => figure(value)),
    ['999,999', '1.00e+6', '0.0001', '9.99e-5'],
  )
  assert.deepEqual([figure(999_999.96), figure(0.123_45, 3)], ['1000000', '0.123'])
})

test('a share in per cent is read back within half of its last digit', () => {
  property(300, (random) => {
    const share = (random.next() - 0.2) * 1.5
    const digits = random.int(0, 4)
    const text = percent(share, digits)
    assert.ok(text.endsWith(' %'), text)
    const back = Number(text.slice(0, -2)) / 100
    assert.ok(Math.abs(back - share) <= (0.5 * 10 ** -digits) / 100 + 1e-12, `${share} as ${text}`)
    assert.ok(!/\.\d*0 %$/.test(text), `${text} has a zero too many`)
  })
})

test('weights of two variants that make the whole add up to 100 %', () => {
  for (let parts = 0; parts <= 10_000; parts += 137) {
    const sum = Number(weight(parts).slice(0, -2)) + Number(weight(10_000 - parts).slice(0, -2))
    assert.ok(Math.abs(sum - 100) < 1e-9, `${parts}`)
  }
})

test('a duration is read back within half of its smaller unit', () => {
  property(500, (random) => {
    const ms = random.next() * 10 ** random.int(0, 10)
    const text = duration(ms)
    const parts = text.split(' ')
    const unit = SECONDS[parts.at(-1) ?? ''] ?? Number.NaN
    // one unit alone stands for a rest of zero, so its half is that of the next smaller one or of its decimals
    const slack =
      parts.length === 4
        ? unit / 2
        : Math.max(0.05, unit === 60 ? 0.5 : unit === 3600 ? 30 : unit === 86_400 ? 1800 : 0)
    assert.ok(Math.abs(readDuration(text) - ms / 1000) <= slack + 1e-9, `${ms} ms as ${text}`)
  })
})

test('durations never carry a unit beyond its size', () => {
  const limits: Readonly<Record<string, number>> = { s: 60, min: 60, h: 24 }
  property(500, (random) => {
    const parts = duration(random.next() * 10 ** random.int(3, 10)).split(' ')
    for (let i = 2; i < parts.length; i += 2) {
      assert.ok(Number(parts[i]) < (limits[parts[i + 1] ?? ''] ?? Infinity), parts.join(' '))
    }
  })
})

test('a duration that rounds up to the next unit is told in it', () => {
  assert.deepEqual(
    [999.7, 59_960, 3_599_600, 86_399_000].map((ms) => duration(ms)),
    ['1 s', '1 min', '1 h', '1 d'],
  )
})

test('durations at the edges of their units', () => {
  assert.deepEqual(
    [0, 0.001, 9.999, 10, 999, 1000, 59_900, 60_000, 3_599_000, 3_600_000, 86_340_000, 86_400_000].map((ms) =>
      duration(ms),
    ),
    ['0 ms', '0 ms', '10 ms', '10 ms', '999 ms', '1 s', '59.9 s', '1 min', '59 min 59 s', '1 h', '23 h 59 min', '1 d'],
  )
})

test('a size is read back within half of its third digit', () => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  property(300, (random) => {
    const size = Math.floor(random.next() * 10 ** random.int(0, 14))
    const [value = '', unit = ''] = bytes(size).split(' ')
    const scale = 1024 ** units.indexOf(unit)
    assert.ok(units.includes(unit), unit)
    assert.ok(Math.abs(Number(value) * scale - size) <= size * 0.005, `${size} as ${value} ${unit}`)
    if (unit !== 'TiB') assert.ok(Number(value) <= 1024, `${value} ${unit}`)
  })
})

test('money has two digits after the point from ten cents on, and two significant ones below', () => {
  property(300, (random) => {
    const micro = random.int(1, 10 ** random.int(1, 10))
    const text = money(micro)
    const dollars = micro / 1e6
    assert.match(text, /^\$/)
    if (dollars >= 0.1) assert.match(text, /^\$\d+\.\d\d$/)
    const error = Math.abs(Number(text.slice(1)) - dollars)
    assert.ok(error <= Math.max(0.005, 0) || error <= dollars * 0.05, `${micro} as ${text}`)
  })
  assert.equal(money(99_000), '$0.099')
  assert.equal(money(-250_000), '$-0.25')
})

test('an interval has both ends with the same number of digits', () => {
  assert.equal(interval([-0.00123456, 0.0123456]), '[-0.00123, 0.0123]')
  assert.equal(interval([0, 1]), '[0, 1]')
  assert.equal(interval([0.123456, 0.654321], 5), '[0.12346, 0.65432]')
})

test('a time ago is never more than it is, and at most one unit less', () => {
  const now = Date.parse('2026-05-03T10:00:00Z')
  const unitMs: Readonly<Record<string, number>> = {
    s: 1000,
    min: 60_000,
    h: 3_600_000,
    d: 86_400_000,
    y: 365 * 86_400_000,
  }
  property(400, (random) => {
    const ms = 10_000 + random.next() * 10 ** random.int(5, 11)
    const [amount = '', unit = '', tail] = ago(new Date(now - ms).toISOString(), now).split(' ')
    assert.equal(tail, 'ago')
    const told = Number(amount) * (unitMs[unit] ?? Number.NaN)
    assert.ok(told <= ms + 1 && ms - told < (unitMs[unit] ?? 0) + 1, `${ms} ms as ${amount} ${unit}`)
    assert.equal(ago(new Date(now + Math.floor(ms)).toISOString(), now).startsWith('in '), true)
  })
})

test('now is ten seconds long, in both directions, and nonsense is no time', () => {
  const now = Date.parse('2026-05-03T10:00:00Z')
  assert.deepEqual(
    [-9999, 9999, -10_000, 10_000].map((ms) => ago(new Date(now + ms).toISOString(), now)),
    ['just now', 'just now', '10 s ago', 'in 10 s'],
  )
  assert.deepEqual([ago('yesterday', now), ago('', now)], [NONE, NONE])
})

test('event time is UTC to the minute, whatever the zone of its text', () => {
  assert.equal(eventTime('2026-05-03T12:34:56+05:30'), '2026-05-03 07:04 UTC')
  assert.equal(eventTime('no time'), 'no time')
  property(100, (random) => {
    const at = random.int(0, 4e12)
    const date = new Date(at)
    const two = (value: number): string => String(value).padStart(2, '0')
    assert.equal(
      eventTime(date.toISOString()),
      `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())} UTC`,
    )
  })
})

test('an exact time is to the second in the zone of the reader, which it names', () => {
  const at = new Date(2026, 4, 3, 9, 8, 7)
  assert.match(exact(at.toISOString()), /^2026-05-03 09:08:07 \S+/)
  assert.equal(exact('no time'), 'no time')
})

test('a sentence begins with a capital letter and ends once', () => {
  assert.deepEqual(
    ['the gate fails', 'The gate fails.', 'why?', 'stop!', 'and so on…', '  padded  ', '', '   '].map(fullSentence),
    ['The gate fails.', 'The gate fails.', 'Why?', 'Stop!', 'And so on…', 'Padded.', '', ''],
  )
  assert.deepEqual([sentence('ärger'), sentence(''), sentence('1 run')], ['Ärger', '', '1 run'])
  property(200, (random) => {
    const once = fullSentence(random.text(12))
    assert.equal(fullSentence(once), once, 'a full sentence stays as it is')
  })
})

test('one is singular, all other counts are plural', () => {
  assert.deepEqual(
    [0, 1, 2, 1000].map((n) => plural(n, 'run')),
    ['0 runs', '1 run', '2 runs', '1,000 runs'],
  )
  assert.equal(words('not_enough_data'), 'not enough data')
})
