/** Answers GraphQL queries from the calls of MLflow's REST protocol, each with its own access rule. */
import { execute, GraphQLError, getNullableType, isListType, isObjectType, parse, validate } from 'graphql'
import type { DocumentNode, GraphQLFieldResolver, GraphQLOutputType, GraphQLSchema } from 'graphql'
import { permits } from '../../contract/access.ts'
import type { Principal } from '../../contract/access.ts'
import { Problem } from '../../contract/errors.ts'
import { readFields } from '../../mlflow/input.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { invalid } from '../../mlflow/wire.ts'
import { tooLarge } from './limits.ts'
import { CALL_OF } from './schema.ts'

/** Most tokens of a query's text; longer ones are not parsed. */
const MOST_TOKENS = 15_000

export interface Question {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>> | undefined
  readonly operationName: string | undefined
}

/** MLflow's form of an answer: errors are texts, null when there are none. */
export interface Answer {
  readonly data: unknown
  readonly errors: readonly string[] | null
}

type Values = Readonly<Record<string, unknown>>

/** What one query is answered with. */
interface Asking {
  readonly who: Principal
  readonly calls: ReadonlyMap<string, Rpc>
  /** Experiments that were read for this query, by id. */
  readonly experiments: Map<string, Promise<unknown>>
}

/**
 * Answers a query; `calls` are found by their path. INVALID_PARAMETER_VALUE for text that is no GraphQL. A refusal is an error in the
 * answer; a fault is thrown, for the fields beside it would be answers made of it.
 */
export async function answer(
  schema: GraphQLSchema,
  calls: ReadonlyMap<string, Rpc>,
  who: Principal,
  asked: Question,
): Promise<Answer> {
  const document = parsed(asked.query)
  const refusal = tooLarge(document)
  if (refusal !== undefined) return { data: null, errors: [refusal] }
  const wrong = validate(schema, document)
  if (wrong.length > 0) return { data: null, errors: wrong.map((one) => one.message) }
  const { data, errors } = await execute({
    schema,
    document,
    contextValue: { who, calls, experiments: new Map() } satisfies Asking,
    variableValues: asked.variables,
    operationName: asked.operationName,
    fieldResolver: resolve,
  })
  const fault = errors?.map((one) => one.originalError).find((one) => one != null && !(one instanceof GraphQLError))
  if (fault != null) throw fault
  const messages = errors?.map((one) => one.message) ?? []
  return { data: data ?? null, errors: messages.length > 0 ? messages : null }
}

function parsed(query: string): DocumentNode {
  try {
    return parse(query, { maxTokens: MOST_TOKENS, noLocation: true })
  } catch (error) {
    if (error instanceof GraphQLError) throw invalid(`The query is not valid GraphQL: ${error.message}`)
    // the parser recurses with each bracket
    if (error instanceof RangeError) throw invalid('The query is not valid GraphQL: it nests too deep')
    throw error
  }
}

const resolve: GraphQLFieldResolver<Values | undefined, Asking> = (source, args, asking, info) => {
  const name = info.fieldName
  const path = info.path.prev === undefined ? CALL_OF[name] : undefined
  if (path !== undefined) return call(asking, path, snakeKeys((args['input'] ?? {}) as Values))
  if (info.parentType.name === 'MlflowRun' && name === 'experiment')
    return experimentOf(asking, runOf(source, 'experiment_id'))
  if (info.parentType.name === 'MlflowRun' && name === 'modelVersions')
    return versionsOf(asking, runOf(source, 'run_id'))
  const value = source?.[snake(name)] ?? empty(info.returnType)
  // NaN and the infinities, which are texts on the wire, have no form in GraphQL
  return String(info.returnType) === 'Float' && !Number.isFinite(value) ? null : value
}

/** Runs a call as REST would, for a caller who may; its refusal becomes the error of the field. */
async function call({ calls, who }: Asking, path: string, given: Values): Promise<unknown> {
  const rpc = calls.get(path)
  if (rpc === undefined) throw new GraphQLError(`${path} cannot be asked here`)
  if (!permits(who, rpc.access)) throw new GraphQLError(`Permission denied for ${path}`)
  try {
    return await rpc.handle(readFields(rpc.fields, given), who, {})
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    throw new GraphQLError(typeof error.data['detail'] === 'string' ? error.data['detail'] : error.message)
  }
}

function experimentOf(asking: Asking, experiment_id: string): Promise<unknown> {
  const known = asking.experiments.get(experiment_id)
  if (known !== undefined) return known
  const read = call(asking, 'experiments/get', { experiment_id }).then((reply) => (reply as Values)['experiment'])
  asking.experiments.set(experiment_id, read)
  return read
}

async function versionsOf(asking: Asking, run: string): Promise<unknown> {
  const reply = (await call(asking, 'model-versions/search', { filter: `run_id = '${run}'` })) as Values
  return reply['model_versions'] ?? []
}

function runOf(run: Values | undefined, key: string): string {
  return (run?.['info'] as Readonly<Record<string, string>> | undefined)?.[key] ?? ''
}

/** What MLflow says for a field that is not set: no entries, '', 0, false, and an object without fields for the parts of a run. */
function empty(type: GraphQLOutputType): unknown {
  const bare = getNullableType(type)
  if (isListType(bare)) return []
  if (isObjectType(bare)) return bare.name.startsWith('MlflowRun') ? {} : null
  return { String: '', LongString: 0, Boolean: false, Float: 0 }[String(bare)] ?? null
}

function snakeKeys(given: Values): Values {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [snake(key), value]))
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
