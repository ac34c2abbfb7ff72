/**
 * What a model saw of entities at moments in the past, and why: the sources of its views are read as a join reads them, and asked by the
 * same statements. A caller waits for it, so it is short, one at a time, and ends when the caller leaves; what takes longer is a join.
 */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { LookedUpRow, LookedUpView, lookUpApi } from '../../contract/features/look-up.ts'
import type { Reply } from '../../contract/route.ts'
import { projectNamed } from '../../auth/visibility.ts'
import { SourceAway, SourceRefused } from '../../pipelines/data/kinds/asked.ts'
import type { Key } from '../definitions/definitions.ts'
import { requireVersion, requireViews, type ViewVersions } from '../definitions/require.ts'
import { runTask } from '../engine/engine.ts'
import type { JobsContext } from '../jobs/context.ts'
import { engineOptions } from '../jobs/limits.ts'
import { filesOfView, pinAll, sourceOf, treesOf, withFiles, type Pins } from '../jobs/pins.ts'
import type { LookedUp, LookUpRequest } from '../offline/look-up.ts'
import { momentOf, momentText } from '../../contract/text/moments.ts'
import { definitionsOf, planRead } from '../serve/plan.ts'
import { readEntities, type Entity } from '../serve/read.ts'
import { withoutNumeral } from '../serve/values.ts'
import { Lane } from './lane.ts'
import { rowAt, type Planned } from './rows.ts'

/** Longest time of a look-up with its waiting, ms: somebody looks at a page meanwhile. */
const LONGEST_MS = 120_000
/** Look-ups that wait or run at once. */
const MOST_OPEN = 10

export interface LookUpGiven {
  readonly project?: string | undefined
  readonly service: string
  readonly version?: number | undefined
  readonly entities: readonly Entity[]
  readonly at?: string | undefined
  readonly times?: readonly string[] | undefined
}

type LookUpReply = Reply<typeof lookUpApi.lookUpFeatures>

export class LookUps {
  readonly #context: JobsContext
  readonly #longest: number
  readonly #lane = new Lane(MOST_OPEN)

  /** `longest`: of one look-up, ms. */
  constructor(context: JobsContext, longest = LONGEST_MS) {
    this.#context = context
    this.#longest = longest
  }

  /**
   * Throws `not_found` and `invalid_field` before anything is read; `unprocessable` where a source is not as the view says, and where it
   * takes too long; `unavailable` for a source that is away.
   */
  async read(who: Principal, given: LookUpGiven, gone: AbortSignal): Promise<LookUpReply> {
    const { service: name, version, entities } = given
    const project = projectNamed(who, given.project)
    const found = await requireVersion(this.#context, { project, kind: 'service', name, version })
    const service = found.definition
    const views = await requireViews(this.#context, project, service)
    const plan = planRead(project, service, definitionsOf(views))
    const moments = momentsOf(given, this.#context.clock())
    // keys and fields are judged before a source is read
    readEntities(plan, entities, { reader: { read: () => undefined }, now: 0n, on_expired: 'null' })
    const planned: Planned = { plan, service, views }
    const { pins, seen } = await this.#look({ project, planned, entities, moments, gone })
    return {
      service: { name, version: found.version },
      views: service.views.map(({ name: as }) => viewAs(as, views, pins)),
      rows: entities.map((entity, i): LookedUpRow => rowAt(planned, { entity, i, at: moments[i] ?? 0n, seen })),
    }
  }

  async #look({ gone, ...asked }: Asked & { readonly gone: AbortSignal }): Promise<Looked> {
    const late = AbortSignal.timeout(this.#longest)
    const signal = AbortSignal.any([gone, late])
    const told = { stage: 'it waited for other look-ups; ask again when they are over' }
    try {
      return await this.#lane.run('the number of look-ups', signal, () => this.#readNow(asked, signal, told))
    } catch (error) {
      if (gone.aborted) throw problem('unprocessable', { detail: 'the caller left before the look-up was over' }, error)
      if (late.aborted) throw this.#tooLate(told.stage, error)
      if (error instanceof SourceAway) throw problem('unavailable', { what: 'a source', detail: error.message }, error)
      if (error instanceof SourceRefused) throw problem('unprocessable', { detail: error.message }, error)
      throw error
    }
  }

  #tooLate(stage: string, error: unknown): Error {
    const detail = `the look-up took more than ${this.#longest / 1000} s and was stopped while ${stage}`
    return problem('unprocessable', { detail, reason: 'timeout' }, error)
  }

  async #readNow(
    { project, planned: { plan, views }, entities, moments }: Asked,
    signal: AbortSignal,
    told: { stage: string },
  ): Promise<Looked> {
    const { db, below } = this.#context
    const kept = plan.views.filter(({ name }) => hasHistory(views, name))
    if (kept.length === 0) return { pins: { reads: [], trees: {} }, seen: new Map() }
    told.stage = `it read the sources; a join has an hour and keeps what it read: slipway features join`
    const sources = Object.fromEntries(kept.map(({ name }) => [name, views[name]?.sources ?? {}]))
    const pins = await pinAll(this.#context, project, sources, signal)
    // the next one finds them unchanged
    await db.tx((t) => below().pipelines.sources.keep(t, project, pins.reads))
    told.stage =
      'it searched the rows of the sources; ask for features of fewer views in a service of their own, or join the entities, which may take an hour: slipway features join'
    const result: LookedUp = await withFiles(below().data.tables, treesOf(pins), (filesOf) => {
      const keys = keysOf(plan)
      const request: LookUpRequest = {
        keys,
        rows: entities.map((entity, i) => ({ at: String(moments[i]), keys: keys.map((key) => keyText(key, entity)) })),
        views: kept.map(({ name, asked, of }) => {
          const view = mustFind(views, name).definition
          const taken = { name, view: of.view, version: of.version, keys: asked }
          return { taken, view, sources: filesOfView(pins.trees[name], filesOf) }
        }),
      }
      // one thread: the digits of sums are those of a join, and whoever predicts keeps the other cores
      const options = { ...engineOptions(this.#context), threads: 1, longest_ms: this.#longest }
      return runTask({ kind: 'look_up', request }, options, signal)
    })
    return { pins, seen: new Map(kept.map(({ name }, i) => [name, result.views[i] ?? []])) }
  }
}

interface Asked {
  readonly project: string
  readonly planned: Planned
  readonly entities: readonly Entity[]
  /** ns, of each entity. */
  readonly moments: readonly bigint[]
}

interface Looked {
  readonly pins: Pins
  readonly seen: Parameters<typeof rowAt>[1]['seen']
}

function mustFind(views: ViewVersions, name: string): ViewVersions[string] {
  const found = views[name]
  if (found === undefined) throw new Error(`the view "${name}" was not found`)
  return found
}

function hasHistory(views: ViewVersions, name: string): boolean {
  return mustFind(views, name).definition.origin !== null
}

function viewAs(name: string, views: ViewVersions, { reads, trees }: Pins): LookedUpView {
  const { definition: view, version } = mustFind(views, name)
  const own = Object.entries(trees[name] ?? {})
  const sources = own.flatMap(([source, { digest }]) => {
    const read = reads.find(({ pinned }) => pinned.name === source && pinned.digest === digest)
    return read === undefined ? [] : [{ ...sourceOf(read), unchanged: read.pinned.unchanged }]
  })
  return { name, view: view.name, version, history: view.origin !== null, pushed: view.push, sources }
}

/** Of each entity its moment, ns. Throws `invalid_field` for what is no time that has come. */
function momentsOf({ at, times, entities }: LookUpGiven, now: number): bigint[] {
  if ((at === undefined) === (times === undefined))
    throw problem('invalid_field', { field: 'at', value: at, expected: 'either "at" or "times"' })
  if (times !== undefined && times.length !== entities.length)
    throw problem('invalid_field', {
      field: 'times',
      value: times.length,
      expected: `a moment of each of the ${entities.length} entities`,
    })
  const latest = BigInt(now) * 1_000_000n
  const read = (text: string, field: string): bigint => {
    const moment = momentOf(text)
    if (moment !== undefined && moment <= latest) return moment
    const expected = `a time that has come, as RFC 3339, for example ${momentText(latest)}`
    throw problem('invalid_field', { field, value: text, expected })
  }
  if (times !== undefined) return times.map((text, i) => read(text, `times[${i}]`))
  const moment = read(at ?? '', 'at')
  return entities.map(() => moment)
}

/** The columns that give keys, each once; two views want one as the same type. */
function keysOf({ views }: Planned['plan']): Key[] {
  const all = views.flatMap(({ keys, asked }) => asked.map((name, i): Key => ({ name, type: keys[i]?.type ?? 'text' })))
  return [...new Map(all.map((key) => [key.name, key])).values()]
}

/** A key that was judged. */
function keyText({ name, type }: Key, entity: Entity): string | null {
  const value = (withoutNumeral(entity[name]) ?? null) as bigint | number | string | null
  if (value === null) return null
  return String(type === 'int' ? BigInt(value) : value)
}
