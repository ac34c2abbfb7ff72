/** What a workflow of any CI system does: its commands, which are the same everywhere, and the stages that this build has no command for. */

/** What a workflow is written for. */
export interface Workflow {
  /** Folder of the project below the repository, '.' for the repository itself. */
  readonly folder: string
  /** The branch whose pushes are shipped. */
  readonly branch: string
  /** A command that puts `slipway` on the runner; undefined where it is there already. */
  readonly install: string | undefined
  /** How the project's own tests are run; undefined where it has none. */
  readonly tests: Tests | undefined
  /** Jobs exchange their ID token for one of ours; without it a token is stored with the CI system. */
  readonly oidc: boolean
  /** The model's endpoint: without one a merge ends in the registry. */
  readonly endpoint: string | undefined
}

export interface Tests {
  /** Arguments of `pip install`, in the folder of the project. */
  readonly packages: readonly string[]
  /** Arguments of `python -m`. */
  readonly module: readonly string[]
}

interface Stage {
  readonly name: string
  /** Why it is no part of the workflow; undefined for those that are. */
  readonly leftOut?: string
}

/** Every stage of a model's way from a change to its endpoint, in order. */
function stagesOf({ tests, endpoint }: Workflow): Stage[] {
  return [
    tests === undefined
      ? { name: 'test', leftOut: 'the project has no folder tests and no file test_*.py' }
      : { name: 'test' },
    { name: 'package check' },
    ...['train', 'evaluate', 'gate', 'register'].map((name) => ({ name })),
    {
      name: 'image',
      leftOut: 'no command builds one without the files of the model, which are on the machine of the server',
    },
    endpoint === undefined ? { name: 'canary', leftOut: 'the project file names no endpoint' } : { name: 'canary' },
  ]
}

/** The stages as lines of a comment at the head of a workflow. */
export function stageLines(workflow: Workflow): string[] {
  const stages = stagesOf(workflow)
  const there = stages.filter(({ leftOut }) => leftOut === undefined).map(({ name }) => name)
  return [
    `Stages: ${there.join(', ')}.`,
    ...stages.flatMap(({ name, leftOut }) => (leftOut === undefined ? [] : [`Left out: ${name}; ${leftOut}.`])),
  ]
}

/** A word of a shell. */
export function quoted(word: string): string {
  return /^[\w./=:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Says how to go on where `slipway` is not on the runner. */
export function presenceLines({ install }: Workflow): string[] {
  const missing = 'slipway is not on this runner: install it, or write the workflow with --install'
  return [
    ...(install === undefined ? [] : [install]),
    `command -v slipway >/dev/null || { echo ${quoted(missing)} >&2; exit 2; }`,
  ]
}

/** The project's own tests, in an environment of their own that is outside of the checkout. */
export function testLines({ folder, tests }: Workflow): string[] {
  if (tests === undefined) return []
  return [
    'environment=$(mktemp -d)',
    'python3 -m venv "$environment"',
    `cd ${quoted(folder)}`,
    `"$environment/bin/pip" install --quiet ${tests.packages.map(quoted).join(' ')}`,
    `"$environment/bin/python" -m ${tests.module.map(quoted).join(' ')}`,
  ]
}

/** The project file and its code, without a server. */
export function checkLines({ folder }: Workflow): string[] {
  return [`slipway validate ${quoted(folder)}`]
}

/**
 * Trains, evaluates, judges and registers on the server, or ships with it as well, then reports: the report is made also where a gate
 * refuses, and the job ends with the code of what failed. The file of the run lies outside of the checkout, which is to be what the
 * commit says.
 */
export function modelLines({ folder, oidc }: Workflow, act: 'run' | 'ship', report: string): string[] {
  return [
    ...(oidc ? ['SLIPWAY_TOKEN=$(slipway ci token)', 'export SLIPWAY_TOKEN'] : []),
    'code=0',
    'run_file=$(mktemp)',
    `slipway ${act} ${quoted(folder)}${act === 'ship' ? ' --merge' : ''} --json > "$run_file" || code=$?`,
    `slipway ci report "$run_file" --out ${report} || code=$?`,
    'exit "$code"',
  ]
}

/** Whether a merge goes to an endpoint. */
export function mergeAct({ endpoint }: Workflow): 'run' | 'ship' {
  return endpoint === undefined ? 'run' : 'ship'
}
