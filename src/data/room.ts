/** The room of data sets: tables and files under a name, in versions by content, with what they hold and who reads them. */
import type { Mounted } from '../http/mount.ts'
import type { Reachable } from '../store/blobs/reach.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { tablesPart } from '../tracking/workspaces/tables.ts'
import type { FeatureTables } from '../features/jobs/context.ts'
import type { DataSets } from '../pipelines/context/deps.ts'
import type { DataContext } from './context.ts'
import { clearScratch, withTables } from './files.ts'
import { PROFILE_JOB, profileJob } from './profiling.ts'
import { dataRoutes } from './routes.ts'
import { dataDigests, findVersion, versionsSince, versionsWith } from './rows.ts'
import { addVersion } from './sets.ts'
import { TreeDiffs } from './tree-diffs.ts'

export interface DataRoom {
  readonly routes: readonly Mounted[]
  /** Port: what is needed of the blobs. */
  readonly needed: Reachable
  /** Port: what pipelines read and make. */
  readonly sets: DataSets
  /** Port: the tables that joins of features read and make. */
  readonly tables: FeatureTables
  /** Port: what differs between two trees. */
  readonly treeDiffs: Pick<TreeDiffs, 'between'>
  /** Port: what is kept of a project. */
  readonly projectPart: ProjectPart
}

export function dataRoom(context: DataContext): DataRoom {
  const { db, worker } = context
  clearScratch(context)
  worker.register(PROFILE_JOB, profileJob(context))
  return {
    routes: dataRoutes(context),
    needed: () => dataDigests(db),
    sets: {
      async find(project, name, wanted) {
        const row = await findVersion(db, { project, name }, wanted)
        if (row === undefined) return undefined
        const { version, digest, size, files, table_rows, data_at } = row
        return { version, content: { digest, size, files }, rows: table_rows, data_at }
      },
      since: (of) => versionsSince(db, of),
      async add(t, { run, step, output, ...made }) {
        await addVersion(context, t, { ...made, made_by: { kind: 'step', run, step, output }, note: '', tags: {} })
      },
    },
    tables: {
      find: async (project, name, wanted) => findVersion(db, { project, name }, wanted),
      holds: async (project, digest) => (await versionsWith(db, project, digest)).length > 0,
      use: ({ digest, table }, use) => withTables(context, digest, use, table ?? undefined),
      async add(t, { job, service, version, ...made }) {
        const made_by = { kind: 'features' as const, job, service, version }
        const { row } = await addVersion(context, t, { ...made, made_by, note: '', tags: {} })
        return row.version
      },
    },
    treeDiffs: new TreeDiffs(context),
    projectPart: tablesPart({
      db,
      tables: ['data_sets', 'data_set_versions'],
      inside: { of: 'data_sets', id: 'name', tables: [] },
    }),
  }
}
