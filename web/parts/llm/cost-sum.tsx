/** What some calls cost, with what is not known of it. */
import { nanoMoney, shortCount } from '../../data/llm/amounts.ts'
import type { LlmFigures } from '../../data/llm/queries.ts'
import { Status } from '../page/status.tsx'

/** Where no price is known there is no cost to tell: it is unpriced, and not 0. */
export function CostSum({
  of: { cost_nanodollars: cost, unpriced },
}: {
  of: Pick<LlmFigures, 'cost_nanodollars' | 'unpriced'>
}) {
  if (unpriced > 0 && cost === 0) return <Status word="unknown" tone="warn" label="unpriced" />
  return (
    <>
      {nanoMoney(cost)}
      {unpriced > 0 && <div className="warn-text small">+ {shortCount(unpriced)} unpriced</div>}
    </>
  )
}
