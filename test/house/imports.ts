/** Who imports whom: the relative imports of TypeScript and Python files, by value and by type. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** One import from a file to another of the tree; both are paths relative to its root. */
export interface Import {
  readonly from: string
  readonly to: string
  /** False for `import type`, and in Python for an import that is made when it is called or for types only. */
  readonly value: boolean
}

const STATEMENT =
  /(?:\b(import|export)\s+(type\s+)?(?:[\w$*\s{},]+?\s+)?from\s*|\bimport\s*\(\s*|\bimport\s+|\bnew URL\(\s*)['"`](\.{1,2}\/[^'"`]+)['"`]/g

/** What a TypeScript text imports by a relative path: statically, dynamically, for effect, or as a worker's address. */
export function importsOf(text: string): { target: string; value: boolean }[] {
  return [...text.matchAll(STATEMENT)].map(([, , type, target]) => ({
    target: target ?? '',
    value: type === undefined,
  }))
}

/** What a Python text imports of a package, as dotted names; an import below the top level is not by value. */
export function pythonImportsOf(text: string, package_: string): { target: string; value: boolean }[] {
  const found: { target: string; value: boolean }[] = []
  for (const [, indent, module, names, plain] of text.matchAll(
    /^([ \t]*)(?:from ([\w.]+) import ([^#\n(]+|\([^)]*\))|import ([\w.]+))/gm,
  )) {
    const value = indent === ''
    const name = module ?? plain ?? ''
    if (name !== package_ && !name.startsWith(`${package_}.`)) continue
    found.push({ target: name, value })
    const parts = (names ?? '').replaceAll(/[()]|#.*$/gm, '').split(',')
    for (const part of parts) {
      const own = /^\s*(\w+)/.exec(part)?.[1]
      if (own !== undefined) found.push({ target: `${name}.${own}`, value })
    }
  }
  return found
}

/** Every import between the given files (paths relative to `root`); targets that are not among them are left out. */
export function importsBetween(root: string, files: readonly string[]): Import[] {
  const known = new Set(files)
  return files.flatMap((from) => {
    const text = readFileSync(join(root, from), 'utf8')
    return (from.endsWith('.py') ? pythonTargets(root, from, text) : typescriptTargets(from, text)).flatMap(
      ({ target, value }) => (known.has(target) && target !== from ? [{ from, to: target, value }] : []),
    )
  })
}

/** The path that a relative target means, seen from a file; both relative to the root of the tree. */
export function resolveFrom(file: string, target: string): string {
  return resolve('/', dirname(file), target).slice(1)
}

function typescriptTargets(from: string, text: string): { target: string; value: boolean }[] {
  return importsOf(text).map(({ target, value }) => ({
    target: resolveFrom(from, target),
    value,
  }))
}

/** The package is the outermost folder above a file that has an `__init__.py`. */
function pythonTargets(root: string, from: string, text: string): { target: string; value: boolean }[] {
  let top = dirname(from)
  while (existsSync(join(root, dirname(top), '__init__.py')) && dirname(top) !== '.') top = dirname(top)
  const base = dirname(top)
  return pythonImportsOf(text, top.slice(base.length + 1)).flatMap(({ target, value }) => {
    const path = join(base, target.replaceAll('.', '/'))
    return [`${path}.py`, join(path, '__init__.py')].map((file) => ({ target: file, value }))
  })
}
