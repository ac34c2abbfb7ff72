/** What differs between two tables: columns, rows, and how far each column moved by the statistic and the limit of monitoring. */
import type { DataColumn, DataDiff, DriftColumn } from '../../contract/data/sets.ts'
import { problem } from '../../contract/errors.ts'
import { FLOORS } from '../../stats/calibrate.ts'
import { psi } from '../../stats/drift.ts'
import { hash53 } from '../../stats/hash.ts'
import { emptyProfile, profileFromJson, type Profile } from '../../stats/profile.ts'
import { categorical, numeric } from '../../stats/profile-view.ts'
import { addRow, isNumeric, type Basis } from '../profile/profile.ts'
import { openTable, type Cell, type Table, type TableFile } from '../profile/table.ts'
import { Changes } from './changes.ts'

/** A version as it is compared. */
export interface Side {
  readonly files: readonly TableFile[]
  readonly rows: number
  readonly columns: readonly DataColumn[]
}

export interface DiffTask {
  readonly before: Side
  readonly basis: Basis
  readonly after: Side
  readonly keys: readonly string[]
  /** Where hashes of many rows may lie meanwhile; it is the caller's to remove. */
  readonly folder: string
}

/** Values below which a column is not judged, as in monitoring. */
const MIN_VALUES = 50

/** Reads each table once. Throws `invalid_field` for a key that is no column of both. */
export async function compareTables(task: DiffTask): Promise<DataDiff> {
  const { before, after, keys } = task
  const [first, second] = [await openTable(before.files), await openTable(after.files)]
  const both = first.columns.filter((name) => second.columns.includes(name))
  for (const key of keys)
    if (!both.includes(key))
      throw problem('invalid_field', { field: 'key', value: key, expected: `columns of both: ${both.join(', ')}` })
  const now = emptyProfile(task.basis.spec)
  const changes = await changesOf({ first, second, both }, task, now)
  return {
    same: false,
    rows: { before: before.rows, after: after.rows },
    columns: columnChanges(before.columns, after.columns),
    changes,
    drift: driftOf(task, now),
  }
}

/** For a column: whether others have none of its name. */
function isNew(columns: readonly DataColumn[]): (column: DataColumn) => boolean {
  return (column) => !columns.some(({ name }) => name === column.name)
}

function plain({ name, type }: DataColumn): Pick<DataColumn, 'name' | 'type'> {
  return { name, type }
}

function columnChanges(before: readonly DataColumn[], after: readonly DataColumn[]): DataDiff['columns'] {
  const retyped = before.flatMap(({ name, type }) => {
    const other = after.find((column) => column.name === name)
    return other === undefined || other.type === type ? [] : [{ name, before: type, after: other.type }]
  })
  const order = (columns: readonly DataColumn[], other: readonly DataColumn[]): string =>
    JSON.stringify(columns.filter((column) => !isNew(other)(column)).map(({ name }) => name))
  return {
    added: after.filter(isNew(before)).map(plain),
    removed: before.filter(isNew(after)).map(plain),
    retyped,
    reordered: order(before, after) !== order(after, before),
  }
}

interface Tables {
  readonly first: Table
  readonly second: Table
  /** Columns that both have. */
  readonly both: readonly string[]
}

async function changesOf({ first, second, both }: Tables, task: DiffTask, now: Profile): Promise<DataDiff['changes']> {
  const { before, after, keys, folder } = task
  const byKey = keys.length > 0
  const changes = new Changes({ rows: before.rows + after.rows, byKey, folder })
  const types = task.basis.spec.features.map(({ name }) => typeIn(task, name))
  const places = task.basis.spec.features.map(({ name }) => (both.includes(name) ? second.columns.indexOf(name) : -1))
  try {
    await eachRow(first, { both, keys }, (key, row) => changes.add('before', key, row))
    await eachRow(second, { both, keys }, (key, row, cells) => {
      changes.add('after', key, row)
      // the drift is counted on the way
      addRow(
        now,
        places.map((place) => cells[place] ?? null),
        types,
      )
    })
    const counted = changes.counted()
    return { ...counted, keys: [...keys], changed: byKey ? counted.changed : null }
  } finally {
    changes.close()
  }
}

/** The type by which a column is compared: that of the first version, for its profile has that shape. */
function typeIn(task: DiffTask, name: string): DataColumn['type'] {
  return task.before.columns.find((column) => column.name === name)?.type ?? 'text'
}

/** Between the cells of a row, and for one that is missing: neither is in a text that people write. */
const BETWEEN = '\u001f'
const MISSING = '\u0000'

/** Calls `use` with the hash of the key and of the compared cells of each row. */
async function eachRow(
  table: Table,
  { both, keys }: { readonly both: readonly string[]; readonly keys: readonly string[] },
  use: (key: number, row: number, cells: readonly Cell[]) => void,
): Promise<void> {
  const ofRow = both.map((name) => table.columns.indexOf(name))
  const ofKey = keys.map((name) => table.columns.indexOf(name))
  for await (const batch of table.batches()) {
    for (const cells of batch) {
      const row = hashOf(cells, ofRow)
      use(keys.length === 0 ? row : hashOf(cells, ofKey), row, cells)
    }
  }
}

function hashOf(cells: readonly Cell[], places: readonly number[]): number {
  let text = ''
  for (const place of places) text += (cells[place] ?? MISSING) + BETWEEN
  return hash53(text)
}

/** The furthest first. */
function driftOf(task: DiffTask, now: Profile): DriftColumn[] {
  const before = profileFromJson(task.basis.spec, task.basis.profile)
  return task.basis.spec.features
    .flatMap(({ name }, i) => {
      const [old, young] = [column(task.before, name), column(task.after, name)]
      return old === undefined || young === undefined ? [] : [driftOfColumn([old, young], [before, now], i)]
    })
    .toSorted((a, b) => (b.psi ?? -1) - (a.psi ?? -1))
}

function column({ columns }: Side, wanted: string): DataColumn | undefined {
  return columns.find(({ name }) => name === wanted)
}

function driftOfColumn(
  [old, young]: [DataColumn, DataColumn],
  [before, now]: [Profile, Profile],
  i: number,
): DriftColumn {
  const why = notJudged(old, young)
  const value = why === null ? psi(countsOf(before, i, old), countsOf(now, i, old)) : null
  return {
    column: old.name,
    type: old.type,
    psi: value,
    limit: FLOORS.psi,
    drifted: value !== null && value > FLOORS.psi,
    why,
    missing_before: share(old),
    missing_after: share(young),
    mean_before: old.mean,
    mean_after: young.mean,
  }
}

/** Why the distance of a column says nothing; null where it does. */
function notJudged(old: DataColumn, young: DataColumn): string | null {
  if (isNumeric(old.type) !== isNumeric(young.type) && old.type !== 'empty' && young.type !== 'empty')
    return `it was ${old.type} and is ${young.type}`
  if (old.type === 'time') return 'times go on'
  if (old.count + old.missing < MIN_VALUES || young.count + young.missing < MIN_VALUES)
    return `fewer than ${MIN_VALUES} rows`
  if (old.type === 'text' && old.distinct > old.count / 2) return 'nearly each row has a value of its own'
  return null
}

/** Counts by bin or value, and of missing values as a bin of their own. */
function countsOf(profile: Profile, i: number, { type }: DataColumn): number[] {
  const { counts, nulls } = isNumeric(type) ? numeric(profile, i) : categorical(profile, i)
  return [...counts, nulls]
}

function share({ count, missing }: DataColumn): number {
  return missing === 0 ? 0 : missing / (count + missing)
}
