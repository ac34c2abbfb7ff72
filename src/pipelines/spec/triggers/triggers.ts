/** Triggers as a spec keeps them, and whether the section goes with the rest of the project file. */
import { KEYS_OF, type Trigger, type TriggerKind } from '../../../contract/pipelines/triggers-section.ts'
import { parseDuration } from '../values/units.ts'

interface Of {
  /** Nothing may happen for so long before its run begins, ms. */
  readonly debounce_ms: number
  readonly at_most: number
  readonly set: Readonly<Record<string, unknown>>
}

/** One trigger. */
export type TriggerSpec = Of &
  (
    | { readonly on: 'source'; readonly source: string; readonly every_ms: number }
    | { readonly on: 'data_set'; readonly data_set: string }
    | { readonly on: 'alias'; readonly model: string; readonly alias: string }
    | { readonly on: 'incident'; readonly endpoint: string; readonly kinds: readonly string[] }
    | { readonly on: 'pipeline'; readonly pipeline: string; readonly outcome: 'succeeded' | 'failed' | 'any' }
    | { readonly on: 'merge'; readonly host: 'github' | 'gitlab'; readonly branch: string }
    | { readonly on: 'webhook' }
  )
export type TriggersSpec = Readonly<Record<string, TriggerSpec>>

/** How often a source is looked at where nothing is said, and at most, ms. */
const EVERY_MS = 60_000
const LEAST_EVERY_MS = 5000
const LONGEST_DEBOUNCE_MS = 24 * 3_600_000

interface Said {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** What of a project file says it. */
export interface Around {
  readonly project: string
  readonly triggers: Readonly<Record<string, Trigger>>
  /** Declared sources that a step takes. */
  readonly sources: readonly string[]
  /** What was expected in place of params that a run would set; undefined where they may be set so. */
  readonly unset: (name: string, value: unknown) => string | undefined
  /** Data sets and the model that its own runs make. */
  readonly makes: { readonly data_sets: readonly string[]; readonly model: string | undefined }
  readonly hasList: boolean
}

/** Every fault of the section that its schema cannot say. */
export function triggerFaults(around: Around): Said[] {
  return Object.entries(around.triggers).flatMap(([name, trigger]) => {
    const here = ['pipeline', 'triggers', name]
    return [
      ...keyFaults(here, trigger),
      ...timeFaults(here, trigger),
      ...loopFaults(here, trigger, around),
      ...sourceFaults(here, trigger, around),
      ...Object.entries(trigger.set).flatMap(([param, value]) => {
        const expected = around.unset(param, value)
        return expected === undefined
          ? []
          : [{ path: [...here, 'set', param], message: `got ${JSON.stringify(value)}, expected ${expected}` }]
      }),
      ...(around.hasList ? [{ path: here, message: LIST }] : []),
    ]
  })
}

const LIST = 'a trigger starts a run without saying of which partition of the list; expected partitions by time'

function keyFaults(here: readonly string[], trigger: Trigger): Said[] {
  const { needs, may } = KEYS_OF[trigger.on]
  const all = new Set(Object.values(KEYS_OF).flatMap((one) => [...one.needs, ...one.may]))
  const given = Object.entries(trigger).flatMap(([key, value]) => (value === undefined || !all.has(key) ? [] : [key]))
  return [
    ...needs
      .filter((key) => !given.includes(key))
      .map((key) => ({ path: here, message: `a trigger on ${trigger.on} needs the key "${key}"` })),
    ...given
      .filter((key) => !needs.includes(key) && !may.includes(key))
      .map((key) => ({ path: [...here, key], message: `does not go with "on: ${trigger.on}"` })),
  ]
}

function timeFaults(here: readonly string[], { every, debounce }: Trigger): Said[] {
  const bounds = [
    ['every', every, LEAST_EVERY_MS, 24 * 3_600_000, 'a duration from 5s to 1d'],
    ['debounce', debounce, 0, LONGEST_DEBOUNCE_MS, 'a duration up to 1d'],
  ] as const
  return bounds.flatMap(([key, given, least, most, expected]) => {
    if (given === undefined) return []
    const ms = parseDuration(given)
    if (ms !== undefined && ms >= least && ms <= most) return []
    return [{ path: [...here, key], message: `got ${JSON.stringify(given)}, expected ${expected}` }]
  })
}

/** A pipeline that makes what starts it would start itself for ever. */
function loopFaults(here: readonly string[], trigger: Trigger, { project, makes }: Around): Said[] {
  const fault = (key: string, message: string): Said[] => [{ path: [...here, key], message }]
  if (trigger.on === 'pipeline' && trigger.pipeline === project)
    return fault('pipeline', `a run of ${project} would start the next for ever; expected another pipeline`)
  if (trigger.on === 'data_set' && makes.data_sets.includes(trigger.data_set ?? ''))
    return fault('data_set', `its own runs make versions of ${trigger.data_set}, and would start the next for ever`)
  if (trigger.on === 'alias' && makes.model === trigger.model)
    return fault(
      'model',
      `its own runs register versions of ${trigger.model}, and would start the next where one is promoted`,
    )
  return []
}

function sourceFaults(here: readonly string[], { on, source }: Trigger, { sources }: Around): Said[] {
  if (on !== 'source' || source === undefined || sources.includes(source)) return []
  const are = sources.length === 0 ? 'no step takes any' : `steps take ${sources.join(', ')}`
  return [{ path: [...here, 'source'], message: `there is no source "${source}" that a step takes; ${are}` }]
}

/** What is kept of one, which has no faults. */
export function triggerSpec(trigger: Trigger): TriggerSpec {
  const { at_most, set } = trigger
  const of = { debounce_ms: msOf(trigger.debounce, 0), at_most, set }
  const text = (key: 'source' | 'data_set' | 'model' | 'alias' | 'endpoint' | 'pipeline'): string => trigger[key] ?? ''
  const made: { readonly [K in TriggerKind]: () => TriggerSpec } = {
    source: () => ({ on: 'source', source: text('source'), every_ms: msOf(trigger.every, EVERY_MS), ...of }),
    data_set: () => ({ on: 'data_set', data_set: text('data_set'), ...of }),
    alias: () => ({ on: 'alias', model: text('model'), alias: text('alias'), ...of }),
    incident: () => ({ on: 'incident', endpoint: text('endpoint'), kinds: trigger.kinds ?? ['drift'], ...of }),
    pipeline: () => ({ on: 'pipeline', pipeline: text('pipeline'), outcome: trigger.outcome ?? 'succeeded', ...of }),
    merge: () => ({ on: 'merge', host: trigger.host ?? 'github', branch: trigger.branch ?? 'main', ...of }),
    webhook: () => ({ on: 'webhook', ...of }),
  }
  return made[trigger.on]()
}

function msOf(text: string | number | undefined, otherwise: number): number {
  return text === undefined ? otherwise : (parseDuration(text) ?? otherwise)
}

/** What it watches, in one sentence. */
export function watchesOf(spec: TriggerSpec): string {
  switch (spec.on) {
    case 'source':
      return `what source "${spec.source}" gives, every ${spec.every_ms / 1000} s`
    case 'data_set':
      return `new versions of data set ${spec.data_set}`
    case 'alias':
      return `moves of alias ${spec.alias} of model ${spec.model}`
    case 'incident':
      return `incidents of endpoint ${spec.endpoint} (${spec.kinds.join(', ')})`
    case 'pipeline':
      return `runs of pipeline ${spec.pipeline} that end${spec.outcome === 'any' ? '' : ` as ${spec.outcome}`}`
    case 'merge':
      return `pushes to branch ${spec.branch}, as ${spec.host === 'github' ? 'GitHub' : 'GitLab'} tells them`
    case 'webhook':
      return 'signed calls of its address'
  }
}

/** Whether others call it, and it does not look itself. */
export function isCalled(spec: TriggerSpec): spec is Extract<TriggerSpec, { on: 'merge' | 'webhook' }> {
  return spec.on === 'merge' || spec.on === 'webhook'
}
