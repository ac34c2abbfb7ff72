/** `slipway predict`: asks an endpoint for a prediction of the rows given as JSON. */
import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { refused, unreachable } from '../../client/client.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [name, given] = invocation.args
  if (name === undefined || given === undefined)
    throw new UsageError('predict needs an endpoint and its inputs as JSON, or @FILE, or - for standard input')
  const { server, token } = await connect(invocation)
  if (server.pid === 0)
    throw new UsageError('predict finds the gateway by the data folder of a running server: name it with --data')
  if (server.gateway_url === '') throw new Error('the server has no gateway; start it with --gateways 1 or more')
  const body = JSON.stringify({ inputs: await inputs(given) })
  const response = await fetch(`${server.gateway_url}/v1/endpoints/${encodeURIComponent(name)}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body,
  }).catch((error: unknown) => {
    throw unreachable(server.gateway_url, error)
  })
  if (!response.ok) throw await refused(response)
  const answer: unknown = await response.json()
  invocation.out.data(answer)
  invocation.out.line(JSON.stringify(answer))
  return 0
}

async function inputs(given: string): Promise<unknown> {
  const text =
    given === '-'
      ? await readAll(process.stdin)
      : given.startsWith('@')
        ? await readFile(given.slice(1), 'utf8')
        : given
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`the inputs are not JSON: ${(error as Error).message}`)
  }
}
