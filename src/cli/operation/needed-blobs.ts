/** What rows of any database need of the blobs, read without a server: the sources that the collection of blobs goes by. */
import { dataDigests, versionsWith } from '../../data/rows.ts'
import { jobDigests } from '../../features/jobs/rows.ts'
import { pipelineDigests } from '../../pipelines/context/needed.ts'
import { registryDigests } from '../../registry/versions/read.ts'
import type { Reachable } from '../../store/blobs/reach.ts'
import type { Reader } from '../../store/db.ts'
import { reachableDigests } from '../../tracking/artifacts/artifacts.ts'

/** One source for each room that has rows which name blobs. */
export function neededBlobs(db: Reader): readonly Reachable[] {
  return [
    () => reachableDigests({ db, clock: Date.now }),
    () => registryDigests(db),
    () => pipelineDigests(db),
    () => jobDigests(db, async ({ project, digest }) => (await versionsWith(db, project, digest)).length > 0),
    () => dataDigests(db),
  ]
}
