/** The figures of the house, as lines of text: sizes, circles, lengths, tests by source, what stands twice. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOMS, roomOf } from '../rooms.ts'
import { circles, folderPairs } from './circles.ts'
import { duplicates, LIMITS } from './duplicates.ts'
import type { Pair, Place } from './duplicates.ts'
import { FOLDER_PAIRS } from './exceptions.ts'
import { codeFiles, countedFlat, flat, isTest, linesOf, sourceFiles } from './files.ts'
import { climbs, flows, SHORT_FLOWS } from './flows.ts'
import { importsBetween } from './imports.ts'
import { functionsOf, spread } from './lengths.ts'
import { MOST_FLAT } from './rules.ts'

/** What to print beside the figures: the first `duplicates` pairs that stand twice; 0 for none. */
export interface Asked {
  readonly duplicates: number
}

/** Every figure of the tree at `root`, a line or a few each; reads the whole tree, which takes some seconds. */
export function figures(root: string, asked: Asked): string[] {
  return [
    ...appLines(root),
    ...flatLines(root),
    ...circleLines(root),
    ...lengthLines(root),
    ...flowLines(root),
    ...ratioLines(root),
    ...duplicateLines(root, asked.duplicates),
  ]
}

function appLines(root: string): string[] {
  const imported = importsBetween(root, codeFiles(root)).filter(({ from }) => from === 'src/app.ts')
  const targets = [...new Set(imported.map(({ to }) => to))]
  const rooms = [...Map.groupBy(targets, (target) => roomOf('src', target))].map(
    ([room, files]) => `${room} ${files.length}`,
  )
  return [
    `app.ts: ${linesOf(root, 'src/app.ts')} lines, ${imported.length} imports of ${targets.length} files (${rooms.join(', ')})`,
  ]
}

function flatLines(root: string): string[] {
  const folders = flat(countedFlat(root))
  const tops = ['src', 'web', 'python', 'test', 'bench'].flatMap((top) => {
    const largest = folders.find(([folder]) => folder === top || folder.startsWith(`${top}/`))
    return largest === undefined ? [] : [`${largest[0]} ${largest[1]}`]
  })
  const over = folders.filter(([, files]) => files > MOST_FLAT)
  return [
    `source files flat in the largest folder (without tests, cases, fixtures and .sql): ${tops.join(', ')}`,
    `folders with more than ${MOST_FLAT}: ${over.length === 0 ? 'none' : over.map(([folder, n]) => `${folder} ${n}`).join(', ')}`,
  ]
}

function circleLines(root: string): string[] {
  const imports = importsBetween(root, sourceFiles(root))
  const byValue = circles(imports.filter(({ value }) => value))
  const all = circles(imports)
  const pairs = folderPairs(imports).map((pair) => pair.join(' <-> '))
  const reasons = new Map(FOLDER_PAIRS.map(({ pair, reason }) => [pair, reason]))
  const places = all.map((members) => `  ${members.length} files: ${members.join(', ')}`)
  return [
    `circles by value ${byValue.length}, by value or type ${all.length}, pairs of folders ${pairs.length}`,
    ...places,
    ...pairs.map((pair) => `  ${pair}: ${reasons.get(pair) ?? 'no reason listed'}`),
  ]
}

function lengthLines(root: string): string[] {
  const files = sourceFiles(root).filter((file) => file.startsWith('src/'))
  const functions = files.flatMap((file) => functionsOf(file, readFileSync(join(root, file), 'utf8')))
  const said = ({ median, p90, max, count }: ReturnType<typeof spread>): string =>
    `${median} / ${p90} / ${max} of ${count}`
  return [
    `lines of a file of src, median / p90 / max: ${said(spread(files.map((file) => linesOf(root, file))))}`,
    `lines of a named function of src, median / p90 / max: ${said(spread(functions.map(({ lines }) => lines)))}`,
  ]
}

function flowLines(root: string): string[] {
  return flows(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))
    .filter(({ name }) => Object.hasOwn(SHORT_FLOWS, name))
    .map((flow) => `flow "${flow.name}": ${flow.steps.length} files, ${climbs(flow)} climbs to a room above`)
}

/** Lines of tests by lines of source: of the tree, and of each room by the tests that lie in it. */
function ratioLines(root: string): string[] {
  const files = codeFiles(root).filter((file) => !file.startsWith('bench/'))
  const line = (name: string, own: readonly string[]): string => {
    const sum = (some: readonly string[]): number => some.reduce((total, file) => total + linesOf(root, file), 0)
    const tests = sum(own.filter((file) => isTest(file)))
    const source = sum(own.filter((file) => !isTest(file)))
    return `${name.padEnd(12)} ${tests} : ${source} = ${source === 0 ? '-' : (tests / source).toFixed(2)}`
  }
  const rooms = ROOMS.map(([name]) => name).filter((name) => files.some((file) => isIn(file, `src/${name}`)))
  return [
    line('test : source', files),
    ...rooms.map((name) =>
      line(
        `  ${name}`,
        files.filter((file) => isIn(file, `src/${name}`)),
      ),
    ),
    ...['web', 'python'].map((top) =>
      line(
        `  ${top}`,
        files.filter((file) => isIn(file, top)),
      ),
    ),
    line(
      '  of no room',
      files.filter((file) => isIn(file, 'test')),
    ),
  ]
}

function isIn(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}/`)
}

function duplicateLines(root: string, most: number): string[] {
  const pairs = duplicates(
    codeFiles(root)
      .filter((file) => !file.startsWith('bench/'))
      .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') })),
  )
  const renamed = pairs.filter((pair) => pair.renamed).length
  return [
    `pairs of files, or a file with itself, that share ${LIMITS.lines} lines of code in a row: ${pairs.length} (${pairs.length - renamed} to the letter, ${renamed} when renamed)`,
    `  without bench, comments, imports, lone punctuation and what stands in more than ${LIMITS.places} places; a renamed run has ${LIMITS.words} different words`,
    ...pairs.slice(0, most).map((pair) => `  ${pairLine(pair)}`),
  ]
}

function pairLine({ a, b, lines, runs, renamed }: Pair): string {
  const place = ({ file, from, to }: Place): string => `${file}:${from}-${to}`
  const more = runs > 1 ? `, ${runs - 1} more runs` : ''
  return `${place(a)} ~ ${place(b)} ${lines} lines${renamed ? ', renamed' : ''}${more}`
}
