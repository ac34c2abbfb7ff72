/** The command line: finds the command, reads its arguments, turns what is thrown into one clear message and an exit code. */
import { CallError } from '../client/client.ts'
import { Problem } from '../contract/errors.ts'
import { help, parse, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { output, paint } from './output.ts'

const OVERVIEW = `Slipway: from a research notebook to a monitored, self-healing production endpoint.

Usage: slipway COMMAND [ARGUMENTS]
`

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(overview())
    return name === undefined ? 2 : 0
  }
  const command = COMMANDS.find((one) => one.name === name)
  if (command === undefined) {
    process.stderr.write(`slipway: there is no command "${name}"\n\n${overview()}`)
    return 2
  }
  const { args, flags } = parse(command, rest)
  if (flags['help'] === true) {
    process.stdout.write(help(command))
    return 0
  }
  const { run } = await command.load()
  return run({ args, flags, out: output(flags['json'] === true) })
}

function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length))
  const lines = COMMANDS.map((command) => `  ${command.name.padEnd(width + 2)}${command.summary}`)
  return `${OVERVIEW}\n${lines.join('\n')}\n\nslipway COMMAND --help shows a command's flags and an example.\n`
}

/** What failed, why, and the next thing to do; never a stack trace. */
function explain(error: unknown): { text: string; code: number } {
  if (error instanceof UsageError) return { text: `${error.message}\nslipway COMMAND --help shows the usage.`, code: 2 }
  if (error instanceof CallError || error instanceof Problem) {
    const help = error.help === '' ? '' : `\n${error.help}`
    const id = error instanceof CallError && error.request_id !== '' ? ` (request ${error.request_id})` : ''
    return { text: `${error.message}${id}${help}`, code: exitCode(error) }
  }
  const text = error instanceof Error ? error.message : String(error)
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
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { text, code } = explain(error)
  process.stderr.write(`${paint('red', 'slipway:')} ${text}\n`)
  process.exitCode = code
}
