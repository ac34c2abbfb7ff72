/** `for_each` of a step in the project file: what it runs for, how many at once, and what comes of items that fail. */
import { z } from 'zod'

/** Items that a step has at most. */
export const MOST_ITEMS = 100_000

const PARAM = /^\{params\.([A-Za-z_]\w*)\}$/
/** A source, as inputs name it. */
const SOURCE = /^sources\.([A-Za-z_]\w*)$/
const SOURCE_NAME = 'sources.NAME, for example sources.orders'
/** What the values of a column can be. */
const COLUMN_TYPES = ['string', 'int', 'float', 'bool'] as const
const COLUMN = 'a name of letters, digits and "_", which a query gives a column by AS'
const LIST = 'a list of values, or "{params.NAME}" for a param of the pipeline that is a list'
const SHARE = /^(\d+(?:\.\d+)?)%$/
const FAILURES = 'stop, collect, or at_least with a number of items or a share such as 90%'

/** Judged as a whole, so that what is wrong inside is told once. */
const AtLeast = z
  .strictObject({ at_least: z.union([z.number(), z.string()]) })
  .refine(({ at_least: given }) => isReachable(given), { error: FAILURES })

function isReachable(given: number | string): boolean {
  if (typeof given === 'number') return Number.isInteger(given) && given >= 1 && given <= MOST_ITEMS
  const share = shareOf(given)
  return SHARE.test(given) && share !== undefined && share > 0 && share <= 1
}

/** The schema; `value` is that of one item. */
export function forEachSchema<S extends z.ZodType>(value: S) {
  return z
    .strictObject({
      item: z
        .union([z.array(value), z.string().regex(PARAM, LIST)], { error: LIST })
        .optional()
        .describe('the items: a list of values, or "{params.NAME}", a param of the pipeline that is a list'),
      range: z
        .array(z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER))
        .min(2, 'two or three whole numbers: from, to, and the step between them')
        .max(3, 'two or three whole numbers: from, to, and the step between them')
        .optional()
        .describe('the items are whole numbers: [from, to] or [from, to, step], with both ends'),
      rows: z
        .string()
        .regex(SOURCE, SOURCE_NAME)
        .optional()
        .describe('the items are the rows of a source of kind sql, sources.NAME; each is a map of `columns`'),
      columns: z
        .record(z.string().regex(/^[A-Za-z_]\w{0,62}$/, COLUMN), z.enum(COLUMN_TYPES))
        .refine((columns) => Object.keys(columns).length > 0, 'at least one column')
        .optional()
        .describe(
          'with `rows`: the columns of which an item is made, each with its type; "{item.NAME}" is one of them',
        ),
      files: z
        .string()
        .regex(SOURCE, SOURCE_NAME)
        .optional()
        .describe(
          'the items are the files of a source, sources.NAME; an input sources.NAME[item] is the file, and "{item.path}" its path',
        ),
      at_once: z
        .number()
        .int()
        .min(1)
        .max(10_000)
        .optional()
        .describe('how many items run at the same time at most; as many as have places where it is not given'),
      failures: z
        .union([z.enum(['stop', 'collect']), AtLeast], { error: FAILURES })
        .default('stop')
        .describe(
          'stop: an item that fails ends the step; collect: all run, and one that succeeds is enough; at_least: so many or such a share must',
        ),
    })
    .superRefine((given, ctx) => {
      const named = RUNS_FOR.filter((key) => given[key] !== undefined)
      if (named.length !== 1)
        ctx.addIssue({ code: 'custom', message: `one of ${RUNS_FOR.join(', ')}: what the step runs for` })
      if ((given.rows === undefined) !== (given.columns === undefined))
        ctx.addIssue({ code: 'custom', path: ['columns'], message: 'it beside "rows", and beside nothing else' })
    })
}

/** Keys that say what a step runs for; one of them does. */
const RUNS_FOR = ['item', 'range', 'rows', 'files'] as const

/** `for_each` as it is read. */
export type Given = z.output<ReturnType<typeof forEachSchema>>
export type ColumnType = (typeof COLUMN_TYPES)[number]

/** The param of the pipeline that a list is; undefined of one that is written out. */
export function paramOfList(item: unknown): string | undefined {
  return typeof item === 'string' ? PARAM.exec(item)?.[1] : undefined
}

/** The source that rows or files are of. */
export function sourceNamed(reference: string): string {
  return SOURCE.exec(reference)?.[1] ?? ''
}

/** A share of items as a number up to 1; undefined of a number of items. */
export function shareOf(atLeast: string | number): number | undefined {
  return typeof atLeast === 'number' ? undefined : Number.parseFloat(atLeast) / 100
}
