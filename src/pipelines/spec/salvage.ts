/** What of a project file with faults can be checked further, so that all faults are told at once. */
import type { z } from 'zod'
import { describeAll, valueAt } from './describe.ts'
import type { Path, Said } from './describe.ts'

/** A project without what is wrong with it, the faults, and where something was left out. */
export interface Salvaged<P> {
  /** Absent where nothing that could be checked is left. */
  readonly project?: P
  readonly faults: readonly Said[]
  readonly left: readonly Path[]
}

/** Rounds after which nothing more is tried: each leaves something out. */
const ROUNDS = 20

/** Most faults, and most unknown keys of one place, that are told of one look: each is compared with those before it. */
const MOST = 100

/** What stands where something that must be there is missing or wrong; nobody sees it. */
const STAND_INS: Readonly<Record<string, unknown>> = { project: 'project', run: ['run'] }

/** Reads data as a project by its schema; what is wrong is told and left out until the rest is one. */
export function salvage<P>(data: unknown, schema: z.ZodType<P>): Salvaged<P> {
  const [faults, left]: [Said[], Path[]] = [[], []]
  let rest = data
  for (let round = 0; round < ROUNDS; round++) {
    const parsed = schema.safeParse(rest)
    if (parsed.success) return { project: parsed.data, faults, left }
    const { all, areCut } = bounded(parsed.error.issues)
    const issues = all.filter((issue) => !left.some((one) => hangsOn(issue, one)))
    faults.push(...describeAll(issues, rest))
    if (areCut)
      return { faults: [...faults, { path: [], message: `more than ${MOST} faults; mend these first` }], left }
    for (const path of all.flatMap((issue) => placesOf(issue, rest))) {
      left.push(path)
      rest = without(rest, path)
    }
  }
  return { faults, left }
}

function bounded(issues: readonly z.core.$ZodIssue[]): { all: z.core.$ZodIssue[]; areCut: boolean } {
  const all = issues
    .slice(0, MOST)
    .map((issue) => (issue.code === 'unrecognized_keys' ? { ...issue, keys: issue.keys.slice(0, MOST) } : issue))
  const cutKeys = issues.some((issue) => issue.code === 'unrecognized_keys' && issue.keys.length > MOST)
  return { all, areCut: issues.length > MOST || cutKeys }
}

/** Whether an issue may be there only because something was left out: it is of that place, or of how a section of the file fits together. */
function hangsOn({ code, path }: z.core.$ZodIssue, left: Path): boolean {
  const shared = code === 'custom' ? left.slice(0, 2) : left
  return shared.every((key, i) => key === path[i])
}

/** What to leave out for an issue: unknown keys, the place itself, or what lacks something. Of a list all of it, for places are counted. */
function placesOf(issue: z.core.$ZodIssue, data: unknown): Path[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => whole([...issue.path, key]))
  const isStandIn = Object.hasOwn(STAND_INS, String(issue.path.at(-1)))
  const isMissing = valueAt(data, issue.path) === undefined
  return [whole(isMissing && !isStandIn ? issue.path.slice(0, -1) : issue.path)]
}

function whole(path: Path): Path {
  const list = path.findIndex((key) => typeof key === 'number')
  return list === -1 ? path : path.slice(0, list)
}

function without(data: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return {}
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return data
  const name = String(key)
  const { [name]: value, ...others } = data as Record<string, unknown>
  if (rest.length > 0) return { ...data, [name]: without(value, rest) }
  return Object.hasOwn(STAND_INS, name) ? { ...others, [name]: STAND_INS[name] } : others
}
