/** The peer: an unmodified `mlflow server` in its default configuration with SQLite, in an environment of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testEnv } from '../../test/python-env.ts'
import { startPeer } from './peer.ts'
import type { Peer } from './peer.ts'
import type { Options } from '../table.ts'

const PACKAGE = 'mlflow==3.17.2'

/** It answers so few requests that a shorter load says nothing. */
const SECONDS = 4

export interface MlflowServer extends Omit<Peer, 'port'> {
  readonly url: string
}

/** The options for its loads, which are not quick ones. */
export function peerOptions(options: Options): Options {
  return { ...options, seconds: Math.max(options.seconds, SECONDS) }
}

/** The interpreter of an environment with the client and the server. */
export function mlflowPython(): Promise<string> {
  return testEnv([PACKAGE])
}

/** Starts it on a free port in a temporary folder; resolves once it answers. The environment is built on first use. */
export async function startMlflow(): Promise<MlflowServer> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-mlflow-'))
  const peer = await startPeer({
    program: await mlflowPython(),
    args: (port) => ['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port)],
    cwd: folder,
    env: { MLFLOW_DISABLE_TELEMETRY: 'true' },
    health: '/health',
  })
  return {
    ...peer,
    url: `http://127.0.0.1:${peer.port}`,
    async stop() {
      await peer.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
