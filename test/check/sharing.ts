/** Which test files run one after the other in one process, by their names, and why one must not, by its text. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTest } from '../house/files.ts'
import { importsOf, resolveFrom } from '../house/imports.ts'
import { isAlone } from './parts.ts'

/** What a text says that must have a process of its own, and why. */
const ALONE: readonly (readonly [why: string, says: RegExp])[] = [
  [
    'starts processes or threads',
    /['"]node:(?:child_process|cluster|worker_threads)['"]|\bstart(?:Own|Archiving)Postgres\(/,
  ],
  // its folder, signals, output and costs; its variables may be read, and what is to be done as it ends may be said
  ['uses the process', /(?<!\.)\bprocess(?:\[|\.(?!(?:getuid|cwd|platform|arch|version|env)\b|once\('exit',)[a-zA-Z])/],
  ['sets variables', /\bprocess\.env(?:\.\w+|\[[^\]]+\])?\s*(?:\?\?)?=[^=]|\b(?:delete|assign\() ?process\.env/],
  // as what draws pages does, which keep the time of the last one
  ['changes how modules are loaded', /\bregisterHooks\(/],
  ['changes what all code sees', /\bglobalThis\b|\bsetDefaultTimeout\b|\bsetGlobalDispatcher\b/],
  ['mocks without a test that ends it', /import \{[^}]*\bmock\b[^}]*\} from 'node:test'/],
  // a module that awaits cannot be loaded within a test
  ['awaits as it is loaded', /^(?:await|for await|(?:export )?(?:const|let) (?!.*\basync\b).*\bawait) /m],
  ['awaits as it is loaded', /^(?:for|if|try)\b.*\n(?: .*\n|\n)*? {2}(?!.*\basync\b)\S.*\bawait /m],
  ['looks at the process from outside', /\/proc\/|\bgc\(|['"]node:v8['"]/],
]

/** Helpers that start only what a run has started for all its files, and look for programs: their own texts say nothing. */
const FOR_ALL = new Set(['test/postgres.ts', 'test/tools.ts'])

/** Files of one process at most: a fault in it has each of them run again. */
const MOST = 40

/**
 * Why a test file (relative to `root`) must have a process of its own, by its text and by those of the tests' own files that it imports;
 * undefined for one that leaves nothing in its process by which another could be affected.
 */
export function whyAlone(root: string, file: string): string | undefined {
  const texts = [...reached(root, file)]
    .filter((one) => !FOR_ALL.has(one))
    .map((one) => readFileSync(join(root, one), 'utf8'))
  return ALONE.find(([, says]) => texts.some((text) => says.test(text)))?.[0]
}

/**
 * The files in their order, those together that share a process. Neighbours share most of what they load, so that they are taken
 * from one of the top folders and in order.
 */
export function shared(files: readonly string[]): string[][] {
  const together = files.filter((file) => !isAlone(file))
  const groups = Object.values(Object.groupBy(together, (file) => file.split('/')[0] ?? '')).flatMap((some = []) =>
    evenly(some),
  )
  const begins = new Map(groups.map((group) => [group[0], group]))
  const grouped = new Set(together)
  return files.flatMap((file) => {
    const group = begins.get(file)
    if (group !== undefined) return [group]
    return grouped.has(file) ? [] : [[file]]
  })
}

/** Parts of at most so many, of which none is much smaller than the others. */
function evenly(files: readonly string[]): string[][] {
  const size = Math.ceil(files.length / Math.ceil(files.length / MOST))
  return Array.from({ length: Math.ceil(files.length / size) }, (_, at) => files.slice(at * size, (at + 1) * size))
}

/** A test file and what it imports of the tests, by value and through each other; the program itself is not among them. */
function reached(root: string, file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file) || !existsSync(join(root, file))) return seen
  seen.add(file)
  for (const { target, value } of importsOf(readFileSync(join(root, file), 'utf8'))) {
    const to = resolveFrom(file, target)
    if (value && isTest(to)) reached(root, to, seen)
  }
  return seen
}
