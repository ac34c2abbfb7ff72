/** Finds the running server of a data folder and makes a client for it. */
import { readUserText } from '../../contract/absence/user-file.ts'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { createClient } from '../../client/client.ts'
import type { Client } from '../../client/client.ts'
import { readServerFile, readServerFileIfAny, serverAddress } from './server-file.ts'
import type { ServerFile } from './server-file.ts'
import { text, UsageError } from './command.ts'
import type { Invocation } from './command.ts'
import { config } from './config.ts'
import { proveServer } from './server-proof.ts'

export interface Connection {
  readonly client: Client
  readonly server: ServerFile
  /** Empty where none is sent. */
  readonly token: string
  /** Why there is none, and what to do. */
  readonly withheld: string | undefined
  /** Throws where the token is to go to the folder's server, and what answers at an address of it, by default its own, is another program. */
  readonly prove: (url?: string) => Promise<void>
}

/** The data folder that a command means. */
export function dataDir(invocation: Invocation): string {
  return resolve(text(invocation, 'data') ?? config('SLIPWAY_DATA') ?? '.slipway')
}

/** The address that the flag or else the environment names; undefined where neither does. Throws UsageError for what is none. */
export function givenAddress(invocation: Invocation): string | undefined {
  const [flag, variable] = [text(invocation, 'url'), config('SLIPWAY_URL')]
  if (flag !== undefined) return serverAddress(flag, 'of --url')
  return variable === undefined ? undefined : serverAddress(variable, 'of SLIPWAY_URL')
}

/** Connects to the server that the flags, the environment or the data folder name. Throws with the command to run. */
export async function connect(invocation: Invocation): Promise<Connection> {
  const data = dataDir(invocation)
  const given = givenAddress(invocation)
  const found = given === undefined ? await readServerFile(data) : await readServerFileIfAny(data)
  const url = given ?? found?.url.replace(/\/+$/, '')
  if (url === undefined) throw new Error(`no server runs in ${data}\nStart one: slipway serve --data ${data}`)
  return connectTo({ url, data, found, isGiven: given !== undefined })
}

/** The server that is meant, and the folder whose token it may be sent. */
interface Meant {
  readonly url: string
  readonly data: string
  readonly found: ServerFile | undefined
  /** By a flag or the environment, and not by the folder. */
  readonly isGiven: boolean
}

/** As `connect`, to a server that is known already. */
export async function connectTo(meant: Meant): Promise<Connection> {
  const { data, found, isGiven } = meant
  const isOwn = isServerOf(meant.url, found)
  const { token, withheld } = await tokenFor(meant, isOwn)
  // the address of the folder, and not another name of it: what a name leads to others may choose
  const url = isOwn && found !== undefined ? found.url : meant.url
  // who names both the server and its token has chosen whom to trust
  const trusted = !isOwn || token === '' || (isGiven && config('SLIPWAY_TOKEN') !== undefined)
  const prove = async (at: string = url): Promise<void> => (trusted ? undefined : proveServer(at, data))
  const server = isOwn && found !== undefined ? found : { ...NO_SERVER, url }
  const options = { ...(token !== '' && { token }), ...(withheld !== undefined && { withheld }) }
  return {
    client: createClient({ url, before: () => prove(), checked: true, ...options }),
    server,
    token,
    withheld,
    prove,
  }
}

const NO_SERVER: ServerFile = { url: '', gateway_url: '', grpc_address: null, pid: 0, version: '', token_file: '' }

/** Characters of a header: what else a token has would be refused by whoever sends it, with the token in the message. */
const TOKEN = /^[\x21-\x7e]+$/

/** The token of the environment, else of the folder, for its own server: nobody else may see that. Where there is none, why. */
async function tokenFor({ url, data, found }: Meant, isOwn: boolean): Promise<{ token: string; withheld?: string }> {
  const given = config('SLIPWAY_TOKEN')?.trim()
  if (given !== undefined) {
    if (TOKEN.test(given)) return { token: given }
    throw new UsageError('SLIPWAY_TOKEN has blanks or characters that no token has; set it again')
  }
  const otherwise = `set SLIPWAY_TOKEN to one of ${url}`
  if (!isOwn) {
    const own = found === undefined ? 'no server runs there' : `that of ${found.url}`
    return {
      token: '',
      withheld: `No token was sent: the one of ${data} is for its own server alone (${own}); ${otherwise}.`,
    }
  }
  const file = await tokenFileOf(data, found)
  try {
    const token = (await readUserText(file)).trim()
    if (TOKEN.test(token)) return { token }
    return { token: '', withheld: `No token was sent: ${file} holds none; ${otherwise}.` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? `there is no ${file}` : `${file} cannot be read (${message}); run as its owner, or`
    return { token: '', withheld: `No token was sent: ${why}${code === 'ENOENT' ? ';' : ''} ${otherwise}.` }
  }
}

/** The file with the token of a folder. The server may know the folder by another path, as in a container, so the one beside `server.json` comes first. */
export async function tokenFileOf(data: string, found: Pick<ServerFile, 'token_file'> | undefined): Promise<string> {
  const beside = join(data, 'token')
  const named = found?.token_file
  return named === undefined || (await ifMissing(stat(beside))) !== undefined ? beside : named
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
