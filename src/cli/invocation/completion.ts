/** `slipway completion SHELL`: what a shell needs to complete commands and flags, from the table of commands. */
import { COMMON, UsageError } from './command.ts'
import type { Command, Flag, Invocation } from './command.ts'

const SHELLS: Readonly<Record<string, (commands: readonly Command[]) => string>> = { bash, zsh, fish }

/** Prints the script of a shell. Throws UsageError for one that is not known. */
export function completion(invocation: Invocation, commands: readonly Command[]): number {
  const [shell = ''] = invocation.args
  const script = SHELLS[shell]
  if (script === undefined)
    throw new UsageError(`there is no shell "${shell}"; expected ${Object.keys(SHELLS).join(', ')}`)
  const text = script(commands)
  invocation.out.data({ shell, script: text })
  invocation.out.line(text.trimEnd())
  return 0
}

function flagsOf(command: Command): readonly Flag[] {
  return [...command.flags, ...COMMON]
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map((one) => {
    const flags = flagsOf(one).map(({ name }) => `--${name}`)
    return `    ${one.name}) flags='${flags.join(' ')}' ;;`
  })
  return `# bash: eval "$(slipway completion bash)"
_slipway() {
  local word=\${COMP_WORDS[COMP_CWORD]} flags=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  case $word in -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;; *) COMPREPLY=() ;; esac
}
complete -o default -F _slipway slipway
`
}

function zsh(commands: readonly Command[]): string {
  const cases = commands.map((one) => {
    const flags = flagsOf(one).map(({ name, value, meaning, many }) => {
      const argument = value === undefined ? '' : `:${value}:_files`
      return quoted(`${many === true ? '*' : ''}--${name}[${meaning.replace(/[[\]\\:]/g, '\\$&')}]${argument}`)
    })
    return `    ${one.name}) _arguments ${[...flags, "'*:file:_files'"].join(' ')} ;;`
  })
  return `#compdef slipway
# zsh: eval "$(slipway completion zsh)" after compinit
_slipway() {
  local -a commands
  commands=(${commands.map(({ name, summary }) => quoted(`${name}:${summary.replace(/[\\:]/g, '\\$&')}`)).join(' ')})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _slipway slipway
`
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((one) => [
    `complete -c slipway -f -n __fish_use_subcommand -a ${one.name} -d ${quoted(one.summary)}`,
    ...flagsOf(one).map(({ name, value, meaning }) => {
      const takes = value === undefined ? '' : ' -r'
      return `complete -c slipway -n '__fish_seen_subcommand_from ${one.name}' -l ${name}${takes} -d ${quoted(meaning)}`
    }),
  ])
  return `# fish: slipway completion fish | source\n${lines.join('\n')}\n`
}

/** A word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
