/** A real Ray cluster on this machine, in a network of its own where the system lets us: several nodes need several addresses. */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { testEnv } from '../python-env.ts'
import { until } from '../until.ts'

const run = promisify(execFile)

/** What brings Ray. */
export const RAY = ['ray[default]==2.60.0']
/** A node that does not stand after this long has failed, ms. */
const START_MS = 600_000

export interface RayCluster {
  readonly url: string
  /** Ends the head and starts another in its place, which has forgotten all jobs; nodes and what runs on them are left as they are. */
  restartHead(): Promise<void>
  stop(): Promise<void>
}

/** Starts a head and `more` nodes, each with two cores. Node I has the address 127.0.0.(I + 2). */
export async function startRay(more: number): Promise<RayCluster> {
  const ray = join(dirname(await testEnv(RAY, 'once')), 'ray')
  // Ray's sockets lie below it, and their paths are short
  const folder = mkdtempSync(join(tmpdir(), 'ray-'))
  const base = {
    ...process.env,
    PATH: `${dirname(ray)}:${process.env['PATH'] ?? ''}`,
    RAY_ENABLE_UV_RUN_RUNTIME_ENV: '0',
    RAY_raylet_start_wait_time_s: '150',
    // a node that has lost its head ends, with all that it runs, after a minute otherwise
    RAY_gcs_rpc_server_reconnect_timeout_s: '3600',
    SLIPWAY_NODE_CACHE: join(folder, 'slipway'),
  }
  const { PYTHONDONTWRITEBYTECODE: _none, NODE_OPTIONS: _options, ...env } = base as NodeJS.ProcessEnv
  const common = ['--num-cpus=2', '--num-gpus=0', '--object-store-memory=80000000', '--disable-usage-stats']
  const start = async (args: readonly string[]): Promise<void> => {
    const child = spawn(ray, ['start', ...args, ...common], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: START_MS,
    })
    const said: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
    // not `close`: what it leaves running holds its output
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once('exit', resolve).once('error', reject),
    )
    child.stderr.destroy()
    if (code !== 0)
      throw new Error(`ray start ${args.join(' ')} ended with ${code}: ${Buffer.concat(said).toString().slice(-2000)}`)
  }
  const url = 'http://127.0.0.1:8266'
  const head = async (port: number, agent: number, place: string): Promise<void> => {
    const ports = [`--port=${port}`, `--dashboard-agent-listen-port=${agent}`]
    const dashboard = ['--dashboard-host=127.0.0.1', '--dashboard-port=8266']
    await start(['--head', '--node-ip-address=127.0.0.2', ...ports, ...dashboard, `--temp-dir=${place}`])
    await until('an answer of the head of the Ray cluster', () => answers(`${url}/api/version`))
  }
  await head(6380, 52_365, folder)
  for (let i = 1; i <= more; i++)
    await start([
      '--address=127.0.0.2:6380',
      `--node-ip-address=127.0.0.${i + 2}`,
      `--dashboard-agent-listen-port=${52_365 + i}`,
    ])
  return {
    url,
    async restartHead() {
      for (const pid of await pidsOf(folder, /gcs_server|dashboard\/dashboard\.py/)) process.kill(pid, 'SIGKILL')
      await until('the end of the head of the Ray cluster', async () => !(await answers(`${url}/api/version`)))
      // its nodes still look for the old one at the old port
      await head(6390, 52_400, join(folder, 'again'))
    },
    async stop() {
      for (const pid of await pidsOf(folder, /./)) process.kill(pid, 'SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Processes of the cluster in whose folder they work. */
async function pidsOf(folder: string, what: RegExp): Promise<number[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,args=', '-ww'])
  return stdout
    .split('\n')
    .filter((line) => line.includes(folder) && what.test(line))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid !== process.pid)
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, (reply) => {
      reply.resume()
      resolve(reply.statusCode === 200)
    })
    asked.once('error', () => resolve(false))
    asked.end()
  })
}
