/** A project that begins where a DAG of another scheduler is: its slipway.yaml, and steps that say what to put in their place. */
import { stringify } from 'yaml'
import { readProject } from '../../spec/parse.ts'
import type { ForeignDag, ForeignTask } from './foreign.ts'

export interface Skeleton {
  readonly project: string
  /** Of slipway.yaml. */
  readonly text: string
  /** Of steps.py. */
  readonly code: string
  readonly steps: number
  /** What is not taken over, by its line in the file that was read. */
  readonly left: ForeignDag['left']
}

/** Begins a name of a project, and of a step. */
const MOST_LETTERS = { project: 128, step: 64 }
const NOTHING = /^(Empty|Dummy)Operator$/
const KEYWORDS =
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield NotImplementedError'.split(
    ' ',
  )

/** `file` is the name of what was read, for people. */
export function skeletonOf(dag: ForeignDag, file: string): Skeleton {
  const left = [...dag.left]
  const project = plain(dag.name, MOST_LETTERS.project) || 'pipeline'
  const names = namesOf(dag.tasks, left)
  const functions = unique([...names.values()], functionOf)
  const steps = dag.tasks.map((task) => stepOf(task, { names, functions, left }))
  const written = fitting(
    {
      project,
      python: { packages: [] as string[] },
      pipeline: {
        ...(dag.params.length > 0 && {
          params: Object.fromEntries(dag.params.map(({ name, ...declared }) => [name, declared])) as Keyed,
        }),
        ...(dag.cron !== null && { schedule: { cron: dag.cron, timezone: dag.timezone } }),
        ...(dag.timeout_s !== null && { timeout: `${Math.ceil(dag.timeout_s)}s` }),
        steps: Object.fromEntries(steps.map(({ name, step }) => [name, step])) as Keyed,
      },
    },
    dag.line,
    left,
  )
  left.sort((a, b) => a.line - b.line)
  const comments = [
    `The skeleton of "${dag.name}", read from ${file}. Its steps stand in steps.py and fail until you have put in what they did.`,
    ...(left.length > 0 ? ['Not taken over:'] : []),
    ...left.map(({ line, what }) => `  ${file}:${line}: ${what}`),
  ]
  return {
    project,
    text: `${comments.map((line) => `# ${oneLine(line)}\n`).join('')}${written}`,
    code: codeOf(dag, file, steps),
    steps: steps.length,
    left,
  }
}

type Keyed = Record<string, unknown>
interface Written {
  readonly name: string
  readonly function: string
  readonly task: ForeignTask
  readonly args: readonly string[]
  readonly step: Keyed
}

function plain(name: string, most: number): string {
  return name
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, most)
}

/** Task → step; where two would have one name, later ones get a number. */
function namesOf(tasks: readonly ForeignTask[], left: ForeignDag['left']): Map<string, string> {
  const names = unique(
    tasks.map(({ id }) => id),
    (id) => plain(id, MOST_LETTERS.step - 5) || 'step',
  )
  for (const { id, line } of tasks) {
    const name = names.get(id)
    if (name !== id) left.push({ line, what: `the name of task "${id}": the step is called "${name}"` })
  }
  return names
}

function unique(given: readonly string[], named: (one: string) => string): Map<string, string> {
  const taken = new Set<string>()
  const found = new Map<string, string>()
  for (const one of given) {
    const name = named(one)
    let free = name
    for (let number = 2; taken.has(free.toLowerCase()); number++) free = `${name}_${number}`
    taken.add(free.toLowerCase())
    found.set(one, free)
  }
  return found
}

function functionOf(step: string): string {
  const name = step.replaceAll('-', '_')
  return KEYWORDS.includes(name) || /^[0-9]/.test(name) ? `step_${name}` : name
}

function stepOf(
  task: ForeignTask,
  {
    names,
    functions,
    left,
  }: {
    readonly names: ReadonlyMap<string, string>
    readonly functions: ReadonlyMap<string, string>
    readonly left: ForeignDag['left']
  },
): Written {
  const name = names.get(task.id) ?? task.id
  const args: string[] = []
  const kept = <T>(entries: readonly (readonly [string, T])[]): (readonly [string, T])[] =>
    entries.filter(([argument]) => {
      const fits = /^[A-Za-z_]\w{0,63}$/.test(argument) && !KEYWORDS.includes(argument) && !args.includes(argument)
      if (fits) args.push(argument)
      else
        left.push({ line: task.line, what: `"${argument}" of task "${task.id}": expected a name of Python of its own` })
      return fits
    })
  const inputs = kept(Object.entries(task.inputs)).map(
    ([at, from]) => [at, `${names.get(from.task)}.${from.output}`] as const,
  )
  const takes = Object.entries(task.takes).map(([at, param]) => [at, `{params.${param}}`] as const)
  const params = kept([...Object.entries(task.values), ...takes])
  const outputs = kept(task.outputs.map((output) => [output, null] as const)).map(([output]) => output)
  const handed = new Set(Object.values(task.inputs).map((from) => from.task))
  const after = task.needs.filter((need) => !handed.has(need)).map((need) => names.get(need) ?? need)
  return {
    name,
    function: functions.get(name) ?? name,
    task,
    args,
    step: {
      run: `steps:${functions.get(name)}`,
      ...(inputs.length > 0 && { inputs: Object.fromEntries<unknown>(inputs) }),
      ...(params.length > 0 && { params: Object.fromEntries<unknown>(params) }),
      ...(outputs.length > 0 && { outputs }),
      ...(after.length > 0 && { after }),
      ...(task.timeout_s !== null && { timeout: `${Math.ceil(task.timeout_s)}s` }),
      // others repeat whatever failed; what a machine did is repeated here without being told to
      ...(task.retries !== null && task.retries > 0 && { retries: { user: task.retries, timeout: task.retries } }),
    },
  }
}

interface ProjectData {
  readonly project: string
  readonly python: object
  readonly pipeline: { params?: Keyed; schedule?: object; timeout?: string; readonly steps: Keyed }
}

/** The text of the project file; a schedule, a limit or a param that it would not take is left out, and named. */
function fitting(data: ProjectData, line: number, left: ForeignDag['left']): string {
  for (;;) {
    const text = stringify(data, { lineWidth: 0, flowCollectionPadding: false })
    const fault = readProject(text).faults.find(({ key }) => /^pipeline\.(schedule|timeout|params)\b/.test(key))
    if (fault === undefined) return text
    const [, section = '', name = ''] = fault.key.split('.')
    const { params } = data.pipeline
    left.push({ line, what: `${[section, name].filter((part) => part !== '').join(' ')}: ${fault.message}` })
    if (section === 'params' && params !== undefined && name in params && Object.keys(params).length > 1)
      delete params[name]
    else delete data.pipeline[section as 'params' | 'schedule' | 'timeout']
  }
}

function codeOf(dag: ForeignDag, file: string, steps: readonly Written[]): string {
  const functions = steps.map(({ function: name, task, args }) => {
    const place = `${task.kind}, ${file}:${task.line}`
    const source = task.source.split(/\r\n|[\r\n]/).map((line) => `    #   ${oneLine(line)}`.trimEnd())
    const body = NOTHING.test(task.kind)
      ? ['    # It did nothing there, and does nothing here.', '    return None']
      : [
          ...(task.source === '' ? [] : ['    # It was written as:', ...source]),
          `    raise NotImplementedError(${JSON.stringify(`put here what task "${task.id}" did (${place})`)})`,
        ]
    return `def ${name}(${args.join(', ')}):\n    # ${oneLine(place)}\n${body.join('\n')}\n`
  })
  const head = `# Steps of ${oneLine(dag.name)}, read from ${oneLine(file)}. Each fails until you have put in what it did.\n`
  return `${head}\n\n${functions.join('\n\n')}`
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
}
