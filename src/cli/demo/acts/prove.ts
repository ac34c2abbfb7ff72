/** Act 8: the production version is made again from raw data; the audit chain is whole; the day's cost is told. */
import { authApi } from '../../../contract/auth.ts'
import { costApi } from '../../../contract/cost.ts'
import { runOf } from '../../project/proof/reproduce.ts'
import { beginProof } from '../stage/proof.ts'
import { ENDPOINT } from '../stage/world.ts'
import type { Notebook, World } from '../stage/world.ts'

export async function prove(world: World, notes: Notebook): Promise<void> {
  await reproduce(world, notes)
  const verdict = await world.client.call(authApi.verifyAudit)
  notes.check('audit chain', verdict.ok ? `whole, ${verdict.rows} rows` : `broken at row ${verdict.seq}`, verdict.ok)
  await cost(world, notes)
}

/** A proof that was begun is one of production only if production is still what it was. */
async function reproduce(world: World, notes: Notebook): Promise<void> {
  const production = await runOf(world.client, ENDPOINT)
  const proof = world.proof?.of === production ? world.proof : await beginProof(world)
  const result = await proof.result
  const equal = result.steps.filter((step) => step.outputs !== 'different' && step.outputs !== 'missing').length
  notes.check(
    'reproduced from raw data',
    `grade ${result.grade}: ${result.detail}; ${equal} of ${result.steps.length} steps gave the same outputs`,
    (result.grade === 'A' || result.grade === 'B') && result.of_run === production,
  )
}

async function cost(world: World, notes: Notebook): Promise<void> {
  for (const by of ['run', 'endpoint'] as const) {
    const report = await world.client.call(costApi.report, { query: { by } })
    const total = report.items.reduce((sum, item) => sum + item.micro_dollars, 0)
    const top = report.items
      .slice(0, 3)
      .map((item) => `${item.key === '' ? item.label : item.key} $${(item.micro_dollars / 1e6).toFixed(6)}`)
    notes.check(`cost by ${by}`, `$${(total / 1e6).toFixed(6)} (${top.join(', ')})`, total > 0)
  }
}
