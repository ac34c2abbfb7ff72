/** Our gateway before language models, beside Portkey and LiteLLM: what it adds, what it costs, and whether its money holds. */
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf } from '../load/process.ts'
import { megabytes } from '../table.ts'
import type { Options, Row } from '../table.ts'
import { aborts } from './aborts.ts'
import { dataFolder, HEADERS, PATH, removeFolder, routeTo, startGateway } from './gateway.ts'
import { DIRECT, OURS } from './load.ts'
import type { Aim } from './load.ts'
import { startRivals } from './peers.ts'
import type { Rival } from './peers.ts'
import { startUpstream } from './provider.ts'
import type { Upstream } from './provider.ts'
import { budgetRace } from './race.ts'
import { rounds } from './rounds.ts'
import type { Mode, Results } from './rounds.ts'
import { latencyRow, manyRow, streamRow, timesRows } from './rows.ts'
import { manyStreams } from './streams.ts'

const MODES = {
  one: { name: '1 client', clients: 1, stream: false },
  many: { name: '64 clients', clients: 64, stream: false },
  stream: { name: '1 client, streams', clients: 1, stream: true },
  streams: { name: '16 clients, streams', clients: 16, stream: true },
} satisfies Record<string, Mode>

/** Bytes of the gateway after the load of 64 clients. */
const MOST_BYTES = 250e6

/** All rows; gateways that cannot be had are left out, and say why. */
export async function llm(options: Options): Promise<Row[]> {
  const upstream = await startUpstream()
  const dataDir = dataFolder(routeTo(upstream.origin))
  try {
    const gateway = await startGateway(dataDir)
    const rivals = await startRivals(upstream.origin)
    try {
      const own: Aim = {
        name: OURS,
        origin: `http://127.0.0.1:${gateway.port}`,
        path: PATH,
        headers: HEADERS,
        pids: () => gateway.pids,
      }
      return await measuredAll({ own, upstream, rivals }, options)
    } finally {
      await Promise.all([gateway.stop(), ...rivals.map((one) => one.stop())])
    }
  } finally {
    await upstream.stop()
    removeFolder(dataDir)
  }
}

interface Scene {
  readonly own: Aim
  readonly upstream: Upstream
  readonly rivals: readonly Rival[]
}

async function measuredAll({ own, upstream, rivals }: Scene, options: Options): Promise<Row[]> {
  const { origin, pids } = upstream
  const direct: Aim = { name: DIRECT, origin, path: PATH, headers: HEADERS, pids: () => pids }
  const others = rivals.flatMap(({ aim }) => aim ?? [])
  const aims = [direct, own, ...others]
  const turns = { rounds: options.seconds === 1 ? 3 : 5, seconds: options.seconds * 0.3, slow: others.map(nameOf) }
  const measured = async (mode: Mode): Promise<Results> => rounds(aims, mode, turns)
  const rest = memoryOf(own.pids()).rss
  const one = await measured(MODES.one)
  const many = await measured(MODES.many)
  const memory = memoryRow(own, rest, others)
  const stream = await measured(MODES.stream)
  const streams = await measured(MODES.streams)
  // while those of the peers close
  await sleep(200)
  return [
    latencyRow(one, rivals),
    manyRow(many, rivals),
    ...timesRows(many, rivals),
    streamRow(stream, rivals, MODES.stream.clients),
    streamRow(streams, rivals, MODES.streams.clients),
    await manyStreams(own, direct, upstream),
    memory,
    ...(await aborts(own, others, upstream)),
    ...(await budgetRace(upstream)),
  ]
}

function nameOf({ name }: Aim): string {
  return name
}

function memoryRow(own: Aim, rest: number, others: readonly Aim[]): Row {
  const after = memoryOf(own.pids()).rss
  const peers = others.map((aim) => ({ name: aim.name, rss: memoryOf(aim.pids()).rss }))
  return {
    name: 'memory of the gateway after 64 clients',
    measured: `${megabytes(after)} (${megabytes(rest)} at rest)`,
    target: `≤ ${megabytes(MOST_BYTES)}`,
    beside: peers.map(({ name, rss }) => `${name}: ${megabytes(rss)}`).join('; '),
    ok: after <= MOST_BYTES,
    figures: { rest, after, peers },
  }
}
