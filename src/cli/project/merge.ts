/** `--merge`: says to the server what merge a run was started for, as the checkout of the CI system has it. */
import { mergeTimeFault } from '../../contract/changes/merges.ts'
import { toTime } from '../../contract/fields.ts'
import type { Merge } from '../../contract/pipelines.ts'
import type { Output } from '../invocation/output.ts'
import { commitOf } from './git.ts'

/** The merge that a folder's checkout is; without one, or with a time that is no merge's, it says why nothing is measured. */
export async function mergeOf(folder: string, out: Output): Promise<{ readonly merge?: Merge }> {
  const found = await commitOf(folder)
  if (found === undefined) {
    return untold(out, 'git knows no commit of this folder')
  }
  const merged_at = toTime(found.at)
  const expected = mergeTimeFault(found.at, Date.now())
  if (expected !== undefined) return untold(out, `commit ${found.commit} is of ${merged_at}; expected ${expected}`)
  return { merge: { commit: found.commit, merged_at } }
}

/** The run goes on. With --json, as workflows have it, standard output is not for people. */
function untold(out: Output, why: string): { readonly merge?: Merge } {
  const note = `note: the time from the merge is not measured: ${why}`
  if (out.json) out.progress(note)
  else out.line(note)
  return {}
}
