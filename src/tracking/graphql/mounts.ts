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
import { answer } from './answer.ts'
import { mlflowSchema } from './schema.ts'

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

/** POST /graphql and its two others, answered from these calls. */
export function graphqlRoutes(calls: readonly Rpc[]): Mounted[] {
  const schema = mlflowSchema()
  const byPath = new Map(calls.map((one) => [one.path, one]))
  const summary = "Answer a GraphQL query of MLflow's pages"
  const call = read.post('graphql', summary, {
    fields,
    handle: (given, who: Principal) => answer(schema, byPath, who, given),
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
    return answer(schema, byPath, who, readFields(fields, (request.body ?? {}) as Record<string, unknown>))
  }
  return [...rpcRoutes([call]), mount(own, handle as Parameters<typeof mount>[1], mlflowFailure)]
}
