/** Brings what the tests use beside npm's packages, before they run and with a line for each: an S3 server, a browser, promtool, Python packages. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { ifGone } from '../../src/contract/absence/absent.ts'
import { hasTestEnv, runProgram, testEnv } from '../python-env.ts'
import { ENGINE_PACKAGES, NO_ENGINE } from '../images/engine.ts'
import { buildCrane, buildReferrersRegistry, findCrane, hasReferrersRegistry, NO_REGISTRY } from '../images/registry.ts'
import { ACT, ACTIONLINT, buildGoTool, findGoTool, findSyft, ORAS, SYFT } from '../programs/go-tools.ts'
import type { GoTool } from '../programs/go-tools.ts'
import { buildPlane, findPlane, whyNoPlane } from '../clusters/kubernetes-plane.ts'
import { buildS3, hasS3 } from '../s3.ts'
import { MLFLOW_CLIENT } from '../clients/packages.ts'
import { PACKAGES } from '../serving-models.ts'
import { CHROMIUM_MISSING, findChromium, findProgram } from '../tools.ts'
import { missingSlurm, SLURM_PACKAGES } from '../clusters/slurm-nodes.ts'
import { secondsSince } from './progress.ts'
import type { Progress } from './progress.ts'

/** The whole package, whose server tests import from. */
const MLFLOW = 'mlflow==3.17.2'

/** Something that some test files use. */
export interface Need {
  readonly name: string
  /** What stands in the text of a test file that uses it, or of its cases. */
  readonly mark: string
  present(): boolean | Promise<boolean>
  /** How it is brought; a text says why this machine does not bring it. */
  readonly bring: (() => Promise<boolean>) | string
  /** Those brought by the same one wait for each other: apt-get takes a lock, two builds of Go take twice the memory. */
  readonly by?: 'apt' | 'go' | 'uv'
  /** It takes minutes: it is brought while other tests run, and those that use it begin when it is there. */
  readonly late?: true
}

/** What is brought while tests run already. */
export interface Late {
  /** Whether a test file uses some of it. */
  readonly uses: (file: string) => boolean
  /** Resolves when all of it is there, or is known not to come. */
  readonly over: Promise<void>
}

/** Where the check runs, as far as it decides whether system packages may be installed. */
export interface Place {
  readonly uid: number | undefined
  /** Path of apt-get. */
  readonly apt: string | undefined
  /** The variable `CI`. */
  readonly ci: string | undefined
  /** Name of the system's first process. */
  readonly first: string
}

/** System packages are brought only for root in CI or in a container, never on somebody's own machine. */
export function mayInstall(place: Place): boolean {
  const disposable = !['', 'false', undefined].includes(place.ci) || !['systemd', 'init', ''].includes(place.first)
  return place.uid === 0 && place.apt !== undefined && disposable
}

/** What the tests of this checkout use, on this machine. */
export function needs(): Need[] {
  const place = { uid: process.getuid?.(), apt: findProgram('apt-get'), ci: process.env['CI'], first: firstProcess() }
  const apt = (names: string, instead: string): Need['bring'] => {
    return mayInstall(place) ? () => install(...names.split(' ')) : instead
  }
  const go = findProgram('go')
  return [
    {
      name: 'S3 server',
      mark: '/s3.ts',
      by: 'go',
      present: hasS3,
      bring: go === undefined ? 'there is no Go to build one with' : () => buildS3(go),
    },
    program(ACTIONLINT, 'ACTIONLINT', go),
    program(ACT, 'findGoTool(ACT)', go),
    program(ORAS, 'ORAS', go),
    {
      name: 'syft',
      mark: 'findSyft',
      present: async () => (await findSyft()) !== undefined,
      bring: () => testEnv(SYFT, 'once').then(() => true),
    },
    {
      name: 'browser',
      mark: '/browser.ts',
      by: 'apt',
      present: () => findChromium() !== undefined,
      // not every system has the headless one in a package of its own
      bring: mayInstall(place)
        ? () => install('chromium-headless-shell').catch(() => install('chromium'))
        : CHROMIUM_MISSING,
    },
    {
      name: 'promtool',
      mark: 'promtool',
      by: 'apt',
      present: () => findProgram('promtool') !== undefined,
      bring: apt('prometheus', 'install it (apt-get install prometheus)'),
    },
    {
      name: 'container engine',
      mark: '/engine.ts',
      by: 'apt',
      present: () => findProgram('podman') !== undefined && findProgram('skopeo') !== undefined,
      bring: apt(ENGINE_PACKAGES, NO_ENGINE),
    },
    {
      name: 'Slurm',
      mark: '/slurm-nodes.ts',
      by: 'apt',
      present: () => missingSlurm().length === 0,
      bring: apt(SLURM_PACKAGES, `install it (apt-get install ${SLURM_PACKAGES})`),
    },
    {
      name: 'registry',
      mark: '/registry.ts',
      by: 'apt',
      present: () => findProgram('docker-registry') !== undefined,
      bring: apt('docker-registry', NO_REGISTRY),
    },
    {
      name: 'crane',
      mark: '/registry.ts',
      by: 'go',
      present: async () => (await findCrane()) !== undefined,
      bring: go === undefined ? 'there is no Go to build it with' : () => buildCrane(go),
    },
    {
      name: 'registry with referrers',
      mark: 'startReferrersRegistry',
      by: 'go',
      present: hasReferrersRegistry,
      bring: go === undefined ? 'there is no Go to build it with' : () => buildReferrersRegistry(go),
    },
    {
      name: 'Kubernetes',
      mark: '/kubernetes-plane.ts',
      by: 'go',
      late: true,
      present: async () => whyNoPlane() !== undefined || (await findPlane()) !== undefined,
      bring: go === undefined ? 'there is no Go to build it with' : () => buildPlane(go),
    },
    environment('scikit-learn', 'serving-models', PACKAGES),
    environment('the mlflow client', 'MLFLOW_CLIENT', MLFLOW_CLIENT),
    environment('mlflow', `'${MLFLOW}'`, [MLFLOW]),
  ]
}

/** A program that Go builds. */
function program(tool: GoTool, mark: string, go: string | undefined): Need {
  return {
    name: tool.name,
    mark,
    by: 'go',
    present: async () => (await findGoTool(tool)) !== undefined,
    bring: go === undefined ? 'there is no Go to build it with' : () => buildGoTool(tool, go),
  }
}

/** A Python environment that several files use: the first of them would spend most of its time on building it. */
function environment(name: string, mark: string, packages: readonly string[]): Need {
  return {
    name: `Python with ${name}`,
    mark,
    by: 'uv',
    present: () => hasTestEnv(packages),
    bring: () => testEnv(packages).then(() => true),
  }
}

/**
 * Brings what these test files (relative to `root`) use and the machine lacks: at once, for one waits for the network while another
 * compiles. Resolves when all but what is late is there. Never throws: tests whose need is not met are skipped by name.
 */
export async function prepare(
  root: string,
  files: readonly string[],
  progress: Progress,
  list: readonly Need[] = needs(),
): Promise<Late> {
  const texts = new Map(files.map((file) => [file, textsOf(join(root, file))]))
  const isUsed = ({ mark }: Need, file: string): boolean =>
    texts.get(file)?.some((text) => text.includes(mark)) === true
  const used = list.filter((need) => files.some((file) => isUsed(need, file)))
  const late = used.filter((need) => need.late)
  const running = new Map<string, number>()
  const status = (): string => {
    const names = [...running].map(([name, started]) => `${name} ${secondsSince(started)}`)
    return `  bringing: ${names.join(', ')}`
  }
  const inTurn = async (queue: readonly Need[]): Promise<void> => {
    for (const need of queue) await bringMissing(need, running, progress)
  }
  const now = used.filter((need) => !need.late)
  const queues = Object.values(Object.groupBy(now, (need) => need.by ?? need.name))
  await progress.during(status, () => Promise.all(queues.map((queue = []) => inTurn(queue))))
  return { uses: (file) => late.some((need) => isUsed(need, file)), over: inTurn(late) }
}

/** The text of a test file, and of the cases that it shares with others. */
export function textsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const cases = [...text.matchAll(/ from '(\.[^']*\.cases\.ts)'/g)].map(([, path = '']) => join(dirname(file), path))
  return [text, ...cases.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'))]
}

async function bringMissing(need: Need, running: Map<string, number>, progress: Progress): Promise<void> {
  const { name } = need
  if (await need.present()) return
  if (typeof need.bring === 'string') {
    progress.line(`  no ${name}: ${need.bring}; its tests are skipped`)
    return
  }
  const started = performance.now()
  running.set(name, started)
  progress.line(`  bringing: ${name}`)
  const failure = await need.bring().then((ok) => (ok ? undefined : 'see above'), lastLine)
  running.delete(name)
  const word = failure === undefined ? 'brought' : `not brought (${failure}); its tests are skipped`
  progress.line(`  ${name}: ${word}, ${secondsSince(started)}`)
}

/** What the last line of an error says. */
export function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.trimEnd().split('\n').at(-1) ?? ''
}

/** Name of the process that the system or the container started first; empty where the system does not tell. */
function firstProcess(): string {
  return ifGone(() => readFileSync('/proc/1/comm', 'utf8').trim()) ?? ''
}

/** Installs system packages. Throws with the last lines of apt-get. */
async function install(...names: readonly string[]): Promise<boolean> {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
  await runProgram('apt-get', ['update', '-q'], options)
  await runProgram('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], options)
  return true
}
