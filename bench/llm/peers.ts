/** Other gateways of language models before the same upstream: Portkey's, and LiteLLM's with one worker. Each is installed on first use. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cachedFolder, testEnv } from '../../test/python-env.ts'
import { findProgram } from '../../test/tools.ts'
import { faultOf } from '../features/figures.ts'
import { startPeer } from '../load/peer.ts'
import type { Peer } from '../load/peer.ts'
import { familyOf } from '../load/process.ts'
import { PATH } from './gateway.ts'
import type { Aim } from './load.ts'

/** Another gateway, or why there is none. */
export interface Rival {
  readonly name: string
  readonly aim?: Aim
  readonly fault: string
  stop(): Promise<void>
}

const PORTKEY = '1.15.2'
/** 1.107.0 was published by someone else than its makers. */
const LITELLM = 'litellm[proxy]<1.107'
const MASTER = 'sk-bench-1234'

/** Starts both; one that cannot be had says why. */
export async function startRivals(origin: string): Promise<Rival[]> {
  return [await rival(`Portkey ${PORTKEY}`, () => portkey(origin)), await rival('LiteLLM 1.106', () => litellm(origin))]
}

interface Begun {
  readonly peer: Peer
  readonly headers: Readonly<Record<string, string>>
  readonly folder?: string
}

async function rival(name: string, start: () => Promise<Begun>): Promise<Rival> {
  process.stderr.write(`  ${name} …\n`)
  try {
    const { peer, headers, folder } = await start()
    const all = { 'content-type': 'application/json', ...headers }
    const pids = (): number[] => familyOf(peer.pid)
    return {
      name,
      aim: { name, origin: `http://127.0.0.1:${peer.port}`, path: PATH, headers: all, pids },
      fault: '',
      async stop() {
        await peer.stop()
        if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      },
    }
  } catch (error) {
    return { name, fault: faultOf(error), stop: () => Promise.resolve() }
  }
}

async function portkey(origin: string): Promise<Begun> {
  const npm = findProgram('npm')
  const folder = await cachedFolder(
    `portkey-gateway-${PORTKEY}`,
    npm === undefined
      ? undefined
      : async (into, run) => {
          mkdirSync(into, { recursive: true })
          writeFileSync(join(into, 'package.json'), '{"private":true}')
          const given = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--no-save']
          await run(npm, ['install', ...given, `@portkey-ai/gateway@${PORTKEY}`], { cwd: into })
        },
  )
  if (folder === undefined) throw new Error('it could not be installed')
  const script = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  const peer = await startPeer({
    program: process.execPath,
    args: (port) => [script, `--port=${port}`, '--headless'],
    cwd: folder,
    health: '/',
  })
  const host = `${origin}/v1`
  const headers = { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': host, authorization: 'Bearer sk-bench' }
  return { peer, headers }
}

/** Its processes need no network: prices and models are those of the package. */
async function litellm(origin: string): Promise<Begun> {
  const python = await testEnv([LITELLM], 'once')
  const folder = mkdtempSync(join(tmpdir(), 'bench-litellm-'))
  const config = {
    model_list: [
      { model_name: '*', litellm_params: { model: 'openai/*', api_base: `${origin}/v1`, api_key: 'upstream-key' } },
    ],
    litellm_settings: { num_retries: 0, request_timeout: 60, telemetry: false },
    general_settings: { master_key: MASTER },
  }
  // JSON is YAML
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config))
  const bin = dirname(python)
  const peer = await startPeer({
    program: join(bin, 'litellm'),
    args: (port) => [
      '--config',
      join(folder, 'config.yaml'),
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--num_workers',
      '1',
      '--telemetry',
      'False',
    ],
    cwd: folder,
    env: {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      LITELLM_LOG: 'ERROR',
      LITELLM_MODE: 'PRODUCTION',
    },
    health: '/health/liveliness',
  })
  return { peer, headers: { authorization: `Bearer ${MASTER}` }, folder }
}
