/** Makes the version in production again from raw data, while the story goes on. */
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { follow } from '../../project/follow.ts'
import { SILENT } from '../../invocation/output.ts'
import { runOf } from '../../project/proof/reproduce.ts'
import { ENDPOINT } from './world.ts'
import type { Proof, World } from './world.ts'

/** Starts a proof of the run that made the version now in production. Throws when what it needs is missing. */
export async function beginProof(world: World): Promise<Proof> {
  const of = await runOf(world.client, ENDPOINT)
  const { run, reproduction } = await world.client.call(pipelinesApi.reproducePipelineRun, {
    params: { id: of },
    body: {},
  })
  if (run === null) throw new Error(`${of} cannot be made again: ${reproduction.missing.join(', ')}`)
  const result = follow(world.client, run.id, SILENT).then((over) => over.reproduction ?? reproduction)
  // whoever needs the result hears of a failure
  result.catch(() => undefined)
  return { of, run: run.id, result }
}
