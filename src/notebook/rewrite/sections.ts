/** Cuts the program into steps: one function for each cell, and a cut where training begins; names, parameters and results by def-use. */
import { edited, indentation, type Edit } from './edit.ts'
import type { Model } from './model.ts'
import { cellFacts, functionsOf, variablesOf, type Placed, type Program } from './program.ts'
import { headingOf } from './scrubbed.ts'
import { refusal } from '../read/refusal.ts'

export interface Section {
  readonly name: string
  readonly cell: number
  readonly module: 'features' | 'train'
  readonly parameters: readonly string[]
  readonly results: readonly string[]
  /** Its body, indented, with an end of line. */
  readonly body: string
  /** The last of its cell. */
  readonly last: boolean
}

interface Group {
  readonly cell: number
  readonly module: 'features' | 'train'
  readonly parts: Placed[]
  last: boolean
}

/** The steps in order. `wanted` are names that the whole has to give back at its end. */
export function sectionsOf(program: Program, model: Model, wanted: readonly string[]): Section[] {
  const groups = grouped(program, model)
  const variables = variablesOf(program)
  const available = new Set(program.settings.keys())
  const flows = groups.map((group) => {
    const flow = flowOf(group, variables, available)
    for (const name of flow.binds) available.add(name)
    return flow
  })
  const taken = new Set([
    ...variables,
    ...functionsOf(program).keys(),
    ...program.facts.builtins,
    'run',
    'main',
    'config',
    'logger',
    'save',
  ])
  for (const { statement } of program.placed) for (const { name } of statement.names) taken.add(name)
  const needed = new Set(wanted)
  const results: string[][] = []
  for (let at = groups.length - 1; at >= 0; at -= 1) {
    const flow = flows[at]
    results[at] = [...(flow?.binds ?? [])].filter((name) => needed.has(name)).toSorted()
    for (const name of flow?.uses ?? []) needed.add(name)
  }
  return groups.map((group, at): Section => {
    const flow = flows[at]
    const given = results[at] ?? []
    const kept = [...(flow?.maybe ?? [])].filter((name) => given.includes(name))
    const parameters = [...new Set([...(flow?.uses ?? []), ...kept])]
    const settings = parameters.filter((name) => program.settings.has(name))
    const name = nameOf(program, group, given, taken)
    taken.add(name)
    return {
      name,
      cell: group.cell,
      module: group.module,
      parameters: [...parameters.filter((one) => !program.settings.has(one)), ...settings],
      results: given,
      body: bodyOf(program, group),
      last: group.last,
    }
  })
}

function grouped(program: Program, model: Model): Group[] {
  const groups: Group[] = []
  for (const [at, placed] of program.placed.entries()) {
    if (placed.role !== 'body') continue
    const module = at < model.at ? 'features' : 'train'
    const open = groups.at(-1)
    if (open !== undefined && open.cell === placed.cell && open.module === module) open.parts.push(placed)
    else groups.push({ cell: placed.cell, module, parts: [placed], last: true })
  }
  for (const [at, group] of groups.entries()) group.last = groups[at + 1]?.cell !== group.cell
  return groups
}

interface GroupFlow {
  readonly uses: Set<string>
  readonly binds: Set<string>
  /** Bound perhaps, and there before: they come in so that they can go out. */
  readonly maybe: Set<string>
}

function flowOf(group: Group, variables: ReadonlySet<string>, available: ReadonlySet<string>): GroupFlow {
  const uses = new Set<string>()
  const binds = new Set<string>()
  const sure = new Set<string>()
  const late = new Set<string>()
  // a name that is bound here, perhaps, and nowhere before is this step's own: there is nothing to hand in
  const own = new Set<string>()
  const comesIn = (name: string): boolean => variables.has(name) && !sure.has(name) && !own.has(name)
  for (const { statement, needs } of group.parts) {
    for (const name of [...statement.uses, ...needs]) if (comesIn(name)) uses.add(name)
    for (const name of statement.later) if (variables.has(name)) late.add(name)
    for (const name of statement.binds) {
      sure.add(name)
      binds.add(name)
    }
    for (const name of [...statement.binds, ...statement.maybe]) if (!available.has(name)) own.add(name)
    for (const name of statement.maybe) binds.add(name)
    for (const name of statement.deleted) {
      sure.delete(name)
      binds.delete(name)
    }
  }
  for (const name of late) if (!binds.has(name)) uses.add(name)
  const absent = [...uses].filter((name) => !available.has(name) && !binds.has(name))
  if (absent.length > 0)
    throw refusal([
      {
        code: 'D4',
        cell: group.cell,
        message: `${absent.join(', ')} is read by a function that is defined here, and is defined only later`,
        remedy: 'define it before the function, or make it a parameter',
      },
    ])
  return { uses, binds, maybe: new Set([...binds].filter((name) => !sure.has(name) && available.has(name))) }
}

/** A function's name from the heading above the cell, else from what the step does. */
function nameOf(program: Program, group: Group, results: readonly string[], taken: ReadonlySet<string>): string {
  const heading = slug(headingOf(program, group.cell))
  const calls = group.parts.flatMap(({ statement }) => statement.calls.map(({ text }) => text))
  const [first = ''] = results
  const made = first === '' ? '' : slug(first)
  const fitted = calls.map((text) => /^(\w+)\.fit$/.exec(text)?.[1]).find((one) => one !== undefined)
  const wanted =
    heading !== ''
      ? heading
      : group.module === 'train' && fitted !== undefined
        ? `fit_${slug(fitted)}`
        : made === ''
          ? `step_${group.cell}`
          : calls.some((text) => /(?:^|\.)(?:read_\w+|load\w*|fetch_\w+)$/.test(text))
            ? `load_${made}`
            : `make_${made}`
  let name = wanted
  for (let count = 2; taken.has(name); count += 1) name = `${wanted}_${count}`
  return name
}

const KEYWORDS = new Set(
  'false none true and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case type'.split(
    ' ',
  ),
)

/** Words of a text as a name of Python, at most five; empty where nothing of it can be one. */
export function slug(text: string): string {
  const words = text
    .normalize('NFKD')
    .replace(/[^\w\s-]/g, '')
    .split(/[\s_-]+/)
    .filter((word) => /^[A-Za-z0-9]+$/.test(word))
  const name = words.slice(0, 5).join('_').toLowerCase()
  if (name === '' || name.length > 48) return ''
  return /^\d/.test(name) || KEYWORDS.has(name) ? `step_${name}` : name
}

function bodyOf(program: Program, group: Group): string {
  const facts = cellFacts(program.facts, group.cell)
  if (facts === undefined) return ''
  const chunks = chunksOf(program, group.cell)
  const edits = program.edits.get(group.cell) ?? []
  let carried = ''
  const parts: string[] = []
  for (const { placed, start, end } of chunks) {
    if (group.parts.includes(placed)) {
      parts.push(carried, indented({ clean: facts.clean, held: facts.held ?? [], edits }, start, end))
      carried = ''
    } else if (placed.role === 'import' || placed.role === 'gone') {
      const comments =
        /^(?:[ \t]*(?:#[^\n]*)?\n)*/.exec(Buffer.from(facts.clean).subarray(start, end).toString())?.[0] ?? ''
      const lines = comments.split('\n').filter((line) => line.trim() !== '')
      carried = lines.map((line) => `    ${line}\n`).join('')
    } else carried = ''
  }
  return parts
    .join('')
    .replace(/^\s*\n/, '')
    .replace(/\s+$/, '\n')
}

function indented(
  source: { clean: string; held: readonly number[]; edits: readonly Edit[] },
  start: number,
  end: number,
): string {
  const bytes = Buffer.from(source.clean)
  const text = edited(
    source.clean,
    [...indentation(source.clean, source.held, start, end), ...source.edits],
    start,
    end,
  )
  const opens = start === 0 || bytes[start - 1] === 10
  return `${opens ? '' : '    '}${text.replace(/;?[ \t]*$/, '')}${text.endsWith('\n') ? '' : '\n'}`
}

export interface Chunk {
  readonly placed: Placed
  readonly start: number
  readonly end: number
}

/** The stretches of a cell: each statement with the comments above it and behind it. */
export function chunksOf(program: Program, cell: number): Chunk[] {
  const source = Buffer.from(cellFacts(program.facts, cell)?.clean ?? '')
  const parts = program.placed.filter((one) => one.cell === cell)
  let from = 0
  return parts.map((placed, at): Chunk => {
    const next = parts[at + 1]?.statement.start
    const newline = source.indexOf(10, placed.statement.end)
    const lineEnd = newline < 0 ? source.length : newline + 1
    const end = next === undefined ? source.length : Math.min(next, lineEnd)
    const chunk = { placed, start: from, end }
    from = end
    return chunk
  })
}
