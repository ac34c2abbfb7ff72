/** Which files of a project decide what a step does: its module, what that imports, and the files that are not Python. */
import type { TreeFile } from '../../store/blobs/trees.ts'
import { IGNORE_FILE } from './ignore.ts'
import { sourcesIn, withParents } from './python/dynamic.ts'
import type { Import } from './python/imports.ts'
import { wordsOf, type Source } from './python/source.ts'

/** The files whose content is part of a step's key. */
export interface Closure {
  /** Path → digest, sorted by path. */
  readonly files: Readonly<Record<string, string>>
  /** Path → what stands in the key for it, where that is not its digest. */
  readonly meant?: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

/** The code of a project, as far as it was read. */
export interface Code {
  readonly files: readonly TreeFile[]
  /** Each file of Python, by path. */
  readonly sources: ReadonlyMap<string, Source>
  /** The project file, whose parts are components of their own. */
  readonly projectFile: string
  /** Files that name the project file, and so may read it. */
  readonly namesProjectFile: ReadonlySet<string>
  /** Files from which the environment is made: its own digest is part of the key. */
  readonly environmentFiles?: readonly string[]
}

/** What of a step says which code it runs. */
export interface Start {
  readonly run: string | readonly unknown[]
  readonly params: unknown
  readonly env: unknown
}

/** Programs to which comments of Python are nothing. */
const PYTHON = /(?:^|\/)python[\d.]*$/
/** A text that names a file of Python. */
const CODE = /\.py\b/
/** Where modules are looked for, as the wrapper does: the project's folder, then `src`. */
const ROOTS = ['', 'src/']
/** Modules that each process of Python loads by itself. */
const ALWAYS = ['sitecustomize', 'usercustomize']
/** Files other than Python's that an import may load; what they import cannot be read. */
const COMPILED = /\.(?:so|pyd|pyx|pyc|pyo)$/

/**
 * The files that a step's code may read or run: the static closure of its imports and of modules that its texts, params and
 * variables name, with every other file that is not Python. A command, or code that cannot be followed, may read anything,
 * so all files count then and a warning says so.
 */
export function closureOf(start: Start, code: Code): Closure {
  const texts = textsOf([start.params, start.env])
  const { modules, dynamic } =
    typeof start.run === 'string'
      ? follow([moduleOf(start.run), ...texts.flatMap(wordsOf)], code)
      : { modules: new Set<string>(), dynamic: ['a step runs a command'] }
  if (hasKey(start.env, 'PYTHONPATH')) dynamic.push('the variable PYTHONPATH names folders of modules')
  dynamic.push(...texts.filter((text) => CODE.test(text)).map((text) => `a param or variable is ${text}`))
  const reached = code.files.filter(({ path }) => dynamic.length > 0 || !path.endsWith('.py') || modules.has(path))
  const read = reached.flatMap(({ path }) => code.sources.get(path) ?? [])
  const foreign = typeof start.run !== 'string' && !PYTHON.test(String(start.run[0]))
  const verbatim =
    foreign || read.some((source) => source.readsSources)
      ? ['.py']
      : [...texts.flatMap(sourcesIn), ...read.flatMap((source) => source.namedSources)]
  const named = textsOf([start.run, ...texts]).some((text) => text.includes(code.projectFile))
  const withProject = named || reached.some(({ path }) => code.namesProjectFile.has(path))
  const isPlain =
    dynamic.length === 0 && read.every(({ plain }) => plain?.foreign.every((root) => isOwn(root, code.sources)))
  const words = [...texts.flatMap(wordsOf), ...read.flatMap((source) => source.words)]
  const sources = dynamic.length > 0 ? [] : unnamed(code.environmentFiles ?? [], words)
  const apart = new Set([
    IGNORE_FILE,
    ...(withProject ? [] : [code.projectFile]),
    // a library that is not known may find its own section there
    ...sources.filter((path) => isPlain || !path.endsWith('pyproject.toml')),
  ])
  const counted = reached.filter(({ path }) => !apart.has(path))
  return {
    files: Object.fromEntries(counted.map(({ path, digest }) => [path, digest])),
    meant: meantBy(counted, code.sources, { verbatim, isPlain }),
    warnings: [...new Set(dynamic)].map((how) => `${how}: every file of the project is part of the key`),
  }
}

function hasKey(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && key in value
}

/** How the code that a step reaches reads itself. */
interface Reading {
  /** Ends of paths of sources whose bytes count. */
  readonly verbatim: readonly string[]
  /** None of it, and no library that it uses, reads descriptions and type hints. */
  readonly isPlain: boolean
}

/** The paths that no word of the code names: it would read what it knows of by a name. */
function unnamed(paths: readonly string[], words: readonly string[]): string[] {
  const said = new Set(words)
  return paths.filter((path) => !wordsOf(path).some((word) => said.has(word)))
}

/** Whether a module is one of the project. */
function isOwn(root: string, sources: Code['sources']): boolean {
  return moduleFile(root, sources) !== undefined || ROOTS.some((folder) => hasBelow(`${folder}${root}/`, sources))
}

function hasBelow(folder: string, sources: Code['sources']): boolean {
  for (const path of sources.keys()) if (path.startsWith(folder)) return true
  return false
}

/** What stands in the key where more or less than a file's bytes counts: comments do not, whether it may be run does; see `Source`. */
function meantBy(
  files: readonly TreeFile[],
  sources: Code['sources'],
  { verbatim, isPlain }: Reading,
): Record<string, string> {
  const meant = files.map(({ path, digest, executable }) => {
    const bytes = verbatim.some((end) => path.endsWith(end))
    const source = bytes ? undefined : sources.get(path)
    const text = (isPlain ? source?.plain?.meaning : source?.meaning) ?? digest
    return { path, digest, meaning: executable ? `${text} executable` : text }
  })
  return Object.fromEntries(meant.flatMap(({ path, digest, meaning }) => (meaning === digest ? [] : [[path, meaning]])))
}

/** `flights.train:main` → `flights.train`. */
export function moduleOf(entry: string): string {
  return entry.slice(0, entry.indexOf(':'))
}

/** The file of a module, or undefined when the project has none of that name. */
export function moduleFile(module: string, sources: ReadonlyMap<string, unknown>): string | undefined {
  return moduleFiles(module, sources)[0]
}

/** The files of a module in the order in which Python looks; where one comes or goes, another may be taken. */
function moduleFiles(module: string, sources: ReadonlyMap<string, unknown>): string[] {
  const path = module.replaceAll('.', '/')
  return ROOTS.flatMap((root) => [`${root}${path}/__init__.py`, `${root}${path}.py`]).filter((file) =>
    sources.has(file),
  )
}

function follow(start: readonly string[], code: Code): { modules: Set<string>; dynamic: string[] } {
  const modules = new Set<string>()
  const dynamic: string[] = []
  const compiled = compiledModules(code.files)
  const visited = new Set<string>()
  const waiting = [...start, ...ALWAYS]
  for (let module = waiting.pop(); module !== undefined; module = waiting.pop()) {
    for (const name of withParents(module).filter((one) => !visited.has(one))) {
      visited.add(name)
      const binary = compiled.get(name)
      if (binary !== undefined) dynamic.push(`${binary} is imported and cannot be read`)
      for (const path of moduleFiles(name, code.sources)) {
        modules.add(path)
        const read = reachOf(path, name, code.sources)
        waiting.push(...read.names)
        dynamic.push(...read.dynamic)
      }
    }
  }
  return { modules, dynamic }
}

/** What a file may load, by names of modules, and what it does that cannot be followed. */
function reachOf(path: string, name: string, sources: Code['sources']): { names: string[]; dynamic: string[] } {
  const { imports = [], dynamic = [], words = [] } = sources.get(path) ?? {}
  const reached = (item: Import): string[] => targets(item, name, path.endsWith('/__init__.py'))
  const starred = imports.filter(({ names }) => names.includes('*')).flatMap((item) => reached(item).slice(0, 1))
  return {
    names: [...imports.flatMap(reached), ...words],
    dynamic: [
      ...(dynamic.length === 0 ? [] : [`${path} uses ${dynamic.join(', ')}`]),
      ...starred
        .filter((module) => isPackage(module, sources))
        .map((module) => `${path} takes all names of the package ${module}`),
    ],
  }
}

function isPackage(module: string, sources: ReadonlyMap<string, unknown>): boolean {
  return moduleFile(module, sources)?.endsWith('/__init__.py') === true
}

/** Modules that are no source, by name: `a/fast.cpython-311-x86_64-linux-gnu.so` is `a.fast`. */
function compiledModules(files: readonly TreeFile[]): Map<string, string> {
  return new Map(
    files
      .filter(({ path }) => COMPILED.test(path))
      .map(({ path }) => [
        path
          .replace(/^src\//, '')
          .replace(/\.[^/]*$/, '')
          .replaceAll('/', '.'),
        path,
      ]),
  )
}

/** Modules that an import may load: the module itself, and each name that could be a module inside it. */
function targets(item: Import, from: string, isPackage: boolean): string[] {
  const parts = from.split('.')
  const base = item.level === 0 ? [] : parts.slice(0, parts.length - item.level + (isPackage ? 1 : 0))
  const module = [...base, ...(item.module === '' ? [] : [item.module])].join('.')
  return [module, ...item.names.map((name) => (module === '' ? name : `${module}.${name}`))].filter(
    (name) => name !== '',
  )
}

/** Every text inside of values. */
function textsOf(values: readonly unknown[]): string[] {
  return values.flatMap((value) => {
    if (typeof value === 'string') return [value]
    return typeof value === 'object' && value !== null ? textsOf(Object.values(value)) : []
  })
}
