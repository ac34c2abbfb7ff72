/** The imports that a text of Python needs, in the order in which the notebook had them. */
import type { Import } from '../facts/facts.ts'
import { boundBy, importsOf, type Program } from '../rewrite/program.ts'

/** Lines of imports for the names that a text uses; `also` are further lines, such as `import os`. */
export function importLines(program: Program, text: string, first = false): string[] {
  const lines: string[] = []
  const froms = new Map<string, string[]>()
  const seen = new Set<string>()
  for (const one of importsOf(program)) {
    const key = `${one.module} ${one.name} ${one.as}`
    if (seen.has(key) || one.module === '__future__' || !(used(one, text) || (first && sideEffect(one)))) continue
    seen.add(key)
    if (one.name === null) lines.push(`import ${one.module}${one.as === null ? '' : ` as ${one.as}`}`)
    else {
      const names = froms.get(one.module) ?? []
      if (names.length === 0) lines.push(`from ${one.module} `)
      names.push(one.as === null ? one.name : `${one.name} as ${one.as}`)
      froms.set(one.module, names)
    }
  }
  const whole = lines.map((line) =>
    line.startsWith('from ') ? fromLine(line, froms.get(line.slice(5, -1)) ?? []) : line,
  )
  const also = [...program.extraImports].filter(
    (line) => mentions(text, line.replace('import ', '')) && !whole.includes(line),
  )
  return [...also, ...whole]
}

function fromLine(begin: string, names: readonly string[]): string {
  const line = `${begin}import ${names.join(', ')}`
  return line.length <= 100 ? line : `${begin}import (\n${names.map((name) => `    ${name},\n`).join('')})`
}

function used(one: Import, text: string): boolean {
  return mentions(text, boundBy(one))
}

/** An import that is there for what it does: scikit-learn's experimental switches. */
export function sideEffect({ module, name }: Import): boolean {
  return (name ?? '').startsWith('enable_') || module.endsWith('.experimental')
}

/** Whether a name stands in a text as a word. */
export function mentions(text: string, name: string): boolean {
  return name !== '' && new RegExp(`(?<![\\w.])${name.replaceAll(/[^\w]/g, '\\$&')}(?!\\w)`).test(text)
}
