/** What goes or moves with an experiment, with a project, or with the whole store. */
import type { Db } from '../store/db.ts'
import { deleteRows } from '../store/sql/rows.ts'
import { sql } from '../store/sql/sql.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { tablesPart } from '../tracking/workspaces/tables.ts'

const OF_EXPERIMENT = ['scorer_sampling', 'scorer_versions', 'scorers', 'evaluation_dataset_experiments'] as const
const OF_DATASET = ['evaluation_records', 'evaluation_dataset_tags', 'evaluation_dataset_experiments'] as const
const OF_PROJECT = ['evaluation_datasets'] as const

/** Deletes the scorers of an experiment, and what joins it with datasets. */
export async function purgeExperiment(db: Db, experiment: string): Promise<void> {
  await db.tx(async (t) => {
    for (const table of OF_EXPERIMENT) await deleteRows(t, table, sql`experiment_id = ${experiment}`)
  })
}

/** The datasets of a project. */
export function evaluationPart(db: Db): ProjectPart {
  return tablesPart({
    db,
    tables: OF_PROJECT,
    inside: { of: 'evaluation_datasets', id: 'dataset_id', tables: OF_DATASET },
  })
}

/** Deletes every row of the room, for other projects' test suites. */
export async function resetEvaluation(db: Db): Promise<void> {
  await db.tx(async (t) => {
    for (const table of new Set([...OF_EXPERIMENT, ...OF_DATASET, ...OF_PROJECT])) await deleteRows(t, table)
  })
}
