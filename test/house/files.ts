/** Which files of the tree are looked at, and which of them are tests. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const TOPS = ['src', 'web', 'python', 'test', 'bench']
const TEST = /\.(?:test|cases|fixture)\.tsx?$|^test\/|^python\/tests\//

/** TypeScript and Python files of the tree, relative to its root, sorted; migrations (`.sql`) are not among them. */
export function codeFiles(root: string): string[] {
  const exclude = (name: string): boolean => name === 'node_modules' || name === '__pycache__'
  return TOPS.flatMap((top) => globSync(`${top}/**/*.{ts,tsx,py}`, { cwd: root, exclude })).sort()
}

/** Whether a file is a test: `*.test.ts`, `*.cases.ts`, `*.fixture.ts`, or anything in `test` or `python/tests`. */
export function isTest(file: string): boolean {
  return TEST.test(file)
}

/** The files that are the program: those of `src`, `web` and `python` that are not tests. */
export function sourceFiles(root: string): string[] {
  return codeFiles(root).filter((file) => !isTest(file) && !file.startsWith('bench/'))
}

/** Lines of a file as an editor counts them: a last line without a line feed counts, an empty rest does not. */
export function linesOf(root: string, file: string): number {
  const text = readFileSync(join(root, file), 'utf8')
  const feeds = text.split('\n').length - 1
  return text === '' || text.endsWith('\n') ? feeds : feeds + 1
}

/** Files that count for a folder: source files, and in `test` and `bench` those that are not themselves tests. */
export function countedFlat(root: string): string[] {
  return codeFiles(root).filter((file) => !/\.(?:test|cases|fixture)\.tsx?$|\/test_\w+\.py$/.test(file))
}

/** How many of the files lie directly in each folder, most first. */
export function flat(files: readonly string[]): [folder: string, files: number][] {
  const counts = new Map<string, number>()
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
}
