/** What a data folder and the caller say of where the server is: `server.json` and addresses, refused by name where they are none. */
import { join } from 'node:path'
import { z } from 'zod'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import { readUserText, UnreadFile } from '../../contract/absence/user-file.ts'
import { UsageError } from './command.ts'

/** Characters of a value that an error repeats. */
const SHOWN = 80

const HTTP = /^https?:\/\/[^/]/i

/** Of a server: http or https, a host, and a path at most. */
const Address = z.string().refine((text) => isAddress(text), 'expected an address of a server, http://HOST:PORT')

const File = z.object({
  url: Address,
  // empty where the server has no gateway
  gateway_url: Address.or(z.literal('')).default(''),
  grpc_address: z.string().nullable().default(null),
  pid: z.number().int().default(0),
  version: z.string().default(''),
  token_file: z.string().default(''),
})

/** What `server.json` says of a running server. */
export type ServerFile = Readonly<z.output<typeof File>>

/** `server.json` is there and is not what a server writes; the message names the file, what is wrong, and what helps. */
export class OddServerFile extends Error {}

/** Reads `server.json`; undefined when no server runs there. Throws OddServerFile for a file that no server wrote, or that was cut. */
export async function readServerFile(data: string): Promise<ServerFile | undefined> {
  const path = join(data, 'server.json')
  const text = await readText(path, data)
  if (text === undefined) return undefined
  const value = ifJson(text)
  if (value === undefined)
    throw odd(data, `${path} is no JSON${text.trim() === '' ? ', it is empty' : `: ${shown(text)}`}`)
  const read = File.safeParse(value)
  if (read.success) return read.data
  throw odd(data, wrongField(path, value, read.error))
}

/** The first field that is wrong, its value and what was expected. */
function wrongField(path: string, value: unknown, { issues: [issue] }: z.ZodError): string {
  const field = issue?.path.join('.') ?? ''
  const found = field === '' ? value : (value as Record<string, unknown>)[field]
  const expected = issue?.message.replace(/^Invalid input: /, '') ?? ''
  const subject = field === '' ? path : `"${field}" of ${path}`
  return `${subject} is ${found === undefined ? 'missing' : shown(JSON.stringify(found))}; ${expected}`
}

/** As `readServerFile`, for who does not need it: undefined too where the file cannot be used. */
export async function readServerFileIfAny(data: string): Promise<ServerFile | undefined> {
  try {
    return await readServerFile(data)
  } catch (error) {
    if (error instanceof OddServerFile) return undefined
    throw error
  }
}

async function readText(path: string, data: string): Promise<string | undefined> {
  try {
    return await ifMissing(readUserText(path))
  } catch (error) {
    if (error instanceof UnreadFile) throw odd(data, error.message)
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EISDIR') throw odd(data, `${path} is a folder; expected the file that a running server writes`)
    if (code === 'EACCES') throw odd(data, `${path} may not be read by this user`)
    throw error
  }
}

function odd(data: string, what: string): OddServerFile {
  return new OddServerFile(
    `${what}\nA server writes that file as it starts: remove it and start the server again (slipway serve --data ${data}), or name its address with --url`,
  )
}

/** An address that a caller gave, without slashes at its end. Throws UsageError for what is none; `from` says where it was given. */
export function serverAddress(given: string, from: string): string {
  const url = given
    .trim()
    .replace(/\/+$/, '')
    .replace(/^https?:/i, (scheme) => scheme.toLowerCase())
  if (isAddress(url)) return url
  const { username, password } = URL.parse(url) ?? { username: '', password: '' }
  // not repeated: it may end in a log
  const what = username + password === '' ? `"${shown(given)}"` : 'an address with a user or password in it'
  throw new UsageError(
    `the server address ${from} is ${what}; expected one that begins with http:// or https://, for example http://127.0.0.1:4600`,
  )
}

function isAddress(text: string): boolean {
  const url = HTTP.test(text) ? URL.parse(text) : null
  return url !== null && url.username + url.password + url.search + url.hash === '' && !/[?#\s]/.test(text)
}

function shown(text: string): string {
  const whole = text.trim()
  return whole.length > SHOWN ? `${whole.slice(0, SHOWN)}…` : whole
}
