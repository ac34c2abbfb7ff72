/** `slipway ship --registered`: what a commit's run has registered goes to its endpoint, and nothing is run. */
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Client } from '../../client/client.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { ciApi } from '../../contract/changes/report.ts'
import { shipApi } from '../../contract/changes/ship.ts'
import { readProject } from '../../pipelines/spec/parse.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { PROJECT_FILE } from './files.ts'
import type { PipelineRun } from './follow.ts'
import { commitOf } from './git.ts'
import { refuseForks } from './place.ts'

/** Flags of a run, which there is none of. */
const OF_RUNS = ['param', 'from', 'force', 'strict', 'merge'] as const

/** Has the newest run of the commit that is checked out ask for its endpoint; the server says why it may not. */
export async function shipRegistered(client: Client, invocation: Invocation): Promise<PipelineRun> {
  const { args, flags, out } = invocation
  const [folder = '.'] = args
  const given = OF_RUNS.find((name) => flags[name] !== undefined)
  if (given !== undefined) throw new UsageError(`--registered runs nothing, and --${given} is for a run`)
  await refuseForks('ships nothing')
  const project = await projectOf(folder, text(invocation, 'file') ?? PROJECT_FILE)
  const found = await commitOf(folder)
  if (found === undefined)
    throw new UsageError('git knows no commit of this folder; --registered ships what a commit made')
  const { items } = await client.call(ciApi.runsOfCommit, { query: { project, commit: found.commit } })
  const [newest] = items
  if (newest === undefined)
    throw new UsageError(`no run of ${project} was made of commit ${found.commit}; slipway run makes one`)
  const run = await client.call(shipApi.shipRun, { params: { id: newest.run } })
  out.data(run)
  out.line(
    `Run ${run.id} of ${found.commit.slice(0, 12)} has registered what is shipped: ${client.url}/pipelines/${run.id}`,
  )
  return run
}

async function projectOf(folder: string, file: string): Promise<string> {
  const path = join(folder, file)
  const source = await ifMissing(readFile(path, 'utf8'))
  if (source === undefined) throw new UsageError(`there is no ${file} in ${folder}; slipway init makes one`)
  const { project } = readProject(source)
  if (project === undefined)
    throw new UsageError(`${path} has faults; slipway validate ${relative('.', folder) || '.'} names them`)
  return project.project
}
