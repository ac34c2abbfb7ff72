/** Amazon's registry: GetAuthorizationToken, signed with the keys of the environment or of the credentials file. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { ifMissing } from '../../../contract/absence/absent.ts'
import { signed } from '../../../store/blobs/s3/sign.ts'
import type { Credentials } from '../../../store/blobs/s3/sign.ts'
import { answerOf, noToken } from './exchange.ts'
import type { CloudAccess, Lent, Variables } from './exchange.ts'

const HOST = /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$/
const WHAT = 'Amazon’s registry'
const TARGET = 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken'

const Answer = z.object({
  authorizationData: z.array(z.object({ authorizationToken: z.string(), expiresAt: z.number() })).min(1),
})

export async function amazonCredentials(host: string, { env, fetch, now }: CloudAccess): Promise<Lent | undefined> {
  const region = HOST.exec(host)?.[1]
  const credentials = region === undefined ? undefined : await keysOf(env)
  if (region === undefined || credentials === undefined) return undefined
  const suffix = host.endsWith('.cn') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const origin = env['AWS_ENDPOINT_URL_ECR'] || env['AWS_ENDPOINT_URL'] || `https://api.ecr.${region}.${suffix}`
  const url = new URL('/', origin)
  const body = Buffer.from('{}')
  const headers = { host: url.host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': TARGET }
  const contentHash = createHash('sha256').update(body).digest('hex')
  const request = { method: 'POST', path: '/', query: {}, headers, contentHash } as const
  const all = signed(request, { region, service: 'ecr', credentials, at: now() })
  const answer = Answer.safeParse(await answerOf(fetch, WHAT, { method: 'POST', url: url.href, headers: all, body }))
  const [given] = answer.data?.authorizationData ?? []
  const [username, password] = Buffer.from(given?.authorizationToken ?? '', 'base64')
    .toString('utf8')
    .split(':')
  if (given === undefined || username === undefined || password === undefined) throw noToken(WHAT)
  return { credentials: { username, password, refresh: false }, until: given.expiresAt * 1000 }
}

/** The keys of the environment, else those of the profile in the credentials file. */
async function keysOf(env: Variables): Promise<Credentials | undefined> {
  const fromEnv = keys(env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY'], env['AWS_SESSION_TOKEN'])
  if (fromEnv !== undefined) return fromEnv
  const path = env['AWS_SHARED_CREDENTIALS_FILE'] || join(env['HOME'] || homedir(), '.aws/credentials')
  const text = await ifMissing(readFile(path, 'utf8'))
  const profile = text === undefined ? new Map<string, string>() : profileOf(text, env['AWS_PROFILE'] || 'default')
  return keys(profile.get('aws_access_key_id'), profile.get('aws_secret_access_key'), profile.get('aws_session_token'))
}

function keys(id = '', secret = '', sessionToken = ''): Credentials | undefined {
  if (id === '' || secret === '') return undefined
  return { accessKeyId: id, secretAccessKey: secret, ...(sessionToken !== '' && { sessionToken }) }
}

/** The settings of a section. */
function profileOf(text: string, wanted: string): Map<string, string> {
  const found = new Map<string, string>()
  let section = ''
  for (const line of text.split(/\r?\n/)) {
    const named = /^\s*\[\s*(.*?)\s*\]/.exec(line)?.[1]
    if (named !== undefined) section = named
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (section === wanted && key !== undefined && value !== undefined) found.set(key, value)
  }
  return found
}
