/** Conditions as they stand in a project file. */
import { checkCondition, type Names } from './check.ts'
import { ConditionError, operandsOf, parseCondition, stepsOf, type Condition } from './grammar.ts'

/** The faults of a condition, each with its column. */
export function conditionFaults(text: string, names: Names): string[] {
  try {
    return checkCondition(parseCondition(text), names).map(said)
  } catch (error) {
    if (error instanceof ConditionError) return [said(error)]
    throw error
  }
}

function said({ column, message }: ConditionError): string {
  return `column ${column}: ${message}`
}

/** The steps that a condition names; none of one that cannot be read, whose fault is told elsewhere. */
export function stepsNamed(text: string | undefined): string[] {
  const condition = readable(text)
  return condition === undefined ? [] : stepsOf(condition)
}

/** The params of the pipeline that a condition names. */
export function paramsNamed(text: string | undefined): string[] {
  const condition = readable(text)
  if (condition === undefined) return []
  return operandsOf(condition).flatMap((one) =>
    one.type === 'reference' && one.of.kind === 'param' ? [one.of.name] : [],
  )
}

function readable(text: string | undefined): Condition | undefined {
  if (text === undefined) return undefined
  try {
    return parseCondition(text)
  } catch (error) {
    if (error instanceof ConditionError) return undefined
    throw error
  }
}
