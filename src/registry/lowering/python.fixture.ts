/** The text of an interpreter that runs lines of a shell in the place of a module, with the module's arguments: `-m MODULE DIR OUT`. */
export function interpreterOf(lines: string): string {
  // what runs first sets the limits, and becomes the interpreter with the module
  return `#!/bin/sh\n[ "$1" = -I ] && exec python3 "$@"\n${lines}\n`
}
