/** What `slipway serve` needs to start, and what it holds while nobody calls: memory and CPU. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTestServer } from '../../test/server.ts'
import type { TestServer } from '../../test/server.ts'
import { startMlflow } from '../load/mlflow.ts'
import { cpuMs, cpuMsOf, familyOf, memoryOf } from '../load/process.ts'
import type { Memory } from '../load/process.ts'
import { megabytes } from '../table.ts'
import type { Options, Row } from '../table.ts'

/** The launcher keeps what Node compiled in the same place. */
export const COMPILED = join(import.meta.dirname, '../../node_modules/.cache/compiled')

/** Seconds after the start until memory is read, and during which idle CPU is counted. */
const SETTLE_S = 3

interface Idle {
  readonly wallSeconds: number
  /** CPU of the control process and of all processes together when the server was ready, seconds. */
  readonly cpuSeconds: number
  readonly allCpuSeconds: number
  readonly memory: Memory
  readonly processes: number
  /** CPU ms per second while nobody calls. */
  readonly idleCpu: number
}

/** Rows of start and idle memory, alone and with one gateway. */
export async function serve(options: Options): Promise<Row[]> {
  const data = mkdtempSync(join(tmpdir(), 'bench-serve-'))
  try {
    // the first start makes the database, and compiles what later ones find compiled
    await idle(data, 1)
    const [alone, both] = [await idle(data, 0), await idle(data, 1)]
    const peer = options.peers ? await mlflow() : undefined
    return [start(both, peer), memory('alone', alone, 160, undefined), memory('with one gateway', both, 260, peer)]
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

async function idle(data: string, gateways: number): Promise<Idle> {
  const began = performance.now()
  const server: TestServer = await startTestServer({ data, gateways, env: { NODE_COMPILE_CACHE: COMPILED } })
  try {
    const wallSeconds = (performance.now() - began) / 1000
    const [own, all] = [cpuMs(server.pid), cpuMsOf(familyOf(server.pid))]
    await sleep(SETTLE_S * 1000)
    const family = familyOf(server.pid)
    const memory = memoryOf(family)
    const cpu = cpuMsOf(family)
    await sleep(SETTLE_S * 1000)
    return {
      wallSeconds,
      cpuSeconds: own / 1000,
      allCpuSeconds: all / 1000,
      memory,
      processes: family.length,
      idleCpu: (cpuMsOf(family) - cpu) / SETTLE_S,
    }
  } finally {
    await server.stop()
  }
}

interface Peer {
  readonly startSeconds: number
  readonly memory: Memory
  readonly processes: number
}

async function mlflow(): Promise<Peer> {
  const server = await startMlflow()
  try {
    await sleep(SETTLE_S * 1000)
    const family = familyOf(server.pid)
    return { startSeconds: server.startSeconds, memory: memoryOf(family), processes: family.length }
  } finally {
    await server.stop()
  }
}

function start(of: Idle, peer: Peer | undefined): Row {
  const { cpuSeconds, allCpuSeconds, wallSeconds } = of
  return {
    name: '`slipway serve`, start to ready',
    measured: `${cpuSeconds.toFixed(2)} s CPU (${allCpuSeconds.toFixed(2)} with its gateway), ${wallSeconds.toFixed(2)} s wall`,
    target: '≤ 1.0 s CPU, ≤ 1.5 s wall',
    beside: peer === undefined ? '' : `MLflow ${peer.startSeconds.toFixed(1)} s wall`,
    ok: cpuSeconds <= 1 && wallSeconds <= 1.5,
    figures: { cpu_s: cpuSeconds, cpu_with_gateway_s: allCpuSeconds, wall_s: wallSeconds, peer },
  }
}

function memory(name: string, of: Idle, limit: number, peer: Peer | undefined): Row {
  const { rss, pss } = of.memory
  return {
    name: `control idle, ${name}`,
    measured: `${megabytes(rss)} RSS, ${megabytes(pss)} PSS, ${of.idleCpu.toFixed(0)} ms CPU a second`,
    target: `≤ ${limit} MB`,
    beside:
      peer === undefined
        ? ''
        : `MLflow ${megabytes(peer.memory.rss)} RSS, ${megabytes(peer.memory.pss)} PSS, ${peer.processes} processes`,
    ok: rss <= limit * 1e6,
    figures: { rss, pss, processes: of.processes, idle_cpu_ms_per_s: of.idleCpu, peer },
  }
}
