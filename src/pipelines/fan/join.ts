/** What the items of a step made, as one tree for each output: a folder NNNN for each item that succeeded, and items.json. No byte is copied. */
import { problem } from '../../contract/errors.ts'
import { filesOfTrees, putManifest, type TreeFile, type TreeInfo } from '../../store/blobs/trees.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import type { Context } from '../context/context.ts'
import { isDone, type StepRow } from '../context/rows.ts'
import { outputsOf } from './results.ts'
import type { StepSpec } from '../spec/spec.ts'

/** Files that a tree of all items has at most: its list is one blob, and read whole. */
const MOST_FILES = 300_000

/** The list of items, beside their folders. */
const LIST = 'items.json'

/** Digits of a folder's name at least, so that folders sort as items do. */
const DIGITS = 4

interface Item {
  readonly position: number
  readonly state: StepRow['state']
  readonly item: string
  readonly outputs: string
}

/** The joined outputs of a step whose items have all ended. Throws `unprocessable` where one would have too many files. */
export async function joinOutputs({ deps }: Context, row: StepRow, step: StepSpec): Promise<Record<string, TreeInfo>> {
  if (step.outputs.length === 0) return {}
  const items = await deps.db.all<Item>(
    'SELECT position, state, item, outputs FROM pipeline_steps WHERE run_id = ? AND item_of = ? ORDER BY position',
    [row.run_id, row.name],
  )
  const digits = Math.max(DIGITS, String(Math.max(0, items.length - 1)).length)
  const folder = ({ position }: Item): string => String(position).padStart(digits, '0')
  const listed = items.map((one) => ({
    number: one.position,
    item: parseNumerals(one.item),
    state: isDone(one) ? 'succeeded' : one.state,
    folder: isDone(one) ? folder(one) : null,
  }))
  const list = await deps.blobs.put(Buffer.from(`${JSON.stringify(listed)}\n`))
  const done = items.filter(isDone)
  const joined = step.outputs.map(async (output): Promise<[string, TreeInfo]> => {
    const trees = await filesOfTrees(
      deps.blobs,
      done.map((one) => treeOf(one, output)),
    )
    const files = done.flatMap((one, at) => below(trees[at] ?? [], folder(one), output))
    if (files.length > MOST_FILES) {
      const detail = `its items made ${files.length} files as "${output}" together; at most ${MOST_FILES} are joined`
      throw problem('unprocessable', { detail })
    }
    return [output, await putManifest(deps.blobs, [...files, { path: LIST, executable: false, ...list }])]
  })
  return Object.fromEntries(await Promise.all(joined))

  function treeOf(one: Item, output: string): string {
    const tree = outputsOf(one)[output]
    if (tree === undefined) throw new Error(`item ${one.position} of step "${step.name}" left no output "${output}"`)
    return tree.digest
  }
}

/** The files of an item's output below its folder; one that is a file itself has the name of the output. */
function below(files: readonly TreeFile[], folder: string, output: string): TreeFile[] {
  return files.map((file) => ({ ...file, path: `${folder}/${file.path === '' ? output : file.path}` }))
}
