/** What goes or moves with an experiment, with a project, or with the whole store. */
import type { Db } from '../store/db.ts'
import { deleteRows, updateRows } from '../store/sql/rows.ts'
import { sql } from '../store/sql/sql.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { firstHolding, projectsOf } from '../tracking/workspaces/tables.ts'

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
  return {
    holds: (reader, project) => firstHolding(reader, OF_PROJECT, project),
    projects: (reader, named) => projectsOf(reader, OF_PROJECT, named),
    async remove(_who, project) {
      const datasets = sql`dataset_id IN (SELECT dataset_id FROM evaluation_datasets WHERE project = ${project})`
      await db.tx(async (t) => {
        for (const table of OF_DATASET) await deleteRows(t, table, datasets)
        await deleteRows(t, 'evaluation_datasets', sql`project = ${project}`)
      })
    },
    async give(t, project, to) {
      await updateRows(t, 'evaluation_datasets', { project: to }, sql`project = ${project}`)
    },
  }
}

/** Deletes every row of the room, for other projects' test suites. */
export async function resetEvaluation(db: Db): Promise<void> {
  await db.tx(async (t) => {
    for (const table of new Set([...OF_EXPERIMENT, ...OF_DATASET, ...OF_PROJECT])) await deleteRows(t, table)
  })
}
