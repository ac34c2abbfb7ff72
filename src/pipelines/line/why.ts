/** Why a step waits for a place, in words that name what is in its way. */
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { Context } from '../context/context.ts'
import type { Resources } from '../context/deps.ts'
import type { StepRow } from '../context/rows.ts'
import { poolHolders, type PoolRoom } from '../pools/pools.ts'
import { judgeLine, type Room, type Wait } from './judge.ts'
import { readLine, roomNow, type Waiting } from './line.ts'

/** Holders that a sentence names. */
const NAMED = 3

/** The whole line with what each waits for; undefined where it is about to begin. */
export interface JudgedLine {
  readonly room: Room
  readonly line: readonly Waiting[]
  readonly waits: readonly (Wait | undefined)[]
}

export async function judgedLine(context: Context): Promise<JudgedLine> {
  const [room, line] = await Promise.all([roomNow(context), readLine(context)])
  return { room, line, waits: judgeLine(line, room) }
}

/** Why steps of a run wait, by name; items are told by the line alone. */
export async function readWaits(
  context: Context,
  steps: readonly StepRow[],
): Promise<ReadonlyMap<string, { readonly waits: string }>> {
  const own = steps.filter(({ item_of }) => item_of === null)
  if (own.length === 0) return new Map()
  const judged = await judgedLine(context)
  const said = own.map(async (step) => [step.name, { waits: await sentenceOf(context, judged, step) }] as const)
  return new Map(await Promise.all(said))
}

/** Why one step waits, in a sentence that its own project may read. */
export async function whyWaits(context: Context, step: Place): Promise<string> {
  return sentenceOf(context, await judgedLine(context), step)
}

type Place = Pick<StepRow, 'run_id' | 'name' | 'project'>

function sentenceOf(context: Context, judged: JudgedLine, { run_id, name, project }: Place): Promise<string> | string {
  const at = judged.line.findIndex((one) => one.run_id === run_id && one.name === name)
  return at === -1 ? 'it stands far behind in the line' : sentence(context, judged, [at, project])
}

/** Why the step at a place of the line waits. Holders are named where `project` is theirs, or null for all. */
export async function sentence(
  context: Context,
  judged: JudgedLine,
  [at, project]: readonly [number, string | null],
): Promise<string> {
  const one = judged.line[at]
  if (one === undefined) throw new Error(`the line has no place ${at}`)
  const wait = judged.waits[at]
  if (wait === undefined) return 'it begins now'
  if (wait === 'turn') return turnText(judged.line, at)
  if (wait !== 'places') return poolText(context, judged.room.pools.get(one.pool ?? ''), one, [wait, project])
  const holders = await machineHolders(context, project)
  const { free } = judged.room
  return `it asks for ${asked(one.demand)}, and ${asked(free)} are free of ${asked(context.deps.capacity)}${told(holders, holders.length)}`
}

async function poolText(
  { deps }: Context,
  room: PoolRoom | undefined,
  one: Waiting,
  [wait, project]: readonly ['gone' | 'full' | 'quota', string | null],
): Promise<string> {
  const name = `pool "${one.pool ?? ''}"`
  if (room === undefined)
    return `there is no ${name}; an admin makes it with slipway pools set ${one.pool ?? ''} PLACES`
  const { places, per_project, held } = room
  const share = per_project ?? 0
  const holders = await poolHolders(deps.db, room.name, wait === 'quota' ? one.project : project, NAMED)
  if (wait === 'quota')
    return `project "${one.project}" has all ${share} places that it may have of ${name}${told(holders, share)}`
  return places === 0 ? `${name} has no places now` : `${name} is full, ${held} of ${places}${told(holders, held)}`
}

/** A step of the same run before it says nothing of priority. */
function turnText(line: readonly Waiting[], at: number): string {
  const one = line[at]
  const ahead = line.slice(0, at)
  const higher = ahead.filter(({ priority }) => priority > (one?.priority ?? 0)).length
  const count = `${ahead.length} ${ahead.length === 1 ? 'step is' : 'steps are'} before it`
  return `${count} in the line${higher > 0 ? `, ${higher} by a higher priority` : ''}`
}

function told(holders: readonly { readonly run: string; readonly step: string }[], of: number): string {
  if (holders.length === 0) return of > 0 ? ' (by other projects)' : ''
  const names = holders.slice(0, NAMED).map(({ run, step }) => `${run} ${step}`)
  return ` (${names.join(', ')}${of > names.length ? ` and ${of - names.length} more` : ''})`
}

const GIB = 2 ** 30

function asked({ cpus, memory_bytes }: Resources): string {
  const memory = Math.max(0, memory_bytes)
  const size = memory >= GIB ? `${Math.round((memory / GIB) * 10) / 10} GiB` : `${Math.round(memory / 2 ** 20)} MiB`
  return `${Math.max(0, cpus)} ${cpus === 1 ? 'core' : 'cores'} and ${size}`
}

/** Who holds places of the machine, those that have them longest first. */
function machineHolders({ deps }: Context, project: string | null): Promise<{ run: string; step: string }[]> {
  return fetchAll(
    deps.db,
    sql`SELECT a.run_id AS run, a.step FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
      WHERE a.state IN ('submitting', 'running') AND r.state IN ('waiting', 'preparing', 'running') AND a.cpus > 0
        AND (a.machine IS NULL OR a.machine = ${deps.machine?.id ?? null}) AND (r.project = ${project ?? ''} OR ${project === null ? 1 : 0} = 1) ORDER BY a.queued_at, a.id LIMIT ${NAMED}`,
  )
}
