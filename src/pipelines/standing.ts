/** The runs that were made of a commit, and how much each stands for it. */
import type { Trigger } from '../contract/pipelines.ts'
import type { CodeSource } from '../contract/values/code-source.ts'
import type { Reader } from '../store/db.ts'
import { isPinned } from './spec/pin.ts'
import type { Params } from './spec/pin.ts'
import { isClean } from './spec/sources.ts'
import type { PipelineSpec } from './spec/spec.ts'
import { requireVersion } from './spec/versions.ts'

/** Part of a standing: the folder was as the commit has it. */
export const IS_CLEAN = 4

interface MadeRun {
  readonly id: string
  readonly created_at: number
  readonly outcome: string
  /** How much it stands for the commit: a clean folder 4, the run of its merge 2, by hand without other params 1, together. */
  readonly standing: number
}

interface Row extends Omit<MadeRun, 'standing'> {
  readonly source: string
  readonly trigger_kind: Trigger
  readonly params: string
  readonly options: string
  readonly version_id: string
}

/** Runs of a commit that are looked at: one that stands for it lies behind as many experiments as somebody made of it. */
const MOST = 1000

/**
 * The ended runs of a project that were made of a commit: those that stand for it come first. A clean folder before one that differed, the
 * run of its merge before what else was run of it (by hand with other params, by a schedule), and of equals the newest.
 */
export async function runsOfCommit(reader: Reader, project: string, commit: string): Promise<MadeRun[]> {
  const rows = await reader.all<Row>(
    `SELECT r.id, r.created_at, r.outcome, r.trigger_kind, r.params, r.options, r.version_id, s.source
     FROM pipeline_runs r JOIN pipeline_sources s ON s.id = r.source_id
     WHERE r.project = ? AND r.outcome IS NOT NULL AND r.trigger_kind <> 'reproduce' AND s.source LIKE ?
     ORDER BY r.created_at DESC, r.id DESC LIMIT ${MOST}`,
    [project, `%"commit":"${commit}"%`],
  )
  const specs = new Map<string, PipelineSpec>()
  const made: MadeRun[] = []
  for (const row of rows) {
    const { id, created_at, outcome, trigger_kind: trigger, version_id: version } = row
    const source = JSON.parse(row.source) as CodeSource
    if (source.commit !== commit) continue
    const spec = specs.get(version) ?? (await requireVersion(reader, version)).spec
    specs.set(version, spec)
    const own = trigger === 'manual' && isPlain(row, spec)
    const standing = (isClean(source) ? IS_CLEAN : 0) + (trigger === 'merge' ? 2 : 0) + (own ? 1 : 0)
    made.push({ id, created_at, outcome, standing })
  }
  return made.toSorted((a, b) => b.standing - a.standing)
}

/** Whether nobody gave the run a param: aliases that its file names are pinned in its params, and conditions read some that no step does. */
function isPlain({ params, options }: Pick<Row, 'params' | 'options'>, spec: PipelineSpec): boolean {
  const { set = {} } = JSON.parse(options) as { set?: object }
  return Object.keys(set).length === 0 && isPinned(spec, JSON.parse(params) as Params)
}
