/** `slipway ship --registered`: what a commit's run has registered goes to its endpoint, and nothing is run. */
import { join, relative, resolve } from 'node:path'
import type { Client } from '../../client/client.ts'
import { ciApi } from '../../contract/changes/report.ts'
import { shipApi } from '../../contract/changes/ship.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { readProject } from '../../pipelines/spec/parse.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { readProjectFile } from './file/project-file.ts'
import type { PipelineRun } from './follow.ts'
import { commitOf } from './git.ts'
import { refuseForks } from '../invocation/place.ts'

/** Flags of a run, which there is none of. */
const OF_RUNS = ['param', 'from', 'force', 'strict', 'merge'] as const

/** Has the run of the commit that is checked out ask for its endpoint; the server says why it may not. */
export async function shipRegistered(client: Client, invocation: Invocation): Promise<PipelineRun> {
  const { args, flags, out } = invocation
  const [folder = '.'] = args
  const given = OF_RUNS.find((name) => flags[name] !== undefined)
  if (given !== undefined) throw new UsageError(`--registered runs nothing, and --${given} is for a run`)
  await refuseForks('ships nothing')
  const { id, commit } = await runOfCheckout(client, folder, text(invocation, 'file'))
  const run = await client.call(shipApi.shipRun, { params: { id } })
  out.data(run)
  out.line(`Run ${run.id} of ${commit.slice(0, 12)} has registered what is shipped: ${client.url}/pipelines/${run.id}`)
  return run
}

/** The version that the run of the commit which is checked out has registered. */
export async function versionOfCheckout(
  client: Client,
  folder: string,
): Promise<{ readonly model: string; readonly version: string }> {
  const { id, commit } = await runOfCheckout(client, folder)
  const { registered } = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
  if (registered === null) throw new UsageError(`run ${id} of commit ${commit} has registered no version`)
  return { model: registered.model, version: registered.version }
}

/** The run that stands for the commit which is checked out. */
async function runOfCheckout(
  client: Client,
  folder: string,
  file?: string,
): Promise<{ readonly id: string; readonly commit: string }> {
  const project = await projectOf(folder, file)
  const found = await commitOf(folder)
  if (found === undefined)
    throw new UsageError('git knows no commit of this folder; --registered takes what a commit made')
  const { commit } = found
  const { items } = await client.call(ciApi.runsOfCommit, { query: { project, commit } })
  const [first] = items
  if (first === undefined)
    throw new UsageError(`no run of ${project} was made of commit ${commit}; slipway run makes one`)
  return { id: first.run, commit }
}

async function projectOf(folder: string, given: string | undefined): Promise<string> {
  const { file, text: source } = await readProjectFile(resolve(folder), given)
  const { project } = readProject(source)
  if (project === undefined)
    throw new UsageError(
      `${join(folder, file)} has faults; slipway validate ${relative('.', folder) || '.'} names them`,
    )
  return project.project
}
