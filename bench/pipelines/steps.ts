/** What a pipeline adds to the work of its steps: trivial Python steps on a real server, a chain and items, and the same chain again unchanged. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { submitProject } from '../../src/cli/project/files.ts'
import type { Client } from '../../src/client/client.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { Reply } from '../../src/contract/route.ts'
import { startTestServer, type TestServer } from '../../test/server.ts'
import { findPython } from '../../test/tools.ts'
import { cpuMs } from '../load/process.ts'
import { COMPILED } from '../program/serve.ts'
import { ms } from '../table.ts'
import type { Options, Row } from '../table.ts'
import { peerTimes, type PeerTimes } from './peers.ts'

type Run = Reply<typeof pipelinesApi.getPipelineRun>

const STEPS = 20

const ITEMS = 150

/** Rows of the overhead of a step, of items and of the unchanged run. */
export async function steps({ peers }: Options): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-steps-'))
  const server = await startTestServer({ env: { NODE_COMPILE_CACHE: COMPILED } })
  try {
    writeProject(folder)
    const version = (await submitProject(server.client, folder)).id
    const first = await timed(server.client, version)
    const again = await timed(server.client, version)
    if (again.run.steps.some((step) => step.state !== 'cached')) throw new Error('an unchanged step ran again')
    const fan = await items(server, folder)
    const beside = peers ? await peerTimes(STEPS, ITEMS) : []
    return [overhead(first.run), chain(first.seconds, beside), fanOut(fan, beside), unchanged(again.seconds, beside)]
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A chain: each step hands a small file on to the next. */
function writeProject(folder: string): void {
  mkdirSync(join(folder, 'chain'))
  const lines = Array.from({ length: STEPS }, (_, i) =>
    i === 0
      ? '    s0: {run: "chain.first:main", outputs: [out]}'
      : `    s${i}: {run: "chain.next:main", inputs: {given: s${i - 1}.out}, outputs: [out]}`,
  )
  writeFileSync(join(folder, 'slipway.yaml'), `project: chain\npipeline:\n  steps:\n${lines.join('\n')}\n`)
  writeFileSync(join(folder, 'chain/__init__.py'), '')
  writeFileSync(join(folder, 'chain/first.py'), 'def main(out):\n    out.write_text("0")\n')
  writeFileSync(join(folder, 'chain/next.py'), 'def main(given, out):\n    out.write_text(given.read_text() + "+")\n')
}

async function timed(client: Client, version: string): Promise<{ run: Run; seconds: number }> {
  const began = performance.now()
  const { id } = await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version } })
  await (await client.open(pipelinesApi.watchPipelineRun, { params: { id } })).text()
  const seconds = (performance.now() - began) / 1000
  const run = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
  if (run.outcome !== 'succeeded') throw new Error(`the run ${String(run.outcome)}: ${run.message}`)
  return { run, seconds }
}

interface Fan {
  readonly seconds: number
  /** Of the server, ms. */
  readonly cpu: number
}

/** A list of trivial items, two at a time. */
async function items(server: TestServer, folder: string): Promise<Fan> {
  const place = join(folder, 'fan')
  mkdirSync(place)
  const each = `for_each: {range: [1, ${ITEMS}], at_once: 2}, params: {x: "{item}"}, outputs: [out]`
  writeFileSync(join(place, 'slipway.yaml'), `project: fan\npipeline: {steps: {one: {run: "one:main", ${each}}}}\n`)
  writeFileSync(join(place, 'one.py'), 'def main(x, out):\n    out.write_text(str(x))\n')
  const version = (await submitProject(server.client, place)).id
  const before = cpuMs(server.pid)
  const { seconds } = await timed(server.client, version)
  return { seconds, cpu: cpuMs(server.pid) - before }
}

/** The steps' names of others with their seconds, and why one was not measured. */
function besides(peers: readonly (PeerTimes | string)[], of: (times: PeerTimes) => number | undefined): string {
  const said = peers.map((peer) => {
    if (typeof peer === 'string') return peer
    const value = of(peer)
    return value === undefined ? undefined : `${peer.name} ${value.toFixed(1)} s`
  })
  return said.filter((one) => one !== undefined).join('; ')
}

function chain(seconds: number, peers: readonly (PeerTimes | string)[]): Row {
  const each = (seconds * 1000) / STEPS
  return {
    name: `chain of ${STEPS} trivial steps, a process each`,
    measured: `${ms(each)} a step`,
    target: '≤ 120 ms a step',
    beside: besides(peers, (peer) => peer.chain),
    ok: each <= 120,
    figures: { seconds, peers },
  }
}

function fanOut({ seconds, cpu }: Fan, peers: readonly (PeerTimes | string)[]): Row {
  const each = cpu / ITEMS
  return {
    name: `${ITEMS} trivial items, 2 at a time`,
    measured: `${ms(each)} CPU of the server an item, ${seconds.toFixed(1)} s`,
    target: '≤ 40 ms CPU, ≤ 12 s',
    beside: besides(peers, (peer) => peer.fan),
    ok: each <= 40 && seconds <= 12,
    figures: { seconds, cpu_ms: each },
  }
}

function overhead(run: Run): Row {
  const times = run.steps.map((step) => step.duration_ms ?? Number.NaN).toSorted((a, b) => a - b)
  const [p50, worst] = [times[Math.floor(times.length / 2)] ?? Number.NaN, times.at(-1) ?? Number.NaN]
  const floor = bareProcess()
  return {
    name: 'local step, ready → finished, trivial Python',
    measured: `p50 ${ms(p50)}, worst of ${STEPS} ${ms(worst)}`,
    target: '≤ 150 ms',
    beside: floor === undefined ? '' : `\`python -c pass\` ${ms(floor)}`,
    ok: p50 <= 150,
    figures: { p50_ms: p50, max_ms: worst, bare_python_ms: floor },
  }
}

/** Wall time of the least Python process, median of 9, ms. */
function bareProcess(): number | undefined {
  const python = findPython()
  if (python === undefined) return undefined
  const times = Array.from({ length: 9 }, () => {
    const began = performance.now()
    execFileSync(python, ['-c', 'pass'])
    return performance.now() - began
  })
  return times.toSorted((a, b) => a - b)[4]
}

function unchanged(seconds: number, peers: readonly (PeerTimes | string)[]): Row {
  return {
    name: `unchanged run of ${STEPS} steps`,
    measured: `${seconds.toFixed(2)} s`,
    target: '≤ 0.2 s',
    beside: besides(peers, (peer) => peer.again),
    ok: seconds <= 0.2,
    figures: { seconds },
  }
}
