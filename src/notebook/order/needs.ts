/** What each cell needs of the cells before it and what it leaves to those behind: the def-use graph of a notebook. */
import type { CellFacts, Facts, Statement } from '../facts/facts.ts'

export interface CellNeeds {
  readonly id: number
  /** Names read before the cell binds them, functions that it calls seen through. */
  readonly uses: ReadonlySet<string>
  readonly binds: ReadonlySet<string>
  /** Names whose objects it changes in place. */
  readonly changes: ReadonlySet<string>
}

/** Methods that only look at their object, by the names that data frames, arrays and estimators give them. */
const LOOKS =
  /^(?:head|tail|sample|describe|info|copy|mean|sum|std|var|min|max|median|count|value_counts|unique|nunique|corr|plot|hist|show|predict\w*|transform|score|decision_function|isnull|isna|notnull|groupby|get|keys|values|items|astype|reshape|ravel|flatten|to_\w+|format|join|split|strip|lower|upper|index|round|dot|argmax|argmin|query|filter|merge|drop|dropna|fillna|rename|reset_index|set_index|sort_values|sort_index|apply|map|select_dtypes|iterrows|itertuples|get_params|get_feature_names_out|startswith|endswith|replace)$/

/** Whether a statement changes objects by calls of methods: by name, and never one that looks as if it only looked. */
export function changedBy(statement: Statement): Set<string> {
  const names = new Set(statement.changed)
  for (const call of statement.calls) {
    const method = /\.(\w+)$/.exec(call.text)?.[1]
    if (call.root === null || method === undefined) continue
    const inPlace = call.keywords.some(({ name, text }) => name === 'inplace' && text === 'True')
    if (inPlace || !LOOKS.test(method)) names.add(call.root)
  }
  return names
}

/** The needs of each cell. Modules do not change, whatever is called of them. */
export function needsOf(facts: Facts): CellNeeds[] {
  const imported = new Set(
    facts.cells.flatMap((cell) => cell.statements.flatMap(({ imports, binds }) => (imports.length > 0 ? binds : []))),
  )
  const functions = new Map(
    facts.cells.flatMap((cell) =>
      cell.statements.flatMap(({ definition }) =>
        definition === null ? [] : [[definition.name, definition] as const],
      ),
    ),
  )
  const through = (name: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(name)) return seen
    seen.add(name)
    for (const inner of functions.get(name)?.later ?? []) through(inner, seen)
    return seen
  }
  const builtins = new Set(facts.builtins)
  return facts.cells.map((cell) => cellNeeds(cell, { through, builtins, imported }))
}

interface Names {
  readonly through: (name: string) => Set<string>
  readonly builtins: ReadonlySet<string>
  readonly imported: ReadonlySet<string>
}

function cellNeeds(cell: CellFacts, { through, builtins, imported }: Names): CellNeeds {
  const uses = new Set<string>()
  const binds = new Set<string>()
  const changes = new Set<string>()
  for (const statement of cell.statements) {
    for (const used of statement.uses)
      for (const name of statement.definition === null ? through(used) : [used])
        if (!binds.has(name) && !builtins.has(name)) uses.add(name)
    for (const name of [...statement.binds, ...statement.maybe]) binds.add(name)
    for (const name of changedBy(statement)) if (!imported.has(name)) changes.add(name)
  }
  return { id: cell.id, uses, binds, changes }
}
