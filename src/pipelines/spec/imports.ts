/** Reads the import statements of Python source without running it. */

/** One import: `level` dots, the module after them, and the names taken from it ('*' or [] for a plain import). */
export interface Import {
  readonly level: number
  readonly module: string
  readonly names: readonly string[]
}

export interface Imports {
  readonly imports: readonly Import[]
  /** Ways to load code that no reader can follow, as written, for example importlib. */
  readonly dynamic: readonly string[]
}

const DYNAMIC = /(?<![.\w])(importlib|__import__|pkgutil|runpy|exec|eval|execfile|imp)\b\s*[.(]/g

/** Finds every import, also inside functions and conditions. */
export function readImports(source: string): Imports {
  const code = withoutText(source)
  const statements = code.replace(/\\\r?\n/g, ' ').replace(/\(([^()]*)\)/g, (group) => group.replace(/\s*\n\s*/g, ' '))
  const imports: Import[] = []
  for (const line of statements.split(/[\n;]|:(?=\s*(?:from|import)\b)/)) {
    const from = /^\s*from\s+(\.*)\s*([\w.]*)\s+import\s+\(?([^)#]*)\)?/.exec(line)
    if (from !== null) {
      imports.push({ level: from[1]?.length ?? 0, module: from[2] ?? '', names: namesOf(from[3] ?? '') })
      continue
    }
    const plain = /^\s*import\s+([^#]+)/.exec(line)
    for (const name of namesOf(plain?.[1] ?? '')) imports.push({ level: 0, module: name, names: [] })
  }
  return { imports, dynamic: [...new Set([...code.matchAll(DYNAMIC)].map((match) => match[1] ?? ''))] }
}

/** True when the top level of the source defines a name: def, class, assignment or import; or may, by `import *`. */
export function definesName(source: string, name: string): boolean {
  const code = withoutText(source)
  if (new RegExp(`^\\s*((async\\s+)?def|class)\\s+${name}\\b|^\\s*${name}\\s*(:[^=\\n]+)?=[^=]`, 'm').test(code))
    return true
  return (
    readImports(source).imports.some(({ names }) => names.includes(name) || names.includes('*')) ||
    new RegExp(`\\bas\\s+${name}\\b`).test(code)
  )
}

function namesOf(list: string): string[] {
  return list
    .split(',')
    .map((part) => part.trim().split(/\s+/)[0] ?? '')
    .filter((part) => part !== '')
}

/** The source with comments and the insides of strings blanked, so that no word in them counts. */
function withoutText(source: string): string {
  return source.replace(
    /#[^\n]*|('''|""")(?:\\[^]|(?!\1)[^])*(?:\1|$)|'(?:\\[^]|[^'\\\n])*'?|"(?:\\[^]|[^"\\\n])*"?/g,
    (text) => (text.startsWith('#') ? '' : '""'),
  )
}
