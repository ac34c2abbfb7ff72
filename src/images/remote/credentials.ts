/** Credentials for registries as docker and podman keep them: in a file, or behind a helper program. They are never printed. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
  /** True = the password is a refresh token, which is exchanged at the registry's token server. */
  readonly refresh: boolean
}

/** The credentials for a host; undefined where there are none. `refused` are those that it took before and takes no longer. */
export type FindCredentials = (host: string, refused?: Credentials) => Promise<Credentials | undefined>

/** The first that are found. */
export function firstOf(...all: readonly FindCredentials[]): FindCredentials {
  return async (host, refused) => {
    for (const find of all) {
      const found = await find(host, refused)
      if (found !== undefined) return found
    }
    return undefined
  }
}

const Entry = z.object({ auth: z.string().optional(), identitytoken: z.string().optional() })
const Config = z.object({
  auths: z.record(z.string(), Entry).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
})
type Config = z.output<typeof Config>

type Variables = Readonly<Record<string, string | undefined>>

/** A helper is a program beside others of the user, and nothing else: docker-credential-NAME. */
const HELPER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const HELPER_MS = 20_000
/** How helpers name a refresh token in place of a user. */
const TOKEN_USER = '<token>'

/** Looks in the files of docker and podman, in the order in which they do. Each file is read once. */
export function dockerCredentials(env: Variables = process.env): FindCredentials {
  let read: Promise<Config[]> | undefined
  return async (host) => {
    for (const config of await (read ??= configs(env))) {
      const found = await inConfig(config, host)
      if (found !== undefined) return found
    }
    return undefined
  }
}

async function configs(env: Variables): Promise<Config[]> {
  const paths = [
    env['REGISTRY_AUTH_FILE'],
    join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json'),
    env['XDG_RUNTIME_DIR'] === undefined ? undefined : join(env['XDG_RUNTIME_DIR'], 'containers/auth.json'),
  ]
  const found: Config[] = []
  for (const path of paths) {
    const text = path === undefined || path === '' ? undefined : await ifMissing(readFile(path, 'utf8'))
    if (text === undefined) continue
    const { data, error } = Config.safeParse(ifJson(text))
    // what is wrong there may be a credential, so it is not shown
    if (error !== undefined)
      throw problem('unprocessable', {
        detail: `${path} is not as docker writes it: ${error.issues[0]?.path.join('.') || 'no JSON'}`,
      })
    found.push(data)
  }
  return found
}

async function inConfig(config: Config, host: string): Promise<Credentials | undefined> {
  const helper = config.credHelpers?.[host]
  if (helper !== undefined) return fromHelper(helper, host)
  for (const name of [host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`]) {
    const entry = config.auths?.[name]
    const found = entry === undefined ? undefined : fromEntry(entry)
    if (found !== undefined) return found
  }
  return config.credsStore === undefined ? undefined : fromHelper(config.credsStore, host)
}

function fromEntry({ auth = '', identitytoken = '' }: z.output<typeof Entry>): Credentials | undefined {
  const pair = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '')
  const [username = '', ...rest] = pair.split(':')
  if (identitytoken !== '') return { username, password: identitytoken, refresh: true }
  return rest.length === 0 ? undefined : { username, password: rest.join(':'), refresh: false }
}

/** Asks a helper. Throws `unavailable` where it fails, without what it said: that may be a secret. */
async function fromHelper(name: string, host: string): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`
  if (!HELPER.test(name)) throw failing(program, 'its name is no name of a helper')
  const { code, output } = await ask(program, host)
  const told = z.object({ Username: z.string(), Secret: z.string() }).safeParse(ifJson(output))
  if (code !== 0 && /credentials not found/i.test(output)) return undefined
  if (code === 127) throw failing(program, 'it is not on the PATH')
  if (code !== 0 || !told.success) throw failing(program, `it ended with ${code} and gave no credentials for ${host}`)
  const { Username: username, Secret: password } = told.data
  return username === '' && password === '' ? undefined : { username, password, refresh: username === TOKEN_USER }
}

function ask(program: string, host: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: HELPER_MS })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(0, 65_536)))
    child.once('error', () => resolve({ code: 127, output: '' }))
    child.once('close', (code) => resolve({ code: code ?? 124, output }))
    child.stdin.on('error', () => undefined)
    child.stdin.end(host)
  })
}

function failing(program: string, detail: string): Error {
  return problem('unavailable', { what: `the credential helper ${program}`, detail })
}
