/** Which type the cells of a column have: what all of them are. */
import type { ColumnType } from '../../contract/data/sets.ts'
import type { Cell } from './table.ts'

const INT = 1
const FLOAT = 2
const BOOL = 4
const TIME = 8
const TEXT = 16
/** Missing in a column of numbers, and a text like others in one of texts. */
export const NAN = 32

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
/** Postal codes and other ids lose their zeros as numbers. */
const LED_BY_ZERO = /^[+-]?0\d/
const TIME_TEXT = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/
const NOT_A_NUMBER = new Set(['nan', 'NaN', 'NAN'])
const TRUTHS = new Set(['true', 'false', 'True', 'False', 'TRUE', 'FALSE'])

/** A bit for what one cell is. */
export function bitOf(cell: Exclude<Cell, null>): number {
  if (typeof cell === 'number') return Number.isInteger(cell) ? INT : Number.isNaN(cell) ? NAN : FLOAT
  if (typeof cell === 'boolean') return BOOL
  const first = cell.charCodeAt(0)
  if ((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46) return bitOfDigits(cell)
  if (NOT_A_NUMBER.has(cell)) return NAN
  return TRUTHS.has(cell) ? BOOL : TEXT
}

function bitOfDigits(cell: string): number {
  if (!NUMBER.test(cell)) return TIME_TEXT.test(cell) && !Number.isNaN(timeOf(cell)) ? TIME : TEXT
  if (LED_BY_ZERO.test(cell)) return TEXT
  const number = Number(cell)
  // beyond its digits each number is whole
  return Number.isInteger(number) && (Number.isSafeInteger(number) || !cell.includes('.')) ? INT : FLOAT
}

/** The type of a column whose cells have these bits together. */
export function typeOf(bits: number): ColumnType {
  if (bits === 0) return 'empty'
  if (bits === INT) return 'int'
  if ((bits & ~(INT | FLOAT | NAN)) === 0) return 'float'
  if (bits === BOOL) return 'bool'
  return bits === TIME ? 'time' : 'text'
}

/** Ms since 1970 of a time without a zone as of UTC; NaN for what is none. */
function timeOf(text: string): number {
  const iso = text.replace(' ', 'T')
  return Date.parse(iso.length > 10 && !/(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? `${iso}Z` : iso)
}

/** Longer texts are known by their beginning in a profile. */
const LONGEST = 200

/** A cell as a profile of the type counts it. */
export function valueOf(cell: Cell, type: ColumnType): number | string | null {
  if (cell === null) return null
  if (type === 'int' || type === 'float') return Number(cell)
  if (type === 'time') return timeOf(String(cell))
  if (type === 'bool') return String(cell).toLowerCase()
  return String(cell).slice(0, LONGEST)
}

/** Parts of a text of this length and more are kept by keeping the whole text. */
const COPIED = 13

/** A cell as it is kept in a sample: of a long text the beginning, and never with the row that it was cut from. */
export function begun(cell: Cell): Cell {
  if (typeof cell !== 'string' || cell.length < COPIED) return cell
  return Buffer.from(cell.slice(0, LONGEST)).toString()
}
