/** The proof of a package: its words, and what of a version or a project is no longer what was proved. */

/** What a whole proof ends with. */
export const VERDICTS = [
  'verified',
  'within tolerance',
  'predictions not compared, the rest verified',
  'predictions not compared, the rest within tolerance',
  'not verified',
  'not run',
] as const
export type Headline = (typeof VERDICTS)[number]

/** Whether everything that was compared agrees; what was not compared is another question. */
export function agrees(verdict: string): boolean {
  return verdict !== 'not verified' && verdict !== 'not run' && VERDICTS.some((one) => one === verdict)
}

/** Whether a proof says it of the answers of the model, too. */
export function isWhole(verdict: string): boolean {
  return verdict === 'verified' || verdict === 'within tolerance'
}

/** Whether all agrees that was compared, and nobody compared answers of the model. */
export function isUnasked(verdict: string): boolean {
  return agrees(verdict) && !isWhole(verdict)
}

/** The verdict that an older report had for the same: it began with what agrees. */
export function ofOlder(verdict: unknown): unknown {
  const agreed = /^(verified|within tolerance), predictions not compared$/.exec(String(verdict))?.[1]
  return agreed === undefined ? verdict : `predictions not compared, the rest ${agreed}`
}

/** The verdict of a proof that agrees, by what became of its predictions. */
export function headlineOf(agreed: 'verified' | 'within tolerance', predictions: string): Headline {
  return predictions === 'not compared' ? `predictions not compared, the rest ${agreed}` : agreed
}

/** Whose answers were compared. */
export interface AskedBy {
  /** The cell that asked the model. */
  readonly cell: number
  /** `notebook`: what the cell was answered. `proof`: what the model answers to the proof, for the cell asks otherwise than predict.py. */
  readonly by: 'notebook' | 'proof'
}

/** What became of the predictions, with the cell whose answers they were held against. */
export function predictionsText(predictions: string, asked: AskedBy | undefined): string {
  if (predictions === 'not compared' || asked === undefined) return predictions
  const { cell, by } = asked
  return `${predictions}, ${by === 'notebook' ? `by the answers of cell ${cell}` : `by the model of cell ${cell}, which the proof asked`}`
}

/** What became of rows that were asked one by one, and in another order. */
export interface PiecesSaid {
  readonly rows: number
  readonly verdict: string
  readonly why: string
  /** What the notebook's own model answers otherwise to some rows than among all of them; empty where nothing. */
  readonly batch: string
}

/** What of that whoever asks the model has to know, in one line for each. */
export function piecesTexts({ rows, verdict, why, batch }: PiecesSaid): string[] {
  const count = verdict === 'not compared' ? '' : `, ${rows} ${rows === 1 ? 'row' : 'rows'}`
  const depends = `the answers depend on which rows are asked together: ${batch}. Whoever asks for other rows together gets other answers`
  return [`${verdict}${count}${why === '' ? '' : `: ${why}`}`, ...(batch === '' ? [] : [depends])]
}

/** What became of made-up rows: rows of the notebook with one column that lacks its value, lies beyond its range, or is unknown. */
export interface InventedSaid {
  readonly rows: number
  /** Rows of them that neither the notebook's own model nor predict.py answers. */
  readonly refused: number
  readonly verdict: string
  readonly why: string
  /** What was not asked, and why; empty where nothing was left out. */
  readonly left: string
}

/** What of that there is to tell, in one line. */
export function inventedText({ rows, refused, verdict, why, left }: InventedSaid): string {
  const both = refused === 0 ? '' : `, ${refused} of them refused by both`
  const count = verdict === 'not compared' ? '' : `, ${rows} ${rows === 1 ? 'row' : 'rows'}${both}`
  const open = left === '' || verdict === 'not compared' ? left : `not asked: ${left}`
  return [`${verdict}${count}`, why, open].filter((one) => one !== '').join(': ')
}

type Texts = Readonly<Record<string, string>>

/** The step of the project file that was proved. */
export interface ProvedStep {
  readonly name: string
  readonly run: string
  /** Values as JSON. */
  readonly params: Texts
  readonly env: Texts
  readonly secrets: readonly string[]
  readonly seed: number
  /** Arguments that other steps give it. */
  readonly inputs: Texts
  /** The output that becomes the model; empty where the project names none. */
  readonly model: string
  /** Where Python and packages come from, as JSON. */
  readonly python: string
}

/** What a proof was of; a part that is undefined was not recorded. */
export interface Proved {
  /** Code: path below `src` → digest. */
  readonly files: Texts
  /** Settings that are no inputs, as Python writes their values. */
  readonly settings?: Texts | undefined
  /** Files that the code reads, by their setting; null for what is no file. */
  readonly inputs?: Readonly<Record<string, string | null>> | undefined
  /** Distributions of the environment → version. */
  readonly packages?: Texts | undefined
  /** Every distribution that was installed where the proof ran. */
  readonly installed?: Texts | undefined
  /** Packages of the lock that the environment of the proof did not have. */
  readonly added?: readonly string[] | undefined
  /** Files beside the code: the lock, pyproject.toml. */
  readonly project?: Texts | undefined
  readonly python: string
  readonly secrets?: readonly string[] | undefined
}

/** What a version was trained with: `package-training.json`, and the digests of its files. */
export interface Trained extends Proved {
  /** Files of the model as training left them, and as they are: path → digest. */
  readonly model: { readonly made: Texts; readonly here: Texts }
  /** What saving the model brought, which the proof had not; undefined in older records. */
  readonly saving?: readonly string[] | undefined
}

export type Kind = 'code' | 'setting' | 'data' | 'package' | 'python' | 'project' | 'secret' | 'model' | 'pipeline'

export interface Difference {
  readonly kind: Kind
  readonly name: string
  /** What was proved, and what there is now; texts for people, `none` where there is nothing. */
  readonly proved: string
  readonly now: string
}

/** The verdict on a version: what was verified with other packages, or another Python, than trained it is not verified. */
export function verdictHere(
  { verdict, why }: { readonly verdict: Headline; readonly why: string },
  differences: readonly Difference[],
): { readonly verdict: Headline; readonly why: string } {
  const [first, ...rest] = differences.filter(({ kind }) => kind === 'package' || kind === 'python')
  if (!agrees(verdict) || first === undefined) return { verdict, why }
  const more = rest.length === 0 ? '' : `; ${rest.length} more`
  return {
    verdict: 'not verified',
    why: `it was trained with ${first.name} ${first.now}, ${ranWith(first.proved)}${more}`,
  }
}

const NONE = 'none'
/** What was proved with a package that the proof is known to have run without. */
export const ABSENT = 'not installed'

function ranWith(proved: string): string {
  if (proved === NONE) return 'which the proof does not name'
  return proved === ABSENT ? 'the proof ran without it' : `the proof ran with ${proved}`
}
const LOCK = 'requirements.lock'
/** What environments have by themselves. */
const INSTALLERS: ReadonlySet<string> = new Set(['pip', 'setuptools', 'uv', 'wheel'])

/** Packages besides those that the proof names: with the version that was there, where the report tells what was installed. */
function othersOf(proved: Proved, now: Trained): { readonly proved: Texts; readonly now: Texts } {
  const { packages = {}, installed, added } = proved
  const others = Object.entries(now.packages ?? {}).filter(
    ([name]) => !(name in packages) && !INSTALLERS.has(name) && added?.includes(name) === false,
  )
  const sameLock = !differing('project', proved.project, now.project).some(({ name }) => name === LOCK)
  // of older records nobody knows what is there for saving: what a lock brings counts where it is another
  const known = installed !== undefined && now.saving !== undefined
  const counted = known ? others.filter(([name]) => now.saving?.includes(name) === false) : sameLock ? [] : others
  const there =
    installed === undefined ? {} : Object.fromEntries(counted.map(([name]) => [name, installed[name] ?? ABSENT]))
  return { proved: there, now: Object.fromEntries(counted) }
}

/** What of a version is not what was proved. */
export function sinceProof(proved: Proved, now: Trained): Difference[] {
  const packages = now.packages ?? {}
  const others = othersOf(proved, now)
  const named = Object.fromEntries(Object.keys(proved.packages ?? {}).map((name) => [name, packages[name] ?? NONE]))
  const secrets = proved.secrets?.filter((name) => now.secrets?.includes(name) === false) ?? []
  return [
    ...differing('code', proved.files, now.files),
    ...differing('setting', proved.settings, now.settings),
    ...differing('data', proved.inputs, now.inputs),
    ...(now.packages === undefined || proved.packages === undefined
      ? []
      : differing('package', { ...proved.packages, ...others.proved }, { ...named, ...others.now })),
    ...(sameMinor(proved.python, now.python) ? [] : [of('python', 'Python', proved.python, now.python)]),
    ...differing('project', proved.project, now.project),
    ...secrets.map((name) => of('secret', name, 'given', NONE)),
    ...differing('model', now.model.made, now.model.here),
  ]
}

/** What of the step in the project file is not what was proved. */
export function sinceStep(proved: ProvedStep, now: ProvedStep): Difference[] {
  const plain = (step: ProvedStep): Texts => ({
    run: step.run,
    model: step.model,
    python: step.python,
    seed: String(step.seed),
    secrets: step.secrets.toSorted().join(', ') || NONE,
  })
  return [
    ...differing('setting', proved.params, now.params),
    ...differing('pipeline', prefixed('env.', proved.env), prefixed('env.', now.env)),
    ...differing('pipeline', prefixed('inputs.', proved.inputs), prefixed('inputs.', now.inputs)),
    ...differing('pipeline', plain(proved), plain(now)),
  ]
}

function prefixed(prefix: string, texts: Texts): Texts {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [`${prefix}${name}`, text]))
}

/** Names whose values differ, that are gone, and that came; nothing where one side was not recorded. */
export function differing(
  kind: Kind,
  proved: Readonly<Record<string, string | null>> | undefined,
  now: Readonly<Record<string, string | null>> | undefined,
): Difference[] {
  if (proved === undefined || now === undefined) return []
  const names = [...new Set([...Object.keys(proved), ...Object.keys(now)])].toSorted()
  return names
    .filter((name) => valueOf(proved, name) !== valueOf(now, name))
    .map((name) => of(kind, name, valueOf(proved, name), valueOf(now, name)))
}

function valueOf(side: Readonly<Record<string, string | null>>, name: string): string {
  return Object.hasOwn(side, name) ? (side[name] ?? NONE) : NONE
}

function of(kind: Kind, name: string, proved: string, now: string): Difference {
  return { kind, name, proved, now }
}

/** Patches of Python compute the same; another minor version is another language. */
function sameMinor(a: string, b: string): boolean {
  return minorOf(a) === minorOf(b)
}

function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}

const WORDS: Readonly<Record<Kind, string>> = {
  code: 'code',
  setting: 'setting',
  data: 'data',
  package: 'package',
  python: 'version',
  project: 'file',
  secret: 'secret',
  model: 'file of the model',
  pipeline: 'step',
}

/** A difference in one line. */
export function inWords({ kind, name, proved, now }: Difference): string {
  const before = proved === ABSENT ? 'without it' : `with ${brief(proved)}`
  return `${WORDS[kind]} ${name}: proved ${before}, now ${brief(now)}`
}

function brief(text: string): string {
  return /^sha256:[\da-f]{64}$/.test(text) ? text.slice(0, 15) : text.length > 120 ? `${text.slice(0, 120)}…` : text
}
