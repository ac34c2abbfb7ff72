/** What a partition gives to steps: params whose value is "{partition}", its key, or its start and end as times in UTC. */
import { problem } from '../../../contract/errors.ts'
import { newestPartition, partitionNamed, type Partition, type PartitionsSpec } from './partitions.ts'

type Params = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** What of a spec says it. */
interface Partitioned {
  readonly partitions?: PartitionsSpec
  readonly steps: readonly { readonly name: string; readonly of_partition?: Readonly<Record<string, Taken>> }[]
}

/** What a param of a step can take of a partition. */
export type Taken = 'key' | 'start' | 'end'

const TAKEN: ReadonlyMap<unknown, Taken> = new Map([
  ['{partition}', 'key'],
  ['{partition.start}', 'start'],
  ['{partition.end}', 'end'],
])

/** The params of a step that its partition gives. */
export function takenOfPartition(params: Readonly<Record<string, unknown>>): Record<string, Taken> {
  return Object.fromEntries(
    Object.entries(params).flatMap(([param, value]) => {
      const taken = TAKEN.get(value)
      return taken === undefined ? [] : [[param, taken] as const]
    }),
  )
}

/**
 * The partition of a run, and the params of its steps with what it gives them; a run that names none is of the newest that has ended.
 * Throws `invalid_field` for one that the pipeline does not have, and for a param that the partition gives and the run gives otherwise.
 */
export function withPartition(
  spec: Partitioned,
  given: { readonly key: string | undefined; readonly params: Params },
  now: number,
): { readonly partition?: Partition; readonly params: Params } {
  const { partitions, steps } = spec
  const { key } = given
  if (partitions === undefined) {
    if (key === undefined) return { params: given.params }
    throw problem('invalid_field', {
      field: 'partition',
      value: key,
      expected: 'none: the project file has no pipeline.partitions',
    })
  }
  const partition = key === undefined ? newestPartition(partitions, now) : partitionNamed(partitions, key, now)
  const params: Record<string, Params[string]> = { ...given.params }
  for (const { name, of_partition: taken = {} } of steps) {
    const own = Object.entries(taken).map(([param, what]) => [param, valueOf(partition, what)] as const)
    for (const [param, value] of own) refuseOther(name, param, value, given.params[name])
    if (own.length > 0) params[name] = { ...given.params[name], ...Object.fromEntries(own) }
  }
  return { partition, params }
}

function valueOf({ key, start, end }: Partition, what: Taken): string {
  const at = what === 'key' ? null : what === 'start' ? start : end
  return at === null ? key : new Date(at).toISOString().replace('.000Z', 'Z')
}

/** A run that is repeated has what its partition gave it. */
function refuseOther(step: string, param: string, value: string, given: Params[string] | undefined): void {
  if (given === undefined || !Object.hasOwn(given, param) || given[param] === value) return
  const expected = `none: its partition gives it ${value}`
  throw problem('invalid_field', { field: `params.${step}.${param}`, value: given[param], expected })
}
