import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeSpec } from './profile-spec.ts'
import type { Column } from './profile-spec.ts'
import * as profiles from './profile.ts'
import * as views from './profile-view.ts'
import { prng } from './prng.ts'

/** Rows of a temperature, a zero-inflated rain, an hour, and a carrier whose flights have typical distances. */
function flights(seed: number, n: number): unknown[][] {
  const random = prng(seed)
  return Array.from({ length: n }, () => {
    const carrier = ['UA', 'DL', 'AA', 'HA'][Math.floor(random.uniform() ** 2 * 4)]!
    const rain = random.uniform() < 0.9 ? 0 : Math.exp(random.normal())
    const temp = random.uniform() < 0.1 ? null : 60 + 15 * random.normal()
    return [
      temp,
      rain,
      5 + random.below(18),
      carrier,
      { UA: 1400, DL: 1100, AA: 1300, HA: 4983 }[carrier]! + 200 * random.normal(),
    ]
  })
}

const NAMES = ['temp', 'rain', 'hour', 'carrier', 'distance']
const columns = (rows: unknown[][]): Column[] => NAMES.map((name, i) => ({ name, values: rows.map((row) => row[i]) }))
const reference = flights(1, 5000)
const spec = makeSpec(columns(reference))

function profileOf(rows: unknown[][]): profiles.Profile {
  const profile = profiles.emptyProfile(spec)
  for (const row of rows) profiles.add(profile, row)
  return profile
}

const close = (a: number, b: number, tolerance = 1e-9): void =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${a} is not ${b}`)

test('the spec gives spikes and few values bins of their own and finds the conditional', () => {
  const [temp, rain, hour, carrier] = spec.features
  assert.ok(
    temp?.kind === 'numeric' && temp.edges.length === 21 && temp.edges.every((e, i, all) => i === 0 || e > all[i - 1]!),
  )
  assert.ok(rain?.kind === 'numeric' && rain.edges[0] === 0 && rain.edges.length >= 3)
  assert.ok(hour?.kind === 'numeric' && hour.edges.length === 19)
  assert.ok(carrier?.kind === 'categorical')
  assert.equal(carrier.values[0], 'UA')
  assert.deepEqual(spec.conditionals, [{ value: 'distance', by: 'carrier' }])
  const view = views.numeric(profileOf(reference), 1)
  assert.equal(view.counts[1], view.zeros)
  assert.equal(views.numeric(profileOf(reference), 2).counts[1], reference.filter((row) => row[2] === 5).length)
})

test('moments, nulls, zeros and conditional means are those of the rows', () => {
  const profile = profiles.profileColumns(spec, columns(reference))
  assert.equal(profiles.rows(profile), 5000)
  const temps = reference.map((row) => row[0]).filter((x): x is number => x !== null)
  const mean = temps.reduce((s, x) => s + x, 0) / temps.length
  const temp = views.numeric(profile, 0)
  assert.equal(temp.nulls, 5000 - temps.length)
  close(temp.mean, mean)
  close(temp.sd, Math.sqrt(temps.reduce((s, x) => s + (x - mean) ** 2, 0) / temps.length))
  assert.deepEqual([temp.min, temp.max], [Math.min(...temps), Math.max(...temps)])
  assert.deepEqual([temp.counts[0], temp.counts.at(-1)], [0, 0])
  assert.equal(
    temp.counts.reduce((s, x) => s + x, 0),
    temp.n,
  )
  const wet = reference.map((row) => row[1] as number).filter((x) => x !== 0)
  const rain = views.numeric(profile, 1)
  close(rain.nonZeroMean, wet.reduce((s, x) => s + x, 0) / wet.length)
  close(rain.nonZeroSd ** 2 + rain.nonZeroMean ** 2, wet.reduce((s, x) => s + x * x, 0) / wet.length)
  const ua = reference.filter((row) => row[3] === 'UA').map((row) => row[4] as number)
  const by = views.conditional(profile, 0)
  assert.equal(by.count(0), ua.length)
  close(by.mean(0), ua.reduce((s, x) => s + x, 0) / ua.length)
})

test('the profiles of parts add to the profile of the whole', () => {
  const rows = flights(2, 900)
  const whole = profileOf(rows)
  const sum = profiles.mergeAll(spec, [
    profileOf(rows.slice(0, 10)),
    profileOf(rows.slice(10, 500)),
    profileOf(rows.slice(500)),
    profileOf([]),
  ])
  for (const [i, cell] of whole.cells.entries()) close(sum.cells[i]!, cell)
  assert.deepEqual([sum.mins, sum.maxs], [whole.mins, whole.maxs])
  const other = makeSpec([{ name: 'x', values: [1, 2, 3] }])
  assert.throws(() => profiles.merge(whole, profiles.emptyProfile(other)), /different specs/)
})

test('a profile survives JSON bit for bit, in little space', () => {
  const profile = profileOf([...flights(3, 38), [null, 1, 7, 'ZZ', 5]])
  const text = JSON.stringify(profiles.profileToJson(profile))
  const back = profiles.profileFromJson(spec, JSON.parse(text))
  assert.deepEqual(back, profile)
  assert.ok(text.length < 3000, `${text.length}`)
  assert.deepEqual(
    profiles.profileFromJson(spec, profiles.profileToJson(profiles.emptyProfile(spec))),
    profiles.emptyProfile(spec),
  )
  assert.throws(() => profiles.profileFromJson(spec, { size: 3, cells: [], extremes: [], unseen: [] }), /3 cells/)
})

test('odd values are counted for what they are', () => {
  const profile = profileOf([
    [Number.NaN, Infinity, 'seven', '', undefined],
    [1e9, -0, 7n, 12, '3'],
    [undefined, 1, true, null, 4],
  ])
  const [temp, rain, hour] = [0, 1, 2].map((i) => views.numeric(profile, i))
  assert.deepEqual([temp!.n, temp!.nulls, temp!.implausible], [1, 2, 1])
  assert.ok(Number.isNaN(temp!.mean))
  assert.equal(temp!.meanOfAll, 1e9)
  assert.equal(temp!.counts.at(-1), 1)
  assert.deepEqual([rain!.n, rain!.nonfinite, rain!.zeros], [2, 1, 1])
  assert.deepEqual([hour!.n, hour!.invalid], [2, 1])
  const carrier = views.categorical(profile, 3)
  assert.deepEqual([carrier.n, carrier.nulls, carrier.counts.at(-1)], [2, 1, 2])
  assert.deepEqual(
    carrier.unseen.toSorted((a, b) => a[1] - b[1]),
    [
      ['', 1],
      ['12', 1],
    ],
  )
})

test('numbers as category codes match the dictionary', () => {
  const coded = makeSpec([{ name: 'code', kind: 'categorical', values: [3, 3, 1, '2'] }])
  const profile = profiles.emptyProfile(coded)
  for (const code of [3, '3', 1, 2, 9]) profiles.add(profile, [code])
  assert.deepEqual([...views.categorical(profile, 0).counts], [2, 1, 1, 1])
})

test('frequent unseen values keep their names and counts among many rare ones', () => {
  const profile = profiles.emptyProfile(spec)
  for (let i = 0; i < 1000; i++) profiles.add(profile, [1, 1, 1, i % 4 === 0 ? `rare-${i}` : 'NK', 1])
  const [first] = views.categorical(profile, 3).unseen
  assert.equal(first?.[0], 'NK')
  assert.equal(first?.[1], 750)
  assert.equal(views.categorical(profile, 3).unseen.length, 20)
})

test('variance survives a large offset', () => {
  const big = Array.from({ length: 1000 }, (_, i) => 1.7e12 + (i % 2))
  const column = { name: 'ms', values: big }
  close(views.numeric(profiles.profileColumns(makeSpec([column]), [column]), 0).sd, 0.5)
})

test('an implausible record stays out of mean and deviation', () => {
  const winds = Array.from({ length: 5000 }, (_, i) => (i % 37) + 0.5)
  const column = { name: 'wind', values: [...winds, 1048] }
  const view = views.numeric(profiles.profileColumns(makeSpec([column]), [column]), 0)
  assert.equal(view.implausible, 1)
  assert.equal(view.max, 1048)
  close(view.mean, winds.reduce((s, x) => s + x, 0) / 5000)
})

test('wrong specs are refused by name', () => {
  assert.throws(() => makeSpec([{ name: 'a', values: [] }], { bins: 1000 }), /bins: got 1000, expected 2 to 64/)
  assert.throws(
    () =>
      makeSpec([
        { name: 'a', values: [1] },
        { name: 'a', values: [1] },
      ]),
    /each name once/,
  )
  assert.throws(() => makeSpec([{ name: 'a', values: [1] }], { conditionals: [{ value: 'a', by: 'b' }] }), /by: got b/)
})

test('a constant and an empty feature have usable bins', () => {
  const cells = makeSpec([
    { name: 'c', values: [5, 5, 5] },
    { name: 'e', kind: 'numeric', values: [null] },
  ])
  const profile = profiles.emptyProfile(cells)
  profiles.add(profile, [5, 0.5])
  profiles.add(profile, [6, null])
  assert.deepEqual([...views.numeric(profile, 0).counts], [0, 1, 1])
  assert.equal(views.numeric(profile, 1).n, 1)
})

test('one value has itself for a mean and no spread, none has neither', () => {
  const profile = profiles.emptyProfile(makeSpec([{ name: 'x', values: [1, 2, 3, 4] }]))
  assert.deepEqual([views.numeric(profile, 0).mean, views.numeric(profile, 0).sd], [Number.NaN, Number.NaN])
  profiles.add(profile, [3])
  assert.deepEqual([views.numeric(profile, 0).mean, views.numeric(profile, 0).sd], [3, 0])
})

test('a row of 23 features costs microseconds: no more than to write it as JSON a few times', () => {
  const random = prng(9)
  const wide = Array.from({ length: 23 }, (_, f): Column => ({
    name: `f${f}`,
    values: Array.from({ length: 2000 }, () => (f < 3 ? `v${random.below(40)}` : random.normal())),
  }))
  const shape = makeSpec(wide)
  const rows = Array.from({ length: 2000 }, (_, i) => wide.map((column) => column.values[i]))
  const profile = profiles.emptyProfile(shape)
  /** The best of many rounds over all rows, µs a row. */
  const cost = (of: (row: unknown[]) => unknown): number => {
    let best = Infinity
    for (let round = 0; round < 25; round++) {
      const start = performance.now()
      for (const row of rows) of(row)
      best = Math.min(best, (performance.now() - start) / rows.length)
    }
    return best * 1000
  }
  const [added, written] = [cost((row) => profiles.add(profile, row)), cost((row) => JSON.stringify(row))]
  assert.ok(added / written < 5, `${added} µs a row, which is written in ${written} µs`)
  if (process.env['BENCH']) console.log(`${added.toFixed(2)} µs a row of 23 features`)
})
