/** Starts the steps of a run whose turn it is. */
import { isActive, type AttemptRow, type RunTree, type StepRow } from '../context/rows.ts'
import { stepOf, type Context } from '../context/context.ts'
import { attemptsOf } from '../context/units.ts'
import { noteWaiting } from '../limits/queued.ts'
import { awaitTurn, type Flight } from './flight.ts'
import { openAttempt } from './launch.ts'
import { demandOf, placed } from '../line/places.ts'
import { isDue } from './retry.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { fits, judgeLine, less, taken, type InLine, type Room } from '../line/judge.ts'
import { readLine, roomNow, type Waiting } from '../line/line.ts'

/** A step whose turn it is, and which does not begin for so long, is kept by something else, and nobody waits for it, ms. */
const KEPT_MS = 5000

/** Whose turn it is, and since when others wait for them, ms of the monotonic clock. */
export class Turns {
  readonly #since = new Map<string, number>()
  readonly #clock: () => number

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  /** True of one that others have waited for in vain. */
  isKept(one: InLine): boolean {
    return this.#clock() - (this.#since.get(keyOf(one)) ?? Infinity) > KEPT_MS
  }

  /** Notes that others wait for it; or, with false, that they do not. */
  note(one: InLine, isAwaited: boolean): void {
    const key = keyOf(one)
    if (!isAwaited) this.#since.delete(key)
    else if (!this.#since.has(key)) this.#since.set(key, this.#clock())
  }

  /** Forgets who is no longer in the line. */
  keep(line: readonly InLine[]): void {
    const there = new Set(line.map(keyOf))
    for (const key of this.#since.keys()) if (!there.has(key)) this.#since.delete(key)
  }
}

function keyOf({ run_id, name }: Pick<InLine, 'run_id' | 'name'>): string {
  return `${run_id} ${name}`
}

export interface Started {
  /** True when something changed, so that it is worth looking again. */
  readonly moved: boolean
  /** What ready steps wait for that have the key of another. */
  readonly flights: readonly Flight[]
  /** True where a step waits for a place. */
  readonly waits: boolean
}

export interface Starter {
  readonly turns: Turns
  begin(attempt: AttemptRow): void
  /** Looks at a run whose step comes first. */
  wake(run: string): void
}

/** Starts what is ready of a run, as far as there are places and its turn has come. */
export async function startDue(context: Context, tree: RunTree, starter: Starter): Promise<Started> {
  const { deps } = context
  const ready = [...tree.steps, ...tree.items].filter((step) => step.state === 'ready')
  const due = ready.filter((step) => isDue(step.retry_at, deps.clock()))
  if (due.length === 0) return { moved: false, flights: [], waits: false }
  const spec = await context.spec(tree.run.version_id)
  const flights: Flight[] = []
  const going = tree.attempts.filter((attempt) => attempt.item_of !== null && isActive(attempt))
  const line = new Line(context, starter)
  let moved = false
  let waits = false
  const behind = new Set<string>()
  for (const step of due) {
    if (isFull(spec, step, going) || standsBehind(spec, step, behind)) continue
    const turn = await awaitTurn(context, tree, step)
    if (turn === 'taken') moved = true
    else if (turn !== undefined) flights.push(turn)
    // who waits for another's result waits for no place
    if (turn !== undefined) moved = (await noteWaiting(context, [tree, step, spec], false)) || moved
    if (turn !== undefined) continue
    const declared = placed(tree.run.options, stepOf(spec, step.name))
    const demand = demandOf(deps, declared, await attemptsOf(deps.db, tree, step))
    const isNext = await line.isNext({ ...step, demand, isPatient: false })
    if (!isNext && step.item_of !== null) behind.add(step.item_of)
    const attempt = isNext ? await openAttempt(context, tree, step) : undefined
    if (attempt === undefined) {
      waits = true
      moved = (await noteWaiting(context, [tree, step, spec], true)) || moved
      continue
    }
    line.took({ ...step, demand, isPatient: false })
    going.push(attempt)
    starter.begin(attempt)
    moved = true
  }
  return { moved, flights, waits }
}

/** The runs whose steps begin now, by the line of all. */
export async function nextRuns(context: Context, turns: Turns): Promise<ReadonlySet<string>> {
  const room = await roomNow(context)
  const line = (await readLine(context, room)).filter((one) => !turns.isKept(one))
  const verdicts = judgeLine(line, room)
  return new Set(line.filter((_, at) => verdicts[at] === undefined).map(({ run_id }) => run_id))
}

/** The line as one look at a run sees it. It is only asked here, so that a run that waits writes nothing; who opens an attempt decides. */
class Line {
  readonly #context: Context
  readonly #starter: Starter
  #room: Room | undefined
  #waiting: readonly Waiting[] | undefined

  constructor(context: Context, starter: Starter) {
    this.#context = context
    this.#starter = starter
  }

  /** Whether a step begins now. Where others come first, their runs are looked at. */
  async isNext(step: InLine): Promise<boolean> {
    this.#room ??= await roomNow(this.#context)
    // what has no room by itself needs no line
    if (judgeLine([step], this.#room)[0] !== undefined) return false
    if (this.#waiting === undefined) {
      this.#waiting = await readLine(this.#context, this.#room)
      this.#starter.turns.keep(this.#waiting)
    }
    const before = this.#before(step)
    const verdicts = judgeLine([...before, step], this.#room)
    const isFree = verdicts.at(-1) === undefined
    for (const [i, one] of before.entries()) {
      const isFirst = verdicts[i] === undefined && !isFree
      this.#starter.turns.note(one, isFirst)
      if (isFirst && one.run_id !== step.run_id) this.#starter.wake(one.run_id)
    }
    return isFree
  }

  /** Those before a step that are not kept by something else; all that were looked at, where it stands further behind. */
  #before(step: InLine): InLine[] {
    const waiting = this.#waiting ?? []
    const at = waiting.findIndex((one) => keyOf(one) === keyOf(step))
    return waiting.slice(0, at === -1 ? waiting.length : at).filter((one) => !this.#starter.turns.isKept(one))
  }

  took(step: InLine): void {
    this.#waiting = this.#waiting?.filter((one) => keyOf(one) !== keyOf(step))
    if (this.#room === undefined) return
    const { free, pools } = this.#room
    const rest = fits(step.demand, free) ? less(free, step.demand) : free
    const pool = step.pool === null ? [] : [[step.pool, taken(pools.get(step.pool), step.project)] as const]
    this.#room = { free: rest, pools: new Map([...pools, ...pool]) }
  }
}

/**
 * True of an item behind another one of its step for which there is no place: it asks for the same, so that of a thousand that are ready one is
 * looked at. One that was tried before may ask for more, and one with a limit of its wait is told what it waits for.
 */
function standsBehind(spec: PipelineSpec, { item_of, started_at }: StepRow, behind: ReadonlySet<string>): boolean {
  if (item_of === null || started_at !== null || !behind.has(item_of)) return false
  return stepOf(spec, item_of).queued_timeout_ms === undefined
}

/** True of an item of which as many others run as may at once. */
function isFull(spec: PipelineSpec, { item_of }: StepRow, going: readonly AttemptRow[]): boolean {
  const most = item_of === null ? null : (stepOf(spec, item_of).for_each?.at_once ?? null)
  return most !== null && going.filter((attempt) => attempt.item_of === item_of).length >= most
}
