/** Finds the running server of a data folder and makes a client for it. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import { createClient } from '../../client/client.ts'
import type { Client } from '../../client/client.ts'
import { text, UsageError } from './command.ts'
import type { Invocation } from './command.ts'
import { config } from './config.ts'

/** What `server.json` says of a running server. */
export interface ServerFile {
  readonly url: string
  readonly gateway_url: string
  readonly grpc_address: string | null
  readonly pid: number
  readonly version: string
  readonly token_file: string
}

export interface Connection {
  readonly client: Client
  readonly server: ServerFile
  readonly token: string
}

/** The data folder that a command means. */
export function dataDir(invocation: Invocation): string {
  return resolve(text(invocation, 'data') ?? config('SLIPWAY_DATA') ?? '.slipway')
}

/** Reads `server.json`; undefined when no server runs there. */
export async function readServerFile(data: string): Promise<ServerFile | undefined> {
  const text = await ifMissing(readFile(join(data, 'server.json'), 'utf8'))
  return text === undefined ? undefined : (ifJson(text) as ServerFile | undefined)
}

/** Connects to the server that the flags, the environment or the data folder name. Throws with the command to run. */
export async function connect(invocation: Invocation): Promise<Connection> {
  const data = dataDir(invocation)
  const found = await readServerFile(data)
  const url = text(invocation, 'url') ?? config('SLIPWAY_URL') ?? found?.url
  if (url !== undefined && !/^https?:\/\/[^/]/.test(url))
    throw new UsageError(`the server address is "${url}"; expected one that begins with http:// or https://`)
  if (url === undefined) throw new Error(`no server runs in ${data}\nStart one: slipway serve --data ${data}`)
  const token = config('SLIPWAY_TOKEN') ?? (await folderToken(url, data, found))
  const server = found ?? { url, gateway_url: '', grpc_address: null, pid: 0, version: '', token_file: '' }
  return { client: createClient({ url, ...(token !== '' && { token }) }), server, token }
}

/** The token of the data folder; empty where it has none, and for every server but its own: nobody else may see it. */
async function folderToken(url: string, data: string, found: ServerFile | undefined): Promise<string> {
  if (!isServerOf(url, found)) return ''
  return (await readFile(found?.token_file ?? join(data, 'token'), 'utf8').catch(() => '')).trim()
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/

/** Whether an address is that of a folder's server, by whatever name of this machine; while none is noted, that of any server of this machine. */
export function isServerOf(url: string, found: Pick<ServerFile, 'url'> | undefined): boolean {
  const [asked, own] = [addressOf(url), addressOf(found?.url ?? url)]
  return asked !== undefined && asked === own && (found !== undefined || asked.startsWith('this machine'))
}

function addressOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, port } = new URL(url)
  return `${LOOPBACK.test(hostname) ? 'this machine' : hostname} ${protocol} ${port}`
}
