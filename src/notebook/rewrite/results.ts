/** What the whole run gives back: the model, what stands before it, the rows, and the numbers that judge it. */
import type { Call, Statement } from '../facts/facts.ts'
import type { Model } from './model.ts'
import { variablesOf, type Program } from './program.ts'

const JUDGES = /(?:^|\.)(?:\w*_score|score|\w*_error|\w*_loss|\w*accuracy\w*|auc)$/
const NAMES = /(?:^|_)(?:acc|accuracy|auc|f1|mae|mse|rmse|r2|precision|recall|score|loss)(?:_|$)/i

export interface Results {
  readonly results: readonly string[]
  readonly metrics: readonly string[]
  /** Variable with the notebook's own answers to the rows. */
  readonly answers: string | undefined
}

/** Names at the top of the program, the model first. */
export function resultsOf(program: Program, model: Model): Results {
  const variables = variablesOf(program)
  const assigned = program.placed.flatMap(({ role, statement }) =>
    role === 'body' ? (assignment(statement) ?? []) : [],
  )
  const metrics = [...new Set(assigned.filter(judges).map(({ name }) => name))]
  const answers = assigned.findLast(({ whole }) => asText(whole) === model.probe && whole.keywords.length === 0)?.name
  const chain = model.chain.filter(({ kind }) => kind === 'transform').map(({ name }) => name)
  const all = [model.name, ...chain, model.rows ?? '', answers ?? '', ...metrics].filter((name) => variables.has(name))
  return { results: [...new Set(all)], metrics, answers }
}

interface Assignment {
  readonly name: string
  /** The call whose value is assigned. */
  readonly whole: Call
  readonly calls: readonly Call[]
}

/** `NAME = call(…)`. */
function assignment({ assigned, binds, calls }: Statement): Assignment | undefined {
  const [name = ''] = binds
  const whole = calls.find(({ span }) => span[0] === assigned?.[0] && span[1] === assigned[1])
  return whole === undefined || binds.length !== 1 ? undefined : { name, whole, calls }
}

function judges({ name, whole, calls }: Assignment): boolean {
  const rounds = whole.text === 'float' || whole.text === 'round'
  const judge = rounds ? calls.find(({ text }) => JUDGES.test(text)) : whole
  return (
    judge !== undefined && (JUDGES.test(judge.text) || (NAMES.test(name) && /sqrt|mean|float|round/.test(judge.text)))
  )
}

function asText(call: Call): string {
  return `${call.text}(${call.arguments.map(({ text }) => text).join(', ')})`
}
