/** The whole answer to "why did this step run": the key's components, and what changed since the execution before. */
import { problem } from '../../contract/errors.ts'
import type { Reply } from '../../contract/route.ts'
import type { pipelinesApi } from '../../contract/pipelines.ts'
import { stepOf, whyUnreadable, type Context } from '../context/context.ts'
import type { KeyParts } from '../spec/key.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { readStep, type RunRow } from '../context/rows.ts'
import { doubtful } from '../keys/reads.ts'
import { masked, maskOf } from '../context/mask.ts'
import { viewCache } from './view.ts'

export type Explanation = Reply<typeof pipelinesApi.explainStep>

/** Throws `not_found` for an unknown step and `conflict` while the steps before it have not ended. */
export async function explainStep(context: Context, run: RunRow, name: string): Promise<Explanation> {
  const row = await readStep(context.deps.db, run.id, name)
  if (row === undefined) throw problem('not_found', { what: 'step', id: name })
  const cache = viewCache(row)
  if (cache === null || row.key_parts === null) {
    const detail =
      row.state === 'waiting' ? 'its inputs are not there yet' : row.reason || 'it did not come to be decided'
    throw problem('conflict', { detail: `step "${name}" of run ${run.id} has no key: ${detail}` })
  }
  const unreadable = await whyUnreadable(context, run.version_id)
  const spec = unreadable === undefined ? await context.spec(run.version_id) : undefined
  const told = {
    ...cache,
    step: name,
    components: components(row.key_parts),
    files: Object.keys(row.key_parts.code),
    compared_with: row.compared_with,
    reads: row.reads === null ? null : [...doubtful(spec && stepOf(spec, name), row.reads)],
  }
  const mask = await maskOf(context, run.project, spec?.steps ?? [])
  return masked({ ...told, ...readingOf(spec, name, unreadable) }, mask)
}

/** What the reader of the project's code said; of a project file that cannot be read, that. */
function readingOf(
  spec: PipelineSpec | undefined,
  step: string,
  unreadable = '',
): Pick<Explanation, 'left_out' | 'warnings'> {
  if (spec === undefined) return { left_out: [], warnings: [unreadable] }
  const warnings = [...(spec.warnings ?? []), ...stepOf(spec, step).code.warnings]
  return { left_out: [...(spec.left_out ?? [])], warnings }
}

function components({ code, ...rest }: KeyParts): Record<string, string> {
  const files = `${Object.keys(code).length} files`
  const texts = Object.entries(rest).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return { code: files, ...(Object.fromEntries(texts) as Record<string, string>) }
}
