/** What git says of a project folder: the commit, the branch, what differs from the commit and what it does not know. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { PATCH_BYTES } from '../../contract/values/code-source.ts'
import type { GivenSource } from '../../contract/values/code-source.ts'

const MOST = 1024 * 1024 * 1024
const PATIENCE = 60_000
const UNTRACKED = 1000

/** Of the folder alone, since nothing else of the repository is uploaded. Undefined outside of a repository, or without git. */
export async function gitSource(folder: string): Promise<GivenSource | undefined> {
  const commit = (await git(folder, ['rev-parse', 'HEAD']))?.toString().trim() ?? ''
  if (!/^[0-9a-f]{40,64}$/.test(commit)) return undefined
  const branch = (await git(folder, ['rev-parse', '--abbrev-ref', 'HEAD']))?.toString().trim() ?? ''
  const patch = await git(folder, ['diff', '--binary', '--no-ext-diff', '--no-textconv', 'HEAD', '--', '.'])
  const others = (await git(folder, ['ls-files', '--others', '--exclude-standard', '-z', '--', '.']))?.toString() ?? ''
  return {
    commit,
    ...(branch !== '' && { branch: branch.slice(0, 512) }),
    ...(patch !== undefined &&
      patch.length > 0 && {
        patch: patch.subarray(0, PATCH_BYTES).toString('base64'),
        patch_digest: `sha256:${createHash('sha256').update(patch).digest('hex')}`,
      }),
    untracked: others
      .split('\0')
      .filter((name) => name !== '' && name.length <= 1024)
      .slice(0, UNTRACKED),
  }
}

/** The commit that is checked out, and when it was committed, ms; undefined outside of a repository, or without git. */
export async function commitOf(folder: string): Promise<{ commit: string; at: number } | undefined> {
  const said = (await git(folder, ['show', '-s', '--format=%H %ct', 'HEAD']))?.toString().trim() ?? ''
  const [, commit, seconds] = /^([0-9a-f]{40,64}) (\d+)$/.exec(said) ?? []
  return commit === undefined ? undefined : { commit, at: Number(seconds) * 1000 }
}

/** The commit at which two lines of history part; undefined where git does not know it, as in a shallow clone. */
export async function mergeBase(folder: string, one: string, other: string): Promise<string | undefined> {
  const found = (await git(folder, ['merge-base', one, other]))?.toString().trim() ?? ''
  return /^[0-9a-f]{40,64}$/.test(found) ? found : undefined
}

/** The top folder of the repository that a folder lies in; undefined outside of one. */
export async function repositoryOf(folder: string): Promise<string | undefined> {
  const found = (await git(folder, ['rev-parse', '--show-toplevel']))?.toString().trim() ?? ''
  return found === '' ? undefined : found
}

/** The output; undefined where git fails or is not there. */
async function git(cwd: string, args: readonly string[]): Promise<Buffer | undefined> {
  try {
    const options = { cwd, encoding: 'buffer' as const, maxBuffer: MOST, timeout: PATIENCE }
    return (await promisify(execFile)('git', [...args], options)).stdout
  } catch {
    return undefined
  }
}
