/** Google's registries: an access token as the password, by the key of a service account or from the machine's own identity. */
import { createPrivateKey, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ifJson } from '../../../contract/absence/absent.ts'
import { problem } from '../../../contract/errors.ts'
import { answerOf, form, noToken } from './exchange.ts'
import type { CloudAccess, Lent } from './exchange.ts'

const HOST = /^(?:[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z]+\.)?gcr\.io)$/
const WHAT = 'Google’s token server'
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const TOKEN_URI = 'https://oauth2.googleapis.com/token'

const ServiceAccount = z.object({
  type: z.literal('service_account'),
  client_email: z.string(),
  private_key: z.string(),
  token_uri: z.string().default(TOKEN_URI),
})
const User = z.object({
  type: z.literal('authorized_user'),
  client_id: z.string(),
  client_secret: z.string(),
  refresh_token: z.string(),
})
const Identity = z.union([ServiceAccount, User])

const Answer = z.object({ access_token: z.string().min(1), expires_in: z.number() })

export async function googleCredentials(host: string, access: CloudAccess): Promise<Lent | undefined> {
  if (!HOST.test(host)) return undefined
  const file = access.env['GOOGLE_APPLICATION_CREDENTIALS']
  const answer = Answer.safeParse(file ? await byFile(file, access) : await byMachine(access))
  if (!answer.success) throw noToken(WHAT)
  const { access_token: password, expires_in } = answer.data
  return {
    credentials: { username: 'oauth2accesstoken', password, refresh: false },
    until: access.now() + expires_in * 1000,
  }
}

async function byFile(file: string, { fetch, now }: CloudAccess): Promise<unknown> {
  const identity = Identity.safeParse(ifJson(await readFile(file, 'utf8')))
  // what is wrong there may be a key, so it is not shown
  if (!identity.success)
    throw problem('unprocessable', { detail: `${file} is no key of a service account and no login of a user` })
  const { data } = identity
  if (data.type === 'authorized_user') {
    const { client_id, client_secret, refresh_token } = data
    return answerOf(
      fetch,
      WHAT,
      form(TOKEN_URI, { grant_type: 'refresh_token', client_id, client_secret, refresh_token }),
    )
  }
  const assertion = assertionOf(data, file, now())
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  return answerOf(fetch, WHAT, form(data.token_uri, { grant_type, assertion }))
}

/** A token that the service account signs for itself, for an hour. */
function assertionOf(account: z.output<typeof ServiceAccount>, file: string, now: number): string {
  const iat = Math.floor(now / 1000)
  const claims = { iss: account.client_email, scope: SCOPE, aud: account.token_uri, iat, exp: iat + 3600 }
  const text = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) => base64(JSON.stringify(part))).join('.')
  try {
    return `${text}.${base64(sign('sha256', Buffer.from(text), createPrivateKey(account.private_key)))}`
  } catch (error) {
    throw problem('unprocessable', { detail: `the private_key of ${file} cannot be read` }, error)
  }
}

function base64(of: string | Buffer): string {
  return Buffer.from(of).toString('base64url')
}

/** The identity of a machine of Google's, whose address the egress client refuses unless SLIPWAY_EGRESS_ALLOW has it. */
function byMachine({ env, fetch }: CloudAccess): Promise<unknown> {
  const url = `http://${env['GCE_METADATA_HOST'] || 'metadata.google.internal'}/computeMetadata/v1/instance/service-accounts/default/token`
  return answerOf(fetch, WHAT, { method: 'GET', url, headers: { 'metadata-flavor': 'Google' } })
}
