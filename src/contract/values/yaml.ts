/** Reads YAML of strangers in time proportional to its length: what nests too deep is not read on, and no key is compared with all others. */
import { Composer, isMap, isScalar, Lexer, Parser, visit } from 'yaml'
import type { CST, Document, LineCounter, YAMLParseError } from 'yaml'

/** Deepest nesting, as of a body in JSON. What walks a value may recurse once a level. */
export const DEEPEST = 100
/** Longest text of a model's file that is read, characters: no writer of these files comes near it. */
const LARGEST = 1024 * 1024
/** Most signs of it: words, marks and line ends. A file has some hundred, for what is long in it are texts. */
const MOST_SIGNS = 40_000

/** Something that is wrong with a text: what, and at which character. */
export interface YamlFault {
  readonly code: 'TOO_DEEP' | 'DUPLICATE_KEY' | 'NAME' | 'TAG' | 'TAB' | 'SYNTAX'
  readonly at: number
  readonly message: string
}

/** A document, absent where its text nests too deep, and all that is wrong with it. */
export interface ComposedYaml {
  readonly document?: Document
  readonly faults: readonly YamlFault[]
}

/** Reads a text of one document; `lines` is told where its lines begin. Names that a program takes for something else are faults, tags that nobody knows too. */
export function composeYaml(text: string, lines: LineCounter): ComposedYaml {
  const tokens = [...new Parser(lines.addNewLine).parse(text)]
  const deep = tooDeep(tokens)
  if (deep !== undefined) {
    const message = `it nests more than ${DEEPEST} deep`
    return { faults: [{ code: 'TOO_DEEP', at: deep, message }] }
  }
  // equal keys are looked for here: the parser would compare each with all before it
  const documents = [
    ...new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent' }).compose(tokens, true, text.length),
  ]
  const [document, second] = documents
  if (document === undefined) return { faults: [] }
  const faults = document.errors.map((error): YamlFault => ({
    code: error.code === 'TAB_AS_INDENT' ? 'TAB' : 'SYNTAX',
    at: error.pos[0],
    message: firstLine(error),
  }))
  if (second !== undefined)
    faults.push({ code: 'SYNTAX', at: second.range[0], message: 'a second document begins here; expected one' })
  if (faults.length > 0) return { document, faults }
  const tags = document.warnings.map((warning): YamlFault => {
    const tag = text.slice(...warning.pos)
    return {
      code: 'TAG',
      at: warning.pos[0],
      message: `the tag ${tag.slice(0, 80)} is not known; expected a plain value`,
    }
  })
  return { document, faults: [...tags, ...oddKeys(document)] }
}

/** The value of a model's file. Of a key that is there twice the last counts, as in Python. Throws for what is no YAML, too long or too deep. */
export function modelYaml(text: string): unknown {
  if (text.length > LARGEST) throw new Error(`it has more than ${LARGEST} characters`)
  const tokens = fewTokens(text)
  if (tooDeep(tokens) !== undefined) throw new Error(`it nests more than ${DEEPEST} deep`)
  const [document] = new Composer({ uniqueKeys: false, schema: 'core', logLevel: 'error' }).compose(
    tokens,
    true,
    text.length,
  )
  const [error] = document?.errors ?? []
  if (error !== undefined) throw new Error(firstLine(error))
  // PyYAML writes an alias where a value comes twice; more of them are a bomb
  return document?.toJS({ maxAliasCount: 100 }) as unknown
}

/** The tokens of a text that has few signs. Throws for others, as soon as they are seen, for whoever reads it reads nothing else meanwhile. */
function fewTokens(text: string): CST.Token[] {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  let signs = 0
  for (const sign of new Lexer().lex(text)) {
    if (++signs > MOST_SIGNS) throw new Error(`it has more than ${MOST_SIGNS} words, marks and line ends`)
    tokens.push(...parser.next(sign))
  }
  return [...tokens, ...parser.end()]
}

function firstLine({ message }: YAMLParseError): string {
  return message.split('\n')[0] ?? message
}

/** Where something nests deeper than it may; undefined where nothing does. */
function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  const open: (readonly [token: CST.Token, depth: number])[] = tokens.map((token) => [token, 0])
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [token, depth] = next
    if (depth > DEEPEST) return token.offset
    for (const inner of within(token)) open.push([inner, token.type === 'document' ? depth : depth + 1])
  }
  return undefined
}

function within(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value]
  if (!('items' in token)) return []
  return token.items.flatMap((item) => [item.key, item.value].filter((one) => one !== undefined && one !== null))
}

/** Keys that are there twice in one place, and the one that JavaScript takes for something else. */
function oddKeys(document: Document): YamlFault[] {
  const faults: YamlFault[] = []
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>()
      for (const { key } of isMap(map) ? map.items : []) {
        if (!isScalar(key)) continue
        const [name, at] = [String(key.value), key.range?.[0] ?? 0]
        if (seen.has(name)) {
          const message = `"${name.slice(0, 80)}" is there twice; expected each key once`
          faults.push({ code: 'DUPLICATE_KEY', at, message })
        }
        if (name === '__proto__')
          faults.push({ code: 'NAME', at, message: 'the name "__proto__" is not accepted; choose another' })
        seen.add(name)
      }
    },
  })
  return faults
}
