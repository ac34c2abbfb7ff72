/** Makes the version in production again from raw data, while the story goes on. */
import { pipelinesApi } from '../../contract/pipelines.ts'
import { follow } from '../follow.ts'
import { SILENT } from '../output.ts'
import { runOf } from '../reproduce.ts'
import { ENDPOINT } from './world.ts'
import type { Proof, World } from './world.ts'

/** Starts a proof of the run that made the version now in production, and follows it to its end. */
export async function beginProof(world: World): Promise<Proof> {
  const of = await runOf(world.client, ENDPOINT)
  const started = await world.client.call(pipelinesApi.reproducePipelineRun, { params: { id: of }, body: {} })
  if (started.run === null) return { of, result: started.reproduction }
  const finished = await follow(world.client, started.run.id, SILENT)
  return { of, result: finished.reproduction ?? started.reproduction }
}
