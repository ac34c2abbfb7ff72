/** What the tables are that move between servers: their columns, keys, and which of their rows belong to an export. */
import type { Principal } from '../../contract/access.ts'
import type { Row, Sql, Tx } from '../db.ts'
import { raw, sql } from '../sql/sql.ts'

/** What an export holds. `model` comes with the runs and logged models that its versions were made from. */
export type Scope =
  | { readonly kind: 'all' }
  | { readonly kind: 'project' | 'experiment' | 'run'; readonly id: string }
  | {
      readonly kind: 'model'
      readonly id: string
      readonly runs: readonly string[]
      readonly models: readonly string[]
    }

export type ColumnType = 'text' | 'int' | 'real'

export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
}

/** A blob that a row names, with its bytes; of a tree, which brings its files, the size is found out. */
export interface Named {
  readonly digest: string
  readonly size: number | 'tree'
}

export interface MovedTable {
  readonly name: string
  /** Where some of its rows do not lie in the table: the view that has all, and a table whose key begins the key of every row. */
  readonly seen?: { readonly view: string; readonly by: string; readonly places: readonly string[] }
  readonly columns: readonly Column[]
  readonly key: readonly string[]
  /** The condition of rows in a scope; undefined = the scope holds none of this table. */
  readonly within: (scope: Scope) => Sql | undefined
  readonly blobs?: (row: Row) => readonly Named[]
  /** Changes a row on its way out: what another server could not mean is left out. */
  readonly leaving?: (row: Row) => Row
  /** Completes rows before the transaction in which they are written. Throws `unprocessable` for one that cannot be taken. */
  readonly arriving?: (who: Principal, rows: readonly Row[]) => Promise<Row[]>
  /** Columns that `arriving` fills where they come empty; a dry run does not compare them. */
  readonly fills?: readonly string[]
  /** Columns that only the receiving server gives, for a new row. */
  readonly given?: (t: Tx, row: Row) => Promise<Row>
  /** Called in the transaction for rows that are new. */
  readonly written?: (t: Tx, who: Principal, rows: readonly Row[]) => Promise<void>
  /** How a later import of the same source brings a row up to date; without it one that differs is refused. */
  readonly origin?: Origin
  /** True when the row that is here may be replaced, being what every new server has. */
  readonly replaceable?: (t: Tx, key: Row) => Promise<boolean>
}

/** To what a row belongs that an import brought, and what of it follows the source. */
export interface Origin {
  /** The owner as kind/id, for example `runs/ab12`. */
  readonly of: (row: Row) => string
  /** The row is the owner itself. */
  readonly root: boolean
  /** Columns that become what they are at the source, all where it is absent; of an empty list the row stays, and is told. */
  readonly columns?: readonly string[]
  /** The row that is wanted, where it is not the source's alone. */
  readonly merged?: (here: Row, row: Row) => Row
  /** Called in the transaction before rows are changed. */
  readonly before?: (t: Tx, rows: readonly Row[]) => Promise<void>
}

/**
 * Columns from words: `name`, `name:int`, `name:real`, with `?` behind one that may be null. The words before `|` are the key.
 */
function columnsOf(words: string): Pick<MovedTable, 'columns' | 'key'> {
  const [key = '', rest = ''] = words.split('|')
  const keys = readColumns(key)
  return { columns: [...keys, ...readColumns(rest)], key: keys.map((column) => column.name) }
}

/** A table from the words of its columns. */
export function movedTable(
  name: string,
  words: string,
  within: MovedTable['within'],
  more: Partial<MovedTable> = {},
): MovedTable {
  return { name, ...columnsOf(words), within, ...more }
}

/** Rows whose `column` names one of the ids that `of` selects; undefined of a scope without such ids. */
export function naming(column: string, of: (scope: Scope) => Sql | undefined): MovedTable['within'] {
  return (scope) => {
    if (scope.kind === 'all') return raw('1 = 1')
    const ids = of(scope)
    return ids === undefined ? undefined : sql`${raw(column)} IN (${ids})`
  }
}

/** Rows that belong to what a column names. */
export function originOf(kind: string, column: string, more: Partial<Origin> = {}): Origin {
  return { of: (row) => `${kind}/${String(row[column])}`, root: false, ...more }
}

function readColumns(text: string): Column[] {
  const words = text.split(/\s+/).filter((word) => word !== '')
  return words.map((word) => {
    const [, name = '', type = 'text', mark = ''] = /^(\w+)(?::(\w+))?(\?)?$/.exec(word) ?? []
    return { name, type: type as ColumnType, nullable: mark === '?' }
  })
}
