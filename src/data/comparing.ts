/** Comparisons on a thread of their own: the server goes on answering meanwhile. */
import type { DataDiff } from '../contract/data/sets.ts'
import { problem } from '../contract/errors.ts'
import { onThread } from '../jobs/thread.ts'
import type { DataContext } from './context.ts'
import type { DiffTask, Side } from './diff/compare.ts'
import type { ComparedApart } from './diff/thread.ts'
import { withScratch, withTables } from './files.ts'

/** What other people's bytes may take. */
const BOUNDS = { ms: 60 * 60_000, heap: 1024 }

/** A tree with what its profile says of it. */
type ProfiledTree = Omit<Side, 'files'> & { readonly digest: string }

/** Compares the tables of two trees by the basis of the first. Throws what `compareTables` and `withTables` throw. */
export async function compareApart(
  context: Pick<DataContext, 'blobs' | 'dataDir'>,
  [before, after]: readonly [ProfiledTree, ProfiledTree],
  how: Pick<DiffTask, 'basis' | 'keys'>,
): Promise<DataDiff> {
  const file = new URL('./diff/thread.ts', import.meta.url)
  const { diff, refused } = await withTables(context, before.digest, (first) =>
    withTables(context, after.digest, (second) =>
      withScratch(context, (folder) => {
        const sides = { before: { ...before, files: first }, after: { ...after, files: second } }
        const task: DiffTask = { ...how, ...sides, folder }
        return onThread<ComparedApart>({ file, task, what: 'compares tables', bounds: BOUNDS })
      }),
    ),
  )
  if (refused !== undefined) throw problem(refused.code, refused.data)
  if (diff === undefined) throw new Error('the thread that compares tables said nothing')
  return diff
}
