/** A holder whose process is gone, for tests of what happens to what it held. */
import { execFileSync } from 'node:child_process'

/** The name that a process had which has ended. */
export function endedHolder(): string {
  const script = `import { holderName } from ${JSON.stringify(import.meta.resolve('./holder.ts'))}; console.log(holderName())`
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim()
}
