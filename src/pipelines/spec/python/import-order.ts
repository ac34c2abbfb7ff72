/** Imports whose order has no effect, each of one name. */
import { importsOf } from './imports.ts'
import { STANDARD_LIBRARY } from './standard-library.ts'
import type { Token } from './tokens.ts'

/** Libraries that read neither descriptions nor hints of functions, and that it is all the same in which order they are loaded. */
const LIBRARIES = new Set(
  (
    'numpy pandas scipy sklearn xgboost lightgbm catboost statsmodels pyarrow polars duckdb matplotlib seaborn plotly joblib ' +
    'threadpoolctl onnx onnxruntime skl2onnx requests httpx urllib3 yaml tqdm PIL boto3 botocore s3fs fsspec psycopg psycopg2 ' +
    'shap optuna imblearn category_encoders openpyxl dateutil pytz slipway'
  ).split(' '),
)
/** Modules that are there for hints. */
const HINTS = new Set(['typing', 'collections.abc'])

export const rootOf = (module: string): string => module.split('.')[0] ?? ''

/** One name that an import binds. */
export interface Named {
  readonly name: string
  /** What it stands for. */
  readonly of: string
  /** The import of this name alone. */
  readonly text: string
  /** It is there for hints, and loads nothing else. */
  readonly isHint: boolean
}

/** The imports of a line that has nothing else, each of one name; undefined where their order may count, as of the project's own. */
export function importsIn(line: readonly Token[]): readonly Named[] | undefined {
  const { imports, rest } = importsOf(line)
  const [one] = imports
  if (one === undefined || rest.length > 0 || imports.some(({ level }) => level > 0)) return undefined
  if (imports.some(({ module }) => !isKnown(module))) return undefined
  if (one.names.length === 0) return plainImports(line)
  if (imports.length > 1 || one.names.includes('*')) return undefined
  return fromImports(line, one.module)
}

/** Whether a module is Python's, or of a library whose imports have no effect on others and which reads no descriptions and hints. */
export function isKnown(module: string): boolean {
  const root = rootOf(module)
  return LIBRARIES.has(root) || STANDARD_LIBRARY.has(root) || root === '__future__'
}

/** `import a, b.c as d` */
function plainImports(line: readonly Token[]): readonly Named[] {
  return parts(line.slice(1)).map((part) => {
    const [module, name] = aliasOf(part)
    const text = `import ${module}${name === undefined ? '' : ` as ${name}`}`
    return {
      name: name ?? rootOf(module),
      of: name === undefined ? rootOf(module) : module,
      text,
      isHint: text === 'import typing',
    }
  })
}

/** `from a.b import c, d as e` */
function fromImports(line: readonly Token[], module: string): readonly Named[] | undefined {
  const names = line
    .slice(line.findIndex(({ text }) => text === 'import') + 1)
    .filter(({ text }) => text !== '(' && text !== ')')
  // it changes how the source is read
  if (module === '__future__') return names.length === 1 && names[0]?.text === 'annotations' ? [FUTURE] : undefined
  return parts(names).map((part) => {
    const [of, name] = aliasOf(part)
    const text = `from ${module} import ${of}${name === undefined ? '' : ` as ${name}`}`
    return { name: name ?? of, of: `${module}.${of}`, text, isHint: name === undefined && HINTS.has(module) }
  })
}

/** How hints are kept, which nothing reads. */
const FUTURE: Named = { name: 'annotations', of: '__future__.annotations', text: '', isHint: true }

/** What stands between commas. */
function parts(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const all: Token[][] = [[]]
  for (const token of tokens) {
    if (token.text === ',') all.push([])
    else all.at(-1)?.push(token)
  }
  return all.filter((part) => part.length > 0)
}

function aliasOf(part: readonly Token[]): [string, string?] {
  const at = part.findIndex(({ text }) => text === 'as')
  return at < 0 ? [joined(part)] : [joined(part.slice(0, at)), joined(part.slice(at + 1))]
}

function joined(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join('')
}
