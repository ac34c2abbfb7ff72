/**
 * What the outcome of a test file depends on, as one digest: our own idea of a cache key, applied to ourselves. It is drawn too wide rather
 * than too narrow, for a file that is taken as passed is not run.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { globSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { ifMissingNow } from '../../src/contract/absence/absent.ts'
import { importsOf, resolveFrom } from '../house/imports.ts'
import { findChromium, findProgram, findPython } from '../tools.ts'

/** What any test may read though no file of it says so: Python, migrations, fixtures, examples, locks. */
const ALWAYS = ['{src,python,test,examples}/**/*', 'package.json', 'package-lock.json', 'slipway']
const CODE = /\.tsx?$/
const TEXT = /\.md$/

/** Programs of the system that tests start. */
const PROGRAMS = 'go git podman skopeo docker-registry promtool slurmctld slurmrestd'.split(' ')

/** A text that names a file of the tree: from its root, or from the file that says it. */
const NAMED = /['"`]([\w@./-]*[\w@-]\.[a-z]+|[\w@.-]+(?:\/[\w@.-]+)+\/?)['"`]/g
/** Node leaves out what is imported for its types alone. */
const TYPES = /^(?:import|export) type [^'"`]*['"][^'"]*['"]/gm
/** A line of a comment that names what the graph cannot see: `covers: web/, docs/guides/ci.md`. */
const COVERS = /^(?:\s*\*|\/\/|\/\*\*?) covers: (.+?)(?: \*\/)?$/gm
/** What lies beside the checkout for all who work on it, by a path of any height: `'../../../shared/oracles'`. */
const BESIDE = /['"`](?:\.\.\/)+(shared\/[\w@./-]*[\w-])\/?['"`]/g

/** The digests of test files of one tree. */
export interface Inputs {
  /** As the tree is when it is first asked for. */
  readonly digestOf: (test: string) => string
  /** The files of code that it reaches, sorted; for who wonders why it was run. */
  readonly reached: (test: string) => readonly string[]
}

/** The files at `root`; `tools` says with what they are run. */
export function inputsOf(root: string, tools: string): Inputs {
  const files = new Set(filesOf(root, '{src,python,test,examples,web,bench,docs}/**/*'))
  const digest = memoized((file) => hashOf(ifMissingNow(() => readFileSync(join(root, file))) ?? ''))
  const always = ALWAYS.flatMap((pattern) => filesOf(root, pattern)).filter(
    (file) => !CODE.test(file) && !TEXT.test(file),
  )
  const base = hashOf([tools, ...always.map((file) => `${file} ${digest(file)}`)].join('\n'))
  const next = memoized((file) => (CODE.test(file) ? targetsOf(root, file, files) : []))
  const reached = (test: string): string[] => [...reach(test, next)].sort()
  const named = memoized((file) => (CODE.test(file) ? besideOf(root, file) : []))
  const beside = memoized((name) =>
    hashOf(
      filesBeside(root, name)
        .map((file) => `${file} ${digest(file)}`)
        .join('\n'),
    ),
  )
  return {
    reached,
    digestOf: memoized((test) => {
      const own = reached(test)
      const names = [...new Set(own.flatMap(named))]
      const lines = [...own.map((file) => `${file} ${digest(file)}`), ...names.map((name) => `${name} ${beside(name)}`)]
      return hashOf([base, ...lines].join('\n'))
    }),
  }
}

/** What a file of code names, or says that it covers, of the folder beside the checkout, from the root. */
function besideOf(root: string, file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const covered = coveredBy(text).filter((name) => name.startsWith('../shared/'))
  return [...[...text.matchAll(BESIDE)].map(([, name = '']) => join('..', name)), ...covered]
}

function coveredBy(text: string): string[] {
  return [...text.matchAll(COVERS)].flatMap(([, list = '']) => list.split(/,\s*/))
}

/** The files of a folder beside the checkout, or the one file of that name; none where there is none. */
function filesBeside(root: string, name: string): string[] {
  const found = ifMissingNow(() => statSync(join(root, name)))
  if (found === undefined) return []
  return found.isFile() ? [name] : filesOf(root, `${name}/**/*`)
}

const LEFT_THERE = ['node_modules', '__pycache__']

/** Files below `root`, without what tools leave there. */
function filesOf(root: string, pattern: string): string[] {
  return globSync(pattern, { cwd: root, withFileTypes: true, exclude: (entry) => LEFT_THERE.includes(entry.name) })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

function targetsOf(root: string, file: string, files: ReadonlySet<string>): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const imports = importsOf(text).filter(({ value }) => value)
  const named = [...text.replace(TYPES, '').matchAll(NAMED)].flatMap(([, name = '']) => [name, resolveFrom(file, name)])
  return [
    ...imports.map(({ target }) => resolveFrom(file, target)).filter((target) => files.has(target)),
    ...named.filter((target) => files.has(target)),
    ...coveredBy(text).flatMap((name) => below(name, files)),
  ]
}

/** The files that a name of a folder or of a file stands for. */
function below(name: string, files: ReadonlySet<string>): string[] {
  const folder = name.endsWith('/') ? name : `${name}/`
  return files.has(name) ? [name] : [...files].filter((file) => file.startsWith(folder))
}

function reach(from: string, next: (file: string) => readonly string[]): Set<string> {
  const seen = new Set([from])
  // what is added while it is gone through is met as well
  for (const file of seen) for (const target of next(file)) seen.add(target)
  return seen
}

/** Versions of what the tests run with here: Node, Python, a browser, and the system's programs as they lie on the disk. */
export function toolsHere(env: NodeJS.ProcessEnv = process.env): string {
  const python = findPython()
  const version = python === undefined ? '' : spawnSync(python, ['--version'], { encoding: 'utf8' }).stdout.trim()
  const programs = [findChromium(env), ...PROGRAMS.map((name) => findProgram(name))].map((path) => stampOf(path))
  const own = Object.keys(env).filter((name) => name.startsWith('SLIPWAY_'))
  return [process.version, version, ...programs, ...own.sort().map((name) => `${name}=${env[name] ?? ''}`)].join('\n')
}

function stampOf(path: string | undefined): string {
  if (path === undefined) return 'none'
  const file = realpathSync(path)
  const { size, mtimeMs } = statSync(file)
  return `${dirname(path)} ${file} ${size} ${mtimeMs}`
}

function memoized<T>(of: (file: string) => T): (file: string) => T {
  const known = new Map<string, T>()
  return (file) => {
    const value = known.get(file) ?? of(file)
    known.set(file, value)
    return value
  }
}

function hashOf(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}
