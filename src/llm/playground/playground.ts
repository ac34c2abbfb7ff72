/** The playground: conversations that the server sends through its own gateway in the name of who looks at the page. */
import type { IncomingMessage } from 'node:http'
import type { Tokens } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { llmPlaygroundApi } from '../../contract/llm/playground.ts'
import type { PlaygroundCall } from '../../contract/llm/playground.ts'
import type { LlmEndpoint } from '../../contract/llm/providers.ts'
import type { KeyRoute } from '../../gateway/table/llm.ts'
import { events } from '../../http/events.ts'
import { mount } from '../../http/mount.ts'
import type { Mounted } from '../../http/mount.ts'
import type { AskGateway } from '../../serving/fleet/own-call.ts'
import { getCall } from '../calls/views.ts'
import type { Llm } from '../context/context.ts'
import { isKey } from '../keys/keys.ts'
import { listEndpointStates } from '../route/listing.ts'
import { answerEvents } from './answer.ts'
import type { AnswerDeps } from './answer.ts'
import { callers } from './callers.ts'

export interface PlaygroundDeps {
  readonly room: Llm
  readonly tokens: Pick<Tokens, 'create'>
  readonly askGateway: AskGateway
  /** Takes in the calls that gateways have logged. */
  readonly drain: () => Promise<unknown>
  /** Told of records of calls that cannot be read. */
  readonly onError: (error: unknown) => void
}

export interface PlaygroundPart {
  readonly routes: readonly Mounted[]
  /** What gateways are to know of the tokens with which the playground calls. */
  readonly keys: () => KeyRoute[]
}

/** The gateway ends a provider that is silent long before, ms. */
const SILENT_MS = 900_000

export function playgroundPart(deps: PlaygroundDeps): PlaygroundPart {
  const { room, tokens } = deps
  const names = callers({ tokens, clock: room.clock, settled: room.settled })
  return {
    keys: () => names.keys(),
    routes: [
      mount(llmPlaygroundApi.askPlayground, async ({ who, body, signal }) => {
        if (await isKey(room.db, who.token_id))
          throw problem('unprocessable', {
            detail: 'a virtual key calls the gateway itself, where its limits hold; the playground is for people',
          })
        const endpoint = await endpointOf(room, who, body)
        const token = await names.tokenOf(who, endpoint.project)
        const ask = (): Promise<IncomingMessage> =>
          deps.askGateway('/v1/chat/completions', { token, body: chatOf(body), silentMs: SILENT_MS, signal })
        return events(answerEvents({ ask, now: monotonic, recordOf: recordOf(deps, who), signal }), signal)
      }),
    ],
  }
}

function monotonic(): number {
  return performance.now()
}

/** The endpoint that is meant. Throws `not_found`, `invalid_field` where several have the name, `unprocessable` where none of its models can be called. */
async function endpointOf(
  room: Llm,
  who: Principal,
  { endpoint: name, project }: Pick<PlaygroundCall, 'endpoint' | 'project'>,
): Promise<LlmEndpoint> {
  const found = (await listEndpointStates(room, who, { project })).filter((one) => one.name === name)
  const [endpoint] = found
  if (endpoint === undefined) throw problem('not_found', { what: 'endpoint', id: name })
  if (found.length > 1) {
    const expected = `one of the projects that have an endpoint ${name}: ${found.map((one) => one.project).join(', ')}`
    throw problem('invalid_field', { field: 'project', value: 'nothing', expected })
  }
  if (endpoint.fault !== null)
    throw problem('unprocessable', { detail: `the endpoint ${name} is not answered: ${endpoint.fault}` })
  return endpoint
}

/** The call as OpenAI's chats have it. */
function chatOf({ endpoint, project: _project, ...rest }: PlaygroundCall): object {
  return { ...rest, model: endpoint, stream: true, stream_options: { include_usage: true } }
}

/** A call is in the log of its gateway when its answer has ended. */
function recordOf({ room, drain, onError }: PlaygroundDeps, who: Principal): AnswerDeps['recordOf'] {
  return async (call) => {
    try {
      await drain()
      return await getCall(room.db, who, call)
    } catch (error) {
      onError(error)
      return undefined
    }
  }
}
