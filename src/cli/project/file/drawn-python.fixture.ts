/** Writes a drawn pipeline as a person would in Python. */
import { runOf, type Drawn, type DrawnStep, type Operand, type Value, type When } from './drawn.fixture.ts'

/** The file; the functions of its own steps are in it. */
export function pythonOf(drawn: Drawn): string {
  const { steps, params, pipeline, model } = drawn
  const sections = [
    `python={"packages": []}`,
    ...pipeline.map(([key, value]) => `${key}=${python(value)}`),
    ...(model === undefined ? [] : [`model={"name": "${model.name}"}`]),
  ]
  const declared = params.map(({ name, keys }) => {
    const [[, type], ...rest] = keys as [readonly [string, Value], ...(readonly (readonly [string, Value])[])]
    return `${name}=param(${[python(type), ...rest.map(([key, value]) => `${key}=${python(value)}`)].join(', ')})`
  })
  const body = steps.map((step, i) => `    v${i} = ${called(step, i, steps)}`)
  const end = model === undefined ? [] : [`    return ${output(steps, model)}`]
  return [
    'from slipway.pipeline import command, entry, item, param, pipeline, step',
    ...steps.flatMap(defined),
    `@pipeline(${[JSON.stringify(drawn.project), ...sections].join(', ')})`,
    `def drawn(${declared.join(', ')}):`,
    ...body,
    ...end,
    '',
  ].join('\n')
}

/** Half of the options where the step is defined, half where it is called. */
function optionsOf(step: DrawnStep): [defined: string[], called: string[]] {
  const written = [...new Map(step.options)].map(([key, value]) => `${key}=${python(value)}`)
  const half = Math.floor(written.length / 2)
  return [
    [...(step.outputs.length > 0 ? [`outputs=${JSON.stringify(step.outputs)}`] : []), ...written.slice(0, half)],
    written.slice(half),
  ]
}

function defined(step: DrawnStep, i: number): string[] {
  const [options] = optionsOf(step)
  const { run } = step
  if (run.kind === 'command')
    return [`e${i} = command(${[JSON.stringify(run.words), 'name="x"', ...options].join(', ')})`]
  if (run.kind === 'own') return [`@step(${options.join(', ')})`, `def ${run.name}(**given): ...`]
  return [`e${i} = entry(${[`"${runOf(run)}"`, ...options].join(', ')})`]
}

function called(step: DrawnStep, i: number, steps: readonly DrawnStep[]): string {
  const [, rest] = optionsOf(step)
  const at = (name: string): number => steps.findIndex((one) => one.name === name)
  const options = [
    `name="${step.name}"`,
    ...(step.after.length > 0
      ? [`after=[${step.after.map((name, j) => (j % 2 === 0 ? `v${at(name)}` : `"${name}"`)).join(', ')}]`]
      : []),
    ...(step.when === undefined ? [] : [`when=${condition(step.when, steps)}`]),
    ...(step.items === undefined ? [] : [`for_each={"item": [${step.items.map(python).join(', ')}]}`]),
    ...rest,
  ]
  const given = [
    ...(step.items === undefined ? [] : ['each=item']),
    ...step.inputs.map(([key, from]) => `${key}=${output(steps, from)}${from.optional ? '.optional()' : ''}`),
    ...step.params.map(([key, value]) => `${key}=${value.kind === 'taken' ? value.name : python(value)}`),
  ]
  const named = step.run.kind === 'own' ? step.run.name : `e${i}`
  return `${named}.options(${options.join(', ')})(${given.join(', ')})`
}

function output(steps: readonly DrawnStep[], from: { readonly step: string; readonly output: string }): string {
  return `v${steps.findIndex((one) => one.name === from.step)}.${from.output}`
}

function condition(when: When, steps: readonly DrawnStep[]): string {
  if (when.kind === 'compare') return `(${operand(when.left, steps)} ${when.sign} ${python(when.right)})`
  if (when.kind === 'in') return `${operand(when.left, steps)}.is_in([${when.values.map(python).join(', ')}])`
  if (when.kind === 'not') return `~${condition(when.part, steps)}`
  return `(${when.parts.map((part) => condition(part, steps)).join(when.kind === 'and' ? ' & ' : ' | ')})`
}

function operand(of: Operand, steps: readonly DrawnStep[]): string {
  if (of.kind === 'param') return of.name
  if (of.kind === 'metric') return `v${steps.findIndex((one) => one.name === of.step)}.metrics["${of.name}"]`
  return `${output(steps, of)}.${of.kind}`
}

function python(value: Value): string {
  if (value.kind === 'null') return 'None'
  if (value.kind === 'bool') return value.is ? 'True' : 'False'
  if (value.kind === 'int' || value.kind === 'float') return value.text
  if (value.kind === 'list') return `[${value.items.map(python).join(', ')}]`
  if (value.kind === 'map')
    return `{${value.entries.map(([key, inner]) => `${JSON.stringify(key)}: ${python(inner)}`).join(', ')}}`
  return JSON.stringify(value.text)
}
