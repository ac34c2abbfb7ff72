/** The flows that ARCHITECTURE.md draws, and whether each file of one really is joined to those before it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOMS, roomOf } from '../rooms.ts'
import { importsOf, resolveFrom } from './imports.ts'

/** Files that a flow may have. */
export const MOST_STEPS = 10
/**
 * The flows that are short by rule and joined by test, and how often each comes back to a room above; the others are drawn for
 * orientation. Why it comes back stands below the table.
 */
export const SHORT_FLOWS: Readonly<Record<string, number>> = {
  'a metric, from socket to commit': 2,
  'a prediction': 2,
  'a version, to its rollout and alias': 1,
}

/** One station: a file, or files of which one is taken; `port` names the function by which the flow comes to it. */
export interface Step {
  readonly files: readonly string[]
  readonly port?: string
}

/** A row of the table: its name and its stations in order. */
export interface Flow {
  readonly name: string
  readonly steps: readonly Step[]
}

/**
 * Reads the rows below `## Flows`. Stations are divided by `→`: `` `path` ``, several with `or`, or a port by its name
 * (a word in backticks without a `/` or `.`), which belongs to the station behind it. What stands in no backticks is prose.
 */
export function flows(markdown: string): Flow[] {
  const section = /^## Flows\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(markdown)?.[1] ?? ''
  return [...section.matchAll(/^\| (?!flow \|)([^|]+) \| (.*) \|$/gm)].map(([, name = '', cell = '']) => ({
    name,
    steps: stepsOf(cell),
  }))
}

function stepsOf(cell: string): Step[] {
  const steps: Step[] = []
  let port: string | undefined
  for (const part of cell.split(/→|;/)) {
    const words = [...part.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
    const files = words.filter((word) => word.includes('/'))
    if (files.length > 0) steps.push({ files, ...(port !== undefined && { port }) })
    port = files.length > 0 ? undefined : words.find((word) => /^\w+$/.test(word))
  }
  return steps
}

/** What is wrong with a flow in the tree at `root`, a sentence each: too long, a file that is missing or joined to none before it. */
export function faultsOf(root: string, { name, steps }: Flow): string[] {
  const long = steps.length > MOST_STEPS ? [`${name}: ${steps.length} files, more than ${MOST_STEPS}`] : []
  const loose = steps.flatMap(({ files, port }, index) => {
    const before = steps.slice(0, index).flatMap((step) => step.files)
    return files.flatMap((file) => {
      if (!existsSync(join(root, file))) return [`${name}: ${file} does not exist`]
      if (index === 0 || before.some((other) => joined(root, other, file, port))) return []
      return [
        `${name}: ${file} ${port === undefined ? 'has no import' : `has no port ${port}`} in common with a file before it`,
      ]
    })
  })
  return [...long, ...loose]
}

/** How often a flow comes back to a room above the one it was in. */
export function climbs({ steps }: Flow): number {
  const orders = steps.map(({ files }) => ROOMS.findIndex(([room]) => room === roomOf('src', files[0] ?? '')))
  return orders.filter((order, index) => order < (orders[index - 1] ?? order)).length
}

/**
 * Without a port, one file must import the other. A port is named by the file that uses it, and by the file that is reached
 * or a `room.ts` (or `app.ts`) that imports it.
 */
function joined(root: string, from: string, to: string, port: string | undefined): boolean {
  if (!existsSync(join(root, from))) return false
  const [a, b] = [read(root, from), read(root, to)]
  if (port === undefined) return imports(from, a).includes(to) || imports(to, b).includes(from)
  const named = new RegExp(`\\b${port}\\b`)
  const wires = [`src/${roomOf('src', to)}/room.ts`, 'src/app.ts'].filter(
    (file) => existsSync(join(root, file)) && imports(file, read(root, file)).includes(to),
  )
  return named.test(a) && [b, ...wires.map((file) => read(root, file))].some((text) => named.test(text))
}

function read(root: string, file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

function imports(file: string, text: string): string[] {
  return importsOf(text).map(({ target }) => resolveFrom(file, target))
}
