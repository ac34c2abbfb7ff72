/** Runs a program of this folder to its exit code. */

/** A fault is one line on standard error and exit code 2; a signal ends the process as an exit does, so that its handlers run. */
export async function runMain(name: string, main: () => Promise<number>): Promise<void> {
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 2
  }
}
