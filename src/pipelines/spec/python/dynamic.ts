/** What a step's code does that no reading of its imports can follow: other programs, names that come as data, paths of import. */
import { importsOf, startsStatement, type Imports } from './imports.ts'
import type { Token } from './tokens.ts'

/** Modules that load code by name, run other programs, or hand out what does. */
const MODULES = new Set(
  (
    'importlib imp runpy pydoc zipimport pkgutil modulefinder builtins site subprocess pty code codeop marshal shelve pdb bdb trace ' +
    'doctest unittest pytest nose IPython papermill nbclient nbconvert testbook pexpect sh plumbum invoke dill cloudpickle ' +
    'pkg_resources stevedore pluggy hydra gin jsonargparse django celery mmengine mmcv pyximport torch.hub'
  ).split(' '),
)
/** Parts of them that do neither. */
const HARMLESS = /^importlib\.(?:metadata|resources|abc)(?:\.(?!entry_points\b)|$)/

/** Names that do so wherever they come from. */
const NAMES = new Set(
  (
    '__import__ __builtins__ __loader__ __path__ import_module exec_module load_module load_source module_from_spec resolve_name ' +
    'spec_from_file_location spec_from_loader import_string import_from_string run_path run_module addsitedir execfile ' +
    'entry_points iter_entry_points load_entry_point dictConfig fileConfig create_subprocess_exec create_subprocess_shell ' +
    'subprocess_exec subprocess_shell Unpickler read_pickle allow_pickle load_model'
  ).split(' '),
)
/** Functions of Python itself; as methods they are something else. */
const FUNCTIONS = new Set(['exec', 'eval'])

/** Members of modules. What is unpickled names its classes itself. */
const MEMBERS =
  /^(?:(?:os|posix)\.(?:system|popen|startfile|exec\w*|spawn\w*|posix_spawn\w*)|sys\.(?:path|meta_path|path_hooks|path_importer_cache)|(?:_?pickle|joblib|torch)\.loads?|timeit\.(?:timeit|repeat|Timer|main)|(?:cProfile|profile)\.run\w*)$/
/** Modules with such members; where the module itself is handed on, any of them may be used. */
const OWNERS = new Set(['os', 'posix', 'sys', 'pickle', '_pickle', 'joblib'])

/** Ways to run or load code that cannot be followed, each once, as a person would look for them. */
export function dynamicIn(tokens: readonly Token[]): string[] {
  const { imports, bound, rest } = importsOf(tokens)
  const flat = rest.flatMap((token) => [token, ...flattened(token.inner)])
  const names = flat.flatMap((token, i) => nameAt(flat, i, token, bound))
  return [...new Set([...imports.flatMap(imported), ...names, ...flat.flatMap((token, i) => codeFile(flat, i, token))])]
}

function flattened(inner: readonly Token[] = []): Token[] {
  return inner.flatMap((token) => [token, ...flattened(token.inner)])
}

function imported({ level, module, names }: Imports['imports'][number]): string[] {
  if (level > 0) return []
  const whole = names.length === 0 ? [module] : names.map((name) => `${module}.${name}`)
  return whole.flatMap((name) => {
    if (HARMLESS.test(name)) return []
    const known = withParents(name).find((one) => MODULES.has(one))
    if (known !== undefined) return [known]
    if (name.endsWith('.*') && OWNERS.has(module)) return [name]
    return MEMBERS.test(name) || NAMES.has(name.slice(name.lastIndexOf('.') + 1)) ? [name] : []
  })
}

function nameAt(tokens: readonly Token[], i: number, token: Token, bound: ReadonlyMap<string, string>): string[] {
  const { kind, text } = token
  if (kind === 'text') return /^\w*(['"])+(?:__import__|__builtins__)\1+$/.test(text) ? [text] : []
  if (kind !== 'name') return []
  if (NAMES.has(text)) return [text]
  const [before, after] = [tokens[i - 1]?.text, tokens[i + 1]?.text]
  const isMember = before === '.'
  if (FUNCTIONS.has(text)) return isMember || after === '=' || before === 'def' ? [] : [text]
  return memberOf(isMember ? text : (bound.get(text) ?? text), isMember, after, tokens[i + 2]?.text ?? '')
}

/** The member of a module that is used, where it is one that runs or loads code; `name` is what a name stands for. */
function memberOf(name: string, isMember: boolean, after: string | undefined, next: string): string[] {
  // another module may hand the owner on, as in `compat.os` or `from compat import os`
  const last = name.slice(name.lastIndexOf('.') + 1)
  const base = OWNERS.has(last) ? last : name
  if (OWNERS.has(base) && !isMember && after !== '.' && after !== '=') return [`${base} itself`]
  const member = after === '.' ? `${base}.${next}` : base
  return MEMBERS.test(member) ? [member] : []
}

/** Names by which code reads sources, or numbers of lines, which comments move. */
const READERS = new Set(
  (
    'getsource getsourcelines getsourcefile findsource getcomments get_source linecache tokenize f_lineno tb_lineno co_firstlineno ' +
    'co_lines'
  ).split(' '),
)

/** Whether code may read the text of whatever source, its own too. */
export function readsSources(tokens: readonly Token[]): boolean {
  const flat = flattened(tokens)
  return flat.some((token, i) => {
    if (token.kind === 'name' && READERS.has(token.text)) return true
    return token.text === '__file__' && opens(flat, i)
  })
}

/** Ends of paths of the files of Python that its texts name; `.py` where a name is made up. */
export function namedSources(tokens: readonly Token[]): string[] {
  const flat = flattened(tokens)
  return flat.flatMap((token, i) => (codeFile(flat, i, token).length > 0 ? sourcesIn(token.text) : []))
}

/** Ends of paths of the files of Python that a text names. */
export function sourcesIn(text: string): string[] {
  return (text.match(/[\w.%-]*\.py\b/g) ?? []).map((name) => (name.includes('%') ? '.py' : name))
}

/** `open(__file__` or `Path(__file__).read_text`. */
function opens(tokens: readonly Token[], i: number): boolean {
  const [call, closing, dot, then = ''] = [i - 2, i + 1, i + 2, i + 3].map((at) => tokens[at]?.text ?? '')
  return call === 'open' || (closing === ')' && dot === '.' && /^(?:open|read_\w+)$/.test(then))
}

/** Texts that name a file of Python: something reads or runs it. What only describes the code is left alone. */
function codeFile(tokens: readonly Token[], i: number, { kind, text }: Token): string[] {
  if (kind !== 'text' || !/\.py\b/.test(text)) return []
  if (startsStatement(tokens[i - 1]) && tokens[i + 1]?.kind === 'newline') return []
  return [`the text ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`]
}

/** `a.b.c` → `a`, `a.b`, `a.b.c`: importing the last runs the others too. */
export function withParents(module: string): string[] {
  const parts = module.split('.')
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'))
}
