/** A row of a query as an item: the declared columns by name, each of its type; a value that is absent is null. */
import { readNumeral } from '../../contract/values/numerals.ts'
import { unreadIn } from '../../contract/values/handed.ts'
import type { ColumnType } from '../spec/fan-out/schema.ts'

/** Characters of an item as JSON: what is larger belongs into a file. */
const LARGEST = 65_536
/** Longest value that a message repeats, characters. */
const SHOWN = 60

/** A declared column, and which cell of a row it is. */
interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly place: number
}

type Refuse = (detail: string) => Error

/** The declared columns of a table. Throws what `refuse` makes for one that is not there, or there twice. */
export function columnsOf(
  header: readonly (string | null)[],
  columns: Readonly<Record<string, ColumnType>>,
  refuse: Refuse,
): Column[] {
  return Object.entries(columns).map(([name, type]) => {
    const place = header.indexOf(name)
    if (place < 0) throw refuse(`the query gives no column "${name}"; it gives ${header.join(', ')}`)
    if (header.includes(name, place + 1)) throw refuse(`the query gives the column "${name}" twice; rename one by AS`)
    return { name, type, place }
  })
}

/** The item of a row. Throws what `refuse` makes of it where a value is not of the type of its column, or the item too large. */
export function itemOfRow(cells: readonly (string | null)[], columns: readonly Column[], refuse: Refuse): object {
  const pairs = columns.map(({ name, type, place }) => {
    const text = cells[place] ?? null
    // in a query of one column an absent value is written as an empty text
    if (text === null || (text === '' && type !== 'string')) return [name, null] as const
    const value = valueOf(type, text)
    if (value === undefined) throw refuse(`has ${short(text)} as "${name}", expected ${EXPECTED[type]}`)
    return [name, value] as const
  })
  const item = Object.fromEntries(pairs)
  const length = JSON.stringify(item).length
  if (length > LARGEST) throw refuse(`has ${length} characters, expected at most ${LARGEST}`)
  return item
}

const EXPECTED: Readonly<Record<ColumnType, string>> = {
  string: 'a text',
  int: 'a whole number',
  float: 'a finite number',
  bool: 'true or false',
}

const INT = /^-?(?:0|[1-9]\d*)$/
const FLOAT = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const BOOLS: Readonly<Record<string, boolean>> = { t: true, true: true, f: false, false: false }

/** A text of the database as a value; undefined where it is none of that type. */
function valueOf(type: ColumnType, text: string): unknown {
  if (type === 'string') return text
  if (type === 'bool') return Object.hasOwn(BOOLS, text) ? BOOLS[text] : undefined
  if (type === 'int') {
    const whole = INT.test(text) ? readNumeral(text) : undefined
    return unreadIn(whole) === undefined ? whole : undefined
  }
  // with a point, so that a whole number is a float as well
  const isFloat = FLOAT.test(text) && Number.isFinite(Number(text))
  return isFloat ? readNumeral(/[.eE]/.test(text) ? text : `${text}.0`) : undefined
}

function short(text: string): string {
  const shown = JSON.stringify(text)
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown
}
