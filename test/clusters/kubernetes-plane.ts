/**
 * A real control plane of Kubernetes on this machine: etcd, API server, controllers and scheduler in one program that Go builds, and a node
 * that runs pods as processes. Its sources and scripts lie beside the repository; the check builds the program once and keeps it.
 */
import { createHash } from 'node:crypto'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { python } from '../../src/pipelines/drivers/local/attempt.fixture.ts'
import { goBuild } from '../programs/go-tools.ts'
import { cachedFolder, type Run } from '../python-env.ts'

const run = promisify(execFile)
const SCRIPTS = resolve(import.meta.dirname, '../../../shared/real-parts/k8s')
const SOURCES = ['main.go', 'go.mod', 'go.sum'].map((name) => join(SCRIPTS, 'controlplane', name))

/** Why it cannot be had here at all; undefined where it can be built. */
export function whyNoPlane(): string | undefined {
  if (!SOURCES.every((path) => existsSync(path))) return `there is no ${SCRIPTS}, whose scripts start a control plane`
  if (process.getuid?.() !== 0)
    return 'its node gives pods folders and addresses of their own, for which it runs as root'
  return undefined
}

/** Why tests are skipped when `findPlane` gives nothing. */
export const NO_PLANE =
  'there is no control plane of Kubernetes; `slipway test --heavy` builds one where Go is on the PATH'

/** The folder with the program that was built from these sources. */
export function findPlane(): Promise<string | undefined> {
  return cachedFolder(`kubernetes-${key()}`, undefined)
}

/** Ten minutes of CPU, beside tests that come first. */
const BUILD_MS = 3_000_000

/** Builds the program into the cache with this Go, which takes some ten minutes of CPU; false when that failed, with the reason on standard error. */
export async function buildPlane(go: string): Promise<boolean> {
  return (await cachedFolder(`kubernetes-${key()}`, (into, build) => buildInto(into, go, build))) !== undefined
}

/** As the scripts name the program by its sources. */
function key(): string {
  const hash = createHash('sha256')
  for (const path of SOURCES) hash.update(readFileSync(path))
  return hash.digest('hex').slice(0, 16)
}

async function buildInto(into: string, go: string, build: Run): Promise<void> {
  mkdirSync(into, { recursive: true })
  const version = /k8s\.io\/kubernetes v(1\.(\d+)\S*)/.exec(
    readFileSync(join(SCRIPTS, 'controlplane', 'go.mod'), 'utf8'),
  )
  const said = 'k8s.io/component-base/version'
  const flags = `-s -w -X ${said}.gitVersion=v${version?.[1]} -X ${said}.gitMajor=1 -X ${said}.gitMinor=${version?.[2]}`
  const options = ['-mod=readonly', `-ldflags=${flags}`, '-o', join(into, `slipkube-${key()}`), '.']
  await goBuild(build, go, options, { cwd: join(SCRIPTS, 'controlplane'), cgo: false, limitMs: BUILD_MS })
}

export interface Plane {
  readonly folder: string
  /** Runs kubectl as an admin, with this text as its input. */
  readonly kubectl: (args: readonly string[], input?: string) => string
  /** A kubeconfig of a service account of this namespace, with its token in a file beside it, `token-NAME`. */
  account(namespace: string, name: string): string
  stop(): Promise<void>
}

/** Starts it with one node; in a network of its own, for its ports are fixed. */
export async function startPlane(program: string): Promise<Plane> {
  // a pod's own /tmp hides what lies in that of the machine
  const folder = mkdtempSync('/var/tmp/kubernetes-')
  const env = { ...process.env, PATH: `${dirname(python)}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` }
  const script = (name: string, ...args: readonly string[]) => run('bash', [join(SCRIPTS, name), ...args], { env })
  const kubeconfig = join(folder, 'kubeconfig')
  const plane: Plane = {
    folder,
    kubectl: (args, input) =>
      execFileSync(join(folder, 'bin', 'kubectl'), ['--kubeconfig', kubeconfig, ...args], {
        encoding: 'utf8',
        input,
        maxBuffer: 64 * 1024 * 1024,
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    account(namespace, name) {
      const token = plane.kubectl(['-n', namespace, 'create', 'token', name])
      writeFileSync(join(folder, `token-${name}`), token)
      const text = readFileSync(kubeconfig, 'utf8')
        .replace(/user: \{token: .*?\}/, `user: {tokenFile: token-${name}}`)
        .replace('context: {cluster: test,', `context: {namespace: ${namespace}, cluster: test,`)
      writeFileSync(join(folder, `kubeconfig-${name}`), text)
      return join(folder, `kubeconfig-${name}`)
    },
    async stop() {
      await script('down.sh', folder)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  try {
    await script('up.sh', program, folder)
    await script('node.sh', folder, '--gpus', '2')
  } catch (error) {
    await plane.stop()
    throw error
  }
  return plane
}
