/** Star imports (D5) become the names that are used; refused where a module's names cannot be read. */
import type { Helper } from '../facts/interpreter.ts'
import { refusal } from '../read/refusal.ts'
import type { Facts, Import } from '../facts/facts.ts'

export interface Expanded {
  /** Of each star import, by `cell start`, the names that are used of it. */
  readonly names: ReadonlyMap<string, readonly string[]>
}

interface Star {
  readonly cell: number
  readonly found: Import
}

/** The names that each star import brings and the code uses. Later stars win where two bring a name, as Python has it. */
export async function expandStars(facts: Facts, helper: Helper, folder: string): Promise<Expanded> {
  const stars = facts.cells.flatMap(({ id, statements }) =>
    statements.flatMap(({ imports }) =>
      imports.filter(({ name }) => name === '*').map((found): Star => ({ cell: id, found })),
    ),
  )
  if (stars.length === 0) return { names: new Map() }
  const modules = await helper.stars([...new Set(stars.map(({ found }) => found.module))], folder)
  const used = new Set(facts.cells.flatMap((cell) => cell.statements.flatMap(({ uses, later }) => [...uses, ...later])))
  for (const cell of facts.cells)
    for (const { definitions } of cell.statements)
      for (const { now, later } of definitions) for (const name of [...now, ...later]) used.add(name)
  const own = new Set(
    facts.cells.flatMap((cell) => cell.statements.flatMap(({ binds, maybe }) => [...binds, ...maybe])),
  )
  const names = new Map<string, readonly string[]>()
  const taken = new Set<string>()
  for (const { cell, found } of stars.toReversed()) {
    const all = modules[found.module]
    if (all === null || all === undefined)
      throw refusal([
        {
          code: 'D5',
          cell,
          message: `the names of "from ${found.module} import *" cannot be read`,
          remedy: `write the names that are used: from ${found.module} import a, b`,
        },
      ])
    const wanted = all.filter((name) => used.has(name) && !taken.has(name) && !own.has(name))
    for (const name of wanted) taken.add(name)
    names.set(`${cell} ${found.span[0]}`, wanted)
  }
  return { names }
}

/** The facts with the names of the stars in the place of the stars. */
export function withoutStars(facts: Facts, { names }: Expanded): Facts {
  return {
    ...facts,
    cells: facts.cells.map((cell) => ({
      ...cell,
      statements: cell.statements.map((statement) => {
        const stars = statement.imports.filter(({ name }) => name === '*')
        if (stars.length === 0) return statement
        const imports = statement.imports.flatMap((one): Import[] =>
          one.name === '*' ? (names.get(`${cell.id} ${one.span[0]}`) ?? []).map((name) => ({ ...one, name })) : [one],
        )
        return { ...statement, imports, binds: [...statement.binds, ...imports.flatMap(({ name }) => name ?? [])] }
      }),
    })),
  }
}
