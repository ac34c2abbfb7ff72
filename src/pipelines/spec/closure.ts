/** Which files of a project decide what a step does: its module, what that imports, and the files that are not Python. */
import type { TreeFile } from '../../store/blobs/trees.ts'
import { readImports, type Import } from './imports.ts'

/** The files whose content is part of a step's key. */
export interface Closure {
  /** Path → digest, sorted by path. */
  readonly files: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

/** The Python files of a project as text. */
export type Sources = ReadonlyMap<string, string>

/** Where modules are looked for, as the wrapper does: the project's folder, then `src`. */
const ROOTS = ['', 'src/']

/** Never part of a key: prose, tests, the project file (its parts are components of their own), notebooks. */
const IGNORED =
  /(^|\/)(tests?|docs|\.[^/]+)\/|\.(md|rst|ipynb)$|^(slipway\.ya?ml|LICENSE[^/]*|NOTICE[^/]*|pyproject\.toml|uv\.lock|requirements[^/]*\.txt)$|(^|\/)\.[^/]+$/i

/**
 * The static import closure of an entry module with every other file that is not Python. A command, or code that imports
 * by computed names, may read anything, so all files count then and a warning says so.
 */
export function closureOf(entry: string | readonly unknown[], files: readonly TreeFile[], sources: Sources): Closure {
  const counted = files.filter((file) => !IGNORED.test(file.path))
  if (typeof entry !== 'string') return { files: digests(counted), warnings: [] }
  const { modules, dynamic } = follow(moduleOf(entry), sources)
  if (dynamic.length > 0) {
    const warnings = dynamic.map(({ path, how }) => `${path} uses ${how}: every file of the project is part of the key`)
    return { files: digests(counted), warnings }
  }
  return {
    files: digests(counted.filter((file) => !file.path.endsWith('.py') || modules.has(file.path))),
    warnings: [],
  }
}

/** `flights.train:main` → `flights.train`. */
export function moduleOf(entry: string): string {
  return entry.slice(0, entry.indexOf(':'))
}

/** The file of a module, or undefined when the project has none of that name. */
export function moduleFile(module: string, sources: Sources): string | undefined {
  const path = module.replaceAll('.', '/')
  return ROOTS.flatMap((root) => [`${root}${path}.py`, `${root}${path}/__init__.py`]).find((file) => sources.has(file))
}

function follow(start: string, sources: Sources): { modules: Set<string>; dynamic: { path: string; how: string }[] } {
  const modules = new Set<string>()
  const dynamic: { path: string; how: string }[] = []
  const waiting = [start]
  for (let module = waiting.pop(); module !== undefined; module = waiting.pop()) {
    for (const name of withParents(module)) {
      const path = moduleFile(name, sources)
      if (path === undefined || modules.has(path)) continue
      modules.add(path)
      const found = readImports(sources.get(path) ?? '')
      dynamic.push(...found.dynamic.map((how) => ({ path, how })))
      waiting.push(...found.imports.flatMap((item) => targets(item, name, path.endsWith('/__init__.py'))))
    }
  }
  return { modules, dynamic }
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

/** Importing `a.b.c` runs `a` and `a.b` too. */
function withParents(module: string): string[] {
  const parts = module.split('.')
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'))
}

function digests(files: readonly TreeFile[]): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file.path, file.digest]))
}
