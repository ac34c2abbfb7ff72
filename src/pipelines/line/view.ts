/** The line as the contract shows it. */
import type { z } from 'zod'
import type { lineApi, WaitingStep } from '../../contract/pipelines/line.ts'
import type { Context } from '../context/context.ts'
import { countWaiting } from './line.ts'
import { judgedLine, sentence } from './why.ts'

/** The first of the line that a caller sees, of one project or with null of all; places are those of the whole line. */
export async function viewLine(
  context: Context,
  project: string | null,
  limit: number,
): Promise<z.output<typeof lineApi.waitingSteps.reply>> {
  const judged = await judgedLine(context)
  const now = context.deps.clock()
  const seen = [...judged.line.entries()].filter(([, one]) => project === null || one.project === project)
  const items = seen.slice(0, limit).map(async ([at, one]): Promise<WaitingStep> => ({
    place: at + 1,
    project: one.project,
    run: one.run_id,
    step: one.name,
    priority: one.priority,
    pool: one.pool,
    waited_ms: Math.max(0, now - one.since),
    wait: judged.waits[at] ?? 'begins',
    why: await sentence(context, judged, [at, project]),
  }))
  const shown = await Promise.all(items)
  return { items: shown, left_out: Math.max(0, (await countWaiting(context, project)) - shown.length) }
}
