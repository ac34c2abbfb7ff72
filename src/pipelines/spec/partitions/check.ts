/** Whether the section `partitions` goes with the rest of a project file, and what is kept of it. */
import type { Partitions } from '../../../contract/pipelines/partitions-section.ts'
import { takenOfPartition } from './params.ts'
import type { PartitionsSpec } from './partitions.ts'

interface Said {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** What of a project file says it. */
interface Around {
  readonly partitions?: Partitions | undefined
  readonly schedule?: unknown
  readonly steps: Readonly<Record<string, { readonly params: Readonly<Record<string, unknown>> }>>
  readonly hasSearch: boolean
  /** Whether a text is the name of a time zone. */
  readonly isZone: (text: string) => boolean
}

const HERE = ['pipeline', 'partitions']

/** Every fault of the section, in no order. */
export function partitionFaults(around: Around): Said[] {
  const { partitions: given } = around
  if (given === undefined) return []
  return given.values === undefined ? timeFaults(given, around) : listFaults(given, given.values, around)
}

function timeFaults({ by, start, timezone }: Partitions, { isZone, hasSearch }: Around): Said[] {
  if (by === undefined) return [{ path: HERE, message: 'expected "by" with "start", or "values", a list' }]
  if (start === undefined) return [{ path: HERE, message: `by ${by} needs a "start", for example "2026-01-01"` }]
  const zone = `got "${timezone}", expected a time zone such as Europe/Berlin or America/New_York`
  return [
    ...(timezone === undefined || isZone(timezone) ? [] : [{ path: [...HERE, 'timezone'], message: zone }]),
    ...searchFaults(hasSearch),
  ]
}

function listFaults(given: Partitions, values: readonly string[], { steps, schedule, hasSearch }: Around): Said[] {
  const beside = (['by', 'start', 'timezone'] as const).filter((key) => given[key] !== undefined)
  const twice = values.flatMap((value, i) =>
    values.indexOf(value) === i
      ? []
      : [{ path: [...HERE, 'values', i], message: `"${value}" is there twice; expected each once` }],
  )
  const timed = Object.entries(steps).flatMap(([step, { params }]) =>
    Object.entries(takenOfPartition(params)).flatMap(([param, what]) =>
      what === 'key'
        ? []
        : [
            {
              path: ['pipeline', 'steps', step, 'params', param],
              message: `partitions of a list have no ${what}; expected "{partition}"`,
            },
          ],
    ),
  )
  const scheduled =
    'a schedule starts a run without saying of which partition of the list; expected no schedule, or partitions by time'
  return [
    ...beside.map((key) => ({ path: [...HERE, key], message: `does not go with "values"` })),
    ...twice,
    ...timed,
    ...(schedule === undefined ? [] : [{ path: ['pipeline', 'schedule'], message: scheduled }]),
    ...searchFaults(hasSearch),
  ]
}

function searchFaults(hasSearch: boolean): Said[] {
  if (!hasSearch) return []
  const message = 'a search does not go with pipeline.partitions: its trials would be of different ones as time goes on'
  return [{ path: ['search'], message }]
}

/** What is kept of the section. */
export function partitionsSpec({ by, start, timezone = 'UTC', values }: Partitions): PartitionsSpec {
  if (values !== undefined) return { values }
  if (by === undefined || start === undefined)
    throw new Error('partitions without by, start and values are refused before')
  return { by, start, timezone }
}

/** Texts of params that take a partition where there is none. */
export function partitionNotes({ partitions, steps }: Pick<Around, 'partitions' | 'steps'>): string[] {
  if (partitions !== undefined) return []
  return Object.entries(steps).flatMap(([step, { params }]) =>
    Object.keys(takenOfPartition(params)).map(
      (param) =>
        `pipeline.steps.${step}.params.${param}: ${String(params[param])} is handed over as that text: there are no pipeline.partitions`,
    ),
  )
}
