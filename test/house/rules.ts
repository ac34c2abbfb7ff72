/** The rules of the house that a tree may break: each finds what breaks it, as lines `place | rule | what`. */
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { edges, ROOMS, roomOf, tableOwners } from '../rooms.ts'
import { circles, folderPairs } from './circles.ts'
import { FOLDER_PAIRS } from './exceptions.ts'
import { countedFlat, flat, linesOf, sourceFiles } from './files.ts'
import { importsBetween } from './imports.ts'
import type { Import } from './imports.ts'
import { wordTests } from './sentences.ts'
import { tableUses } from './tables.ts'

/** Source files that may lie directly in one folder. */
export const MOST_FLAT = 25
/** Lines that `app.ts` stays below. */
export const APP_LINES = 300

/** What breaks one rule, and how to say it to whoever broke it. */
export interface Rule {
  readonly name: string
  /** The rule in a sentence. */
  readonly says: string
  /** What breaks it in the tree at `root`: pairs of a path and what is wrong there, in no special order. */
  readonly broken: (root: string) => [place: string, what: string][]
}

const APP = 'src/app.ts'
const room = (file: string): string => roomOf('src', file)
const order = (name: string): number => ROOMS.findIndex(([known]) => known === name)

/** Imports among the files of `src`, tests left out. */
function imports(root: string): Import[] {
  return importsBetween(
    root,
    sourceFiles(root).filter((file) => file.startsWith('src/')),
  )
}

function uses(root: string, writes: boolean): [place: string, what: string][] {
  const owners = tableOwners(join(root, 'src'))
  const known = new Set(owners.keys())
  return sourceFiles(root)
    .filter((file) => file.startsWith('src/') && !OTHER_DATABASES.test(file))
    .flatMap((file) =>
      tableUses(readFileSync(join(root, file), 'utf8'), known)
        .filter((use) => use.writes === writes && owners.get(use.table) !== room(file))
        .map((use): [string, string] => [file, `${use.table} of ${owners.get(use.table)}`]),
    )
}

/** These read the database of another program, whose tables are named like some of ours. */
const OTHER_DATABASES = /\/transfer\/(?:mlflow\/|mlflow-)/

/** Words that are no name for a folder or a file: they say that it belongs somewhere, not what it is. */
const VAGUE = new RegExp(
  `^(?:${[
    'utils?|helpers?|common|shared|core|lib|misc|index',
    'things?|many|whole|given|together|seen|taking|judged|connect|returning|registering|cited',
  ].join('|')})(?:\\.(?:test|cases|fixture))?(?:\\.(?:tsx?|py))?$`,
)

/** A file name whose last word is one of the vague ones is no better: `runs-many.ts`. */
function isVague(name: string): boolean {
  const last = name.split(/[-_]/).at(-1) ?? ''
  return VAGUE.test(name) || (name !== last && !/^(?:core|lib|index)\b/.test(last) && VAGUE.test(last))
}

/** Every rule whose breaches may be listed in `exceptions.ts`, by name. */
export const RULES: readonly Rule[] = [
  {
    name: 'order',
    says: 'a room imports only rooms above it in test/rooms.ts; what it needs from below is a port that app.ts passes in',
    broken: (root) =>
      edges(join(root, 'src'))
        .filter((edge) => order(edge.to) >= order(edge.from))
        .map((edge) => [edge.file, edge.target]),
  },
  {
    name: 'writes',
    says: 'a table is written only by its own room',
    broken: (root) => uses(root, true),
  },
  {
    name: 'reads',
    says: 'a table is read only by its own room; another room calls a query that the owner exports',
    broken: (root) => uses(root, false),
  },
  {
    name: 'routes',
    says: 'only room.ts imports a routes.ts, and only that of its own folder or below',
    broken: (root) =>
      imports(root)
        .filter(({ to }) => basename(to) === 'routes.ts')
        .filter(({ from, to }) => basename(from) !== 'room.ts' || !to.startsWith(`${dirname(from)}/`))
        .map(({ from, to }) => [from, to]),
  },
  {
    name: 'seam',
    says: 'only app.ts imports the room.ts of another room, for its types too; others import the file of the noun',
    broken: (root) =>
      imports(root)
        .filter(({ from, to }) => basename(to) === 'room.ts' && from !== APP && room(from) !== room(to))
        .map(({ from, to }) => [from, to]),
  },
  {
    name: 'app',
    says: `app.ts has fewer than ${APP_LINES} lines and imports each room from one file`,
    broken: (root) => appBroken(root),
  },
  {
    name: 'flat',
    says: `at most ${MOST_FLAT} source files lie directly in a folder (tests, fixtures and .sql are not counted)`,
    broken: (root) =>
      flat(countedFlat(root))
        .filter(([, files]) => files > MOST_FLAT)
        .map(([folder]) => [folder, `more than ${MOST_FLAT} files`]),
  },
  {
    name: 'circle',
    says: 'no files reach each other by their imports, by value or by type',
    broken: (root) =>
      circles(importsBetween(root, sourceFiles(root)))
        .flat()
        .map((file) => [file, 'in a circle']),
  },
  {
    name: 'folders',
    says: 'two folders do not import each other, but for the pairs that exceptions.ts gives a reason for',
    broken: (root) =>
      folderPairs(importsBetween(root, sourceFiles(root))).filter(
        ([first, second]) => !FOLDER_PAIRS.some(({ pair }) => pair === `${first} <-> ${second}`),
      ),
  },
  {
    name: 'sentence',
    says: 'a decision is made from a field that carries its kind, never from the words of a sentence',
    broken: (root) =>
      sourceFiles(root).flatMap((file) =>
        wordTests(file, readFileSync(join(root, file), 'utf8')).map((found): [string, string] => [file, found]),
      ),
  },
  {
    name: 'vague',
    says: 'a folder or a file is named by a noun of the field',
    broken: (root) =>
      ['src', 'web', 'test', 'bench', 'python'].flatMap((top) =>
        globSync('**/*', { cwd: join(root, top), exclude: (name) => name === 'node_modules' || name === '__pycache__' })
          .filter((path) => isVague(basename(path)))
          .map((path): [string, string] => [`${top}/${path}`, basename(path)]),
      ),
  },
]

function appBroken(root: string): [place: string, what: string][] {
  const files = Map.groupBy(
    new Set(
      imports(root)
        .filter(({ from }) => from === APP)
        .map(({ to }) => to),
    ),
    room,
  )
  const many = [...files].filter(([, targets]) => targets.length > 1).map(([name]) => `${name} from more than one file`)
  const long = linesOf(root, APP) < APP_LINES ? [] : [`${APP_LINES} lines or more`]
  return [...long, ...many].map((what) => [APP, what])
}

/** What breaks the rules in the tree at `root`, as lines `place | rule | what`, sorted. */
export function breaches(root: string, rules: readonly Rule[] = RULES): string[] {
  const lines = rules.flatMap((rule) => rule.broken(root).map(([place, what]) => `${place} | ${rule.name} | ${what}`))
  return [...new Set(lines)].sort()
}

/** What a list of exceptions and a tree say differently: lines that are missing from the list, and lines of it that hold no more. */
export function compare(found: readonly string[], listed: readonly string[]): { added: string[]; gone: string[] } {
  return { added: found.filter((line) => !listed.includes(line)), gone: listed.filter((line) => !found.includes(line)) }
}
