/** How long an image that answers takes from the start of its container to its first prediction, by podman and runc; and what it weighs on its base. */
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { defaultBase } from '../../src/images/build/base.ts'
import type { BlobFolder } from '../../src/images/oci/blobs.ts'
import { NODE_PATH } from '../../src/images/parts/node.ts'
import { copyImage } from '../../src/images/oci/graph.ts'
import { layoutBlobs, nameInLayout } from '../../src/images/oci/layout.ts'
import { writeModel } from '../../src/cli/image/image.fixture.ts'
import { packageSources } from '../../src/cli/image/sources.ts'
import { NO_ENGINE, startEngine } from '../../test/images/engine.ts'
import { freePort } from '../../test/programs/free-port.ts'
import type { Engine } from '../../test/images/engine.ts'
import { megabytes } from '../table.ts'
import type { Row } from '../table.ts'
import { build, median, PLATFORM, row } from './native.ts'

const ROUNDS = 7
const LIMIT_MS = 1000
const MOST_BYTES = 90_000_000

export async function started(blobs: BlobFolder): Promise<Row> {
  const name = 'image of a native model, from start to its first answer'
  const engine = startEngine()
  if (engine === undefined) return { ...row(name, [], LIMIT_MS, ''), measured: NO_ENGINE, ok: null }
  // podman makes a name of the folder, and names have no capitals
  const folder = join(tmpdir(), `slipway-bench-start-${process.pid}`)
  try {
    const { mirror, fetch } = packageSources()
    const maker = { blobs, compression: 'gzip' as const, fetch, say: () => undefined }
    const base = await defaultBase(maker, 'node', mirror, PLATFORM)
    const { root, bytes } = await build(blobs, writeModel(join(folder, 'model')), { found: base, inputs: INPUTS })
    const dir = join(folder, 'image')
    await copyImage(blobs, layoutBlobs(dir), root)
    await nameInLayout(dir, root, 'v1')
    const image = await engine.podman('pull', '--quiet', `oci:${dir}:v1`)
    const starts: Start[] = []
    for (let i = 0; i < ROUNDS; i++) starts.push(await once(engine, image))
    const floors: Start[] = []
    for (let i = 0; i < ROUNDS; i++) floors.push(await once(engine, image, FLOOR))
    const cpu = median(starts.map(({ cpuMs }) => cpuMs))
    const floor = `a container with Node that answers anything: median ${median(floors.map(({ ms }) => ms)).toFixed(0)} ms, ${median(floors.map(({ cpuMs }) => cpuMs))} ms of CPU`
    const times = starts.map(({ ms }) => ms)
    const measured = row(name, times, LIMIT_MS, `${floor}; the image of mlflow: about 1 GB, 12 s`)
    return {
      ...measured,
      measured: `${measured.measured}, ${cpu} ms of CPU; ${megabytes(bytes)} compressed`,
      target: '≤ 1 s, ≤ 90 MB',
      ok: measured.ok === true && bytes <= MOST_BYTES,
      figures: { ...measured.figures, cpu_ms: cpu, bytes },
    }
  } finally {
    await engine.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const INPUTS = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }] as const

/** What no program that is written for Node can start sooner than. */
const FLOOR = [
  NODE_PATH,
  '-e',
  "require('node:http').createServer((_, reply) => reply.end('{}')).listen(process.env.SLIPWAY_PORT, '127.0.0.1')",
]

interface Start {
  readonly ms: number
  /** Of the gateway's process, from its start to a moment after its first answer. */
  readonly cpuMs: number
}

/** The container is made before and started now, as an engine does that has the image. */
async function once(engine: Engine, image: string, program: readonly string[] = []): Promise<Start> {
  const port = await freePort()
  const env = ['SLIPWAY_NO_AUTH=1', `SLIPWAY_PORT=${port}`, 'SLIPWAY_HOST=127.0.0.1'].flatMap((one) => ['--env', one])
  const entry = program.length === 0 ? [] : ['--entrypoint', JSON.stringify(program)]
  const confined = ['--read-only', '--cap-drop=all', '--network=host']
  const id = await engine.podman('create', ...confined, ...env, ...entry, image)
  const began = performance.now()
  const running = engine.podman('start', id)
  while (!(await answers(port))) await delay(5)
  const took = performance.now() - began
  await running
  const cpuMs = cpuOf(await engine.podman('inspect', '--format', '{{.State.Pid}}', id))
  await engine.podman('rm', '--force', '--time', '5', id)
  return { ms: took, cpuMs }
}

/** CPU time that a process has taken, its user's and the system's for it, ms; the system counts in hundredths of a second. */
function cpuOf(pid: string): number {
  const stat = readFileSync(`/proc/${pid.trim()}/stat`, 'utf8')
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return (user + system) * 10
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/v1/endpoints/m:predict`, {
    method: 'POST',
    body: '{"inputs": [{"x": 5}]}',
  }).then(
    async (reply) => {
      await reply.text()
      return reply.ok
    },
    () => false,
  )
}
