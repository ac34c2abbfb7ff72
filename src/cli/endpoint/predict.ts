/** `slipway predict`: asks an endpoint for a prediction of the rows given as JSON. */
import { readUserText } from '../../contract/absence/user-file.ts'
import { text as readAll } from 'node:stream/consumers'
import { parseNumerals } from '../../contract/values/numerals.ts'
import { ifJson } from '../../contract/absence/absent.ts'
import { foreign, refused, textOf, unreachable } from '../../client/client.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [name, given] = invocation.args
  if (name === undefined || given === undefined)
    throw new UsageError('predict needs an endpoint and its inputs as JSON, or @FILE, or - for standard input')
  const { server, token, withheld, prove } = await connect(invocation)
  if (server.pid === 0)
    throw new UsageError('predict finds the gateway by the data folder of a running server: name it with --data')
  if (server.gateway_url === '') throw new Error('the server has no gateway; start it with --gateways 1 or more')
  const body = `{"inputs":${await inputs(given)}}`
  await prove(server.gateway_url)
  const response = await fetch(`${server.gateway_url}/v1/endpoints/${encodeURIComponent(name)}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== '' && { authorization: `Bearer ${token}` }) },
    body,
  }).catch((error: unknown) => {
    throw unreachable(server.gateway_url, error)
  })
  if (!response.ok) throw await refused(response, withheld)
  const text = (await textOf(response, server.gateway_url)).trim()
  if (ifJson(text) === undefined)
    throw foreign(
      server.gateway_url,
      response.status,
      text === '' ? 'its prediction is empty' : 'its prediction is no JSON',
    )
  invocation.out.data(parseNumerals(text))
  invocation.out.line(text)
  return 0
}

/** JSON as it was given, for a double would change some numbers of it. */
async function inputs(given: string): Promise<string> {
  const text =
    given === '-'
      ? await readAll(process.stdin)
      : given.startsWith('@')
        ? await readUserText(given.slice(1), { pipes: true })
        : given
  try {
    JSON.parse(text)
    return text
  } catch (error) {
    throw new UsageError(`the inputs are not JSON: ${(error as Error).message}`)
  }
}
