/** Takes the version of an ended run to its endpoint. */
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import type { Context } from './context/context.ts'
import { FINAL_RUNS } from './context/rows.ts'
import type { RunTree } from './context/rows.ts'
import { requireVersion } from './spec/versions.ts'
import { deploymentOf } from './run/finish.ts'

/**
 * What a run with `deploy` asks for when it registers is asked for now, by the one who calls; the same again changes nothing. Throws
 * `conflict` for a run that goes on or registered nothing, for a project without an endpoint, and as the registry does.
 */
export async function shipRun(context: Context, who: Principal, { run }: Pick<RunTree, 'run'>): Promise<void> {
  const { db, askDeployment, record, clock } = context.deps
  const refuse = (detail: string): Error => problem('conflict', { detail: `run ${run.id} ${detail}` })
  if (!FINAL_RUNS.includes(run.state)) throw refuse('has not ended; what it registers can be shipped when it has')
  const { registered } = run
  if (registered === null) throw refuse('has registered no version')
  const { spec } = await requireVersion(db, run.version_id)
  const deployment = deploymentOf({ ...run, created_by: who.name, role: who.role }, spec)
  if (deployment === null) throw refuse('is of a project that names no endpoint')
  const { model, version } = registered
  await db.tx(async (t) => {
    if (!(await askDeployment(t, { model, version, deployment }))) return
    // what is asked for again was asked for the first time
    await t.run('UPDATE pipeline_runs SET registered = ?, shipped_at = COALESCE(shipped_at, ?) WHERE id = ?', [
      JSON.stringify({ ...registered, deployed: true }),
      clock(),
      run.id,
    ])
    const detail = { shipped: `${model}/${version}`, endpoint: deployment.endpoint }
    await record(t, who, { verb: 'write', resource: 'pipelines', id: run.id, detail })
  })
}
