/** What a run needs to be made again and compared, and is no longer there, or no longer as it was. */
import { ifFound, ifRefused } from '../../contract/absence/absent.ts'
import { Problem } from '../../contract/errors.ts'
import type { Rot } from '../../contract/pipelines/reproductions.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { mapSome, treeDigests, treeFiles } from '../../store/blobs/trees.ts'
import { whyUnreadable, type Context } from '../context/context.ts'
import type { RunRow, RunTree, StepRow } from '../context/rows.ts'
import { missingContent } from '../data/kept.ts'
import { changedFiles } from '../data/still.ts'
import type { PipelineSpec } from '../spec/spec.ts'

/** All that keeps a run from being made again as it was, or from being compared; empty where nothing does. */
export async function findRot(context: Context, { run, steps }: Pick<RunTree, 'run' | 'steps'>): Promise<Rot[]> {
  const unreadable = await whyUnreadable(context, run.version_id)
  if (unreadable !== undefined) return [{ kind: 'code', what: unreadable }]
  const { blobs, sources } = context.deps
  const rot = await findNeeds(context, run)
  for (const step of steps) {
    for (const what of await changedFiles(sources, readHere(step)))
      rot.push({ kind: 'source', what: `${what}, which step "${step.name}" read` })
  }
  for (const { name, outputs } of steps) {
    for (const [output, { digest }] of Object.entries(outputs)) {
      const gone = await goneFiles(blobs, digest)
      if (gone === undefined || gone.length > 0)
        rot.push({ kind: 'output', what: `output "${output}" of step "${name}", to compare with (${digest})` })
    }
  }
  return rot
}

/** What a re-run cannot begin without. */
export async function findNeeds(context: Context, run: RunRow): Promise<Rot[]> {
  const { blobs } = context.deps
  const spec = await context.spec(run.version_id)
  return [
    ...(await goneCode(blobs, spec)),
    ...(await goneEnvironment(context, run)),
    ...(await missingContent(blobs, run.sources)).map((what): Rot => ({ kind: 'source', what })),
    ...(await goneSecrets(context, run.project, spec)),
  ]
}

async function goneCode(blobs: Blobs, { tree }: PipelineSpec): Promise<Rot[]> {
  const gone: string[] = []
  try {
    for await (const digest of treeDigests(blobs, tree)) if (!(await blobs.has(digest))) gone.push(digest)
  } catch (error) {
    // a store that cannot be asked says nothing of what is in it
    if (!(error instanceof Problem) || !['not_found', 'corrupt_blob'].includes(error.code)) throw error
    return [{ kind: 'code', what: `the tree of the code (${error.message})` }]
  }
  return gone.map((digest) => ({ kind: 'code', what: `a file of the code (${digest})` }))
}

async function goneEnvironment({ deps }: Context, { environment }: RunRow): Promise<Rot[]> {
  if (environment === null)
    return [{ kind: 'environment', what: 'the lock of the environment: the run ended before it was made' }]
  if ((await ifFound(deps.envs.lock(environment))) !== undefined) return []
  return [{ kind: 'environment', what: `the lock of the environment ${environment}` }]
}

async function goneSecrets({ deps }: Context, project: string, { steps }: PipelineSpec): Promise<Rot[]> {
  const rot: Rot[] = []
  for (const step of steps) {
    for (const name of step.secrets) {
      if ((await deps.secret(project, name)) === undefined)
        rot.push({ kind: 'secret', what: `the secret ${name} of step "${step.name}"` })
    }
  }
  return rot
}

/** Files of a tree that are not in the store; undefined where the tree itself is not. */
async function goneFiles(blobs: Blobs, digest: string): Promise<string[] | undefined> {
  const files = await ifRefused(treeFiles(blobs, digest), 'not_found', 'corrupt_blob', 'unprocessable')
  if (files === undefined) return undefined
  const there = await mapSome(files, (file) => blobs.has(file.digest))
  return files.filter((_, i) => there[i] !== true).map(({ path }) => path)
}

/** What a step read on a machine of a server; a cluster's files are not to be seen from here. */
function readHere({ driver, reads }: StepRow): NonNullable<StepRow['reads']> {
  return driver === 'local' ? (reads ?? []) : []
}
