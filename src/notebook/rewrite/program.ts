/** The statements of research code in the order in which they run, each with the part of the package that it goes to. */
import type { Call, CellFacts, Definition, Facts, Import, Statement } from '../facts/facts.ts'
import type { Finding } from './finding.ts'
import type { Cell, Research } from '../read/cells.ts'
import { wordsOf } from '../read/secret-text.ts'
import type { Edit } from './edit.ts'

/** `gone`: it only showed something, or is done elsewhere. */
export type Role = 'import' | 'function' | 'setting' | 'body' | 'gone'

export interface Placed {
  readonly cell: number
  statement: Statement
  role: Role
  /** Names that it needs through edits: settings in the place of texts. */
  readonly needs: Set<string>
}

/** A field of the configuration. */
export interface Setting {
  readonly name: string
  /** Python source of the default. */
  readonly source: string
  readonly type: string
  readonly cell: number
  /** Path or address that is read, as the code wrote it; undefined for other settings. */
  readonly input?: string
  readonly meaning: string
}

/** A file or address that the code reads. */
export interface Input {
  /** The setting. */
  readonly name: string
  /** As the code had it. */
  readonly written: string
  /** Where it lies on this machine; undefined where it is nowhere. */
  readonly path: string | undefined
  /** Its path in the project; undefined for one that is not copied. */
  readonly copied: string | undefined
}

export interface Program {
  readonly research: Research
  readonly facts: Facts
  readonly order: readonly number[]
  readonly placed: readonly Placed[]
  /** Edits of each cell's clean source. */
  readonly edits: Map<number, Edit[]>
  /** Edits that the original gets in the proof, so that both are alike: seeds that the code does not give, texts about itself that it prints. */
  readonly alike: Map<number, Edit[]>
  readonly findings: Finding[]
  readonly settings: Map<string, Setting>
  /** Environment variables that hold secrets: name to the values that stood in the code. */
  readonly secrets: Map<string, string>
  /** Further import lines that edits need. */
  readonly extraImports: Set<string>
}

/** The program of cells in their order. Settings are names that one statement binds to a literal, and nothing changes. */
export function programOf(research: Research, facts: Facts, order: readonly number[]): Program {
  const placed = order.flatMap((id) =>
    (cellFacts(facts, id)?.statements ?? []).map((statement): Placed => ({
      cell: id,
      statement,
      role: 'body',
      needs: new Set(),
    })),
  )
  const bindings = countBindings(placed)
  for (const one of placed) one.role = roleOf(one.statement, bindings)
  return {
    research,
    facts,
    order,
    placed,
    edits: new Map(order.map((id) => [id, []])),
    alike: new Map(order.map((id) => [id, []])),
    findings: [],
    settings: new Map(),
    secrets: new Map(),
    extraImports: new Set(),
  }
}

/** How often each name is bound or changed by statements at the top. */
function countBindings(placed: readonly Placed[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { statement } of placed)
    for (const name of [...statement.binds, ...statement.maybe, ...statement.changed, ...statement.deleted])
      counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

function roleOf(statement: Statement, bindings: ReadonlyMap<string, number>): Role {
  if (statement.kind.startsWith('Import')) return 'import'
  const { definition, value } = statement
  if (definition !== null) return bindings.get(definition.name) === 1 ? 'function' : 'body'
  if (value !== null && bindings.get(value.name) === 1 && value.type !== 'list' && !value.name.startsWith('_'))
    return 'setting'
  return 'body'
}

/** The setting that seeds: that of the code, by its name and type, else that of the package; undefined where its name means something else. */
export function seedSetting(program: Program): Setting | undefined {
  const whole = [...program.settings.values()].filter(({ type }) => type === 'int')
  return whole.find(({ name }) => name === 'seed') ?? whole.find(({ name }) => SEED_NAME.test(name))
}

const SEED_NAME = /^(?:(?:global|rng|random)_?)?(?:seed|random_?state)$/i

/** The value of the seed. */
export function seedOf(program: Program): number {
  return Number(seedSetting(program)?.source ?? '0') || 0
}

/** The facts of a cell. */
export function cellFacts(facts: Facts, id: number): CellFacts | undefined {
  return facts.cells.find((one) => one.id === id)
}

/** Words of the code outside its texts and comments. */
export function codeWords({ facts }: Pick<Program, 'facts'>): Set<string> {
  return wordsOf(facts.cells.map(({ clean }) => clean))
}

/** The cell as it was read. */
export function cellOf(program: Program, id: number): Cell | undefined {
  return program.research.cells.find((one) => one.id === id)
}

/** Notes an edit of a cell and why. */
export function change(
  program: Program,
  cell: number,
  edits: readonly Edit[],
  finding: Omit<Finding, 'cell' | 'treatment'>,
): void {
  program.edits.get(cell)?.push(...edits)
  program.findings.push({ ...finding, cell, treatment: 'changed' })
}

/** Notes what stays as it is and should be looked at. */
export function report(program: Program, finding: Omit<Finding, 'treatment'>): void {
  program.findings.push({ ...finding, treatment: 'reported' })
}

/** Functions and classes that become part of a module. */
export function functionsOf(program: Program): Map<string, { definition: Definition; placed: Placed }> {
  return new Map(
    program.placed.flatMap((placed) =>
      placed.role === 'function' && placed.statement.definition !== null
        ? [[placed.statement.definition.name, { definition: placed.statement.definition, placed }] as const]
        : [],
    ),
  )
}

/** Names that hold values while the code runs: neither modules nor functions of a module. */
export function variablesOf(program: Program): Set<string> {
  const names = new Set<string>(program.settings.keys())
  for (const { role, statement } of program.placed)
    if (role === 'body' || role === 'setting' || role === 'gone')
      for (const name of [...statement.binds, ...statement.maybe]) names.add(name)
  return names
}

/** Every import statement at the top, with its names. */
export function importsOf(program: Program): Import[] {
  return program.placed.flatMap(({ role, statement }) => (role === 'import' ? statement.imports : []))
}

/** The name that an import binds. */
export function boundBy(one: Import): string {
  return one.as ?? (one.name === null ? (one.module.split('.')[0] ?? '') : one.name)
}

/** The definition in whose body a place lies; undefined at the top. */
export function enclosing(statement: Statement, at: number): Definition | undefined {
  return statement.definitions.findLast(({ span, kind }) => kind === 'function' && span[0] <= at && at < span[1])
}

/** Whether a call is given arguments that cannot be counted: by a star. */
export function isOpen(call: Call): boolean {
  return call.keywords.some(({ name }) => name === null) || call.arguments.some(({ star }) => star === true)
}

/** A name that nothing of the program has. */
export function freshName(program: Program, wanted: string): string {
  const taken = new Set([...variablesOf(program), ...functionsOf(program).keys(), ...program.facts.builtins])
  for (const { statement } of program.placed) {
    for (const name of statement.names) taken.add(name.name)
    for (const name of statement.binds) taken.add(name)
  }
  let name = wanted
  for (let count = 2; taken.has(name); count += 1) name = `${wanted}_${count}`
  return name
}

/** Whether the code makes figures of matplotlib. */
export function draws(program: Program): boolean {
  return importsOf(program).some(({ module }) => /^(?:matplotlib|seaborn)\b/.test(module))
}
