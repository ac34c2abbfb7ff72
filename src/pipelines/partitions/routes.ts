/** Routes of partitions: parse, check whose project it is, call, reply. */
import { partitionsApi } from '../../contract/pipelines/partitions.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import type { Context } from '../context/context.ts'
import { wantedVersion } from '../context/wanted.ts'
import { requirePartitions } from '../spec/partitions/partitions.ts'
import { newestPartitioned } from '../spec/versions.ts'
import { readGroups, readRows, viewPartitioned } from './matrix.ts'

export function partitionRoutes({ deps: { db, clock } }: Context): Mounted[] {
  return [
    mount(partitionsApi.listPartitioned, async ({ who }) => {
      const versions = await newestPartitioned(db, who.project)
      const items = versions.map((version) => viewPartitioned(db, version, requirePartitions(version), clock()))
      return { items: await Promise.all(items) }
    }),
    mount(partitionsApi.getPartitionMatrix, async ({ params, who }) => {
      const version = await wantedVersion(db, who, params)
      const now = clock()
      return {
        ...(await viewPartitioned(db, version, requirePartitions(version), now)),
        steps: version.spec.steps.map(({ name }) => name),
        groups: await readGroups(db, version, now),
      }
    }),
    mount(partitionsApi.listPartitions, async ({ params, query, who }) => {
      const version = await wantedVersion(db, who, params)
      requirePartitions(version)
      return { items: await readRows(db, version, clock(), query) }
    }),
  ]
}
