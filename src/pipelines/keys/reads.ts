/** What steps read besides what their keys hold, as their wrapper saw it, and what is made of that. */
import { READ_NAMES, type Read } from '../../contract/runs/reads.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import type { Context } from '../context/context.ts'
import type { RunRow, StepRow } from '../context/rows.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'

/** Names that a message repeats. */
const NAMED = 3

/** Files of the project that the key of a step does not hold, so that it is told when they are read. */
export async function unheldFiles({ deps }: Context, spec: PipelineSpec, step: StepSpec): Promise<string[]> {
  // the key is not to hold the code, or there is none that counts
  if (step.cache !== 'auto') return []
  return (await treeFiles(deps.blobs, spec.tree)).map(({ path }) => path).filter((path) => !(path in step.code.files))
}

/** True where a read that a key does not hold is a failure. */
export function isStrict(spec: PipelineSpec, run: RunRow): boolean {
  return spec.reads === 'strict' || run.options.strict === true
}

/** Reads that make a kept result doubtful; none for a step that is never cached. A step of which nothing is known may be cached. */
export function doubtful(step: StepSpec | undefined, reads: readonly Read[] | null): readonly Read[] {
  return step?.cache === 'never' ? [] : (reads ?? [])
}

/** The failure of a step whose reads are strict; undefined where its key holds what it read. */
export function strictFailure(step: StepSpec, reads: readonly Read[] | null): string | undefined {
  const found = doubtful(step, reads)
  if (found.length === 0) return undefined
  const named = found.slice(0, NAMED).map(({ kind, name }) => `${READ_NAMES[kind]} ${name}`)
  const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : ''
  return `it read ${named.join(', ')}${more}, which its cache key does not hold, and reads are strict`
}

/** What two executions of a step read from outside that is not the same, in words. */
export function changedSources(before: StepRow, after: StepRow): string[] {
  if (before.reads === null || after.reads === null) return []
  const [then, now] = [before.reads, after.reads].map((reads) => new Map(reads.map((read) => [nameOf(read), read])))
  if (then === undefined || now === undefined) return []
  return [...new Set([...then.keys(), ...now.keys()])].flatMap((name) => {
    const [a, b] = [then.get(name), now.get(name)]
    if (a === undefined) return [`${name} was not read then`]
    if (b === undefined) return [`${name} is not read now`]
    return a.digest === b.digest ? [] : [`${name} was edited since`]
  })
}

/** What a step may have got from outside whose result differs although nothing that its key holds does, in words. */
export function suspectedSources({ reads }: StepRow): string[] {
  const unseen = (reads ?? []).filter(({ digest, kind }) => digest === null && kind !== 'project').map(nameOf)
  if (unseen.length > 0) return unseen.map((name) => `${name} may hold something else now, which nobody can compare`)
  return [
    'its inputs, code, params and environment are as they were: it reads from outside unseen, or differs each time',
  ]
}

function nameOf({ kind, name }: Read): string {
  return `${READ_NAMES[kind]} ${name}`
}
