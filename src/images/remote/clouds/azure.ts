/** Azure's registry: a token of Microsoft Entra ID is exchanged at the registry for a refresh token. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { answerOf, form, noToken } from './exchange.ts'
import type { CloudAccess, Lent } from './exchange.ts'

const HOST = /^[a-z0-9-]+\.azurecr\.(?:io|cn|us)$/
const ENTRA = 'Microsoft Entra ID'
const SCOPE = 'https://containerregistry.azure.net/.default'
/** The user of a refresh token, as Azure names it. */
const NOBODY = '00000000-0000-0000-0000-000000000000'
/** Refresh tokens hold three hours, by Azure's documents. */
const HOLDS_MS = 3 * 3_600_000

const Access = z.object({ access_token: z.string().min(1) })
const Refresh = z.object({ refresh_token: z.string().min(1) })

export async function azureCredentials(host: string, access: CloudAccess): Promise<Lent | undefined> {
  const { env, fetch, now } = access
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client_id } = env
  const proof = HOST.test(host) && tenant && client_id ? await proofOf(access) : undefined
  if (proof === undefined || !tenant || !client_id) return undefined
  const authority = (env['AZURE_AUTHORITY_HOST'] || 'https://login.microsoftonline.com').replace(/\/+$/, '')
  const login = `${authority}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`
  const asked = form(login, { grant_type: 'client_credentials', client_id, scope: SCOPE, ...proof })
  const entra = Access.safeParse(await answerOf(fetch, ENTRA, asked))
  if (!entra.success) throw noToken(ENTRA)
  const what = `the registry ${host}`
  const { access_token } = entra.data
  const fields = { grant_type: 'access_token', service: host, tenant, access_token }
  const given = Refresh.safeParse(await answerOf(fetch, what, form(`https://${host}/oauth2/exchange`, fields)))
  if (!given.success) throw noToken(what)
  return {
    credentials: { username: NOBODY, password: given.data.refresh_token, refresh: true },
    until: now() + HOLDS_MS,
  }
}

/** A secret, or the token of a workload that Entra ID is told to believe. */
async function proofOf({ env }: CloudAccess): Promise<Record<string, string> | undefined> {
  const { AZURE_CLIENT_SECRET: client_secret, AZURE_FEDERATED_TOKEN_FILE: file } = env
  if (client_secret) return { client_secret }
  if (!file) return undefined
  const client_assertion = (await readFile(file, 'utf8')).trim()
  return { client_assertion, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' }
}
