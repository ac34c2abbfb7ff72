/** The profile of a table in bounded memory: one pass finds types and draws a sample, a second one counts by the shape that the sample has. */
import type { ColumnType, DataColumn } from '../../contract/data/sets.ts'
import { prng } from '../../stats/prng.ts'
import { add, emptyProfile, profileToJson } from '../../stats/profile.ts'
import type { Profile, ProfileJson } from '../../stats/profile.ts'
import { makeSpec } from '../../stats/profile-spec.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import { categorical, numeric } from '../../stats/profile-view.ts'
import { Distinct } from './distinct.ts'
import type { Cell, Table } from './table.ts'
import { begun, bitOf, NAN, typeOf, valueOf } from './types.ts'

/** What is kept for comparisons: the shape that was learned from this table, and its counts by it. */
export interface Basis {
  readonly spec: ProfileSpec
  readonly profile: ProfileJson
}

export interface Profiled {
  readonly rows: number
  readonly columns: readonly DataColumn[]
  readonly basis: Basis
  /** Rows that had more or fewer cells than the head. */
  readonly faults: number
}

/** Rows of the sample by which shapes and quantiles are learned; of wide tables as many as have so many cells. */
const SAMPLE = 20_000
const SAMPLE_CELLS = 4_000_000
const BINS = 20
/** Values of a column that are counted by name. */
const DICTIONARY = 64
const TOP = 10
const QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
/** The same rows give the same sample. */
const SEED = 20_240_117

interface Looked {
  readonly rows: number
  readonly sample: readonly (readonly Cell[])[]
  readonly types: readonly ColumnType[]
  readonly missing: Float64Array
  readonly distinct: readonly Distinct[]
  /** Spellings of "not a number", by column. */
  readonly nans: readonly ReadonlySet<string>[]
}

/** Reads the table twice. Throws what its reader throws. */
export async function profileTable(table: Table): Promise<Profiled> {
  const looked = await look(table)
  const { types, sample } = looked
  const features = table.columns.flatMap((name, i) => {
    const type = types[i] ?? 'empty'
    const values = sample.map((row) => valueOf(row[i] ?? null, type))
    const kind = isNumeric(type) ? ('numeric' as const) : ('categorical' as const)
    const { features } = makeSpec([{ name, kind, values }], { bins: BINS, dictionary: DICTIONARY, conditionals: [] })
    // lists of familiar values are for live traffic, and would be most of what is kept
    return features.map((feature) => (feature.kind === 'numeric' ? { ...feature, familiar: [] } : feature))
  })
  const spec: ProfileSpec = { features, conditionals: [] }
  const profile = emptyProfile(spec)
  for await (const batch of table.batches()) for (const row of batch) addRow(profile, row, types)
  const columns = table.columns.map((name, i) => columnOf(looked, profile, { name, i }))
  return { rows: looked.rows, columns, basis: { spec, profile: profileToJson(profile) }, faults: table.faults() }
}

const NO_NUMBERS = { min: null, max: null, mean: null, sd: null, quantiles: [], histogram: null }

export function isNumeric(type: ColumnType): boolean {
  return type === 'int' || type === 'float' || type === 'time'
}

/** Adds a row whose cells stand in the order of the profile's features. */
export function addRow(profile: Profile, row: readonly Cell[], types: readonly ColumnType[]): void {
  add(
    profile,
    row.map((cell, i) => valueOf(cell, types[i] ?? 'text')),
  )
}

async function look(table: Table): Promise<Looked> {
  const width = table.columns.length
  const bits = new Int32Array(width)
  const missing = new Float64Array(width)
  const distinct = table.columns.map(() => new Distinct())
  const nans = table.columns.map(() => new Set<string>())
  const most = Math.min(SAMPLE, Math.ceil(SAMPLE_CELLS / Math.max(1, width)))
  const sample: (readonly Cell[])[] = []
  const random = prng(SEED)
  let rows = 0
  for await (const batch of table.batches()) {
    for (const row of batch) {
      for (let i = 0; i < width; i++) {
        const cell = row[i] ?? null
        const bit = cell === null ? 0 : bitOf(cell)
        bits[i]! |= bit
        if (bit === 0) missing[i]! += 1
        else if (bit === NAN) nans[i]!.add(String(cell))
        else distinct[i]!.add(String(cell))
      }
      if (sample.length < most) sample.push(row.map(begun))
      else {
        const place = Math.floor(random.uniform() * (rows + 1))
        if (place < most) sample[place] = row.map(begun)
      }
      rows++
    }
  }
  return { rows, sample, types: Array.from(bits, typeOf), missing, distinct, nans }
}

function columnOf(looked: Looked, profile: Profile, { name, i }: { name: string; i: number }): DataColumn {
  const type = looked.types[i] ?? 'empty'
  const missing = isNumeric(type) ? numeric(profile, i).nulls : (looked.missing[i] ?? 0)
  const { count = 0, isExact = true } = looked.distinct[i] ?? {}
  const distinct = count + (isNumeric(type) ? 0 : (looked.nans[i]?.size ?? 0))
  const common = { name, type, missing, count: looked.rows - missing, distinct, distinct_exact: isExact }
  return isNumeric(type)
    ? { ...common, ...numbersOf(looked, profile, { i, type }), top: [] }
    : {
        ...common,
        ...NO_NUMBERS,
        top: topOf(profile, i),
      }
}

function numbersOf({ sample }: Looked, profile: Profile, { i, type }: { i: number; type: ColumnType }) {
  const view = numeric(profile, i)
  const feature = profile.spec.features[i]
  const edges = feature?.kind === 'numeric' ? [...feature.edges] : []
  const values = sample
    .map((row) => valueOf(row[i] ?? null, type))
    .filter((value): value is number => typeof value === 'number' && Number.isFinite(value))
    .sort((a, b) => a - b)
  const quantiles = QUANTILES.flatMap((share) => {
    const value = values[Math.round(share * (values.length - 1))]
    return value === undefined ? [] : [{ share, value }]
  })
  return {
    min: finite(view.min),
    max: finite(view.max),
    mean: finite(view.meanOfAll),
    sd: finite(view.sdOfAll),
    quantiles,
    histogram: values.length === 0 ? null : { edges, counts: inside(view.counts) },
  }
}

function finite(x: number): number | null {
  return Number.isFinite(x) ? x : null
}

/** The counts without the bins outside of the edges, which go to their neighbours. */
function inside(counts: Float64Array): number[] {
  const own = [...counts.subarray(1, counts.length - 1)]
  if (own.length === 0) return [...counts]
  own[0]! += counts[0] ?? 0
  own[own.length - 1]! += counts[counts.length - 1] ?? 0
  return own
}

function topOf(profile: Profile, i: number): DataColumn['top'] {
  const feature = profile.spec.features[i]
  if (feature?.kind !== 'categorical') return []
  const { counts } = categorical(profile, i)
  return feature.values
    .map((value, at) => ({ value, count: counts[at] ?? 0 }))
    .toSorted((a, b) => b.count - a.count)
    .slice(0, TOP)
}
