/** What people have made of a package: its steps as they stand there now, and what its code imports beyond what was written for it. */
import { join } from 'node:path'
import { readUserText } from '../../contract/absence/user-file.ts'
import type { CellFacts } from '../facts/facts.ts'
import type { Helper } from '../facts/interpreter.ts'
import type { Section } from '../rewrite/sections.ts'
import { modules, type Package } from './modules.ts'

export interface Edited {
  /** The steps with the bodies that they have now; empty for one that is gone, or cannot be read. */
  readonly sections: readonly Section[]
  /** Modules that it has to find installed, and that neither the research code nor `slipway package` imports. */
  readonly imports: readonly string[]
}

/** Reads the Python files of a project, by their paths as seen from `src`. */
export async function readEdited(
  { project, paths }: { readonly project: string; readonly paths: readonly string[] },
  made: Package,
  helper: Helper,
): Promise<Edited> {
  const own = paths.filter((path) => path.endsWith('.py'))
  const now = await Promise.all(own.map((path) => readUserText(join(project, 'src', path))))
  const written = [...modules(made)].map(([path, source]) => ({ path: path.slice('src/'.length), source }))
  const sources = [...now, ...written.map(({ source }) => source)]
  const { cells, standard } = await helper.facts(sources.map((source, id) => ({ id, source })))
  const [here, before] = [cells.slice(0, own.length), cells.slice(own.length)]
  const fileIn = (files: readonly CellFacts[], names: readonly string[], section: Section): CellFacts | undefined =>
    files[names.indexOf(`${made.name}/${section.module}.py`)]
  const names = written.map(({ path }) => path)
  const local = own.map((path) => path.replace(/^\.\.\//, '').replace(/(?:\/.*|\.py)$/, ''))
  const known = new Set([...standard, ...local, ...importsOf(before)])
  const imports = importsOf(here).filter((module) => !known.has(module) && !known.has(module.split('.')[0] ?? ''))
  return {
    sections: made.sections.map((section) =>
      sectionNow(section, fileIn(here, own, section), fileIn(before, names, section)),
    ),
    imports: [...new Set(imports)].toSorted(),
  }
}

/** Modules that files cannot do without. */
function importsOf(files: readonly CellFacts[]): string[] {
  return files
    .flatMap(({ statements }) => statements.flatMap(({ imports }) => imports))
    .flatMap(({ module, level, optional }) => (optional || level > 0 || module === '' ? [] : [module]))
}

/** A step with the body that it has now: as it was written where nobody changed it, else as it stands in the file. */
function sectionNow(section: Section, here: CellFacts | undefined, before: CellFacts | undefined): Section {
  const [now, written] = [bodyIn(here, section.name), bodyIn(before, section.name)]
  return now !== undefined && now === written ? section : { ...section, body: plainBody(now ?? '', section) }
}

/** The body of a function, from its first statement on. */
function bodyIn(file: CellFacts | undefined, name: string): string | undefined {
  const found = file?.statements.findLast(({ definition }) => definition?.name === name)?.definition
  if (file === undefined || found === undefined || found === null) return undefined
  const text = Buffer.from(file.clean).subarray(found.body, found.span[1]).toString()
  const body = `${' '.repeat(found.own_line ? found.indent : 4)}${text}\n`
  return found.documented ? body.replace(DOCSTRING, '') : body
}

const DOCSTRING = /^\s*[rRuU]?(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')[ \t]*\n?/

/** A body without the lines at its end that every step has: figures are kept, results given back. */
function plainBody(body: string, { results, cell }: Section): string {
  const ends = [`    return ${results.join(', ')}\n`, `    keep_figures("cell_${cell}")\n`]
  return ends.reduce((text, end) => (text.endsWith(end) ? text.slice(0, -end.length) : text), body)
}
