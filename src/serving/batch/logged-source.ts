/** Logged predictions of an endpoint as a table, so that a candidate can be scored on the traffic that was. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { mkdir, readFile } from 'node:fs/promises'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { parseJson, toJson } from '../../scoring/rows/json.ts'
import type { Found } from './local.ts'
import { settle, writeWhole } from './parts.ts'
import type { Mark, Source, SourceRow } from './table.ts'

/** A logged prediction, as the API tells it. */
export interface Logged {
  readonly id: string
  readonly version: string
  readonly role: string
  readonly event_time: string
  readonly inputs: Readonly<Record<string, unknown>>
  /** The keys and fields by which features were looked up: columns of the result, which the model is not given. */
  readonly entity?: Readonly<Record<string, unknown>> | undefined
  readonly score: number | null
}

/** What comes before the inputs in each row. `prediction_id` is the id that a label names. */
const FACTS = ['prediction_id', 'event_time', 'logged_version', 'logged_score'] as const
const ROWS = 'logged.ndjson'
const NAMES = 'logged.json'

interface Names {
  readonly place: string
  readonly until: string
  readonly rows: number
  readonly names: readonly string[]
}

export interface LoggedPlace {
  /** The address as it was given. */
  readonly place: string
  /** End of the time, kept with the rows, so that a run which goes on has the rows it began with. */
  readonly until: string
}

/** Brings the rows into the folder once: what is logged later does not change a run that has begun. Shadow answers are left out. */
export async function bringLogged(
  { place, until }: LoggedPlace,
  folder: string,
  rows: AsyncIterable<Logged>,
): Promise<Found> {
  await mkdir(folder, { recursive: true })
  const known = await namesOf(folder)
  const found = known?.place === place ? known : await bring({ place, until }, folder, rows)
  return { path: folder, identity: { place, until: found.until, rows: found.rows } }
}

async function namesOf(folder: string): Promise<Names | undefined> {
  const text = await ifMissing(readFile(join(folder, NAMES), 'utf8'))
  return text === undefined ? undefined : (JSON.parse(text) as Names)
}

async function bring(from: LoggedPlace, folder: string, rows: AsyncIterable<Logged>): Promise<Names> {
  const path = join(folder, ROWS)
  const file = await open(`${path}.new`, 'w')
  const names = new Set<string>()
  let count = 0
  try {
    for await (const { id, event_time, version, score, inputs, entity, role } of rows) {
      if (role === 'shadow') continue
      // a key that is called like a fact is left out, for no model takes it
      const keys = Object.entries(entity ?? {}).filter(([name]) => !(FACTS as readonly string[]).includes(name))
      const row = { ...Object.fromEntries(keys), ...inputs }
      for (const name of Object.keys(row)) names.add(name)
      await file.writeFile(`${toJson([[id, event_time, version, score], row])}\n`)
      count++
    }
    await file.sync()
  } finally {
    await file.close()
  }
  if (count === 0) throw problem('unprocessable', { detail: `${from.place} has no logged prediction` })
  await settle(`${path}.new`, path)
  const found: Names = { ...from, rows: count, names: [...names] }
  await writeWhole(join(folder, NAMES), [JSON.stringify(found)])
  return found
}

/** The rows that `bringLogged` brought. Throws `unprocessable` where an input has the name of a fact. */
export async function loggedSource(folder: string): Promise<Source> {
  const { names = [] } = (await namesOf(folder)) ?? {}
  const taken = names.find((name) => (FACTS as readonly string[]).includes(name))
  if (taken !== undefined)
    throw problem('unprocessable', { detail: `the model has an input "${taken}", as the result will have` })
  const file = await open(join(folder, ROWS), 'r')
  const { size } = await file.stat()
  return {
    columns: [...FACTS, ...names].map((name) =>
      name === 'logged_score' ? { name, element: { name, type: 'DOUBLE' as const } } : { name },
    ),
    word: 'row',
    first: { at: 0, line: 1 },
    size,
    async read(from, count) {
      const rows: SourceRow[] = []
      let next: Mark = from
      for await (const line of file.readLines({ start: from.at, autoClose: false })) {
        if (rows.length === count) return { rows, next, end: false }
        const bytes = Buffer.from(line)
        const [facts, inputs] = parseJson(bytes) as [unknown[], Record<string, unknown>]
        rows.push({ line: next.line, cells: [...facts, ...names.map((name) => inputs[name] ?? null)] })
        next = { at: next.at + bytes.length + 1, line: next.line + 1 }
      }
      return { rows, next, end: true }
    },
    value: (cell) => cell,
    close: () => file.close(),
  }
}
