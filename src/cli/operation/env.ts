/** `slipway env`: the variables that point MLflow at the server, or a login link for the web UI. */
import { authApi } from '../../contract/auth.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { client, token, prove } = await connect(invocation)
  if (invocation.flags['link'] === true) {
    const { url } = await client.call(authApi.createLoginLink)
    invocation.out.line(url)
    invocation.out.data({ url })
    return 0
  }
  // who uses these sends the token there
  await prove()
  const variables = {
    MLFLOW_TRACKING_URI: client.url,
    MLFLOW_TRACKING_TOKEN: token,
    SLIPWAY_URL: client.url,
    SLIPWAY_TOKEN: token,
  }
  for (const [key, value] of Object.entries(variables)) invocation.out.line(`export ${key}=${value}`)
  invocation.out.data(variables)
  return 0
}
