/** `slipway items`: the items of a step with `for_each`, and how each stands. */
import { STEP_STATES, type StepState } from '../../../contract/pipelines.ts'
import { itemsApi } from '../../../contract/pipelines/items.ts'
import type { Reply } from '../../../contract/route.ts'
import { itemText } from '../../../contract/values/item-text.ts'
import { text, UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import { connect } from '../../invocation/server.ts'

type Item = Reply<typeof itemsApi.listStepItems>['items'][number]

/** Items of one request. */
const PAGE = 1000

export async function run(invocation: Invocation): Promise<number> {
  const { args, out } = invocation
  const [id, step] = args
  if (id === undefined || step === undefined)
    throw new UsageError('items needs a run and a step: slipway items RUN STEP')
  const state = stateOf(text(invocation, 'state'))
  const { client } = await connect(invocation)
  const all: Item[] = []
  let token: string | undefined
  do {
    const query = {
      limit: PAGE,
      ...(state !== undefined && { state }),
      ...(token !== undefined && { page_token: token }),
    }
    const page = await client.call(itemsApi.listStepItems, { params: { id, step }, query })
    all.push(...page.items)
    for (const item of page.items) out.line(lineOf(item))
    token = page.next_page_token
  } while (token !== undefined)
  if (all.length === 0) out.line(state === undefined ? 'no items' : `no items that are ${state}`)
  out.data(all)
  return 0
}

function stateOf(given: string | undefined): StepState | undefined {
  const state = STEP_STATES.find((one) => one === given)
  if (given === undefined || state !== undefined) return state
  throw new UsageError(`--state got "${given}", expected one of ${STEP_STATES.join(', ')}`)
}

function lineOf({ name, item, state, failure, cache, skipped, duration_ms, attempts }: Item): string {
  const time = duration_ms === null || state !== 'succeeded' ? '' : ` ${(duration_ms / 1000).toFixed(2)} s`
  const tries = attempts.length > 1 ? `, ${attempts.length} attempts` : ''
  const why = failure === null ? (skipped ?? cache?.reason ?? '') : `${failure.class}: ${failure.message}`
  return `${name} ${itemText(item)} ${state}${time}${tries}${why === '' ? '' : ` (${why})`}`
}
