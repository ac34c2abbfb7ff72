/** Which tables the SQL of a source text names, and which room owns each. */

/** What a text does with a table: reads it, or writes it. */
export interface TableUse {
  readonly table: string
  readonly writes: boolean
}

const WRITE = /\b(?:INSERT(?: OR \w+)? INTO|DELETE FROM|(?<!FOR )UPDATE(?! SET\b))\s+["\\]*(\w+)/g
const BUILT_WRITE =
  /(?:\.(?:insertInto|deleteFrom|updateTable)\(|\b(?:insertRow|insertion|updateRows|deleteRows)\((?:\s*\w+,)?)\s*['"](\w+)/g
const READ = /(?<!\bDELETE )\b(?:FROM|JOIN)\s+((?:["\\]*\w+["\\]*(?:\s+(?:AS\s+)?[a-z]\w*)?\s*,\s*)*["\\]*\w+)/g
const BUILT_READ = /\.(?:selectFrom|(?:inner|left|right|full)Join)\(\s*['"](\w+)/g
const NAMED_LATER =
  /\b(?:FROM|JOIN|INTO|UPDATE)\s+\$\{|\b(?:insertRow|updateRows|deleteRows)\(\s*\w+,\s*[a-z][\w.]*,|\binsertion\([a-z][\w.]*,/
/** What an audit entry is about has the name of a table at times. */
const RESOURCE = /\bresource: '\w+'/g

/**
 * The tables among `known` that a TypeScript text names in its SQL (keywords in capitals, as the house writes them; names
 * quoted or not) or through a builder. A text that puts a table's name into its SQL later names each table that stands in it as a string;
 * such a use counts as a read.
 */
export function tableUses(text: string, known: ReadonlySet<string>): TableUse[] {
  const code = text.replaceAll(/^\s*(?:\/?\*.*|\/\/.*)$/gm, '').replaceAll(RESOURCE, '')
  const found = new Map<string, TableUse>()
  const add = (table: string, writes: boolean): void => {
    if (known.has(table)) found.set(`${table} ${writes}`, { table, writes })
  }
  for (const pattern of [WRITE, BUILT_WRITE]) for (const [, table = ''] of code.matchAll(pattern)) add(table, true)
  for (const [, tables = ''] of code.matchAll(READ)) {
    for (const table of tables.split(',')) add(/\w+/.exec(table)?.[0] ?? '', false)
  }
  for (const [, table = ''] of code.matchAll(BUILT_READ)) add(table, false)
  if (NAMED_LATER.test(code)) for (const [, table = ''] of code.matchAll(/['"](\w+)['"]/g)) add(table, false)
  return [...found.values()]
}
