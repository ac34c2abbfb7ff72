/** A real Slurm cluster on this machine, of one node, from Debian's packages: munged, slurmctld, slurmd and slurmrestd at free ports. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ifMissingNow } from '../../src/contract/absence/absent.ts'
import { freePort } from '../programs/free-port.ts'
import { findProgram } from '../tools.ts'
import { until } from '../until.ts'

const run = promisify(execFile)

/** What brings it on Debian. */
export const SLURM_PACKAGES =
  'slurmctld slurmd slurmrestd slurm-client slurm-wlm-jwt-plugin slurm-wlm-basic-plugins munge'
/** `nobody`: slurmrestd does not run as root. */
const NOBODY = 65_534

/** Programs that this machine does not have. */
export function missingSlurm(): string[] {
  return ['munged', 'slurmctld', 'slurmd', 'slurmrestd', 'scontrol'].filter((name) => findProgram(name) === undefined)
}

export interface SlurmCluster {
  readonly url: string
  readonly folder: string
  /** A token that is good for so long, seconds. */
  token(lifespan: number): Promise<string>
  scontrol(...args: readonly string[]): Promise<string>
  /** Ends one of its programs by SIGKILL; nothing else is told. */
  kill(what: Daemon): Promise<void>
  start(what: Daemon): Promise<void>
  stop(): Promise<void>
}

export type Daemon = 'slurmctld' | 'slurmd' | 'slurmrestd'

interface Place {
  readonly folder: string
  readonly ports: readonly number[]
  readonly env: NodeJS.ProcessEnv
}

export async function startSlurm(): Promise<SlurmCluster> {
  const place = await laidOut()
  const { folder, ports, env } = place
  const children = new Map<string, ChildProcess>()
  const begin = (name: string, args: readonly string[], more: object = {}): void => {
    const out = join(folder, `${name}.out`)
    const child = spawn('sh', ['-c', 'exec "$0" "$@" >>"$OUT" 2>&1', name, ...args], {
      env: { ...env, OUT: out },
      stdio: 'ignore',
      ...more,
    })
    children.set(name, child)
  }
  const scontrol = async (...args: readonly string[]): Promise<string> =>
    (await run('scontrol', [...args], { env, timeout: 120_000 })).stdout
  const starts: Readonly<Record<Daemon, () => void>> = {
    slurmctld: () => begin('slurmctld', ['-D', '-f', join(folder, 'slurm.conf')]),
    slurmd: () => begin('slurmd', ['-D', '-f', join(folder, 'slurm.conf'), '-N', 'n1']),
    slurmrestd: () => {
      const args = ['-f', join(folder, 'slurm.conf'), '-a', 'rest_auth/jwt', '-s', 'openapi/v0.0.38']
      const daemon = { ...env, SLURM_JWT: 'daemon', OUT: '/dev/null' }
      begin('slurmrestd', [...args, `127.0.0.1:${ports[2]}`], { env: daemon, uid: NOBODY, gid: NOBODY, cwd: '/' })
    },
  }
  const stands: Readonly<Record<Daemon, () => Promise<boolean>>> = {
    slurmctld: async () => (await scontrol('ping')).includes('is UP'),
    slurmd: async () => / State=(IDLE|MIXED|ALLOCATED)/.test(await scontrol('show', 'node', 'n1')),
    slurmrestd: async () => (await fetch(`${cluster.url}/openapi/v3`)).status === 401,
  }
  const end = async (child: ChildProcess | undefined): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  const cluster: SlurmCluster = {
    url: `http://127.0.0.1:${ports[2]}`,
    folder,
    scontrol,
    async token(lifespan) {
      return (await scontrol('token', 'username=root', `lifespan=${lifespan}`)).trim().replace('SLURM_JWT=', '')
    },
    kill: (what) => end(children.get(what)),
    async start(what) {
      starts[what]()
      // what does not answer yet does not stand
      await until(`${what} of Slurm`, () => stands[what]().catch(() => false))
    },
    async stop() {
      await run('scancel', ['--signal=KILL', '--full', '--user=root'], { env, timeout: 120_000 }).catch(() => undefined)
      await Promise.all([...children.values()].map(end))
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  const key = ['--key-file', join(folder, 'munge', 'key'), '--seed-file', join(folder, 'munge', 'seed')]
  const files = ['--socket', join(folder, 'munge', 'socket'), '--pid-file', join(folder, 'munge', 'pid')]
  begin('munged', ['--foreground', '--force', ...key, ...files, '--log-file', join(folder, 'munge', 'log')])
  try {
    for (const what of ['slurmctld', 'slurmd', 'slurmrestd'] as const) await cluster.start(what)
  } catch (error) {
    const said = ['munged.out', 'slurmctld.out', 'slurmd.out'].map((name) => lastOf(join(folder, name)))
    await cluster.stop()
    throw new Error(`Slurm does not stand: ${said.join('\n')}`, { cause: error })
  }
  return cluster
}

async function laidOut(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'slurm-'))
  chmodSync(folder, 0o755)
  for (const name of ['state', 'spool', 'munge']) mkdirSync(join(folder, name), { mode: 0o755 })
  writeFileSync(join(folder, 'munge', 'key'), randomBytes(128), { mode: 0o600 })
  writeFileSync(join(folder, 'jwt.key'), randomBytes(32), { mode: 0o600 })
  const ports = [await freePort(), await freePort(), await freePort()]
  writeFileSync(join(folder, 'slurm.conf'), configuration(folder, ports))
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _ours, ...inherited } = process.env
  return { folder, ports, env: { ...inherited, SLURM_CONF: join(folder, 'slurm.conf') } }
}

/** Its node has more cores than the machine, so that several attempts run at once. */
function configuration(folder: string, [control, node]: readonly number[]): string {
  return `ClusterName=test
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge/socket
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=${folder}/jwt.key
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort=${control}
SlurmdPort=${node}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
NodeName=n1 NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${node} CPUs=8 RealMemory=64000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`
}

function lastOf(file: string): string {
  return ifMissingNow(() => readFileSync(file, 'utf8'))?.slice(-1000) ?? ''
}
