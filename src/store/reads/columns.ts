/** Rows of a long read as columns: packed where a frame is sent, and put together where they are used. */

/** The values of one column, row by row; a column of numbers alone is packed. */
export type Column = Float64Array | readonly unknown[]

/** Rows as columns, by name; where there are no rows, columns may be left out. */
export interface Columns {
  /** How many rows there are. */
  readonly count: number
  readonly values: Readonly<Record<string, Column>>
}

/** The values of one column in a frame: numbers as such, one value that all rows have once, others as a list. */
export type Packed = Float64Array | readonly unknown[] | { readonly same: unknown }

/** What takes the frames of a read as they come, and what becomes of them. */
export interface Gathering<T> {
  /** Rows that came. */
  readonly count: number
  add(columns: readonly string[], packed: readonly Packed[], count: number): void
  done(): T
}

/** Rows of fewer than these cost less as lists. */
const FEW = 16

/** The columns of rows whose values stand in the order of the columns. */
export function packedColumns(rows: readonly (readonly unknown[])[], width: number): Packed[] {
  return Array.from({ length: width }, (_, at) => packedColumn(rows, at))
}

function packedColumn(rows: readonly (readonly unknown[])[], at: number): Packed {
  const first = rows[0]?.[at]
  if (rows.length >= FEW) {
    if (typeof first === 'number') return numbersAt(rows, at) ?? listAt(rows, at)
    if (rows.every((row) => row[at] === first)) return { same: first }
  }
  return listAt(rows, at)
}

function listAt(rows: readonly (readonly unknown[])[], at: number): unknown[] {
  return rows.map((row) => row[at])
}

/** Undefined where one is no number. */
function numbersAt(rows: readonly (readonly unknown[])[], at: number): Float64Array | undefined {
  const numbers = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]?.[at]
    if (typeof value !== 'number') return undefined
    numbers[i] = value
  }
  return numbers
}

/** The rows as objects. */
export class GatheredRows implements Gathering<unknown[]> {
  readonly #rows: unknown[] = []

  get count(): number {
    return this.#rows.length
  }

  add(columns: readonly string[], packed: readonly Packed[], count: number): void {
    const lists = packed.map((one) => ('same' in one ? Array<unknown>(count).fill(one.same) : one))
    for (let at = 0; at < count; at++) {
      const row: Record<string, unknown> = {}
      for (let column = 0; column < columns.length; column++) row[columns[column] as string] = lists[column]?.[at]
      this.#rows.push(row)
    }
  }

  done(): unknown[] {
    return this.#rows
  }
}

/** The columns whole; none where no frame came. */
export class GatheredColumns implements Gathering<Columns> {
  readonly #parts = new Map<string, Packed[]>()
  readonly #counts: number[] = []
  count = 0

  add(columns: readonly string[], packed: readonly Packed[], count: number): void {
    for (const [at, name] of columns.entries()) {
      const parts = this.#parts.get(name)
      if (parts === undefined) this.#parts.set(name, [packed[at] as Packed])
      else parts.push(packed[at] as Packed)
    }
    this.#counts.push(count)
    this.count += count
  }

  done(): Columns {
    const entries = [...this.#parts].map(([name, parts]) => [name, this.#whole(parts)] as const)
    return { count: this.count, values: Object.fromEntries(entries) }
  }

  #whole(parts: readonly Packed[]): Column {
    const numbers = parts.every((part, at) => this.#counts[at] === 0 || isNumbers(part))
    const whole: Float64Array | unknown[] = numbers ? new Float64Array(this.count) : Array<unknown>(this.count)
    const list = whole as unknown[]
    let from = 0
    for (const [at, part] of parts.entries()) {
      const count = this.#counts[at] as number
      if (part instanceof Float64Array && whole instanceof Float64Array) whole.set(part, from)
      else if ('same' in part) list.fill(part.same, from, from + count)
      else for (let i = 0; i < count; i++) list[from + i] = part[i]
      from += count
    }
    return whole
  }
}

function isNumbers(part: Packed): boolean {
  return part instanceof Float64Array || (Array.isArray(part) && part.every((value) => typeof value === 'number'))
}

/** A column of numbers, empty where there are no rows. Throws for one that holds anything else. */
export function numbersOf({ values, count }: Columns, name: string): Float64Array {
  const column = values[name]
  if (column instanceof Float64Array) return column
  if (count === 0) return new Float64Array(0)
  throw new Error(`the column ${name} does not hold numbers alone`)
}
