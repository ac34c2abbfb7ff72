/** Which form a gate of a project file is meant to have, by its keys. */
import type { z } from 'zod'
import { Gate } from '../../contract/registry.ts'

/** The forms of a gate by the key that names each; that of `metric` alone is the one with a limit. */
const FORMS = [
  ['not_worse_than', Gate.options[1]],
  ['jump_at_most', Gate.options[2]],
  ['signature', Gate.options[3]],
  ['data', Gate.options[4]],
  ['reproducibility', Gate.options[5]],
  ['scan', Gate.options[6]],
  ['approvals', Gate.options[7]],
  ['at_least', Gate.options[0]],
  ['at_most', Gate.options[0]],
  ['metric', Gate.options[0]],
] as const

/** The form of a gate that these keys name, with the key and all that may stand beside it; undefined when they name none. */
export function formOfGate(
  keys: readonly string[],
): { readonly key: string; readonly schema: z.ZodType; readonly keys: readonly string[] } | undefined {
  const found = FORMS.find(([key]) => keys.includes(key))
  return found && { key: found[0], schema: found[1], keys: Object.keys(found[1].shape) }
}
