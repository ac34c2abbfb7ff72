/** Writes a drawn pipeline as a person would in TypeScript. */
import { runOf, type Drawn, type DrawnStep, type Operand, type Value, type When } from './drawn.fixture.ts'

/** The file; functions of the file itself are those of slipway_pipeline.py. */
export function typescriptOf(one: Drawn): string {
  const { steps, params, model } = one
  const sections = [
    'python: { packages: [] }',
    ...one.pipeline.map(([key, value]) => `${key}: ${typescript(value)}`),
    ...(model === undefined ? [] : [`model: { name: '${model.name}' }`]),
  ]
  return [
    "import { and, float, Joined, not, or, Output, pipeline } from 'slipway/pipeline'",
    `export default pipeline(${JSON.stringify(one.project)}, { ${sections.join(', ')} } as never, (p): any => {`,
    ...params.map(({ name, keys }) => `  const ${name} = p.param('${name}', ${keysOf(keys)} as never) as any`),
    ...steps.map((step, i) => `  const v${i} = ${called(step, steps)} as any`),
    ...(model === undefined ? [] : [`  return ${output(steps, model)}`]),
    '})',
    '',
  ].join('\n')
}

function called(step: DrawnStep, steps: readonly DrawnStep[]): string {
  const { run } = step
  const params = step.params.map(([key, value]) => `${key}: ${value.kind === 'taken' ? value.name : typescript(value)}`)
  const inputs = step.inputs.map(([key, from]) => `${key}: ${output(steps, from)}${from.optional ? '.optional()' : ''}`)
  const keys = [
    `run: ${run.kind === 'command' ? JSON.stringify(run.words) : `'${runOf(run)}'`}`,
    `inputs: { ${inputs.join(', ')} }`,
    `params: { ${[...params, ...(step.items === undefined ? [] : ['each: item'])].join(', ')} }`,
    `outputs: ${JSON.stringify(step.outputs)}`,
    `after: [${step.after.map((name) => variable(steps, name)).join(', ')}]`,
    ...(step.when === undefined ? [] : [`when: ${condition(step.when, steps)}`]),
    ...[...new Map(step.options)].map(([key, value]) => `${key}: ${typescript(value)}`),
  ]
  if (step.items === undefined) return `p.step('${step.name}', { ${keys.join(', ')} } as never)`
  const items = `{ item: [${step.items.map(typescript).join(', ')}] }`
  return `p.each('${step.name}', ${items}, (item) => ({ ${keys.join(', ')} }) as never)`
}

function variable(steps: readonly DrawnStep[], name: string): string {
  return `v${steps.findIndex((one) => one.name === name)}`
}

/** An output that the step does not have is one that a cast let through. */
function output(steps: readonly DrawnStep[], from: { readonly step: string; readonly output: string }): string {
  const maker = steps.find((one) => one.name === from.step)
  if (maker?.outputs.includes(from.output) === true) return `${variable(steps, from.step)}.outputs.${from.output}`
  return maker?.items === undefined
    ? `new Output('${from.step}', '${from.output}')`
    : `new Joined('${from.step}.${from.output}[*]')`
}

const METHODS: Readonly<Record<string, string>> = {
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
}

function condition(when: When, steps: readonly DrawnStep[]): string {
  if (when.kind === 'compare') return `${operand(when.left, steps)}.${METHODS[when.sign]}(${typescript(when.right)})`
  if (when.kind === 'in') return `${operand(when.left, steps)}.in([${when.values.map(typescript).join(', ')}])`
  if (when.kind === 'not') return `not(${condition(when.part, steps)})`
  return `${when.kind}(${when.parts.map((part) => condition(part, steps)).join(', ')})`
}

function operand(of: Operand, steps: readonly DrawnStep[]): string {
  if (of.kind === 'param') return of.name
  if (of.kind === 'metric') return `${variable(steps, of.step)}.metric('${of.name}')`
  return `${output(steps, of)}.${of.kind}`
}

function keysOf(keys: readonly (readonly [string, Value])[]): string {
  return `{ ${keys.map(([key, value]) => `${key}: ${typescript(value)}`).join(', ')} }`
}

function typescript(value: Value): string {
  if (value.kind === 'null') return 'null'
  if (value.kind === 'bool') return String(value.is)
  if (value.kind === 'int') return Number.isSafeInteger(Number(value.text)) ? value.text : `${value.text}n`
  if (value.kind === 'float') return Number.isInteger(Number(value.text)) ? `float(${value.text})` : value.text
  if (value.kind === 'list') return `[${value.items.map(typescript).join(', ')}]`
  if (value.kind === 'map')
    return `{ ${value.entries.map(([key, inner]) => `${JSON.stringify(key)}: ${typescript(inner)}`).join(', ')} }`
  return JSON.stringify(value.text)
}
