/** A publisher over a real database, and gateways that are sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { LlmRoute } from '../../gateway/table/llm.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'
import type { RoutingTable, TokenRoute } from '../../gateway/table/table.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { raiseEpoch } from '../context/epoch.ts'
import type { ModelVersion, Place, Places } from './places.ts'
import { Publisher } from './publisher.ts'

/** The token that gateways are told of. */
export const TOKEN: TokenRoute = { id: 'a', hash: 'h', role: 'service', project: null, expires_at: null }

/** What a gateway answers to a table: a status and a body, or undefined to take it. */
interface Said {
  readonly status?: number
  readonly body: unknown
}
type Answer = (table: RoutingTable) => Said | undefined | Promise<undefined>

interface Gateway {
  readonly file: GatewayFile
  /** Epochs of the tables that it was sent. */
  readonly epochs: number[]
  readonly close: () => Promise<void>
}

let sockets = 0

/** A socket that takes tables, and remembers their epochs. */
export async function gateway(t: TestContext, folder: string, answer: Answer = () => undefined): Promise<Gateway> {
  const socket = join(folder, `g${sockets++}.sock`)
  const epochs: number[] = []
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const table = JSON.parse(await read(request)) as RoutingTable
    epochs.push(table.epoch)
    const { status = 200, body } = (await answer(table)) ?? { body: { epoch: table.epoch, failed: [] } }
    response.statusCode = status
    response.end(JSON.stringify(body))
  }
  const server = createServer((request, response) => void reply(request, response))
  server.listen(socket)
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  t.after(close)
  return { file: { pid: 1, start: null, port: 1, socket, started_at: 0 }, epochs, close }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** A publisher whose gateways and tokens a test sets. */
export async function open(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'pub-'))
  const store = await openTemporaryStore()
  const { db } = store
  const state = {
    gateways: [] as GatewayFile[],
    tokens: [TOKEN],
    now: 1000,
    llm: undefined as LlmRoute | undefined,
    askLlm: async () => state.llm,
    askTokens: async () => state.tokens,
  }
  const faults: string[] = []
  const file = join(folder, 'routing.json')
  const laidOut = new Map<string, Place>()
  const forgotten: string[] = []
  const settled: ModelVersion[] = []
  const renewed = new Map<string, Place>()
  const told: string[] = []
  const places: Places = {
    here: ({ version }) => laidOut.get(version),
    failure: () => null,
    layOut: async () => assert.fail('not asked for'),
    settled: async () => settled,
    renew: async ({ version }) => {
      const native = renewed.get(version) ?? assert.fail('not asked for')
      laidOut.set(version, native)
      settled.length = 0
      return native
    },
    bring: async () => undefined,
    forget: ({ model, version }) => void forgotten.push(`${model}/${version}`),
    check: async () => false,
  }
  const publisher = new Publisher({
    db,
    clock: () => state.now,
    places,
    open: false,
    file,
    tokens: () => state.askTokens(),
    llm: () => state.askLlm(),
    gateways: () => state.gateways,
    renewed: async ({ model, version }, { backend }) => void told.push(`${model}/${version} ${backend.kind}`),
    onError: (error) => faults.push((error as Error).message),
  })
  t.after(async () => {
    publisher.stop()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const raise = (): Promise<number> => db.tx((tx) => raiseEpoch(tx))
  return { folder, file, db, state, faults, publisher, raise, laidOut, forgotten, settled, renewed, told }
}
