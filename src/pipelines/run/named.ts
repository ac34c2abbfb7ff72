/** Ids of runs that must be made once only, however often they are asked for. */
import { createHash } from 'node:crypto'
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { readRun, type RunRow } from '../context/rows.ts'
import { canonical } from '../spec/canonical.ts'

/** The id of the run that a caller has named: the same name of the same project is the same run. */
export function runNamed(project: string, once: string): string {
  return `pr_${createHash('sha256')
    .update(JSON.stringify([project, once]))
    .digest('hex')
    .slice(0, 26)}`
}

/** The id of the run that repeats one for the tasks of a scheduler. */
export function repetitionId({ project, id }: Pick<RunRow, 'project' | 'id'>): string {
  return runNamed(project, `the repetition of ${id}`)
}

/** The run that repeats one for the tasks of a scheduler; undefined where there is none. */
export async function repetitionOf(reader: Reader, run: RunRow): Promise<string | undefined> {
  if (run.options.on !== 'external' || run.finished_at === null) return undefined
  return (await readRun(reader, repetitionId(run)))?.id
}

type Asked = Pick<RunRow, 'version_id' | 'params' | 'options'>

/**
 * Throws `conflict` where the name already stands for a run that was begun with other params: its results would be taken for those of
 * these. Another version is no fault, for a scheduler's file may be written anew while its run is under way.
 */
export function refuseOther(before: RunRow, asked: Asked): void {
  const isSame = before.version_id === asked.version_id
  const [was, is] = [given(before, isSame), given(asked, isSame)]
  const name = [...was.keys(), ...is.keys()].find((one) => was.get(one) !== is.get(one))
  if (name === undefined) return
  const [had, has] = [was, is].map((params) => params.get(name) ?? 'its default')
  const detail = `this name stands for run ${before.id}, which was begun with ${name} = ${had}, not with ${has}; a run with other params needs a name of its own`
  throw problem('conflict', { detail })
}

/** What was given to a run, by the names of its params; what an alias stands for may be another version by the next call. */
function given({ params, options }: Asked, isWithSteps: boolean): Map<string, string> {
  const ofSteps = Object.entries(isWithSteps ? params : {}).flatMap(([step, own]) =>
    Object.entries(own)
      .filter(([, value]) => !String(value).startsWith('models:/'))
      .map(([param, value]) => [`${step}.${param}`, canonical(value)] as const),
  )
  const ofPipeline = Object.entries(options.set ?? {}).map(([param, value]) => [param, canonical(value)] as const)
  return new Map([...ofPipeline, ...ofSteps])
}
