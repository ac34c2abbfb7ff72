/** `slipway ci token`: exchanges the ID token of this job for a token of ours, so that no secret is stored with the CI system. */
import { ifJson } from '../../contract/absence/absent.ts'
import { machinesApi } from '../../contract/identity/machines.ts'
import { egress } from '../../http/egress.ts'
import { text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { refuseForks } from '../invocation/place.ts'

export async function token(invocation: Invocation): Promise<number> {
  await refuseForks('gets no token')
  const { client } = await connect(invocation)
  const id_token = await idToken(text(invocation, 'audience') ?? client.url)
  const trust = invocation.args[1]
  const given = await client.call(machinesApi.exchange, { body: { id_token, ...(trust !== undefined && { trust }) } })
  // a command of the log: from now on GitHub masks it there
  if (process.env['GITHUB_ACTIONS'] === 'true') process.stderr.write(`::add-mask::${given.token}\n`)
  invocation.out.data(given)
  invocation.out.line(given.token)
  return 0
}

/** GitHub gives one for any audience that is asked for; other systems put one into a variable. */
async function idToken(audience: string): Promise<string> {
  const {
    ACTIONS_ID_TOKEN_REQUEST_URL: url,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer,
    SLIPWAY_ID_TOKEN: given,
  } = process.env
  if (url !== undefined && bearer !== undefined) return fromGitHub(url, bearer, audience)
  if (given !== undefined && given !== '') return given
  throw new Error(
    'this job has no ID token: on GitHub give it "permissions: id-token: write", on GitLab "id_tokens: SLIPWAY_ID_TOKEN"',
  )
}

async function fromGitHub(address: string, bearer: string, audience: string): Promise<string> {
  const url = new URL(address)
  url.searchParams.set('audience', audience)
  const { status, body } = await egress({ allow: [url.host] })({
    method: 'GET',
    url: url.href,
    headers: { authorization: `Bearer ${bearer}`, accept: 'application/json' },
  })
  const { value } = (ifJson(body.toString('utf8')) ?? {}) as { value?: unknown }
  if (status !== 200 || typeof value !== 'string') throw new Error(`GitHub gives no ID token: status ${status}`)
  return value
}
