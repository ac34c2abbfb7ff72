/** One model in the gateway and in other servers of models: `mlflow models serve`, MLServer and BentoML with adaptive batching. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PACKAGES, servingModels } from '../../test/serving-models.ts'
import type { ServingModels } from '../../test/serving-models.ts'
import { testEnv } from '../../test/python-env.ts'
import { measured, ROOT, said, started } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import { startPeer } from '../load/peer.ts'
import type { Peer } from '../load/peer.ts'
import { routing } from './predict.ts'
import { familyOf } from '../load/process.ts'
import { thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

const CLIENTS = 16
const MANY = 100
/** They take seconds to find their pace. */
const PEER_SECONDS = 8
const MLFLOW = 'mlflow==3.17.2'
const OTHERS = PACKAGES.filter((one) => !one.startsWith('mlflow'))

/** A server, and how it wants its rows. */
interface Server {
  readonly name: string
  readonly path: string
  readonly body: (rows: Record<string, unknown>[]) => unknown
  readonly start: (models: ServingModels, folder: string) => Promise<Peer>
}

const names = (rows: Record<string, unknown>[]): string[] => Object.keys(rows[0] ?? {})

/** What MLflow calls a split data frame. */
const split = (rows: Record<string, unknown>[]): unknown => ({
  dataframe_split: { columns: names(rows), data: rows.map((row) => Object.values(row)) },
})

const SERVERS: readonly Server[] = [
  {
    name: '`mlflow models serve` 3.17.2',
    path: '/invocations',
    body: split,
    async start(models, folder) {
      const python = await testEnv([MLFLOW, ...OTHERS])
      const given = [
        '-m',
        'mlflow',
        'models',
        'serve',
        '-m',
        models.dir('hgb'),
        '--env-manager',
        'local',
        '-h',
        '127.0.0.1',
      ]
      // it starts uvicorn from PATH
      const env = { PATH: `${dirname(python)}:${process.env['PATH'] ?? ''}` }
      return startPeer({
        program: python,
        args: (port) => [...given, '-p', String(port)],
        cwd: folder,
        env,
        health: '/ping',
      })
    },
  },
  {
    name: 'MLServer 1.7.1',
    path: '/v2/models/hgb/infer',
    body: (rows) => ({
      inputs: names(rows).map((name) =>
        column(
          name,
          rows.map((row) => row[name]),
        ),
      ),
    }),
    start: startMlserver,
  },
  {
    name: 'BentoML 1.4.40, batching',
    path: '/predict',
    body: (rows) => ({ rows: rows.map((row) => Object.values(row)) }),
    async start(models, folder) {
      const python = await testEnv(['bentoml==1.4.40', ...PACKAGES])
      const columns = names(models.rows.map(inputsOf)).join(',')
      return startPeer({
        program: python,
        args: (port) => [
          '-m',
          'bentoml',
          'serve',
          'bento_service:Service',
          '--host',
          '127.0.0.1',
          '--port',
          String(port),
        ],
        cwd: join(import.meta.dirname, 'peers'),
        env: { BENTOML_DO_NOT_TRACK: 'True', BENTOML_HOME: folder, MODEL_DIR: models.dir('hgb'), COLUMNS: columns },
        health: '/readyz',
      })
    },
  },
]

/** Rows for one row and for a hundred a request: ours beside each of theirs. Their environments are built on first use. */
export async function servingPeers(options: Options): Promise<Row[]> {
  const models = await servingModels()
  const own = await ours(models, options)
  const rows: Row[] = []
  for (const server of SERVERS) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-peer-'))
    const peer = await server.start(models, folder)
    try {
      const target = { port: peer.port, pids: [peer.pid, ...familyOf(peer.pid)] }
      for (const [i, count] of [1, MANY].entries()) {
        const load = { path: server.path, bodies: bodiesOf(models, count, server.body), clients: CLIENTS }
        const theirs = await measured(target, load, { ...options, seconds: Math.max(PEER_SECONDS, options.seconds) })
        rows.push(row(server.name, count, own[i] as Loaded, theirs))
      }
    } finally {
      await peer.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return rows
}

/** The gateway with the same model, lowered: one row, and a hundred, a request. */
async function ours(models: ServingModels, options: Options): Promise<Loaded[]> {
  const dataDir = await routing(models, undefined)
  const given = { dataDir, index: 0, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
  const gateway = await started(join(ROOT, 'src/gateway/main.ts'), JSON.stringify(given))
  try {
    const results: Loaded[] = []
    for (const count of [1, MANY]) {
      const bodies = bodiesOf(models, count, (rows) => ({ inputs: rows }))
      results.push(await measured(gateway, { path: '/v1/endpoints/native:predict', bodies, clients: CLIENTS }, options))
    }
    return results
  } finally {
    await gateway.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function inputsOf(row: ServingModels['rows'][number]): Record<string, unknown> {
  const { score: _, ...inputs } = row
  return inputs
}

function bodiesOf(models: ServingModels, count: number, form: Server['body']): string[] {
  const rows = models.rows.map(inputsOf)
  const all = Math.max(1, Math.min(50, Math.floor(rows.length / count)))
  return Array.from({ length: all }, (_, i) => JSON.stringify(form(rows.slice(i * count, (i + 1) * count))))
}

/** A column of the Open Inference Protocol as MLServer's codecs read it. */
function column(name: string, values: readonly unknown[]): unknown {
  const text = values.some((value) => typeof value === 'string')
  return {
    name,
    shape: [values.length],
    datatype: text ? 'BYTES' : 'FP64',
    parameters: { content_type: text ? 'str' : 'np' },
    data: values.map((value) => value ?? 0),
  }
}

async function startMlserver(models: ServingModels, folder: string): Promise<Peer> {
  const python = await testEnv(['mlserver==1.7.1', 'mlserver-mlflow==1.7.1', 'uvloop==0.21.0', MLFLOW, ...OTHERS])
  const model = { name: 'hgb', implementation: 'mlserver_mlflow.MLflowRuntime', parameters: { uri: models.dir('hgb') } }
  mkdirSync(join(folder, 'hgb'))
  writeFileSync(join(folder, 'hgb/model-settings.json'), JSON.stringify(model))
  return startPeer({
    program: join(dirname(python), 'mlserver'),
    args(port) {
      const settings = {
        host: '127.0.0.1',
        http_port: port,
        grpc_port: port + 1,
        metrics_port: port + 2,
        parallel_workers: 1,
      }
      writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
      return ['start', folder]
    },
    cwd: folder,
    env: { PATH: `${dirname(python)}:${process.env['PATH'] ?? ''}` },
    health: '/v2/health/ready',
  })
}

function row(name: string, count: number, own: Loaded, theirs: Loaded): Row {
  const times = own.perSecond / theirs.perSecond
  const least = count === 1 ? 40 : 10
  return {
    name: `${count === 1 ? 'one row' : `${count} rows`} a request, ${CLIENTS} clients, beside ${name}`,
    measured: `${said(own)}: ${thousands(times)} × its requests a second`,
    target: `≥ ${least} ×`,
    beside: said(theirs),
    ok: times >= least && own.refused === 0,
    figures: { rows: count, times, own, theirs },
  }
}
