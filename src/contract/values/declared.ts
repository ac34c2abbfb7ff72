/** The schema of a param that a project file declares with its type; what it means is in `params.ts`, which pages load too. */
import { z } from 'zod'
import { Numeral } from './numerals.ts'
import { ITEM_TYPES, PARAM_TYPES } from './params.ts'

/** One entry of `pipeline.params`. */
export const DeclaredParam = z.strictObject({
  type: z.enum(PARAM_TYPES).describe('what values are'),
  default: z.unknown().optional().describe('the value where a run gives none'),
  min: z.number().optional().describe('of an int or a float, or of each in a list'),
  max: z.number().optional().describe('of an int or a float, or of each in a list'),
  choices: z
    .array(z.unknown().refine(isScalar, 'a text, a number, true or false'))
    .min(1)
    .max(100)
    .optional()
    .describe('the values of a choice'),
  of: z.enum(ITEM_TYPES).optional().describe('what each value in a list is'),
  help: z.string().max(500).optional().describe('what it is for, shown beside it'),
})

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value) || value instanceof Numeral
}
