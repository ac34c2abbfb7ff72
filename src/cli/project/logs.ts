/** `slipway logs`: the log of a step, so far or followed live. */
import { pipelinesApi } from '../../contract/pipelines.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [id, step] = invocation.args
  if (id === undefined || step === undefined) throw new UsageError('logs needs a run and a step: slipway logs RUN STEP')
  const { client } = await connect(invocation)
  if (invocation.flags['follow'] !== true) {
    const response = await client.open(pipelinesApi.readLogs, { params: { id, step } })
    const log = await response.text()
    invocation.out.line(log)
    invocation.out.data({ run: id, step, log })
    return 0
  }
  const response = await client.open(pipelinesApi.followLogs, { params: { id, step } })
  for await (const text of logTexts(response)) process.stdout.write(text)
  return 0
}

/** The texts of a stream of "log" events. */
async function* logTexts(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of response.body ?? []) {
    rest += decoder.decode(part as Uint8Array, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const event = rest.slice(0, end)
      rest = rest.slice(end + 2)
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data !== undefined) yield (JSON.parse(data) as { text?: string }).text ?? ''
    }
  }
}
