/** Whose a tree is: a caller of one project takes up what its project has stored, and nothing else whose digest it knows. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Db } from '../db.ts'
import type { Digest } from './blobs.ts'
import type { TreeInfo } from './trees.ts'

/** A tree that was stored longer ago is taken up no more, unless its project uses it, ms. */
const KEPT_MS = 7 * 24 * 3_600_000

type Caller = Pick<Principal, 'project'>

/** Notes that the project of a caller has stored a tree, and returns it. Callers of all projects may read every tree. */
export async function keepOwner(db: Db, who: Caller, tree: TreeInfo, now: number): Promise<TreeInfo> {
  const { project } = who
  if (project === null) return tree
  await db.tx(async (t) => {
    await t.run('DELETE FROM stored_trees WHERE stored_at < ?', [now - KEPT_MS])
    await t.run(
      `INSERT INTO stored_trees (digest, project, stored_at) VALUES (?, ?, ?)
       ON CONFLICT (digest, project) DO UPDATE SET stored_at = excluded.stored_at`,
      [tree.digest, project, now],
    )
  })
  return tree
}

/**
 * Refuses a tree that the project of a caller neither has stored nor uses: `not_found`, as one that nobody has. `uses` tells whether the
 * project uses it already.
 */
export async function requireOwn(
  db: Db,
  who: Caller,
  digest: Digest,
  uses: (project: string) => Promise<boolean>,
): Promise<void> {
  const { project } = who
  if (project === null) return
  const stored = await db.get('SELECT 1 AS one FROM stored_trees WHERE digest = ? AND project = ?', [digest, project])
  if (stored === undefined && !(await uses(project))) throw problem('not_found', { what: 'tree', id: digest })
}
