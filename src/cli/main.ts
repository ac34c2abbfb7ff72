/** The command line: finds the command, reads its arguments, turns what is thrown into one clear message and an exit code. */
import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join, resolve } from 'node:path'
import { CallError } from '../client/client.ts'
import { UnreadFile } from '../contract/absence/user-file.ts'
import { Problem } from '../contract/errors.ts'
import { maskedText } from '../contract/secrets/masked.ts'
import { findOwnFilesByName } from '../own-files.ts'
import { nearest } from '../pipelines/spec/names/nearest.ts'
import { help, parse, UsageError } from './invocation/command.ts'
import { COMMANDS } from './commands.ts'
import { output, paint } from './invocation/output.ts'

const OVERVIEW = `Slipway: from a research notebook to a monitored, self-healing production endpoint.

Usage: slipway COMMAND [ARGUMENTS]
`

/**
 * Node compiles every file anew at each start unless it may keep the result: a third of the CPU time of a start. Kept in the
 * checkout, where nobody else can write, and for the processes that this one starts as well.
 */
function keepCompiled(): void {
  const folder = (process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, '../../node_modules/.cache/compiled'))
  enableCompileCache(folder)
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv[0] === 'help' && argv.length > 1 ? [...argv.slice(1), '--help'] : argv
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    outlivePipes(false)
    process.stdout.write(overview())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-V') {
    outlivePipes(false)
    process.stdout.write(`slipway ${version()}\n`)
    return 0
  }
  const command = COMMANDS.find((one) => one.name === name)
  if (command === undefined) {
    const meant = nearest(
      name,
      COMMANDS.map((one) => one.name),
    )
    const help = `${meant === undefined ? '' : `did you mean "${meant}"? `}slipway --help lists them`
    process.stderr.write(`slipway: there is no command "${maskedText(name)}"; ${help}\n`)
    return 2
  }
  const { args, flags } = parse(command, rest)
  outlivePipes(flags['follow'] === true)
  if (flags['help'] === true) {
    process.stdout.write(help(command))
    return 0
  }
  const { run } = await command.load()
  return run({ args, flags, out: output(flags['json'] === true) })
}

/** The release, as package.json says it. */
function version(): string {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length))
  const lines = COMMANDS.map((command) => `  ${command.name.padEnd(width + 2)}${command.summary}`)
  return `${OVERVIEW}\n${lines.join('\n')}\n\nslipway COMMAND --help shows a command's flags and an example; slipway --version tells the release.\n`
}

/**
 * Whoever reads the output may go (`| head`): a command that changes something still does it whole, and a server stays. One that only
 * follows has nobody left to tell.
 */
function outlivePipes(follows: boolean): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (follows && stream === process.stdout) process.exit(0)
    })
}

const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EEXIST: 'is a file and no folder',
  EISDIR: 'is a folder',
  ENOTDIR: 'is not in a folder',
  EACCES: 'may not be read or written by this user',
}

/** What is wrong with a file that the arguments name; undefined for other faults. */
function fileFault(error: NodeJS.ErrnoException, argv: readonly string[]): string | undefined {
  if (error instanceof UnreadFile) return error.message
  const words = FILE_FAULTS[error.code ?? '']
  if (words === undefined) return undefined
  // reading a folder tells no path
  if (error.path === undefined)
    return error.code === 'EISDIR' ? 'a folder is named where a file is expected' : undefined
  const path = resolve(error.path)
  for (const given of argv.map((one) => one.replace(/^(?:--[\w-]+=|@)/, ''))) {
    if (path === resolve(given)) return `${given} ${words}`
    // written beside its place first
    if (path.startsWith(`${resolve(given)}.`)) return `the folder of ${given} ${words}`
  }
  return undefined
}

const LISTEN_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another program; name another port, or 0 for a free one',
  EADDRNOTAVAIL: 'is no address of this machine; name another with --host',
  EACCES: 'is not for this user; name a port above 1023',
}

/** What is wrong with an address that was to be listened on; undefined for other faults. */
function listenFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { syscall, code = '', address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  const words = syscall === 'listen' ? LISTEN_FAULTS[code] : undefined
  return words === undefined ? undefined : `${address}${port === undefined ? '' : `:${port}`} ${words}`
}

/** What failed, why, and the next thing to do; never a stack trace. */
function explain(error: unknown, argv: readonly string[]): { text: string; code: number } {
  const [name = ''] = argv
  if (error instanceof UsageError) return { text: `${error.message}\nslipway ${name} --help shows the usage.`, code: 2 }
  if (error instanceof CallError || error instanceof Problem) {
    const help = error.help === '' ? '' : `\n${error.help}`
    const id = error instanceof CallError && error.request_id !== '' ? ` (request ${error.request_id})` : ''
    return { text: `${error.message}${id}${help}`, code: exitCode(error) }
  }
  const file = error instanceof Error ? fileFault(error, argv.slice(1)) : undefined
  if (file !== undefined) return { text: file, code: 2 }
  const text = listenFault(error) ?? (error instanceof Error ? error.message : String(error))
  return {
    text: process.env['SLIPWAY_LOG_LEVEL'] === 'debug' && error instanceof Error ? (error.stack ?? text) : text,
    code: 3,
  }
}

function exitCode(error: CallError | Problem): number {
  if (error.code === 'gate_refused') return 1
  return error.status >= 400 && error.status < 500 ? 2 : 3
}

try {
  keepCompiled()
  findOwnFilesByName()
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { text, code } = explain(error, process.argv.slice(2))
  process.stderr.write(`${paint('red', 'slipway:', process.stderr)} ${maskedText(text)}\n`)
  // a server that could not start all of itself does not go on with the rest
  process.exit(code)
}
