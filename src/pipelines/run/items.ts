/** The items of a step as the contract shows them, a page at a time. */
import type { z } from 'zod'
import { problem } from '../../contract/errors.ts'
import type { StepState } from '../../contract/pipelines.ts'
import type { Item } from '../../contract/pipelines/items.ts'
import { all, fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { whyUnreadable, type Context } from '../context/context.ts'
import { masked, maskOf } from '../context/mask.ts'
import { parseAttempt, parseStep, STEP_COLUMNS, type RunTree, type StepRow } from '../context/rows.ts'
import { itemName } from '../context/units.ts'
import { viewResult } from './view.ts'

export type ItemView = z.output<typeof Item>

interface Asked {
  readonly step: string
  readonly state?: StepState | undefined
  readonly page_token?: string | undefined
  readonly limit: number
}

/** Items of a step by number. A step without any, of which `for_each` or its beginning is missing, has none. */
export async function listItems(
  context: Context,
  { run }: Pick<RunTree, 'run'>,
  { step, state, page_token: token, limit }: Asked,
): Promise<{ items: ItemView[]; next_page_token?: string }> {
  const { db } = context.deps
  const where = all([
    sql`run_id = ${run.id} AND item_of = ${step} AND position > ${afterOf(token)}`,
    ...(state === undefined ? [] : [sql`state = ${state}`]),
  ])
  const rows = (
    await fetchAll<Record<string, unknown>>(
      db,
      sql`SELECT ${raw(STEP_COLUMNS)} FROM pipeline_steps WHERE ${where} ORDER BY position LIMIT ${limit + 1}`,
    )
  ).map(parseStep)
  const shown = rows.slice(0, limit)
  const attempts = await fetchAll<Record<string, unknown>>(
    db,
    sql`SELECT * FROM pipeline_attempts WHERE run_id = ${run.id} AND step IN ${inList(shown.map(({ name }) => name))} ORDER BY number`,
  )
  const tried = attempts.map(parseAttempt)
  const isReadable = (await whyUnreadable(context, run.version_id)) === undefined
  const steps = isReadable ? (await context.spec(run.version_id)).steps : []
  const items = shown.map((row) => ({
    name: row.name,
    number: row.position,
    item: row.item,
    ...viewResult(row, tried),
  }))
  const last = rows.length > limit ? shown.at(-1) : undefined
  return {
    items: masked(items, await maskOf(context, run.project, steps)),
    ...(last !== undefined && { next_page_token: String(last.position) }),
  }
}

function afterOf(token: string | undefined): number {
  if (token === undefined) return -1
  if (/^\d{1,9}$/.test(token)) return Number(token)
  throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'a token of a page' })
}

/** The row of a step, or of an item of it. Throws `not_found`. */
export function rowName({ steps }: Pick<RunTree, 'steps'>, step: string, item: number | undefined): string {
  const row = steps.find(({ name }) => name === step)
  if (row === undefined) throw problem('not_found', { what: 'step', id: step })
  if (item === undefined) return step
  refuseItem(row, item)
  return itemName(step, item)
}

function refuseItem({ name, fan }: StepRow, item: number): void {
  if (fan === null || item >= fan.made) throw problem('not_found', { what: 'item', id: `${name}[${item}]` })
}
