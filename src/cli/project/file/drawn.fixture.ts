/** Pipelines drawn at random, and the oracle of how one stands in slipway.yaml: a generator of YAML of its own. */

export type Value =
  | { readonly kind: 'text'; readonly text: string }
  /** As YAML, Python and JSON write it. */
  | { readonly kind: 'int' | 'float'; readonly text: string }
  | { readonly kind: 'bool'; readonly is: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, Value])[] }

export type Operand =
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'metric'; readonly step: string; readonly name: string }
  | { readonly kind: 'size' | 'files'; readonly step: string; readonly output: string }

export type When =
  | { readonly kind: 'compare'; readonly left: Operand; readonly sign: string; readonly right: Value }
  | { readonly kind: 'in'; readonly left: Operand; readonly values: readonly Value[] }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly [When, When] }
  | { readonly kind: 'not'; readonly part: When }

export interface DrawnStep {
  readonly name: string
  /** A function of the file itself, of a module, or a command. */
  readonly run:
    | { readonly kind: 'own' | 'entry'; readonly name: string }
    | { readonly kind: 'command'; readonly words: readonly string[] }
  readonly inputs: readonly (readonly [argument: string, from: { step: string; output: string; optional: boolean }])[]
  readonly params: readonly (readonly [
    argument: string,
    value: Value | { readonly kind: 'taken'; readonly name: string },
  ])[]
  readonly outputs: readonly string[]
  readonly after: readonly string[]
  readonly when?: When
  /** The step runs for each; its param `each` is the item. */
  readonly items?: readonly Value[]
  /** All other keys, as they are. */
  readonly options: readonly (readonly [string, Value])[]
}

export interface Drawn {
  readonly project: string
  readonly params: readonly { readonly name: string; readonly keys: readonly (readonly [string, Value])[] }[]
  readonly steps: readonly DrawnStep[]
  /** Keys of `pipeline` besides params and steps. */
  readonly pipeline: readonly (readonly [string, Value])[]
  readonly model?: { readonly name: string; readonly step: string; readonly output: string }
}

const text = (of: string): Value => ({ kind: 'text', text: of })
const int = (of: number | string): Value => ({ kind: 'int', text: String(of) })
const TEXTS = [
  '',
  'a',
  'true',
  '1.0',
  'null',
  "it's",
  'a "b"',
  'é ☃ 😀',
  'x: y # z',
  '- a',
  '{no}',
  'two\nlines',
  '\t',
  '\u2028',
  '~',
  'yes',
]
const FLOATS = ['1.0', '0.5', '-2.25', '1e-07', '1e+300', '-0.0', '123456789.125']
const INTS = ['0', '1', '-5', '9007199254740993', '123456789012345678901234567890']

/** Draws by a seed; the same seed gives the same pipeline. */
export class Draw {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let z = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 4_294_967_296
  }

  whole(below: number): number {
    return Math.floor(this.next() * below)
  }

  chance(of: number): boolean {
    return this.next() < of
  }

  one<T>(list: readonly T[]): T {
    return list[this.whole(list.length)] as T
  }

  some<T>(list: readonly T[], of: number): T[] {
    return list.filter(() => this.chance(of))
  }

  scalar(): Value {
    const kind = this.whole(6)
    if (kind === 0) return { kind: 'null' }
    if (kind === 1) return { kind: 'bool', is: this.chance(0.5) }
    if (kind === 2) return int(this.one(INTS))
    return kind === 3 ? { kind: 'float', text: this.one(FLOATS) } : text(this.one(TEXTS))
  }

  value(depth = 0): Value {
    if (depth > 2 || this.chance(0.6)) return this.scalar()
    const items = Array.from({ length: this.whole(4) }, () => this.value(depth + 1))
    if (this.chance(0.5)) return { kind: 'list', items }
    const keys = ['a', 'null', '1', 'x y', 'é', "q'"]
    return { kind: 'map', entries: items.map((item, i) => [keys[i] ?? 'k', item] as const) }
  }
}

/** A whole project. With `faulty` some of it may be wrong. */
export function drawn(seed: number, faulty: boolean): Drawn {
  const draw = new Draw(seed)
  const params = draw.some(PARAMS, 0.6)
  const steps: DrawnStep[] = []
  const count = 1 + draw.whole(6)
  for (let i = 0; i < count; i++) steps.push(step(draw, i, { params, steps, faulty }))
  const makers = steps.filter(({ outputs, items }) => outputs.length > 0 && items === undefined)
  const maker = makers.length > 0 && draw.chance(0.5) ? draw.one(makers) : undefined
  return {
    project: faulty && draw.chance(0.2) ? 'no name' : 'drawn',
    params,
    steps,
    pipeline: [
      ...(draw.chance(0.3)
        ? [['schedule', map({ cron: text('0 4 * * *'), overlap: text(faulty ? 'never' : 'queue') })] as const]
        : []),
      ...(draw.chance(0.3) ? [['reads', text('strict')] as const] : []),
      ...(draw.chance(0.3) ? [['salt', text(draw.one(TEXTS))] as const] : []),
      ...(draw.chance(0.2) ? [['timeout', text('1d')] as const] : []),
      ...(draw.chance(0.2) ? [['priority', int(faulty ? 11 : -2)] as const] : []),
    ],
    ...(maker !== undefined && { model: { name: 'm', step: maker.name, output: draw.one(maker.outputs) } }),
  }
}

function map(entries: Readonly<Record<string, Value>>): Value {
  return { kind: 'map', entries: Object.entries(entries) }
}

const PARAMS: Drawn['params'] = [
  {
    name: 'rate',
    keys: [
      ['type', text('float')],
      ['default', { kind: 'float', text: '1.0' }],
      ['min', int(0)],
      ['max', int(10)],
      ['help', text("it's")],
    ],
  },
  {
    name: 'mode',
    keys: [
      ['type', text('choice')],
      ['default', text('full')],
      ['choices', { kind: 'list', items: [text('full'), text('quick')] }],
    ],
  },
  {
    name: 'ids',
    keys: [
      ['type', text('list')],
      ['of', text('int')],
      ['default', { kind: 'list', items: [int(1), int(2)] }],
    ],
  },
]

interface Around {
  readonly params: Drawn['params']
  readonly steps: readonly DrawnStep[]
  readonly faulty: boolean
}

function step(draw: Draw, number: number, { params, steps, faulty }: Around): DrawnStep {
  const name = draw.chance(0.3) ? `step-${number}` : `s${number}`
  const earlier = steps.flatMap((one) => one.outputs.map((output) => ({ step: one.name, output })))
  const inputs = draw.some(earlier, 0.4).map((from, i) => {
    const output = faulty && draw.chance(0.1) ? 'nowhere' : from.output
    return [`in_${i}`, { step: from.step, output, optional: draw.chance(0.3) }] as const
  })
  const given = Array.from({ length: draw.whole(4) }, (_, i) => {
    const taken = params.length > 0 && draw.chance(0.3)
    return [`p_${i}`, taken ? { kind: 'taken' as const, name: draw.one(params).name } : draw.value()] as const
  })
  const when = draw.chance(0.4)
    ? condition(draw, { params, steps: steps.filter((one) => one.items === undefined) }, 0)
    : undefined
  const kind = draw.one(['own', 'own', 'entry', 'command'] as const)
  return {
    name,
    run: kind === 'command' ? { kind, words: ['python', 'x.py', "it's"] } : { kind, name: `f${number}` },
    inputs,
    params: given,
    outputs: draw.some(['table', 'model', 'plot'], 0.5),
    after: draw.some(
      steps.map((one) => one.name),
      0.2,
    ),
    ...(when !== undefined && { when }),
    ...(draw.chance(0.25) && { items: Array.from({ length: draw.whole(4) }, () => draw.value(1)) }),
    options: draw.some(faulty ? [...OPTIONS, ...WRONG] : OPTIONS, 0.3),
  }
}

const OPTIONS: DrawnStep['options'] = [
  ['env', map({ MODE: text('x'), N: int(3) })],
  ['secrets', { kind: 'list', items: [text('API_KEY')] }],
  ['cache', text('always')],
  ['seed', int(7)],
  ['timeout', text('30m')],
  ['silent_timeout', int(60)],
  ['queued_timeout', text('2h')],
  ['starting_timeout', int(90)],
  ['pool', text('licences')],
  ['retries', map({ user: int(1), preempted: int(0) })],
  ['resources', map({ cpus: int(2), memory: text('4GiB') })],
]
const WRONG: DrawnStep['options'] = [
  ['timeot', text('1h')],
  ['cache', text('sometimes')],
  ['pool', text('no name')],
  ['retries', map({ user: int(-1) })],
]

/** Undefined where nothing is there to compare. */
function condition(draw: Draw, around: Pick<Around, 'params' | 'steps'>, depth: number): When | undefined {
  const metric = around.steps.map(({ name }) => ({
    kind: 'metric' as const,
    step: name,
    name: draw.one(['auc', 'val/auc', 'a-b']),
  }))
  const sizes = around.steps.flatMap(({ name, outputs }) =>
    outputs.map((output) => ({ kind: draw.one(['size', 'files'] as const), step: name, output })),
  )
  const numbers: Operand[] = [...metric, ...sizes]
  const isChoice = around.params.some(({ name }) => name === 'mode') && (numbers.length === 0 || draw.chance(0.3))
  if (!isChoice && numbers.length === 0) return undefined
  const left: Operand = isChoice ? { kind: 'param', name: 'mode' } : draw.one(numbers)
  const values = isChoice
    ? [text('full'), text('quick')]
    : [int(3), { kind: 'float' as const, text: '0.5' }, { kind: 'float' as const, text: '0.001' }]
  const leaf: When = draw.chance(0.3)
    ? { kind: 'in', left, values: values.slice(0, 2) }
    : {
        kind: 'compare',
        left,
        sign: draw.one(isChoice ? ['==', '!='] : ['==', '!=', '<', '<=', '>', '>=']),
        right: draw.one(values),
      }
  if (depth > 2 || draw.chance(0.5)) return leaf
  if (draw.chance(0.3)) return { kind: 'not', part: leaf }
  const other = condition(draw, around, depth + 1) ?? leaf
  return { kind: draw.one(['and', 'or'] as const), parts: draw.chance(0.5) ? [leaf, other] : [other, leaf] }
}

/** The oracle: a project file as a person might write it, in blocks and single quotes. */
export function yamlOf({ project, params, steps, pipeline, model }: Drawn): string {
  const lines = [`project: ${yaml(text(project))}`, 'python: {packages: []}', 'pipeline:']
  if (params.length > 0)
    lines.push('  params:', ...params.map(({ name, keys }) => `    ${name}: ${yaml({ kind: 'map', entries: keys })}`))
  lines.push('  steps:', ...steps.flatMap((step) => stepLines(step, steps)))
  for (const [key, value] of pipeline) lines.push(`  ${key}: ${yaml(value)}`)
  if (model !== undefined) lines.push('model:', `  name: ${model.name}`, `  from: ${model.step}.${model.output}`)
  return `${lines.join('\n')}\n`
}

function stepLines(step: DrawnStep, steps: readonly DrawnStep[]): string[] {
  const isFanned = (name: string): boolean => steps.find((one) => one.name === name)?.items !== undefined
  const lines = [`    ${step.name}:`]
  const add = (key: string, value: string): number => lines.push(`      ${key}: ${value}`)
  add('run', step.run.kind === 'command' ? yaml({ kind: 'list', items: step.run.words.map(text) }) : runOf(step.run))
  const inputs = step.inputs.map(
    ([key, from]) =>
      [key, text(`${from.step}.${from.output}${isFanned(from.step) ? '[*]' : ''}${from.optional ? '?' : ''}`)] as const,
  )
  if (inputs.length > 0) add('inputs', yaml({ kind: 'map', entries: inputs }))
  const item = step.items === undefined ? [] : [['each', text('{item}')] as const]
  const given = step.params.map(
    ([key, value]) => [key, value.kind === 'taken' ? text(`{params.${value.name}}`) : value] as const,
  )
  const params = [...given, ...item]
  if (params.length > 0) add('params', yaml({ kind: 'map', entries: params }))
  if (step.outputs.length > 0) add('outputs', `[${step.outputs.join(', ')}]`)
  if (step.after.length > 0) add('after', `[${step.after.join(', ')}]`)
  if (step.items !== undefined)
    add('for_each', yaml({ kind: 'map', entries: [['item', { kind: 'list', items: step.items }]] }))
  if (step.when !== undefined) add('when', yaml(text(whenText(step.when))))
  const last = new Map(step.options)
  for (const [key, value] of last) add(key, yaml(value))
  return lines
}

/** The entry of a step that is a function. */
export function runOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return kind === 'own' ? `slipway_pipeline:${name}` : `elsewhere.job:${name}`
}

function yaml(value: Value): string {
  if (value.kind === 'null') return '~'
  if (value.kind === 'bool') return String(value.is)
  if (value.kind === 'int' || value.kind === 'float') return value.text
  if (value.kind === 'list') return `[${value.items.map(yaml).join(', ')}]`
  if (value.kind === 'map')
    return `{${value.entries.map(([key, inner]) => `${yaml(text(key))}: ${yaml(inner)}`).join(', ')}}`
  // what single quotes would fold, double ones escape
  return /[\n\t\u2028]/.test(value.text)
    ? `"${value.text
        .replaceAll('\n', String.raw`\n`)
        .replaceAll('\t', String.raw`\t`)
        .replaceAll('\u2028', String.raw`\L`)}"`
    : `'${value.text.replaceAll("'", "''")}'`
}

/** A condition in the grammar of project files. */
export function whenText(when: When): string {
  if (when.kind === 'compare') return `${operandText(when.left)} ${when.sign} ${literal(when.right)}`
  if (when.kind === 'in') return `${operandText(when.left)} in [${when.values.map(literal).join(', ')}]`
  if (when.kind === 'not')
    return `not ${when.part.kind === 'and' || when.part.kind === 'or' ? `(${whenText(when.part)})` : whenText(when.part)}`
  const parts = when.parts.map((part) =>
    when.kind === 'and' && part.kind === 'or' ? `(${whenText(part)})` : whenText(part),
  )
  return parts.join(` ${when.kind} `)
}

function operandText(operand: Operand): string {
  if (operand.kind === 'param') return `params.${operand.name}`
  if (operand.kind === 'metric')
    return `steps.${operand.step}.metrics${operand.name.includes('/') ? `['${operand.name}']` : `.${operand.name}`}`
  return `steps.${operand.step}.outputs.${operand.output}.${operand.kind}`
}

function literal(value: Value): string {
  return value.kind === 'text' ? `'${value.text}'` : value.kind === 'int' || value.kind === 'float' ? value.text : ''
}
