/** The addresses of MLflow's GraphQL. */
import type { Principal } from '../../contract/access.ts'
import { route } from '../../contract/route.ts'
import { mount } from '../../http/mount.ts'
import type { Call, Mounted } from '../../http/mount.ts'
import { need, readFields, text } from '../../mlflow/input.ts'
import type { Field } from '../../mlflow/input.ts'
import { callsOf, rpcRoutes } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { invalid, mlflowFailure } from '../../mlflow/wire.ts'
import { inWorkspace } from '../../mlflow/workspace.ts'
import type { Answer, Question } from './answer.ts'

const { read } = callsOf('runs')

const variables: Field<Readonly<Record<string, unknown>> | undefined> = {
  many: false,
  read(value) {
    if (value === undefined || value === null) return undefined
    if (typeof value === 'object' && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
    throw invalid("Invalid value for parameter 'variables' supplied: expected an object.")
  },
}

const fields = { query: need(text()), variables, operationName: text() }

type Answering = (who: Principal, asked: Question) => Promise<Answer>

/** Answers from these calls. The library comes with the first query: most servers get none, and it is a twentieth of their start. */
function answering(calls: readonly Rpc[]): Answering {
  const byPath = new Map(calls.map((one) => [one.path, one]))
  let loaded: Promise<Answering> | undefined
  const load = async (): Promise<Answering> => {
    const [{ answer }, { mlflowSchema }] = await Promise.all([import('./answer.ts'), import('./schema.ts')])
    const schema = mlflowSchema()
    return (who, asked) => answer(schema, byPath, who, asked)
  }
  return async (who, asked) => (await (loaded ??= load()))(who, asked)
}

/** POST /graphql and its two others, answered from these calls. */
export function graphqlRoutes(calls: readonly Rpc[]): Mounted[] {
  const answer = answering(calls)
  const summary = "Answer a GraphQL query of MLflow's pages"
  const call = read.post('graphql', summary, {
    fields,
    handle: (given, who: Principal) => answer(who, given),
  })
  const own = route({
    method: 'POST',
    path: '/graphql',
    summary,
    access: call.access,
    reply: 'json',
    dialect: 'mlflow',
    body: 'json',
  })
  const handle = (request: Call) => {
    const who = inWorkspace(request.who, request.headers)
    return answer(who, readFields(fields, (request.body ?? {}) as Record<string, unknown>))
  }
  return [...rpcRoutes([call]), mount(own, handle as Parameters<typeof mount>[1], mlflowFailure)]
}
