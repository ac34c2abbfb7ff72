/** What a workflow of any CI system does: its commands, which are the same everywhere, and the stages that a project has no part in. */

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
  /** Where the image of the project's steps goes after a merge; undefined where none is made. */
  readonly image: ImagePlace | undefined
}

export interface ImagePlace {
  /** REGISTRY/REPOSITORY; the tag is the commit. */
  readonly repository: string
  /** Folder below the project's with wheels of packages that publish none; undefined where there is none. */
  readonly wheels: string | undefined
  /** It is signed by a key that the CI system keeps. */
  readonly signed: boolean
  /** The version gets an image that answers too, made on the machine of the data folder, which is recorded for the policy of its model. */
  readonly serves: boolean
}

export interface Tests {
  /** Lines that bring the packages into the environment `$environment`, in the folder of the project. */
  readonly install: readonly string[]
  /** The file of the project that decides which packages come; '' for the project file. */
  readonly decidedBy: string
  /** Arguments of `python -m`. */
  readonly module: readonly string[]
}

/** What the jobs of a workflow run, as shell lines, the same for every CI system, which says when and where. */
export interface Commands {
  /** Of the comment at its head: the stages, and those that were left out. */
  readonly stages: readonly string[]
  readonly presence: readonly string[]
  readonly check: readonly string[]
  /** None without tests. */
  readonly tests: readonly string[]
  readonly canary: readonly string[]
  readonly canaryApart: boolean
  /** What a merge does. */
  readonly merge: Act
  model(act: Act, report: string): string[]
}

export function commandsOf(workflow: Workflow): Commands {
  return {
    stages: stageLines(workflow),
    presence: presenceLines(workflow),
    check: checkLines(workflow),
    tests: testLines(workflow),
    canary: canaryLines(workflow),
    canaryApart: canaryApart(workflow),
    merge: mergeAct(workflow),
    model: (act, report) => modelLines(workflow, act, report),
  }
}

interface Stage {
  readonly name: string
  /** Why it is no part of the workflow; undefined for those that are. */
  readonly leftOut?: string
}

/** Every stage of a model's way from a change to its endpoint, in order. */
function stagesOf({ tests, endpoint, image }: Workflow): Stage[] {
  return [
    tests === undefined
      ? { name: 'test', leftOut: 'the project has no folder tests and no file test_*.py' }
      : { name: 'test' },
    { name: 'package check' },
    ...['train', 'evaluate', 'gate', 'register'].map((name) => ({ name })),
    image === undefined ? { name: 'image', leftOut: 'no registry was named with --image' } : { name: 'image' },
    endpoint === undefined ? { name: 'canary', leftOut: 'the project file names no endpoint' } : { name: 'canary' },
  ]
}

/** The stages as lines of a comment at the head of a workflow. */
function stageLines(workflow: Workflow): string[] {
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
function presenceLines({ install }: Workflow): string[] {
  const missing = 'slipway is not on this runner: install it, or write the workflow with --install'
  return [
    ...(install === undefined ? [] : [install]),
    `command -v slipway >/dev/null || { echo ${quoted(missing)} >&2; exit 2; }`,
  ]
}

/** The project's own tests, in an environment of their own that is outside of the checkout. */
function testLines({ folder, tests }: Workflow): string[] {
  if (tests === undefined) return []
  return [
    'environment=$(mktemp -d)',
    'python3 -m venv "$environment"',
    `cd ${quoted(folder)}`,
    ...tests.install,
    `"$environment/bin/python" -m ${tests.module.map(quoted).join(' ')}`,
  ]
}

/** The files, from the top of the repository, of which the packages of the tests are those of earlier jobs. */
export function testFiles({ folder, tests }: Pick<Workflow, 'folder' | 'tests'>): string[] {
  const decidedBy = tests?.decidedBy === '' ? 'slipway.yaml' : tests?.decidedBy
  return decidedBy === undefined ? [] : [joined(folder, decidedBy)]
}

/** The project file and its code, without a server. */
function checkLines({ folder }: Workflow): string[] {
  return [`slipway validate ${quoted(folder)}`]
}

/**
 * Trains, evaluates, judges and registers on the server, or ships with it as well, then reports: the report is made also where a gate
 * refuses, and the job ends with the code of what failed. The file of the run lies outside of the checkout, which is to be what the
 * commit says.
 */
function modelLines(workflow: Workflow, act: Act, report: string): string[] {
  const [command, ...flags] = act.split(' ')
  const words = [command, quoted(workflow.folder), ...flags, '--json']
  return [
    ...tokenLines(workflow),
    'code=0',
    'run_file=$(mktemp)',
    `slipway ${words.join(' ')} > "$run_file" || code=$?`,
    `slipway ci report "$run_file" --out ${report} || code=$?`,
    'exit "$code"',
  ]
}

/** Commands by which a change or a merge becomes a version. */
export type Act = 'run' | 'run --merge' | 'ship --merge'

/** What a merge does: with an image the version is shipped by a stage of its own, which comes after it. */
function mergeAct(workflow: Workflow): Act {
  if (workflow.endpoint === undefined) return 'run'
  return canaryApart(workflow) ? 'run --merge' : 'ship --merge'
}

/** Whether the canary is begun by a stage of its own: there is none of what has no image yet. */
function canaryApart({ endpoint, image }: Workflow): boolean {
  return endpoint !== undefined && image !== undefined
}

/** Takes what the commit's run has registered to its endpoint. */
function canaryLines(workflow: Workflow): string[] {
  return [...tokenLines(workflow), `slipway ship ${quoted(workflow.folder)} --registered`]
}

function tokenLines({ oidc }: Pick<Workflow, 'oidc'>): string[] {
  return oidc ? ['SLIPWAY_TOKEN=$(slipway ci token)', 'export SLIPWAY_TOKEN'] : []
}

/** Names of the variables with which a job logs in to the registry of its image. */
export interface Login {
  readonly user: string
  readonly password: string
}

/** Makes the image of the project's steps and brings it to its registry, with its SBOM, provenance and signature; needs the server for an image that answers alone. */
export function imageLines(
  { folder, oidc }: Pick<Workflow, 'folder' | 'oidc'>,
  image: ImagePlace,
  { user, password }: Login,
): string[] {
  const wheels = image.wheels === undefined ? '' : ` --wheels ${quoted(joined(folder, image.wheels))}`
  const [host = ''] = image.repository.split('/')
  return [
    // an ID token of GitLab is as old as the job, and may not be old
    ...(image.serves ? tokenLines({ oidc }) : []),
    'scratch=$(mktemp -d)',
    `trap 'rm -rf "$scratch"' EXIT`,
    `if [ -n "\${${password}:-}" ]; then`,
    '  export DOCKER_CONFIG="$scratch"',
    `  login=$(printf '%s:%s' "$${user}" "$${password}" | base64 | tr -d '\\n')`,
    `  printf '{"auths":{"%s":{"auth":"%s"}}}' ${quoted(host)} "$login" > "$scratch/config.json"`,
    'fi',
    `image=${quoted(image.repository)}:$(git rev-parse HEAD)`,
    `slipway image build ${quoted(folder)} --for step${wheels} --attest --push "$image"`,
    ...(image.signed ? [...keyLines(), 'slipway image sign "$image" --key "$key"'] : []),
    ...(image.serves ? serveLines(folder, image) : []),
  ]
}

/** The image of the version itself, told to the server with its signature: what a policy asks for before anything is deployed. */
function serveLines(folder: string, { signed }: ImagePlace): string[] {
  return [
    'serve="$image-serve"',
    `slipway image build ${quoted(folder)} --registered --for serve --attest --push "$serve"`,
    ...(signed ? ['slipway image sign "$serve" --key "$key"'] : []),
    'slipway image record "$serve"',
  ]
}

/** The key is a text, or a file that holds it, as GitLab and Jenkins hand out what has several lines. */
function keyLines(): string[] {
  return [`key=$${IMAGE_KEY}`, `[ -f "$key" ] || { key="$scratch/key"; printf '%s\\n' "$${IMAGE_KEY}" > "$key"; }`]
}

/** The variable with the private key that signs images. */
export const IMAGE_KEY = 'SLIPWAY_IMAGE_KEY'

function joined(folder: string, below: string): string {
  return folder === '.' ? below : `${folder}/${below}`
}
